"""Window functions: their partitions, orders and frames."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

import polars as pl
from sqlglot import exp

from dwkit.sql.bind.expressions import Stage, is_aggregate
from dwkit.sql.bind.grouping import bind_aggregate
from dwkit.sql.bind.order import sort_key
from dwkit.sql.functions.aggregate import empty_of, is_keep
from dwkit.sql.functions.call import Call
from dwkit.sql.functions.comparison import alike
from dwkit.sql.functions.interval import add_interval
from dwkit.sql.plan import Window
from dwkit.sql.types import is_decimal, is_integer, is_number, is_temporal, scale_of, shown
from dwkit.sql.value import Interval, Value, constant, null
from dwkit.sql.window import Frame, Part, SortKey, WindowItem

__all__ = ["WINDOW_FUNCTIONS", "bind_windows", "resolve_named"]

_RANKS: dict[type[exp.Expr], tuple[str, pl.DataType]] = {
    exp.RowNumber: ("row_number", pl.Int64()), exp.Rank: ("rank", pl.Int64()),
    exp.DenseRank: ("dense_rank", pl.Int64()), exp.PercentRank: ("percent_rank", pl.Float64()),
    exp.CumeDist: ("cume_dist", pl.Float64()),
}  # fmt: skip
_NUMBERS = frozenset({"row_number", "rank", "dense_rank"})
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
    if isinstance(node, exp.Window) and not is_keep(node):
        yield node


def bind_windows(stage: Stage, nodes: Iterable[exp.Expr]) -> None:
    """Compute the window functions of some expressions in the plan of a stage; they are known to it then.

    Raises:
        SqlError: a window function or frame that is not known.
    """
    if not stage.context.may_have(exp.Window):
        return
    found = list(dict.fromkeys(w for n in nodes for w in _windows(n)))
    if not found:
        return
    stage.known = dict(stage.known)
    items: dict[str, WindowItem] = {}
    for node in found:
        rewritten = _rewritten(node)
        if rewritten is not None:
            if items:
                stage.plan, items = Window(stage.plan, items), {}
            bind_windows(stage, [rewritten])
            stage.known[node] = stage.bind(rewritten)
            continue
        if items and next((n for n in _windows(node) if n is not node), None) is not None:
            stage.plan, items = Window(stage.plan, items), {}
        item = _item(stage, node)
        ident = stage.context.fresh("dwkit:window", item.dtype)
        if item.function in _NUMBERS:
            stage.context.spans[ident] = 0, _FAR
        items[ident] = item
        if isinstance(node.this, exp.RowNumber) and all(v.is_constant for v in item.partition):
            stage.context.dependent[frozenset((ident,))] = frozenset(stage.plan.columns)
        stage.known[node] = stage.context.column(ident)
    if items:
        stage.plan = Window(stage.plan, items)


def _rewritten(node: exp.Window) -> exp.Expr | None:
    """Return what a window function of some dialects is in terms of others; None for all others."""
    name = node.this.name.upper() if isinstance(node.this, exp.Anonymous) else ""
    if name not in _REWRITTEN or len(node.this.expressions) != 1:
        return None
    return _REWRITTEN[name](node, node.this.expressions[0])


def _same_window(node: exp.Window, function: exp.Expr, *, running: bool = False) -> exp.Expr:
    made = node.copy()
    made.set("this", function)
    if running:
        spec = {"kind": "ROWS", "start": "UNBOUNDED", "start_side": "PRECEDING", "end": "CURRENT ROW"}
        made.set("spec", exp.WindowSpec(**spec))
    return made


def _share(node: exp.Window, of: exp.Expr) -> exp.Expr:
    """RATIO_TO_REPORT: the part of the sum of the partition."""
    total = _same_window(node, exp.Sum(this=of.copy()))
    double = exp.cast(of.copy(), exp.DataType.Type.DOUBLE)
    return exp.Div(
        this=double, expression=exp.Nullif(this=total, expression=exp.Literal.number(0)), typed=False
    )


def _times_true(node: exp.Window, of: exp.Expr) -> exp.Expr:
    """CONDITIONAL_TRUE_EVENT: how often it was true up to the row."""
    return _same_window(
        node, exp.Count(this=exp.If(this=of.copy(), true=exp.Literal.number(1))), running=True
    )


def _times_changed(node: exp.Window, of: exp.Expr) -> exp.Expr:
    """CONDITIONAL_CHANGE_EVENT: how often it had changed up to the row."""
    before = _same_window(node, exp.Lag(this=of.copy()))
    return _times_true(node, exp.NEQ(this=of.copy(), expression=before))


_REWRITTEN: dict[str, Callable[[exp.Window, exp.Expr], exp.Expr]] = {
    "RATIO_TO_REPORT": _share, "CONDITIONAL_TRUE_EVENT": _times_true, "CONDITIONAL_CHANGE_EVENT": _times_changed,
}  # fmt: skip

WINDOW_FUNCTIONS = tuple(
    sorted(
        {
            *_REWRITTEN,
            *(
                k.sql_name()
                for k in (*_RANKS, *_PICKS, exp.Lag, exp.Lead, exp.Ntile)
                if issubclass(k, exp.Func)
            ),
        }
    )
)
"""Names of what is no aggregate and stands before OVER."""


class _Parts:
    """The simple reductions that an aggregate is made of."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.made: list[Part] = []

    def add(self, kind: str, expr: pl.Expr | None, dtype: pl.DataType, *, distinct: bool = False) -> pl.Expr:
        """Return what stands for a reduction."""
        counts = kind in ("len", "count")
        name = self._stage.context.fresh("dwkit:part", pl.Int64() if counts else dtype)
        self.made.append(Part(name, kind, expr, dtype, distinct))
        return pl.col(name)


_FROM_LAST = frozenset({"datafusion"})
"""NTH_VALUE(x, -1) is the last value there."""


def _item(stage: Stage, node: exp.Window) -> WindowItem:
    context = stage.context
    stage.clause = "a window"
    if node.args.get("alias") is not None:
        raise context.error(f"no window {node.args['alias'].name!r}", node)
    partition = tuple(stage.bind(n) for n in node.args.get("partition_by") or ())
    order = node.args.get("order")
    keys = (
        tuple(sort_key(stage, o, stage.bind(o.this)) for o in order.expressions) if order is not None else ()
    )
    frame = _frame(stage, node.args.get("spec"), keys, node)
    whole = function = node.this
    ignore = False
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
        if function.this is not None or function.expressions:
            raise context.refuse(f"{name.upper()} with an argument", node)
        return WindowItem(name, (), partition, keys, None, dtype)
    call = Call(function, stage)
    if kind is exp.Ntile:
        return WindowItem("ntile", (call.cast(call.arg(), pl.Int64()),), partition, keys, None, pl.Int64())
    if kind in (exp.Lag, exp.Lead):
        return _shift(call, "lag" if kind is exp.Lag else "lead", partition, keys, ignore)
    if kind in _PICKS and not (kind is not exp.NthValue and isinstance(function.this, exp.Order)):
        value = call.arg()
        args: tuple[Value, ...] = (value,)
        from_last = call.given("from_first") is False
        if kind is exp.NthValue:
            place = call.cast(call.arg("offset"), pl.Int64())
            if isinstance(place.constant, int) and place.constant < 0 and call.dialect in _FROM_LAST:
                from_last, place = True, constant(-place.constant, pl.Int64())
            args = (value, place)
        name = "nth_value_from_last" if from_last else _PICKS[kind]
        return WindowItem(name, args, partition, keys, frame, value.dtype, ignore_nulls=ignore)
    if is_aggregate(whole):
        value = bind_aggregate(stage, whole)
        parts = _Parts(stage)
        combined = bind_aggregate(stage, whole, parts).expr
        apart = set(combined.meta.root_names()) == {p.name for p in parts.made}
        return WindowItem(
            "aggregate", (), partition, keys, frame, value.dtype, aggregate=value, empty=empty_of(whole, stage.dialect),
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
    sides = (spec.args.get("start"), spec.args.get("start_side")), (
        spec.args.get("end") or "CURRENT ROW", spec.args.get("end_side")
    )  # fmt: skip
    _check_order(stage, sides, node)
    exclude = spec.args.get("exclude")
    excluded = exclude.name.lower() if isinstance(exclude, exp.Expr) else str(exclude or "").lower()
    excluded = "" if excluded in ("no others", "none") else excluded
    if unit == "groups" and not keys:
        raise stage.context.error("GROUPS wants an ORDER BY", node)
    start, end = (_bound(stage, bound, side, node) for bound, side in sides)
    if unit != "range":
        return Frame(unit, _whole(stage, start, unit, node), _whole(stage, end, unit, node), excluded)
    if not isinstance(start, tuple) and not isinstance(end, tuple):
        return Frame(unit, start, end, excluded)
    if len(keys) != 1:
        raise stage.context.error("RANGE with an offset wants one key of ORDER BY", node)
    return _range(Call(node, stage), keys[0], start, end, excluded)


def _check_order(
    stage: Stage, sides: tuple[tuple[object, object], tuple[object, object]], node: exp.Expr
) -> None:
    """A frame cannot begin after the rows that it ends with (ISO 9075-2, 7.15)."""
    places = []
    for bound, side in sides:
        name = bound if isinstance(bound, str) else bound.name if isinstance(bound, exp.Var) else ""
        after = 1 if str(side or "").upper() == "FOLLOWING" else -1
        places.append(
            0 if name.upper() == "CURRENT ROW" else 2 * after if name.upper() == "UNBOUNDED" else after
        )
    if places[0] == 2 or places[1] == -2 or places[0] > places[1]:
        raise stage.context.error("this window frame begins after its end", node)


_Bound = int | tuple[Value, int] | None
"""CURRENT ROW (0), an offset with its direction in the order, or UNBOUNDED."""


def _bound(stage: Stage, bound: object, side: object, node: exp.Expr) -> _Bound:
    text = bound if isinstance(bound, str) else bound.name if isinstance(bound, exp.Var) else ""
    if text.upper() == "CURRENT ROW":
        return 0
    if text.upper() == "UNBOUNDED":
        return None
    if not isinstance(bound, exp.Expr):
        raise stage.context.error("a window frame wants a number or an interval", node)
    value = stage.bind(bound)
    if not value.refs and not value.volatile and not value.is_constant and value.interval is None:
        value = constant(pl.select(value.expr).item(), value.dtype)
    if value.is_null or (isinstance(value.constant, (int, float, Decimal)) and value.constant < 0):
        raise stage.context.error("the offset of a window frame cannot be negative or NULL", node)
    return value, -1 if str(side or "").upper() == "PRECEDING" else 1


def _whole(stage: Stage, bound: _Bound, unit: str, node: exp.Expr) -> int | None:
    if not isinstance(bound, tuple):
        return bound
    value, direction = bound
    if value.is_text_literal and stage.dialect in _TEXT_IS_NUMBER and value.constant.strip().isdecimal():
        value = constant(int(value.constant), pl.Int64())
    if not isinstance(value.constant, int) or isinstance(value.constant, bool):
        raise stage.context.error(f"{unit.upper()} wants a whole number", node)
    return min(value.constant, _FAR) * direction


_TEXT_IS_NUMBER = frozenset({"postgres", "datafusion"})
"""ROWS BETWEEN '1' PRECEDING is known there."""
_FAR = 2**40
"""An offset beyond the rows of any table, with which positions can be calculated."""


_DAYS_OF_DATES = frozenset({"oracle", "spark", "databricks"})
"""A number is an offset of so many days there where the order is by a date."""


def _range(call: Call, key: SortKey, start: _Bound, end: _Bound, exclude: str) -> Frame:
    """Return a RANGE frame by what its key is at either end."""
    order = -1 if key.descending else 1
    moved = [
        _moved(call, key.value, b[0], b[1] * order) if isinstance(b, tuple) else None for b in (start, end)
    ]
    given = [m for m in moved if m is not None]
    same = alike(call, key.value, *given)
    bounds = iter(same[1:])
    ends = [next(bounds) if m is not None else b for m, b in zip(moved, (start, end), strict=True)]
    return Frame("range", ends[0], ends[1], exclude, same[0])  # type: ignore[arg-type]


def _moved(call: Call, key: Value, offset: Value, direction: int) -> Value:
    """Return the key so much further."""
    interval = offset.interval
    if interval is None and call.dialect in _DAYS_OF_DATES and is_temporal(key.dtype):
        interval = Interval(days=call.cast(offset, pl.Int64()).expr)
    if interval is not None and is_temporal(key.dtype):
        made = add_interval(call, key, interval, direction)
        parts = (interval.months, interval.days, interval.micros)
        return Value(_unless_negative(made.expr, *parts), made.dtype, key.refs | offset.refs)
    if interval is not None or not is_number(key.dtype) or not is_number(offset.dtype):
        raise call.error(f"RANGE over {shown(key.dtype)} cannot have an offset of {shown(offset.dtype)}")
    value, moved = alike(call, key, offset)
    if is_integer(value.dtype):
        value, moved = call.cast(value, pl.Int128()), call.cast(moved, pl.Int128())
    dtype = pl.Decimal(38, scale_of(value.dtype)) if is_decimal(value.dtype) else value.dtype
    expr = value.expr + moved.expr if direction > 0 else value.expr - moved.expr
    return Value(_unless_negative(expr, moved.expr), dtype, value.refs | moved.refs)


def _unless_negative(expr: pl.Expr, *offset: pl.Expr | int) -> pl.Expr:
    """Return NULL where a part of an offset is negative or NULL: that is an error when it runs."""
    return pl.when(pl.all_horizontal(pl.lit(p) >= 0 if isinstance(p, int) else p >= 0 for p in offset)).then(
        expr
    )
