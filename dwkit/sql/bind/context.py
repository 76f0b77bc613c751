"""What all parts of binding one query share: its text, its tables, and the ids of its columns."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import polars as pl
from sqlglot import exp

from dwkit.errors import SqlError
from dwkit.model.statistics import TableStatistics
from dwkit.sql.origin import Origin
from dwkit.sql.place import at_node, position
from dwkit.sql.value import Interval, Value, column

if TYPE_CHECKING:
    from dwkit.sql.bind.estimate import Estimates

__all__ = ["ArrowOf", "Context"]

ArrowOf = Callable[[str], Callable[[], Mapping[str, str]] | None]
"""Gives by the name of a table what tells the types of Arrow of its columns, None for one that has none to tell."""


class Stored(NamedTuple):
    """A table as it is read.

    Attributes:
        durations: names of the columns that are Durations.
    """

    frame: pl.LazyFrame
    dtypes: Mapping[str, pl.DataType]
    durations: frozenset[str]


def _stored(frame: pl.LazyFrame) -> Stored:
    """Return a table with its maps, as Parquet has them, as lists of their entries."""
    schema: Mapping[str, pl.DataType] = frame.collect_schema()
    maps: dict[str, pl.DataType] = {
        n: pl.List(pl.Struct({"key": t.key, "value": t.value}))
        for n, t in schema.items()
        if isinstance(t, pl.Map)
    }
    if maps:
        frame, schema = frame.with_columns(pl.col(n).cast(t) for n, t in maps.items()), {**schema, **maps}
    return Stored(frame, schema, frozenset(n for n, t in schema.items() if isinstance(t, pl.Duration)))


@dataclass
class Context:
    """One query being bound.

    Attributes:
        sql: the user's text, for errors.
        dialect: what it was read as.
        frames: the tables that it may read.
        dtypes: type of each column by id.
        kinds: classes of the nodes in it, None where that is not known.
        now: the one moment that CURRENT_TIMESTAMP and its kin mean in the whole query.
    """

    sql: str
    dialect: str
    frames: Mapping[str, pl.LazyFrame]
    dtypes: dict[str, pl.DataType] = field(default_factory=dict)
    json: set[str] = field(default_factory=set)
    tables: dict[str, Stored] = field(default_factory=dict)
    """The tables that were read."""
    durations: set[str] = field(default_factory=set)
    """Columns whose Duration is no more than days and time."""
    spans: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Least and greatest whole number of computed columns."""
    columns_of: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Tables and their columns that columns are as they are, or NULL."""
    intervals: dict[str, Interval] = field(default_factory=dict)
    """Columns that hold one interval."""
    dependent: dict[frozenset[str], frozenset[str]] = field(default_factory=dict)
    """Columns by those of a primary key, of a group or a number of rows, for each of which they have one value."""
    groups: set[frozenset[str]] = field(default_factory=set)
    """The keys of groups among these, which may be NULL."""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    kinds: set[type[exp.Expr]] | None = None
    known: Callable[[str], TableStatistics | None] | None = None
    """Gives what is known of a table without reading it."""
    arrow: ArrowOf | None = None
    """Gives the names of the types of Arrow that columns of a table are known to have."""
    origins: dict[str, Origin] = field(default_factory=dict)
    """Where columns come from; noted in the dialect that can ask for their types."""
    correlated: set[tuple[int, int]] = field(default_factory=set)
    """Places of the subqueries that name columns of the queries around them."""
    asked: dict[str, TableStatistics | None] = field(default_factory=dict)
    """What was known of the tables that were asked for."""
    _columns: dict[str, Value] = field(default_factory=dict)
    volatile: list[str] = field(default_factory=list)
    """What else than text and tables the plan depends on: the clock, chance, rows that were read to make it."""

    def apart(self) -> Context:
        """Return the context of a query that is bound by itself: with ids of its own."""
        return Context(
            self.sql, self.dialect, self.frames, tables=self.tables, now=self.now, kinds=self.kinds,
            known=self.known, arrow=self.arrow, correlated=self.correlated, asked=self.asked, volatile=self.volatile,
        )  # fmt: skip

    def notice(self, tree: exp.Expr) -> None:
        """Take note of what a tree has that was made of a part of the query."""
        if self.kinds is not None:
            self.kinds.update(type(n) for n in tree.walk())

    def may_have(self, *kinds: type[exp.Expr]) -> bool:
        """Whether there may be a node of one of some classes in the query: else there is no need to look for them."""
        return self.kinds is None or not self.kinds.isdisjoint(kinds)

    def chance(self) -> int:
        """Return a random number of 60 bits."""
        self.volatile.append("chance")
        return random.getrandbits(60)

    @cached_property
    def estimates(self) -> Estimates:
        """Tells how many rows plans give."""
        from dwkit.sql.bind.estimate import Estimates

        return Estimates(self)

    def statistics(self, key: str) -> TableStatistics | None:
        """Return what is known of a table, None where nothing is."""
        if self.known is None:
            return None
        if key not in self.asked:
            self.asked[key] = self.known(key)
        return self.asked[key]

    def fresh_all(self, dtypes: Mapping[str, pl.DataType]) -> dict[str, str]:
        """Return the names of some columns by new ids for them."""
        if self.dtypes.keys().isdisjoint(dtypes) and _can_be_ids(dtypes):
            self.dtypes.update(dtypes)
            return dict(zip(dtypes, dtypes, strict=True))
        return {self.fresh(n, t): n for n, t in dtypes.items()}

    def fresh(self, name: str, dtype: pl.DataType) -> str:
        """Return an id for a new column: its name where that is free."""
        plain = name if _can_be_ids((name,)) else "dwkit:column"
        ident, number = plain, 0
        while ident in self.dtypes:
            number += 1
            ident = f"{plain}#{number}"
        self.dtypes[ident] = dtype
        return ident

    def column(self, ident: str) -> Value:
        """Return the value of a column."""
        value = self._columns.get(ident)
        if value is None:
            value = self._columns[ident] = column(ident, self.dtypes[ident])
        if ident in self.intervals:
            return replace(value, interval=self.intervals[ident])
        return value.marked_json() if ident in self.json else value

    def at_hand(self, key: str) -> TableStatistics | None:
        """Return what is known of a table, None where PyArrow would have to be loaded to tell."""
        return self.statistics(key) if key in self.asked or "pyarrow.parquet" in sys.modules else None

    def span(self, value: Value) -> tuple[int, int] | None:
        """Return the least and the greatest whole number that a value can be, None where that is not known."""
        if type(value.constant) is int:
            return value.constant, value.constant
        if value.span is not None or not value.expr.meta.is_column():
            return value.span
        ident = value.expr.meta.output_name()
        if ident in self.spans or ident not in self.columns_of:
            return self.spans.get(ident)
        key, name = self.columns_of[ident]
        known = self.at_hand(key)
        column = known.columns.get(name) if known is not None else None
        if column is None or type(column.low) is not int or type(column.high) is not int:
            return None
        return column.low, column.high

    def made(self, name: str, value: Value) -> str:
        """Return an id for a column that a value fills."""
        ident = self.fresh(name, value.dtype)
        if value.span is not None:
            self.spans[ident] = value.span
        if value.json:
            self.json.add(ident)
        if isinstance(value.dtype, pl.Duration):
            parts = value.interval
            if self.is_exact(value):
                self.durations.add(ident)
            elif parts is not None and all(
                isinstance(p, int) for p in (parts.months, parts.days, parts.micros)
            ):
                self.intervals[ident] = parts
        return ident

    def note_origin(self, ident: str, *nodes: exp.Expr, mixed: bool = False) -> None:
        """Note the expressions that a column is made of."""
        if self.dialect == "datafusion":
            self.origins[ident] = Origin(nodes, self.origins.get, self.dtypes, mixed=mixed)

    def adopted(self, origin: Context, ident: str) -> str:
        """Return an id for a column of a query that was bound by itself, or before."""
        fresh = self.fresh(ident, origin.dtypes[ident])
        if ident in origin.json:
            self.json.add(fresh)
        if ident in origin.spans:
            self.spans[fresh] = origin.spans[ident]
        if ident in origin.columns_of:
            self.columns_of[fresh] = origin.columns_of[ident]
        if ident in origin.durations:
            self.durations.add(fresh)
        if ident in origin.intervals:
            self.intervals[fresh] = origin.intervals[ident]
        if ident in origin.origins:
            self.origins[fresh] = origin.origins[ident]
        return fresh

    def adopt_dependent(self, origin: Context, fresh: Mapping[str, str]) -> None:
        """Note which columns of a query that was bound by itself have one value for each of others.

        Args:
            fresh: the ids here by those there.
        """
        for primary, rest in origin.dependent.items():
            if primary <= fresh.keys():
                here = frozenset(fresh[i] for i in primary)
                self.dependent[here] = frozenset(fresh[i] for i in rest if i in fresh)
                if primary in origin.groups:
                    self.groups.add(here)

    def forget_groups(self) -> None:
        """Forget what groups fix: the rows that an outer join adds have the key NULL as well, and no values."""
        for keys in self.groups:
            self.dependent.pop(keys, None)
        self.groups.clear()

    def is_exact(self, value: Value) -> bool:
        """Whether a Duration holds all of an interval: a column has no room for months."""
        if value.interval is not None:
            return isinstance(value.interval.months, int) and value.interval.months == 0
        return value.exact or (
            value.expr.meta.is_column() and value.expr.meta.output_name() in self.durations
        )

    def table(self, key: str) -> Stored:
        """Return a table as it is read."""
        found = self.tables.get(key)
        if found is None:
            found = self.tables[key] = _stored(self.frames[key])
        return found

    def type_of(self, expr: pl.Expr) -> pl.DataType:
        """Return what type Polars gives an expression over columns of the query."""
        names = {n: self.dtypes[n] for n in expr.meta.root_names() if n in self.dtypes}
        frame = pl.LazyFrame(schema=names or {"dwkit:none": pl.Null()})
        return frame.select(expr.alias("dwkit:value")).collect_schema()["dwkit:value"]

    def error(self, message: str, node: exp.Expr, hint: str = "") -> SqlError:
        """Return an error that points at a node, or at the nearest one around it that has a place."""
        placed: exp.Expr | None = node
        while placed is not None and position(self.sql, placed) == (0, 0):
            placed = placed.parent
        return at_node(self.sql, message, placed or node, dialect=self.dialect, hint=hint)

    def refuse(self, what: str, node: exp.Expr, hint: str = "") -> SqlError:
        """Return the error for a construct that cannot be answered exactly."""
        return self.error(f"{what} is not supported", node, hint)


def _can_be_ids(names: Collection[str]) -> bool:
    """Whether Polars takes names for those of columns, and none for a pattern."""
    return "*" not in names and {n[:1] for n in names}.isdisjoint(("", "^"))
