"""information_schema: what schemas, tables, views and columns there are, as tables that a query can read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import polars as pl

from dwkit.errors import NotFoundError, SqlError
from dwkit.sql.types import is_decimal, is_integer, shown

__all__ = ["Listed", "information", "is_information"]

_NAME = "information_schema"
_CATALOGS = {"datafusion": "datafusion"}
_DEFAULT_SCHEMAS = {"postgres": "public", "redshift": "public", "datafusion": "public", "tsql": "dbo"}
"""Names of the catalogue and of the schema of names without one, where they are not ``dwkit`` and ``main``."""
_FROM_ZERO = frozenset({"datafusion"})
"""The first column of a table has the number 0 there, elsewhere 1."""
_LISTS_ITSELF = frozenset({"datafusion", "postgres", "redshift", "tsql", "snowflake"})
"""The views of information_schema stand among the tables there."""

_POSTGRES = {
    pl.Int8: "smallint", pl.Int16: "smallint", pl.Int32: "integer", pl.Int64: "bigint", pl.Float32: "real",
    pl.Float64: "double precision", pl.String: "text", pl.Boolean: "boolean", pl.Date: "date", pl.Binary: "bytea",
    pl.Time: "time without time zone", pl.Duration: "interval", pl.Decimal: "numeric", pl.List: "ARRAY", pl.Array: "ARRAY",
}  # fmt: skip
_ARROW = {
    pl.String: "Utf8View", pl.Boolean: "Boolean", pl.Date: "Date32", pl.Time: "Time64(ns)", pl.Binary: "Binary",
    pl.Duration: "Interval(MonthDayNano)",
}  # fmt: skip


@dataclass(frozen=True)
class Listed:
    """A table or a view.

    Attributes:
        schema: empty for the one of names without a schema.
        types: gives the types of its columns.
        not_null: columns that hold no NULL.
        defaults: expressions for rows that do not say, by column.
        lengths: most characters of a text, by column.
        definition: the query of a view, None for a table.
    """

    schema: str
    name: str
    types: Callable[[], pl.Schema]
    not_null: frozenset[str] = frozenset()
    defaults: dict[str, str] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)
    definition: str | None = None


def is_information(schema: str | None) -> bool:
    """Whether a schema, with or without a catalogue before it, is this one."""
    return schema is not None and schema.lower().rpartition(".")[2] == _NAME


def information(
    name: str, dialect: str, tables: Iterable[Listed], schemas: Iterable[str]
) -> pl.LazyFrame | None:
    """Return one of its views, None where there is none of that name.

    Args:
        tables: all that there are.
        schemas: names of all schemas but this one and that of names without one.
    """
    make = _VIEWS.get(name.lower())
    if make is None:
        return None
    types, rows = make(dialect, sorted(tables, key=lambda t: (t.schema, t.name)), sorted(schemas))
    return pl.LazyFrame(list(rows), schema=types, orient="row")


Made = tuple[dict[str, pl.DataType], Iterable[tuple[object, ...]]]


def _types(texts: str, numbers: str = "") -> dict[str, pl.DataType]:
    number = set(numbers.split())
    return {n: pl.Int64() if n in number else pl.String() for n in texts.split()}


def _catalog(dialect: str) -> str:
    return _CATALOGS.get(dialect, "dwkit")


def _schema(dialect: str, name: str) -> str:
    return name or _DEFAULT_SCHEMAS.get(dialect, "main")


def _tables(dialect: str, tables: Sequence[Listed], _: Sequence[str]) -> Made:
    catalog = _catalog(dialect)
    rows = [
        (catalog, _schema(dialect, t.schema), t.name, "BASE TABLE" if t.definition is None else "VIEW")
        for t in tables
    ]
    if dialect in _LISTS_ITSELF:
        rows += [(catalog, _NAME, n, "VIEW") for n in (*_VIEWS, *(_MORE if dialect == "datafusion" else ()))]
    return _types("table_catalog table_schema table_name table_type"), rows


def _views(dialect: str, tables: Sequence[Listed], _: Sequence[str]) -> Made:
    text = "definition" if dialect == "datafusion" else "view_definition"
    rows = (
        (_catalog(dialect), _schema(dialect, t.schema), t.name, t.definition)
        for t in tables
        if t.definition is not None
    )
    return _types(f"table_catalog table_schema table_name {text}"), rows


def _schemata(dialect: str, _: Sequence[Listed], schemas: Sequence[str]) -> Made:
    names = [_schema(dialect, ""), *schemas, *([_NAME] if dialect != "datafusion" else [])]
    types = _types(
        "catalog_name schema_name schema_owner default_character_set_catalog default_character_set_schema "
        "default_character_set_name sql_path"
    )
    return types, ((_catalog(dialect), n, *[None] * 5) for n in names)


def _columns(dialect: str, tables: Sequence[Listed], _: Sequence[str]) -> Made:
    types = _types(
        "table_catalog table_schema table_name column_name ordinal_position column_default is_nullable data_type "
        "character_maximum_length character_octet_length numeric_precision numeric_precision_radix numeric_scale "
        "datetime_precision interval_type",
        "ordinal_position character_maximum_length character_octet_length numeric_precision numeric_precision_radix "
        "numeric_scale datetime_precision",
    )
    return types, (row for table in tables for row in _columns_of(dialect, table))


def _columns_of(dialect: str, table: Listed) -> Iterable[tuple[object, ...]]:
    try:
        schema = table.types()
    except (NotFoundError, SqlError):
        return  # a model that has made no rows yet: nobody knows its columns
    for number, (name, dtype) in enumerate(schema.items(), 0 if dialect in _FROM_ZERO else 1):
        nullable = "NO" if name in table.not_null else "YES"
        yield (
            _catalog(dialect), _schema(dialect, table.schema), table.name, name, number, table.defaults.get(name),
            nullable, _type_name(dialect, dtype), table.lengths.get(name), _octets(dialect, dtype), *_numeric(dialect, dtype), None, None,
        )  # fmt: skip


def _octets(dialect: str, dtype: pl.DataType) -> int | None:
    return 2**31 - 1 if dialect == "datafusion" and isinstance(dtype, (pl.String, pl.Binary)) else None


def _numeric(dialect: str, dtype: pl.DataType) -> tuple[int | None, int | None, int | None]:
    """Return the digits of a number, what they are digits of, and how many stand after the point."""
    if isinstance(dtype, pl.Decimal):
        return dtype.precision, 10, dtype.scale
    if is_integer(dtype):
        bits = int(str(dtype).lstrip("UInt"))
        return bits, 2, None if dialect == "datafusion" else 0
    if dtype.is_float():
        single = isinstance(dtype, pl.Float32)
        # DataFusion counts digits of its own here.
        return ((12 if single else 24) if dialect == "datafusion" else 24 if single else 53), 2, None
    return None, None, None


def _type_name(dialect: str, dtype: pl.DataType) -> str:
    if dialect == "datafusion":
        if is_decimal(dtype):
            return f"Decimal128({dtype.precision}, {dtype.scale})"  # type: ignore[attr-defined]
        if isinstance(dtype, pl.Datetime):
            return "Timestamp(ns)" if dtype.time_zone is None else f'Timestamp(ns, "{dtype.time_zone}")'
        return _ARROW.get(type(dtype), str(dtype))
    if dialect in ("postgres", "redshift"):
        if isinstance(dtype, pl.Datetime):
            return f"timestamp {'with' if dtype.time_zone else 'without'} time zone"
        return _POSTGRES.get(type(dtype)) or ("numeric" if is_integer(dtype) else "USER-DEFINED")
    return shown(dtype)


_VIEWS: dict[str, Callable[[str, Sequence[Listed], Sequence[str]], Made]] = {
    "columns": _columns, "schemata": _schemata, "tables": _tables, "views": _views,
}  # fmt: skip
_MORE = ("df_settings", "parameters", "routines")
"""Further views of DataFusion, of what a session here has none; to read them is refused."""
