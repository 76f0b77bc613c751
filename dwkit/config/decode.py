"""TOML into typed objects, with errors that name file, line and key and suggest the nearest key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from dwkit.errors import ConfigError, UsageError, did_you_mean

__all__ = ["decode", "line_of", "parse_toml"]

T = TypeVar("T")

_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`(?: - at `\$(.*)`)?")
_AT = re.compile(r"(.*?)(?: - at `\$(.*)`)?$", re.DOTALL)
_TABLE = re.compile(r"^\s*\[\[?\s*([^\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PIECE = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""")


def parse_toml(text: str, file: str, *, first_line: int = 1) -> dict[str, Any]:
    """Parse TOML text.

    Args:
        first_line: line of the file on which the text begins.

    Raises:
        ConfigError: it is not TOML, with file and line.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        found = re.search(r"\(at line (\d+), column \d+\)", message)
        line = int(found[1]) if found else text.count("\n") + 1
        raise ConfigError(
            f"not TOML: {re.sub(r' *[(]at [^)]*[)]', '', message)}", place=f"{file}:{line + first_line - 1}"
        ) from None


def decode(
    value: object, kind: type[T], *, text: str, file: str, path: Sequence[str] = (), first_line: int = 1
) -> T:
    """Convert a parsed value to ``kind``.

    Args:
        text: the TOML text that the value was parsed from, to find the line of an error.
        path: keys from the top of the text down to the value.

    Raises:
        ConfigError: a key or a value is wrong, with file, line and key.
    """
    try:
        made = msgspec.convert(value, kind)
        check = getattr(made, "check", None)
        if callable(check):
            check()
    except msgspec.ValidationError as error:
        unknown = _UNKNOWN.match(str(error))
        found = unknown or _AT.match(str(error))
        assert found is not None
        inside = [p for p in re.split(r"[.\[\]]+", (found[2] or "")) if p and p != "..."]
        if unknown:
            keys = [*path, *inside, unknown[1]]
            hint = did_you_mean(unknown[1], _field_names(kind, inside))
            message = f"unknown key {'.'.join(keys)!r}"
        else:
            keys, hint = [*path, *inside], _nearest_choice(kind, inside, found[1])
            said = _in_toml(found[1])
            message = f"{'.'.join(keys)}: {said}" if keys else said
        raise ConfigError(
            message, place=f"{file}:{line_of(text, keys) + first_line - 1}", hint=hint
        ) from None
    except ConfigError as error:
        line = line_of(text, [*path, *error.keys]) + first_line - 1
        raise error.below(path, f"{file}:{line}") from None
    except UsageError as error:
        line = line_of(text, path) + first_line - 1
        raise ConfigError(error.message, place=f"{file}:{line}", keys=path, hint=error.hint) from None
    return made


def _in_toml(said: str) -> str:
    """Return what msgspec says, with the names that TOML gives to kinds of values."""
    names = {"object": "table", "str": "string", "int": "integer", "bool": "boolean"}

    def named(found: re.Match[str]) -> str:
        return " or ".join(names.get(k, k) for k in found[1].split(" | ") if k != "null")

    return re.sub("`([a-z |]+)`", named, said)


def line_of(text: str, keys: Sequence[str]) -> int:
    """Return the 1-based line on which the longest known start of ``keys`` stands in TOML text."""
    best, best_length = 1, 0
    table: list[str] = []
    wanted = [k for k in keys if not k.isdigit()]
    for number, line in enumerate(text.splitlines(), 1):
        header = _TABLE.match(line)
        key = None if header else _KEY.match(line)
        if header:
            table = _pieces(header[1])
            here = table
        elif key:
            here = [*table, *_pieces(key[1])]
        else:
            continue
        length = min(len(here), len(wanted))
        if here[:length] == wanted[:length] and length > best_length:
            best, best_length = number, length
    return best


def _pieces(text: str) -> list[str]:
    return [p.strip("\"'") for p in _PIECE.findall(text)]


def _field_names(kind: Any, inside: Sequence[str]) -> list[str]:
    info = msgspec.inspect.type_info(kind)
    for step in inside:
        info = _step(info, step)
    return [f.encode_name for f in getattr(info, "fields", ())]


def _nearest_choice(kind: Any, inside: Sequence[str], said: str) -> str:
    """Return the nearest value that there is, when the error is of one among a few."""
    wrong = re.fullmatch(r"Invalid enum value '(.*)'", said)
    info = msgspec.inspect.type_info(kind)
    for step in inside:
        info = _step(info, step)
    kinds = info.types if isinstance(info, msgspec.inspect.UnionType) else (info,)
    values = [str(v) for k in kinds if isinstance(k, msgspec.inspect.LiteralType) for v in k.values if v]
    return did_you_mean(wrong[1], values) if wrong else ""


def _step(info: Any, step: str) -> Any:
    if isinstance(info, msgspec.inspect.UnionType):
        info = next((t for t in info.types if isinstance(t, msgspec.inspect.StructType)), info)
    for field in getattr(info, "fields", ()):
        if field.encode_name == step:
            info = field.type
            break
    for deeper in ("value_type", "item_type"):
        info = getattr(info, deeper, info)
    if isinstance(info, msgspec.inspect.UnionType):
        info = next((t for t in info.types if isinstance(t, msgspec.inspect.StructType)), info)
    return info
