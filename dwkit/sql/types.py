"""Polars types as sqlglot knows types, so that rules can ask what an expression is."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from sqlglot import exp
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.schema import MappingSchema

__all__ = [
    "INTEGERS",
    "annotate",
    "is_date",
    "is_decimal",
    "is_float",
    "is_integer",
]

_T = exp.DataType.Type
INTEGERS = frozenset(
    {_T.TINYINT, _T.SMALLINT, _T.INT, _T.BIGINT, _T.INT128, _T.UTINYINT, _T.USMALLINT, _T.UINT, _T.UBIGINT}
)

_NAMES: dict[type[pl.DataType], str] = {
    pl.Int8: "TINYINT", pl.Int16: "SMALLINT", pl.Int32: "INT", pl.Int64: "BIGINT", pl.Int128: "INT128",
    pl.UInt8: "UTINYINT", pl.UInt16: "USMALLINT", pl.UInt32: "UINT", pl.UInt64: "UBIGINT",
    pl.Float32: "FLOAT", pl.Float64: "DOUBLE", pl.String: "VARCHAR", pl.Boolean: "BOOLEAN", pl.Date: "DATE",
    pl.Time: "TIME", pl.Binary: "VARBINARY", pl.Duration: "INTERVAL",
}  # fmt: skip


def annotate(tree: exp.Expr, schemas: Mapping[str, Mapping[str, pl.DataType]]) -> None:
    """Give every node of a bound tree its ``type``, as far as it can be told without running it.

    Args:
        schemas: by the name that a table has in the tree.
    """
    qualified = tree.copy()
    for scope in traverse_scope(qualified):
        for column in scope.find_all(exp.Column):
            if not column.table:
                owners = [n for n, s in scope.selected_sources.items() if _has(s[1], column.name, schemas)]
                if len(owners) == 1:
                    column.set("table", exp.to_identifier(owners[0]))
    known: dict[str, object] = {
        t: {c: _sql_type(d) for c, d in columns.items()} for t, columns in schemas.items()
    }
    annotated = annotate_types(
        qualified, schema=MappingSchema(known, normalize=False, dialect="duckdb"), dialect="duckdb"
    )
    for node, twin in zip(_walk(tree), _walk(annotated), strict=False):
        if type(node) is type(twin):
            node.type = twin.type


def _walk(tree: exp.Expr) -> list[exp.Expr]:
    """Return the nodes in order, without the identifiers, of which the annotated copy may have more."""
    return [n for n in tree.walk() if not isinstance(n, exp.Identifier)]


def _has(source: object, column: str, schemas: Mapping[str, Mapping[str, pl.DataType]]) -> bool:
    if isinstance(source, exp.Table):
        return column in schemas.get(source.name, {})
    names = getattr(getattr(source, "expression", None), "named_selects", [])
    return column in names


def _sql_type(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.Decimal):
        return f"DECIMAL({dtype.precision or 38}, {dtype.scale})"
    if isinstance(dtype, pl.Datetime):
        return "TIMESTAMPTZ" if dtype.time_zone else "TIMESTAMP"
    if isinstance(dtype, (pl.List, pl.Array)):
        return f"{_sql_type(dtype.inner)}[]"  # type: ignore[arg-type]
    return _NAMES.get(type(dtype), "UNKNOWN")


def is_integer(node: exp.Expr) -> bool:
    """Whether an annotated node is known to be an integer."""
    return node.type is not None and node.type.this in INTEGERS


def is_decimal(node: exp.Expr) -> bool:
    """Whether an annotated node is known to be a decimal."""
    return node.type is not None and node.type.this == _T.DECIMAL


def is_float(node: exp.Expr) -> bool:
    """Whether an annotated node is known to be a float."""
    return node.type is not None and node.type.this in (_T.DOUBLE, _T.FLOAT)


def is_date(node: exp.Expr) -> bool:
    """Whether an annotated node is known to be a date."""
    return node.type is not None and node.type.this == _T.DATE
