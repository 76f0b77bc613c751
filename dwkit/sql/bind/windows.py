"""Window functions: their partitions, orders and frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import polars as pl
from sqlglot import exp

from dwkit.sql.bind.expressions import Stage, is_aggregate
from dwkit.sql.bind.grouping import bind_aggregate
from dwkit.sql.bind.order import sort_key
from dwkit.sql.functions.aggregate import empty_of
from dwkit.sql.functions.call import Call
from dwkit.sql.functions.operators import alike
from dwkit.sql.plan import Frame, Part, SortKey, Window, WindowItem
from dwkit.sql.types import is_number
from dwkit.sql.value import Value, constant, null

__all__ = ["bind_windows", "resolve_named"]

_RANKS: dict[type[exp.Expr], tuple[str, pl.DataType]] = {
    exp.RowNumber: ("row_number", pl.Int64()), exp.Rank: ("rank", pl.Int64()),
    exp.DenseRank: ("dense_rank", pl.Int64()), exp.PercentRank: ("percent_rank", pl.Float64()),
    exp.CumeDist: ("cume_dist", pl.Float64()),
}  # fmt: skip
_PICKS: dict[type[exp.Expr], str] = {
    exp.FirstValue: "first_value", exp.LastValue: "last_value", exp.NthValue: "nth_value",
    exp.First: "first_value", exp.Last: "last_value",
}  # fmt: skip


def resolve_named(select: exp.Select, resolve: Callable[[exp.Expr], exp.Expr]) -> None:
    """Resolve the columns of the WINDOW clause, and put its windows where OVER names them."""
    named = {w.this.name.lower(): w for w in select.args.get("windows") or ()}
    if not named:
        return
    for window in named.values():
        for key in ("partition_by",):
            window.set(key, [resolve(n) for n in window.args.get(key) or ()])
        order = window.args.get("order")
        for one in order.expressions if order is not None else ():
            one.set("this", resolve(one.this))
    for node in list(select.find_all(exp.Window)):
        if node in named.values() or node.find_ancestor(exp.Select) is not select:
            continue
        _fill(node, named)


def _fill(node: exp.Window, named: dict[str, exp.Window]) -> None:
    alias = node.args.get("alias")
    base = named.get(alias.name.lower()) if alias is not None else None
    if base is None:
        return
    _fill(base, {k: v for k, v in named.items() if v is not base})
    for key in ("partition_by", "order", "spec"):
        if not node.args.get(key) and base.args.get(key):
            given = base.args[key]
            node.set(key, [n.copy() for n in given] if isinstance(given, list) else given.copy())
    node.set("alias", None)


def _windows(node: exp.Expr) -> Iterator[exp.Window]:
    if isinstance(node, exp.Query):
        return
    for part in node.iter_expressions():
        yield from _windows(part)  # the inner first: a window function of a window function
    if isinstance(node, exp.Window):
        yield node


def bind_windows(stage: Stage, nodes: Iterable[exp.Expr]) -> None:
    """Compute the window functions of some expressions in the plan of a stage; they are known to it then.

    Raises:
        SqlError: a window function or frame that is not known.
    """
    found = list(dict.fromkeys(w for n in nodes for w in _windows(n)))
    if not found:
        return
    stage.known = dict(stage.known)
    items: dict[str, WindowItem] = {}
    for node in found:
        if items and next((n for n in _windows(node) if n is not node), None) is not None:
            stage.plan, items = Window(stage.plan, items), {}
        item = _item(stage, node)
        ident = stage.context.fresh("dwkit:window", item.dtype)
        items[ident] = item
        stage.known[node] = stage.context.column(ident)
    stage.plan = Window(stage.plan, items)


class _Parts:
    """The simple reductions that an aggregate is made of."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.made: list[Part] = []

    def add(self, kind: str, expr: pl.Expr | None, dtype: pl.DataType) -> pl.Expr:
        """Return what stands for a reduction."""
        counts = kind in ("len", "count")
        name = self._stage.context.fresh("dwkit:part", pl.Int64() if counts else dtype)
        self.made.append(Part(name, kind, expr, dtype))
        return pl.col(name)


def _item(stage: Stage, node: exp.Window) -> WindowItem:
    context = stage.context
    stage.clause = "a window"
    if node.args.get("alias") is not None:
        raise context.error(f"no window {node.args['alias'].name!r}", node)
    partition = tuple(stage.bind(n) for n in node.args.get("partition_by") or ())
    order = node.args.get("order")
    keys = tuple(sort_key(o, stage.bind(o.this)) for o in order.expressions) if order is not None else ()
    frame = _frame(stage, node.args.get("spec"), keys, node)
    function, ignore = node.this, False
    while isinstance(function, (exp.IgnoreNulls, exp.RespectNulls)):
        ignore |= isinstance(function, exp.IgnoreNulls)
        function = function.this
    if function.this is not None and isinstance(function.this, (exp.IgnoreNulls, exp.RespectNulls)):
        ignore |= isinstance(function.this, exp.IgnoreNulls)
        function = function.copy()
        function.set("this", function.this.this)
    kind = type(function)
    if kind in _RANKS:
        name, dtype = _RANKS[kind]
        return WindowItem(name, (), partition, keys, None, dtype)
    call = Call(function, stage)
    if kind is exp.Ntile:
        return WindowItem("ntile", (call.cast(call.arg(), pl.Int64()),), partition, keys, None, pl.Int64())
    if kind in (exp.Lag, exp.Lead):
        return _shift(call, "lag" if kind is exp.Lag else "lead", partition, keys, ignore)
    if kind in _PICKS:
        value = call.arg()
        args: tuple[Value, ...] = (value,)
        if kind is exp.NthValue:
            args = (value, call.cast(call.arg("offset"), pl.Int64()))
        return WindowItem(_PICKS[kind], args, partition, keys, frame, value.dtype, ignore_nulls=ignore)
    if is_aggregate(function):
        value = bind_aggregate(stage, function)
        parts = _Parts(stage)
        combined = bind_aggregate(stage, function, parts).expr
        apart = set(combined.meta.root_names()) == {p.name for p in parts.made}
        return WindowItem(
            "aggregate", (), partition, keys, frame, value.dtype, aggregate=value, empty=empty_of(function),
            parts=tuple(parts.made) if apart else (), combined=combined if apart else None,
        )  # fmt: skip
    raise context.refuse(
        f"window function {function.key.upper() if not isinstance(function, exp.Anonymous) else function.name}",
        node,
    )


def _shift(
    call: Call,
    name: str,
    partition: tuple[Value, ...],
    keys: tuple[SortKey, ...],
    ignore: bool,
) -> WindowItem:
    value = call.arg()
    offset = call.cast(call.arg("offset"), pl.Int64()) if call.has("offset") else constant(1, pl.Int64())
    default = call.maybe("default")
    if default is None:
        default = call.cast(null(), value.dtype)
    else:
        value, default = alike(call, value, default)
    return WindowItem(name, (value, offset, default), partition, keys, None, value.dtype, ignore_nulls=ignore)


def _frame(stage: Stage, spec: exp.Expr | None, keys: tuple[SortKey, ...], node: exp.Expr) -> Frame | None:
    """Return the frame: without a clause, up to the current row's peers if there is an order, else all."""
    if spec is None:
        return Frame() if keys else None
    unit = str(spec.args.get("kind") or "RANGE").lower()
    start = _bound(stage, spec.args.get("start"), spec.args.get("start_side"), unit, node)
    end = _bound(stage, spec.args.get("end") or "CURRENT ROW", spec.args.get("end_side"), unit, node)
    exclude = spec.args.get("exclude")
    excluded = exclude.name.lower() if isinstance(exclude, exp.Expr) else str(exclude or "").lower()
    excluded = "" if excluded in ("no others", "none") else excluded
    if unit == "range" and any(isinstance(b, Value) for b in (start, end)) and len(keys) != 1:
        raise stage.context.error("RANGE with an offset wants one key of ORDER BY", node)
    if unit == "groups" and not keys:
        raise stage.context.error("GROUPS wants an ORDER BY", node)
    return Frame(unit, start, end, excluded)


def _bound(stage: Stage, bound: object, side: object, unit: str, node: exp.Expr) -> int | Value | None:
    text = bound if isinstance(bound, str) else bound.name if isinstance(bound, exp.Var) else ""
    before = str(side or "").upper() == "PRECEDING"
    if text.upper() == "CURRENT ROW":
        return 0
    if text.upper() == "UNBOUNDED":
        return None
    if not isinstance(bound, exp.Expr):
        raise stage.context.error("a window frame wants a number or an interval", node)
    value = stage.bind(bound)
    if unit == "range":
        from dwkit.sql.functions.interval import scaled

        call = Call(node, stage)
        if not before:
            return value
        if value.interval is not None:
            return scaled(call, value.interval, pl.lit(-1))
        if isinstance(value.constant, bool) or not is_number(value.dtype):
            raise stage.context.error("a window frame wants a number or an interval", node)
        return (
            constant(-value.constant, value.dtype)
            if value.is_constant
            else value.as_(-value.expr, value.dtype)
        )
    if not isinstance(value.constant, int) or value.constant < 0:
        raise stage.context.error("ROWS and GROUPS want a whole number", node)
    return -value.constant if before else value.constant
