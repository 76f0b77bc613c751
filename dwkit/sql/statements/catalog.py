"""The tables and views of a session. Nothing here changes: a statement makes a new catalogue or fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import polars as pl
from sqlglot import exp

from dwkit.sql.query import Query

if TYPE_CHECKING:
    from dwkit.sql.statements.macros import Macro

__all__ = ["Catalog", "Check", "Column", "ForeignKey", "Index", "Key", "Table", "View"]

_DEFAULT_SCHEMAS = frozenset({"", "main", "public", "dbo", "temp", "pg_temp"})
"""What the dialects call the schema of names without one."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        kind: type that an assigned value is cast to, without a length.
        length: most characters that a value may have, where the dialect holds to it.
        default: expression for rows that do not say, None for NULL.
        generated: expression over the other columns that it always is.
        step: an identity column counts in these steps, None where it is none.
        json: it is declared as JSON, which is text here.
        arrow: name of its type of Arrow, empty where it is not known.
    """

    name: str
    kind: exp.DataType
    dtype: pl.DataType
    not_null: bool = False
    length: int | None = None
    default: exp.Expr | None = None
    generated: exp.Expr | None = None
    step: int | None = None
    json: bool = False
    arrow: str = ""

    @property
    def written_anew(self) -> bool:
        """Whether a value of its type is text that is not kept as it was given."""
        return bool(self.kind.this == exp.DataType.Type.UUID)


@dataclass(frozen=True, slots=True)
class Key:
    """Columns that no two rows may have alike; rows with a NULL in them are not compared."""

    columns: tuple[str, ...]
    primary: bool = False
    name: str = ""

    @property
    def shown(self) -> str:
        """What an error calls it."""
        return f"{'PRIMARY KEY' if self.primary else 'UNIQUE'} ({', '.join(self.columns)})"


@dataclass(frozen=True, slots=True)
class Check:
    """A condition that no row may make false."""

    condition: exp.Expr
    shown: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns whose values must be there in another table, unless one of them is NULL."""

    columns: tuple[str, ...]
    table: str
    other: tuple[str, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its rows.

    Attributes:
        text, dialect: text that the places in its default, check and generated expressions refer to.
        following: next value of each identity column.
    """

    name: str
    columns: tuple[Column, ...]
    data: pl.DataFrame = field(repr=False)
    keys: tuple[Key, ...] = ()
    checks: tuple[Check, ...] = ()
    foreign: tuple[ForeignKey, ...] = ()
    following: Mapping[str, int] = field(default_factory=dict)
    text: str = field(default="", repr=False)
    dialect: str = "duckdb"

    @property
    def names(self) -> list[str]:
        """Names of its columns, in order."""
        return [c.name for c in self.columns]

    def column(self, name: str) -> Column | None:
        """Return a column by its name in any letter case."""
        lowered = name.lower()
        return next((c for c in self.columns if c.name.lower() == lowered), None)

    def with_rows(self, data: pl.DataFrame) -> Table:
        """Return the table with other rows."""
        # Many small INSERTs make many chunks, through which each query would have to go.
        return replace(self, data=data.rechunk() if data.n_chunks() > 16 else data)


@dataclass(frozen=True, slots=True)
class View:
    """A query under a name.

    Attributes:
        names: its columns, where the view gives names of its own.
    """

    name: str
    query: Query
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Index:
    """An index has no effect here, but a unique one holds its table to a key."""

    name: str
    table: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """What there is in a session, by full name in lower case."""

    objects: Mapping[str, Table | View] = field(default_factory=dict)
    schemas: frozenset[str] = frozenset()
    indexes: Mapping[str, Index] = field(default_factory=dict)
    current: str = ""
    macros: Mapping[str, tuple[Macro, ...]] = field(default_factory=dict)

    def key(self, schema: str | None, name: str) -> str:
        """Return the full name of what a statement calls ``[schema.]name``."""
        schema = (schema or "").lower().rpartition(".")[2] if schema else self.current
        return name.lower() if schema in _DEFAULT_SCHEMAS else f"{schema}.{name.lower()}"

    def has_schema(self, name: str) -> bool:
        """Whether there is such a schema."""
        return name.lower() in _DEFAULT_SCHEMAS or name.lower() in self.schemas

    def find(self, schema: str | None, name: str) -> Table | View | None:
        """Return a table or view, None where there is none of that name."""
        return self.objects.get(self.key(schema, name))

    def with_object(self, key: str, made: Table | View) -> Catalog:
        """Return the catalogue with one more table or view, or with another one of the same name."""
        return replace(self, objects={**self.objects, key: made})

    def without(self, key: str) -> Catalog:
        """Return the catalogue without a table or view and its indexes."""
        return replace(
            self,
            objects={k: o for k, o in self.objects.items() if k != key},
            indexes={k: i for k, i in self.indexes.items() if i.table != key},
        )
