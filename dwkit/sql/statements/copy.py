"""COPY between tables and files, which the session was given the means to read and write."""

from __future__ import annotations

import polars as pl
from sqlglot import exp

from dwkit.sql.failure import collected
from dwkit.sql.statements.assign import new_rows
from dwkit.sql.statements.constraints import checked
from dwkit.sql.statements.run import Done, Files, Result, Run

__all__ = ["copy"]

_WORDS = {
    "FORMAT",
    "HEADER",
    "DELIMITER",
    "DELIM",
    "SEP",
    "NULL",
    "NULLSTR",
    "QUOTE",
    "ESCAPE",
    "COMPRESSION",
}


def copy(run: Run) -> Done:
    """Run a COPY to or from a file.

    Raises:
        SqlError: there is no such table, or an option that there is not.
        DataError: a value of the file does not fit its column.
    """
    tree = run.tree
    assert isinstance(tree, exp.Copy)
    files = run.files
    if files is None:
        raise run.refuse("COPY here")
    if len(tree.args.get("files") or ()) != 1 or not isinstance(
        tree.args["files"][0], (exp.Literal, exp.Table)
    ):
        raise run.refuse("COPY of anything but one file")
    path = tree.args["files"][0].name
    kind, options = _options(run, tree)
    return (
        _from(run, tree, files, path, kind, options)
        if tree.args.get("kind")
        else _to(run, tree, files, path, kind, options)
    )


def _options(run: Run, tree: exp.Copy) -> tuple[str, dict[str, object]]:
    kind = ""
    options: dict[str, object] = {}
    for param in tree.args.get("params") or ():
        name = param.name.upper()
        if name not in _WORDS:
            raise run.refuse(f"COPY with {name}", param, f"there are: {', '.join(sorted(_WORDS))}")
        value = param.args.get("expression")
        if name == "FORMAT":
            kind = value.name.lower() if value is not None else ""
            continue
        options[name.lower()] = (
            True if value is None else bool(value.this) if isinstance(value, exp.Boolean) else value.name
        )
    return kind, options


def _to(run: Run, tree: exp.Copy, files: Files, path: str, kind: str, options: dict[str, object]) -> Done:
    target = tree.this
    if isinstance(target, exp.Subquery):
        query = target.this.copy()
    else:
        schema = target if isinstance(target, exp.Schema) else None
        columns = [e.copy() for e in schema.expressions] if schema is not None else [exp.Star()]
        columns = [exp.Column(this=c) if isinstance(c, exp.Identifier) else c for c in columns]
        query = exp.Select(
            expressions=columns, from_=exp.From(this=(schema.this if schema else target).copy())
        )
    rows = files.write(run.lazy(run.query(query)), path, kind, options)
    return Done(run.catalog, Result("COPY", rows=rows))


def _from(run: Run, tree: exp.Copy, files: Files, path: str, kind: str, options: dict[str, object]) -> Done:
    schema = tree.this if isinstance(tree.this, exp.Schema) else None
    key, table = run.table(schema.this if schema is not None else tree.this, verb="COPY")
    source: pl.DataFrame = collected(files.read(path, kind, options))
    names = [run.column(table, e) for e in schema.expressions] if schema is not None else table.names
    if source.width != len(names):
        raise run.error(f"{path} has {source.width} columns, {len(names)} are wanted")
    table, rows = new_rows(run, table, source.rename(dict(zip(source.columns, names, strict=True))))
    made = table.with_rows(table.data.vstack(rows))
    checked(run, made, rows)
    return Done(run.catalog.with_object(key, made), Result("COPY", rows=rows.height))
