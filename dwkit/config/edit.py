"""Changes to ``dwkit.toml`` that keep the person's own comments and layout."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec

from dwkit.config.project import load_config, with_texts
from dwkit.model.canonical import canonical
from dwkit.model.contract import Contract, Rules
from dwkit.model.source import ReadOptions

__all__ = ["new_config", "write_contract", "write_source"]

_HEADER = re.compile(r"(?<=[^\n])\n(?=(\[[^\[\]\n]+\])\n)")
"""The end of the line before a table's header, when it is not empty."""


def new_config(name: str) -> str:
    """Return the text of a new project's ``dwkit.toml``."""
    return f"""# A dwkit project: one folder is one warehouse. Every key: docs/configuration.md
name = {json.dumps(name)}
dialect = "duckdb"            # of the SQL in models and queries; any dialect that sqlglot knows

[retention]
staging = "7d"                # keep | loaded | an age such as 7d: how long staged rows outlive their load
"""


def write_contract(path: Path, dataset: str, contract: Contract) -> None:
    """Write a dataset's contract, in place of the one it had; the file is replaced in one step.

    Only keys whose values changed are touched.
    """
    document, table = _open(path, dataset)
    value: dict[str, Any] = canonical(contract)
    columns = value.pop("columns")
    for key in ("key", "dedupe", "drift", "expressions", "quarantine_limit"):
        if value.get(key):
            if key not in table or table[key] != value[key]:
                table[key] = _inline(value[key])
        elif key in table:
            del table[key]
    if "columns" not in table:
        table["columns"] = _columns_table(columns)
        _save(path, document)
        return
    held = table["columns"]
    for name in [n for n in held if n not in columns]:
        del held[name]
    for name, given in columns.items():
        if name not in held:
            held[name] = _inline({"type": "string"} | given)
            continue
        before = canonical(msgspec.convert(with_texts(held[name].unwrap()), Rules))
        for key in [k for k in held[name] if k not in given and k in before]:
            del held[name][key]
        for key, new in given.items():
            if before.get(key) != new:
                held[name][key] = _inline(new)
    _save(path, document)


def write_source(path: Path, dataset: str, sources: list[str], options: ReadOptions) -> None:
    """Write where a dataset comes from and how it is read."""
    document, table = _open(path, dataset)
    table["source"] = sources[0] if len(sources) == 1 else sources
    read = canonical(options)
    if read:
        table["read"] = _inline(read)
    elif "read" in table:
        del table["read"]
    _save(path, document)


def _open(path: Path, dataset: str) -> tuple[Any, Any]:
    import tomlkit

    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    if "datasets" not in document:
        document["datasets"] = tomlkit.table(is_super_table=True)
    datasets: Any = document["datasets"]
    if dataset not in datasets:
        datasets[dataset] = tomlkit.table()
    return document, datasets[dataset]


def _columns_table(columns: dict[str, Any]) -> Any:
    """Return a new table of columns, a line each; parsed at once, for tomlkit inserts one by one slowly."""
    import tomlkit

    lines = [
        f"{tomlkit.key(name).as_string()} = {_inline({'type': 'string'} | rules).as_string()}"
        for name, rules in columns.items()
    ]
    return tomlkit.parse("\n".join(["[columns]", *lines, "", ""]))["columns"]


def _inline(value: Any) -> Any:
    import tomlkit

    if not isinstance(value, dict):
        return value
    made = tomlkit.inline_table()
    for key, inner in value.items():
        if inner is not None:
            made[key] = _inline(inner)
    text = made.as_string()
    return tomlkit.parse(f"x = {{ {text[1:-1]} }}")["x"]


def _save(path: Path, document: Any) -> None:
    import tomlkit

    mine = path.read_text(encoding="utf-8-sig")
    text = (
        _HEADER.sub(lambda m: "\n" if m[1] in mine else "\n\n", tomlkit.dumps(document)).rstrip("\n") + "\n"
    )
    made = path.with_name(f".{path.name}.new")
    made.write_text(text, encoding="utf-8")
    load_config(made)  # what is written must be what can be read
    made.replace(path)
