"""The plan of a query: what is done to rows, each column under an id that is unique in the query.

So a column can move from one node to another, and a subquery can name a column of the query around it, as it
is. A query that names no column of those around it is bound by itself, with ids of its own below its `Shared`
node: columns are then called as in their tables, and Polars sees which parts are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import polars as pl

from dwkit.model.statistics import TableStatistics
from dwkit.sql.value import Condition, Value
from dwkit.sql.window import SortKey, WindowItem

__all__ = [
    "Aggregate", "Condition", "Distinct", "Extend", "Filter", "Join", "JoinKind", "Limit", "OneRow", "Plan",
    "Project", "Recursive", "RecursiveRef", "Sample", "Scan", "SetOperation", "Shared", "Sort", "Unnest", "Window",
]  # fmt: skip

JoinKind = Literal["inner", "left", "right", "full", "semi", "anti", "asof", "asof_left"]


@dataclass(frozen=True, eq=False)
class Plan:
    """A node: the rows that it gives are told by its fields, its inputs are plans."""

    @property
    def inputs(self) -> tuple[Plan, ...]:
        """Nodes that it reads; a table reads none."""
        return ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Ids of the columns that it gives, in order."""
        raise NotImplementedError

    @cached_property
    def given(self) -> frozenset[str]:
        """Ids of the columns that it gives, as a set."""
        return frozenset(self.columns)

    @property
    def values(self) -> tuple[Value, ...]:
        """All expressions of the node itself."""
        return ()

    @cached_property
    def outer(self) -> frozenset[str]:
        """Ids that it names but no input gives: columns of a query around it."""
        given = frozenset().union(*(i.given for i in self.inputs)) if self.inputs else frozenset()
        named = frozenset().union(*(v.refs for v in self.values)) - given if self.values else frozenset()
        return named.union(*(i.outer for i in self.inputs))


@dataclass(frozen=True, eq=False)
class Scan(Plan):
    """The rows of a table or file, its columns under their ids.

    Attributes:
        key: what the table is called among those given.
        frame: its rows.
        names: column of the frame by id.
        known: gives what is known of the table.
    """

    key: str
    frame: pl.LazyFrame
    names: Mapping[str, str]
    known: Callable[[], TableStatistics | None] = lambda: None

    @property
    def columns(self) -> tuple[str, ...]:
        """Ids of its columns."""
        return tuple(self.names)


@dataclass(frozen=True, eq=False)
class OneRow(Plan):
    """One row without columns: what a SELECT without FROM reads."""

    @property
    def columns(self) -> tuple[str, ...]:
        """None."""
        return ()


@dataclass(frozen=True, eq=False)
class RecursiveRef(Plan):
    """The rows of the last round, inside a recursive CTE; ids of this use, in the order of its columns."""

    name: str
    ids: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Ids of this use."""
        return self.ids


@dataclass(frozen=True, eq=False)
class One(Plan):
    """A node with one input."""

    input: Plan

    @property
    def inputs(self) -> tuple[Plan, ...]:
        """The one."""
        return (self.input,)

    @property
    def columns(self) -> tuple[str, ...]:
        """Those of the input."""
        return self.input.columns


@dataclass(frozen=True, eq=False)
class Project(One):
    """Exactly these columns."""

    made: Mapping[str, Value]

    @property
    def columns(self) -> tuple[str, ...]:
        """What it makes."""
        return tuple(self.made)

    @property
    def values(self) -> tuple[Value, ...]:
        """What it makes them of."""
        return tuple(self.made.values())


@dataclass(frozen=True, eq=False)
class Extend(Project):
    """The input's columns and these."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The input's, then what it makes."""
        return (*self.input.columns, *self.made)


@dataclass(frozen=True, eq=False)
class Filter(One):
    """The rows for which all conditions are true."""

    conditions: tuple[Condition, ...]

    @property
    def values(self) -> tuple[Value, ...]:
        """Its conditions."""
        return tuple(c.value for c in self.conditions)


@dataclass(frozen=True, eq=False)
class Join(Plan):
    """Two inputs, joined on conjuncts; without any, a cross join."""

    left: Plan
    right: Plan
    kind: JoinKind
    on: tuple[Condition, ...] = ()

    @property
    def inputs(self) -> tuple[Plan, ...]:
        """Left and right."""
        return (self.left, self.right)

    @property
    def columns(self) -> tuple[str, ...]:
        """Left, then right; of a semi or anti join only the left."""
        if self.kind in ("semi", "anti"):
            return self.left.columns
        return (*self.left.columns, *self.right.columns)

    @cached_property
    def given(self) -> frozenset[str]:
        """Ids of its columns, as a set."""
        return self.left.given if self.kind in ("semi", "anti") else self.left.given | self.right.given

    @property
    def values(self) -> tuple[Value, ...]:
        """Its conditions."""
        return tuple(c.value for c in self.on)


@dataclass(frozen=True, eq=False)
class Aggregate(One):
    """One row for each group; without keys, one row for all.

    Attributes:
        keys: what is grouped by, by id.
        items: aggregating expressions by id.
        empty: what an item is over no rows, where that is not NULL.
        sets: for GROUPING SETS, ROLLUP and CUBE, the ids of the keys of each set.
        grouping: ids of columns that tell which keys a row's set lacks, by the keys that they are asked
            for: bit n (from the right) is 1 where the nth key from the right is not grouped by.
        combined: how the items of finer groups make those of coarser ones (``sum``, ``count``, ``min``,
            ``max``), for the items where that can be.
        over: makes the items over the rows for which a column is true; None where that may not be the same.
    """

    keys: Mapping[str, Value]
    items: Mapping[str, Value]
    empty: Mapping[str, object] = field(default_factory=dict)
    sets: tuple[tuple[str, ...], ...] | None = None
    grouping: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    combined: Mapping[str, str] = field(default_factory=dict)
    over: Callable[[str], Mapping[str, Value] | None] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Keys, items, grouping."""
        return (*self.keys, *self.items, *self.grouping)

    @property
    def values(self) -> tuple[Value, ...]:
        """Keys and items."""
        return (*self.keys.values(), *self.items.values())


@dataclass(frozen=True, eq=False)
class Window(One):
    """The input's columns and window functions over its rows."""

    items: Mapping[str, WindowItem]

    @property
    def columns(self) -> tuple[str, ...]:
        """The input's, then the items."""
        return (*self.input.columns, *self.items)

    @property
    def values(self) -> tuple[Value, ...]:
        """All expressions of the items."""
        return tuple(v for i in self.items.values() for v in i.values)


@dataclass(frozen=True, eq=False)
class Sort(One):
    """The rows in an order."""

    keys: tuple[SortKey, ...]

    @property
    def values(self) -> tuple[Value, ...]:
        """The keys."""
        return tuple(k.value for k in self.keys)


@dataclass(frozen=True, eq=False)
class Limit(One):
    """Some of the first rows.

    Attributes:
        count: how many, None for all after the offset.
        offset: how many are left out before.
        keys: the order, for WITH TIES and for the first rows of each group of a correlated subquery.
        ties: the rows equal to the last one in the order come too.
        percent: the count is a percentage of the rows; with floors, a part of a row is none, else it is one.
    """

    count: float | None
    offset: int = 0
    keys: tuple[SortKey, ...] = ()
    ties: bool = False
    percent: bool = False
    floors: bool = False

    @property
    def values(self) -> tuple[Value, ...]:
        """The keys."""
        return tuple(k.value for k in self.keys)


@dataclass(frozen=True, eq=False)
class Distinct(One):
    """One row of those that are alike in all columns, or in those of ``on`` (the first in the order)."""

    on: tuple[str, ...] | None = None


@dataclass(frozen=True, eq=False)
class SetOperation(Plan):
    """UNION ALL, INTERSECT ALL or EXCEPT ALL of inputs whose columns correspond by place and have the same types."""

    kind: Literal["union", "intersect", "except"]
    left: Plan
    right: Plan
    ids: tuple[str, ...]  # of the result, in the order of the columns of either input

    @property
    def inputs(self) -> tuple[Plan, ...]:
        """Left and right."""
        return (self.left, self.right)

    @property
    def columns(self) -> tuple[str, ...]:
        """The result's."""
        return self.ids


@dataclass(frozen=True, eq=False)
class Unnest(One):
    """The input's columns and the elements of lists, a row for each element.

    Attributes:
        lists: by the id of their elements; shorter ones are filled with NULL.
        ordinality: id of the element's number from 0, or None.
        keep_empty: a row whose lists are empty or NULL stays, with NULL (LEFT JOIN UNNEST, OUTER).
    """

    lists: Mapping[str, Value]
    ordinality: str | None = None
    keep_empty: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The input's, the elements, the number."""
        return (*self.input.columns, *self.lists, *((self.ordinality,) if self.ordinality else ()))

    @property
    def values(self) -> tuple[Value, ...]:
        """The lists."""
        return tuple(self.lists.values())


@dataclass(frozen=True, eq=False)
class Sample(One):
    """A random part of the rows, the same for the same seed; a fraction is each row's chance unless it is exact."""

    fraction: float | None
    rows: int | None
    seed: int | None
    exact: bool = False


@dataclass(frozen=True, eq=False)
class Shared(One):
    """A query that is bound by itself (a CTE, a derived table): the same rows under ids of this use.

    Attributes:
        ids: of this use, in the order of the input's columns.
        origin: the `dwkit.sql.bind.Context` that the ids of the input belong to.
    """

    ids: tuple[str, ...]
    origin: Any

    @property
    def columns(self) -> tuple[str, ...]:
        """Ids of this use, in the order of the input's columns."""
        return self.ids


@dataclass(frozen=True, eq=False)
class Recursive(Plan):
    """WITH RECURSIVE: the step is done with the last round's rows until it gives none.

    Attributes:
        name: what `RecursiveRef` in the step refers to.
        ids: ids of the result.
        all: UNION ALL; otherwise rows that were there before are left out.
    """

    name: str
    base: Plan
    step: Plan
    ids: tuple[str, ...]
    all: bool

    @property
    def inputs(self) -> tuple[Plan, ...]:
        """Base and step."""
        return (self.base, self.step)

    @property
    def columns(self) -> tuple[str, ...]:
        """The result's."""
        return self.ids
