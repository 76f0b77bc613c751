"""Parts of the paths of files: PARSE_FILENAME and its kin of DuckDB."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from dwkit.sql.functions.call import Builder, Call, Functions
from dwkit.sql.value import Value

__all__ = ["PATHS"]

_TEXT = pl.String()
_SIGNS = {"both_slash": r"[/\\]", "forward_slash": "/", "backslash": r"\\", "system": "/"}


def _sign(call: Call, value: Value | None) -> str:
    """Return what is between the parts, as a regular expression."""
    if value is None or value.is_null:
        return _SIGNS["both_slash"]
    if not isinstance(value.constant, str):
        raise call.refuse(f"{call.name} with a computed separator")
    return _SIGNS.get(value.constant.lower(), _SIGNS["both_slash"])


def _filename(call: Call) -> Value:
    """PARSE_FILENAME(path [, without extension] [, separator])."""
    value, *rest = call.args()
    trims = False
    if len(rest) == 2 or (rest and str(rest[0].constant).lower() in ("true", "false")):
        given = rest.pop(0)
        if not given.is_constant:
            raise call.refuse(f"{call.name} with a computed choice")
        trims = str(given.constant).lower() == "true"
    sign = _sign(call, rest[0] if rest else None)
    made = call.as_text(value).str.replace(rf"(?s)^.*{sign}", "")
    return call.value(made.str.replace(r"(?s)\.[^.]*$", "") if trims else made, _TEXT)


def _part(of: Callable[[pl.Expr, str], pl.Expr], dtype: pl.DataType = _TEXT) -> Builder:
    def build(call: Call) -> Value:
        value, *rest = call.args()
        return call.value(of(call.as_text(value), _sign(call, rest[0] if rest else None)), dtype)

    return build


def _first(text: pl.Expr, sign: str) -> pl.Expr:
    """The first folder, or the sign that the path begins with."""
    found = pl.coalesce(text.str.extract(rf"^({sign})"), text.str.extract(rf"(?s)^(.*?){sign}"), pl.lit(""))
    return pl.when(text.is_not_null()).then(found)


def _folder(text: pl.Expr, sign: str) -> pl.Expr:
    """All before the last sign."""
    found = pl.coalesce(text.str.extract(rf"^({sign})$"), text.str.extract(rf"(?s)^(.*){sign}"), pl.lit(""))
    return pl.when(text.is_not_null()).then(found)


def _parts(text: pl.Expr, sign: str) -> pl.Expr:
    inside = sign.strip("[]")
    return text.str.extract_all(rf"^{sign}|[^{inside}]+")


PATHS: Functions = {
    "PARSE_FILENAME": _filename, "PARSE_DIRNAME": _part(_first), "PARSE_DIRPATH": _part(_folder),
    "PARSE_PATH": _part(_parts, pl.List(_TEXT)),
}  # fmt: skip
