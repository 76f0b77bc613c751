"""ORDER BY, LIMIT, OFFSET, FETCH, TOP."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from sqlglot import exp

from dwkit.sql.bind.expressions import Stage
from dwkit.sql.bind.resolve import resolve
from dwkit.sql.functions.elements import nulls_greatest
from dwkit.sql.plan import Limit, Plan
from dwkit.sql.value import Value
from dwkit.sql.window import SortKey

__all__ = ["is_all", "limited", "ordinal", "sort_key", "sort_keys"]


def ordinal(node: exp.Expr) -> int | None:
    """Return the number of a column that ``ORDER BY 2`` or ``GROUP BY 2`` means, from 1; None for other things."""
    if isinstance(node, exp.Literal) and not node.is_string and node.this.isdigit():
        return int(node.this)
    return None


def sort_key(stage: Stage, ordered: exp.Expr, value: Value) -> SortKey:
    """Return a key with the direction and the place of NULLs that the dialect gives it.

    Raises:
        SqlError: it is JSON, which is text here, where the dialect sorts it by what it holds.
    """
    if value.json and stage.dialect not in ("duckdb", "sqlite"):
        raise stage.context.refuse("ORDER BY of JSON", ordered, "cast it, as in v::int")
    descending, nulls_last = bool(ordered.args.get("desc")), not ordered.args.get("nulls_first")
    greatest = stage.dialect in _NULL_IS_GREATEST
    if stage.dialect == "datafusion":  # NULLs inside go where those outside do
        greatest = descending != nulls_last
    if greatest and value.dtype.is_nested():
        value = value.as_(nulls_greatest(value.expr, value.dtype), value.dtype)
    return SortKey(value, descending, nulls_last)


_NULL_IS_GREATEST = frozenset({"duckdb", "postgres"})
"""A NULL inside a list or a struct is greater than any value there; Polars sorts it as less."""


def sort_keys(
    stage: Stage, order: exp.Expr | None, outputs: Sequence[tuple[str, Value]]
) -> tuple[SortKey, ...]:
    """Bind an ORDER BY over the columns of a result: by name, by number, or expressions of them."""
    if order is None:
        return ()
    keys: list[SortKey] = []
    for ordered in order.expressions:
        node = ordered.this
        number = ordinal(node)
        if number is not None:
            if not 1 <= number <= len(outputs):
                raise stage.context.error(f"ORDER BY {number}: there are {len(outputs)} columns", node)
            keys.append(sort_key(stage, ordered, outputs[number - 1][1]))
        elif _is_all(node, stage):
            keys += [sort_key(stage, ordered, value) for _, value in outputs]
        elif isinstance(node, exp.Collate) and ordinal(node.this) is not None:
            raise stage.context.refuse("COLLATE of the number of a column here", ordered)
        else:
            keys.append(sort_key(stage, ordered, stage.bind(resolve(node, stage.scope, stage.context))))
    return tuple(keys)


def is_all(node: exp.Expr) -> bool:
    """Whether a node is the word ALL."""
    named = (isinstance(node, exp.Column) and len(node.parts) == 1) or isinstance(node, exp.Var)
    return named and node.name.upper() == "ALL"


def _is_all(node: exp.Expr, stage: Stage) -> bool:
    return is_all(node) and not stage.scope.find(node.name)


def limited(
    stage: Stage, plan: Plan, limit: exp.Expr | None, offset: exp.Expr | None, keys: tuple[SortKey, ...]
) -> Plan:
    """Add LIMIT and OFFSET to a plan that is in the order of some keys.

    Raises:
        SqlError: a limit that is no number from 0.
    """
    count: float | None = None
    ties = percent = False
    start = 0
    if isinstance(limit, exp.Fetch):
        count_node = limit.args.get("count")
        options = limit.args.get("limit_options")
        ties = bool(options and options.args.get("with_ties"))
        percent = bool(options and options.args.get("percent"))
        count = 1 if count_node is None else _number(stage, count_node)
    elif limit is not None:
        options = limit.args.get("limit_options")
        ties = bool(options and options.args.get("with_ties"))
        percent = bool(options and options.args.get("percent"))
        node = limit.expression
        if isinstance(node, exp.Mod):  # LIMIT 10 %
            node, percent = node.this, True
        if not (isinstance(node, exp.Column) and node.name.upper() == "ALL"):
            count = _number(stage, node)
        if limit.args.get("offset") is not None:
            start = int(_number(stage, limit.args["offset"]) or 0)
    if offset is not None:
        start = int(_number(stage, offset.expression) or 0)
    start = min(start, _MOST_ROWS)
    if count is not None and count > _MOST_ROWS and not percent:
        count = None
    if count is None and not start:
        return plan
    if percent and count is not None and stage.context.dialect == "duckdb":
        return Limit(plan, count, start, keys, ties, percent, floors=True)
    return Limit(plan, count, start, keys, ties, percent)


_MOST_ROWS = 2**32 - 2
"""That a frame of Polars can have."""


def _number(stage: Stage, node: exp.Expr) -> float | None:
    if isinstance(node, exp.Query):
        return _looked_up(stage, node)
    value = stage.bind(node)
    if value.is_null:
        return None
    number = value.constant
    if not value.is_constant and not value.refs and not value.volatile:
        number = pl.select(value.expr).item()
        if number is None:
            return None
    if isinstance(number, bool) or (not isinstance(number, (int, float)) and not hasattr(number, "as_tuple")):
        raise stage.context.error("LIMIT and OFFSET want a number", node)
    if number == float("inf"):
        raise stage.context.error("LIMIT and OFFSET want a finite number", node)
    if number < 0:
        if stage.dialect == "sqlite":
            return None
        raise stage.context.error(f"LIMIT and OFFSET cannot be {number}", node)
    return float(number) if number != int(number) else int(number)


def _looked_up(stage: Stage, node: exp.Expr) -> float | None:
    """Return the number that a subquery in LIMIT gives; it is asked at once, as the plan depends on it."""
    from dwkit.sql.failure import collected
    from dwkit.sql.lower import lowered

    bound = stage.query.query(node.copy())
    if bound.plan.outer or len(bound.fields) != 1:
        raise stage.context.refuse("this subquery in LIMIT", node)
    stage.context.volatile.append("the LIMIT that was looked up")
    rows = collected(lowered(bound.plan).head(2)).get_column(bound.fields[0].id)
    if len(rows) > 1:
        raise stage.context.error("the subquery in LIMIT gives more than one row", node)
    found = rows[0] if len(rows) else None
    return None if found is None else float(found)
