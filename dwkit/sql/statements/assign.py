"""Values on their way into columns: cast to the column's type, defaults, counted and generated columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import polars as pl
from sqlglot import exp

from dwkit.errors import DataError
from dwkit.sql.failure import collected, explained
from dwkit.sql.query import query_of
from dwkit.sql.statements.catalog import Column, Table
from dwkit.sql.statements.run import Run, quoted

__all__ = ["assigned", "fitted", "generated", "is_default", "new_rows"]


def assigned(expression: exp.Expr, column: Column) -> exp.Expr:
    """Return an expression as a column takes it."""
    return exp.Cast(this=expression, to=column.kind.copy())


def is_default(node: exp.Expr) -> bool:
    """Whether a value is the word DEFAULT."""
    if isinstance(node, exp.Column) and len(node.parts) == 1 and not node.this.args.get("quoted"):
        return node.name.upper() == "DEFAULT"
    return isinstance(node, exp.Var) and node.name.upper() == "DEFAULT"


def fitted(
    run: Run, table: Table, data: pl.DataFrame, *, raw: Mapping[str, pl.DataType] | None = None
) -> pl.DataFrame:
    """Return rows with exactly the types of a table's columns, as far as they have its columns.

    Args:
        raw: what the types were before the assigned values were cast.

    Raises:
        DataError: a value does not fit.
    """
    wanted = {c.name: c.dtype for c in table.columns if c.name in data.columns}
    for name, dtype in wanted.items():
        was = (raw or {}).get(name)
        if run.dialect == "sqlite" and was is not None and was.is_float() and dtype.is_integer():
            # SQLite would keep the fraction in the integer column.
            raise DataError(f"{table.name}.{name} is an integer, a number with a fraction is assigned to it")
    try:
        return data.cast(wanted)  # type: ignore[arg-type]
    except pl.exceptions.PolarsError as error:
        raise explained(error, table.name) from error


def new_rows(run: Run, table: Table, source: pl.DataFrame) -> tuple[Table, pl.DataFrame]:
    """Return rows to be added, with all columns of the table, and the table with its counters moved on.

    Args:
        source: values by column, of any type; columns that it lacks get their default.

    Raises:
        DataError: a value does not fit its column.
    """
    for column in table.columns:
        if column.generated is not None and column.name in source.columns:
            raise DataError(f"{table.name}.{column.name} is generated, it takes no value")
    data = source.with_columns(_cast_columns(run, table, source))
    table, data = _defaults(run, table, data)
    data = fitted(run, table, data, raw=source.schema)
    data = generated(run, table, data)
    return table, data.select(table.names)


def _cast_columns(run: Run, table: Table, source: pl.DataFrame) -> list[pl.Series]:
    """Cast the columns that are not yet of the table's types, by the rules of the dialect."""
    casts = []
    for name, dtype in source.schema.items():
        column = table.column(name)
        assert column is not None
        if (dtype != column.dtype or column.written_anew) and not isinstance(dtype, pl.Null):
            casts.append(exp.alias_(assigned(quoted(name), column), name, quoted=True))
    if not casts:
        return []
    tree = exp.Select(expressions=casts, from_=exp.From(this=exp.to_table("__rows")))
    try:
        return run.rows(tree, {"__rows": source}).get_columns()
    except DataError as error:
        raise DataError(f"{table.name}: {error.message}") from error


def _defaults(run: Run, table: Table, data: pl.DataFrame) -> tuple[Table, pl.DataFrame]:
    rows = data.height
    following = dict(table.following)
    made: list[pl.Series] = []
    for column in table.columns:
        if column.generated is not None:
            continue
        if column.step is not None:
            given = (
                data[column.name]
                if column.name in data.columns
                else pl.Series([None] * rows, dtype=column.dtype)
            )
            first = following[column.name]
            empty = given.is_null().cast(pl.Int64)
            counted = (empty.cum_sum() - 1) * column.step + first
            made.append(given.fill_null(counted.cast(column.dtype)).alias(column.name))
            following[column.name] = first + int(empty.sum()) * column.step
            top = made[-1].max()
            if run.dialect == "sqlite" and isinstance(top, int) and top >= following[column.name]:
                following[column.name] = top + 1
        elif column.name not in data.columns and column.default is None:
            made.append(pl.Series(column.name, [None], dtype=column.dtype).new_from_index(0, rows))
    data = pl.DataFrame([pl.Series("__n", range(rows), dtype=pl.Int64), *data.get_columns()]).with_columns(
        made
    )
    missing = [c for c in table.columns if c.name not in data.columns and c.default is not None]
    if missing:
        data = data.with_columns(default_values(table, missing, rows, run))
    return replace(table, following=following), data.drop("__n")


def default_values(table: Table, columns: list[Column], rows: int, run: Run) -> list[pl.Series]:
    """Compute the defaults of columns for a number of rows.

    Raises:
        SqlError: a default does not bind.
    """
    casts = [
        exp.alias_(assigned(c.default.copy(), c), c.name, quoted=True)
        for c in columns
        if c.default is not None
    ]
    tree = exp.Select(expressions=casts, from_=exp.From(this=exp.to_table("__rows")))
    lines = pl.LazyFrame({"__n": pl.Series(range(rows), dtype=pl.Int64)})
    return collected(run.lazy(query_of(tree, table.text, table.dialect), {"__rows": lines})).get_columns()


def generated(run: Run, table: Table, data: pl.DataFrame) -> pl.DataFrame:
    """Return rows with their generated columns computed anew.

    Raises:
        DataError: a value cannot be computed.
    """
    columns = [c for c in table.columns if c.generated is not None]
    if not columns:
        return data
    made = run.over(
        table, data, [assigned(c.generated.copy(), c) for c in columns if c.generated is not None]
    )
    return data.with_columns(
        s.cast(c.dtype).alias(c.name) for s, c in zip(made.get_columns(), columns, strict=True)
    )
