"""Text of small tables as numbers where rows of great ones are grouped by it.

A great table that is joined with a small one has few different texts by it. So the small table gives codes (a
Categorical of its own for each column), which joins carry and groups and partitions compare; they are text again
where anything else is asked of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import polars as pl

from dwkit.sql.bind.context import Context
from dwkit.sql.plan import (
    Aggregate,
    Condition,
    Distinct,
    Extend,
    Join,
    Plan,
    Project,
    Recursive,
    Sample,
    Scan,
    Shared,
    Window,
)
from dwkit.sql.value import Value
from dwkit.sql.window import WindowItem

__all__ = ["coded", "gives_codes"]

_WORTH = 4
"""Rows that are grouped for each row of the table that the text is from, from which on codes pay."""
_SIZES: tuple[tuple[int, type[pl.DataType]], ...] = ((250, pl.UInt8), (65_000, pl.UInt16))
"""How many codes there can be of a type."""

_Codes = Mapping[str, pl.DataType]


def coded(context: Context, plan: Plan) -> Plan:
    """Return a plan that groups by codes of text; its result is text."""
    wanted: dict[tuple[int, str], pl.DataType] = {}
    _look(context, plan, wanted, set())
    if not wanted:
        return plan
    made, codes = _Coding(wanted).made(context, plan)
    return _decoded(context, made, codes, made.given)


def gives_codes(table: Plan, rows: float) -> bool:
    """Whether so many rows that are joined with a table and grouped by its text are grouped by codes."""
    known = table.known() if isinstance(table, Scan) else None
    return known is not None and known.rows <= _SIZES[-1][0] and known.rows * _WORTH <= rows


# -- what is worth a code -------------------------------------------------------------------------


def _look(context: Context, plan: Plan, wanted: dict[tuple[int, str], pl.DataType], seen: set[int]) -> None:
    """Note the columns of small tables that great ones are grouped by."""
    if id(plan) in seen or isinstance(plan, Recursive):
        return
    seen.add(id(plan))
    if isinstance(plan, Aggregate):
        for value in plan.keys.values():
            if isinstance(value.dtype, pl.String) and not value.json and value.expr.meta.is_column():
                _want(context, plan.input, value.expr.meta.output_name(), wanted)
    inside = plan.origin if isinstance(plan, Shared) else context
    for one in plan.inputs:
        _look(inside, one, wanted, seen)


def _want(context: Context, plan: Plan, ident: str, wanted: dict[tuple[int, str], pl.DataType]) -> None:
    rows, joined, asked = context.estimates.rows(plan), False, False
    while not isinstance(plan, Scan):
        if isinstance(plan, Join):
            if asked or any(ident in c.value.refs for c in plan.on):
                return  # it would be text again before it is grouped by
            joined = True
            plan = plan.left if ident in plan.left.given else plan.right
            table, column = plan, ident
            continue
        if isinstance(plan, Shared):
            ident = plan.input.columns[plan.ids.index(ident)]
        elif isinstance(plan, (Project, Aggregate)):
            made = plan.made if isinstance(plan, Project) else plan.keys
            if ident in made:
                if not made[ident].expr.meta.is_column():
                    return
                ident = made[ident].expr.meta.output_name()
                asked |= any(ident in v.refs and not v.expr.meta.is_column() for v in made.values())
            elif not isinstance(plan, Extend):
                return
            joined &= isinstance(plan, Project)
        else:  # of a filtered table Polars takes the keys to leave out rows of the great one, unless it has codes
            return
        plan = plan.inputs[0]
    known = plan.known() if joined else None
    if known is not None and known.rows * _WORTH <= rows and (id(table), column) not in wanted:
        size = next((dtype for most, dtype in _SIZES if known.rows <= most), None)
        if size is not None:
            wanted[id(table), column] = pl.Categorical(pl.Categories.random("dwkit", size))


# -- plans with codes -----------------------------------------------------------------------------


class _Coding:
    """Makes plans with codes, each once.

    Args:
        wanted: the types of the codes of columns, by the node that gives them.
    """

    def __init__(self, wanted: Mapping[tuple[int, str], pl.DataType]) -> None:
        self._wanted = wanted
        self._made: dict[int, tuple[Plan, _Codes]] = {}

    def made(self, context: Context, plan: Plan) -> tuple[Plan, _Codes]:
        """Return a node and which of its columns are codes."""
        found = self._made.get(id(plan))
        if found is None:
            made, codes = self._node(context, plan)
            new = {c: t for c in made.columns if (t := self._wanted.get((id(plan), c))) is not None}
            if new:
                made = Project(
                    made,
                    {
                        c: _code(context.column(c), new[c]) if c in new else context.column(c)
                        for c in made.columns
                    },
                )
                codes = {**codes, **new}
            found = self._made[id(plan)] = made, codes
        return found

    def _node(self, context: Context, plan: Plan) -> tuple[Plan, _Codes]:
        make = _NODES.get(type(plan))
        if make is not None:
            return make(self, context, plan)
        return self._plain(context, plan)

    def _plain(self, context: Context, plan: Plan) -> tuple[Plan, _Codes]:
        """A node that asks for the text of the columns that it names."""
        if not plan.inputs or isinstance(plan, Recursive):
            return plan, {}
        if len(plan.inputs) > 1:  # UNION and its kin: their columns have one type
            ends = [self._text(context, one, one.given)[0] for one in plan.inputs]
            if ends == list(plan.inputs):
                return plan, {}
            return replace(plan, left=ends[0], right=ends[1]), {}  # type: ignore[call-arg]
        made, codes = self._text(context, plan.inputs[0], frozenset().union(*(v.refs for v in plan.values)))
        return (plan if made is plan.inputs[0] else replace(plan, input=made)), codes  # type: ignore[call-arg]

    def _text(self, context: Context, plan: Plan, named: frozenset[str]) -> tuple[Plan, _Codes]:
        """Return a node with the text of some of its columns."""
        made, codes = self.made(context, plan)
        kept = {c: t for c, t in codes.items() if c not in named}
        return _decoded(context, made, codes, named), kept

    def shared(self, _context: Context, plan: Shared) -> tuple[Plan, _Codes]:
        """The columns under other ids."""
        made, codes = self.made(plan.origin, plan.input)
        if made is plan.input:
            return plan, {}
        ids = dict(zip(plan.input.columns, plan.ids, strict=True))
        return replace(plan, input=made), {ids[c]: t for c, t in codes.items()}

    def project(self, context: Context, plan: Project) -> tuple[Plan, _Codes]:
        """Columns that are as they are stay codes."""
        named = frozenset().union(*(v.refs for v in plan.made.values() if not v.expr.meta.is_column()))
        made, codes = self._text(context, plan.input, named)
        if made is plan.input:
            return plan, {}
        values = {i: _same(v, codes) for i, v in plan.made.items()}
        found: dict[str, pl.DataType] = {
            i: v.dtype for i, v in values.items() if isinstance(v.dtype, pl.Categorical)
        }
        if isinstance(plan, Extend):
            found |= {c: t for c, t in codes.items() if c not in values}
        return replace(plan, input=made, made=values), found

    def join(self, context: Context, plan: Join) -> tuple[Plan, _Codes]:
        """Codes of one table are equal where the text is."""
        left, ours = self.made(context, plan.left)
        right, theirs = self.made(context, plan.right)
        if left is plan.left and right is plan.right:
            return plan, {}
        codes = {**ours, **theirs}
        named = frozenset().union(*(c.value.refs for c in plan.on if not _is_of_codes(c, codes)))
        left = _decoded(context, left, ours, named)
        right = _decoded(context, right, theirs, named)
        kept = {c: t for c, t in codes.items() if c not in named}
        made = replace(plan, left=left, right=right)
        return made, {c: t for c, t in kept.items() if c in made.given}

    def aggregate(self, context: Context, plan: Aggregate) -> tuple[Plan, _Codes]:
        """Groups are by codes."""
        computed = [v for v in plan.keys.values() if not v.expr.meta.is_column()]
        named = frozenset().union(*(v.refs for v in (*plan.items.values(), *computed)))
        made, codes = self._text(context, plan.input, named)
        if made is plan.input:
            return plan, {}
        keys = {i: _same(v, codes) for i, v in plan.keys.items()}
        found = {i: v.dtype for i, v in keys.items() if isinstance(v.dtype, pl.Categorical)}
        return replace(plan, input=made, keys=keys), found

    def window(self, context: Context, plan: Window) -> tuple[Plan, _Codes]:
        """Partitions are by codes."""
        named: frozenset[str] = frozenset()
        for item in plan.items.values():
            by = [v for v in item.partition if v.expr.meta.is_column()]
            named |= frozenset().union(*(v.refs for v in item.values if all(v is not one for one in by)))
        made, codes = self._text(context, plan.input, named)
        if made is plan.input:
            return plan, {}
        items: dict[str, WindowItem] = {
            i: replace(w, partition=tuple(_same(v, codes) for v in w.partition))
            for i, w in plan.items.items()
        }
        return replace(plan, input=made, items=items), codes

    def kept(self, context: Context, plan: Distinct | Sample) -> tuple[Plan, _Codes]:
        """Rows are alike where their codes are."""
        made, codes = self.made(context, plan.input)
        return (plan if made is plan.input else replace(plan, input=made)), codes


_NODES: dict[type[Plan], Callable[..., tuple[Plan, _Codes]]] = {
    Shared: _Coding.shared, Project: _Coding.project, Extend: _Coding.project, Join: _Coding.join,
    Aggregate: _Coding.aggregate, Window: _Coding.window, Distinct: _Coding.kept, Sample: _Coding.kept,
}  # fmt: skip


def _code(value: Value, dtype: pl.DataType) -> Value:
    return value.as_(value.expr.cast(dtype), dtype)


def _same(value: Value, codes: _Codes) -> Value:
    """Return a value as a code where it is a column of codes."""
    if not value.expr.meta.is_column():
        return value
    dtype = codes.get(value.expr.meta.output_name())
    return value if dtype is None else value.as_(value.expr, dtype)


def _is_of_codes(condition: Condition, codes: _Codes) -> bool:
    left, right = condition.left, condition.right
    if condition.op not in ("=", "is") or left is None or right is None:
        return False
    if not left.expr.meta.is_column() or not right.expr.meta.is_column():
        return False
    one, other = (codes.get(v.expr.meta.output_name()) for v in (left, right))
    return one is not None and one == other


def _decoded(context: Context, plan: Plan, codes: _Codes, named: frozenset[str]) -> Plan:
    """Return a plan with text instead of the codes of some columns."""
    if named.isdisjoint(codes):
        return plan
    made: dict[str, Value] = {}
    for ident in plan.columns:
        value = context.column(ident)
        if ident in codes:
            dtype = codes[ident]
            value = _code(value, pl.String()) if ident in named else value.as_(value.expr, dtype)
        made[ident] = value
    return Project(plan, made)
