"""Joins of all kinds."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from dwkit.sql.lower.order import packed_pair
from dwkit.sql.plan import Condition, Join
from dwkit.sql.value import Value

__all__ = ["join"]

_ROW = "dwkit:row"
_OTHER = "dwkit:other"
_KEY = "dwkit:key"
_DIGITS = 38
"""The most that a decimal can have."""


def join(left: pl.LazyFrame, right: pl.LazyFrame, plan: Join) -> pl.LazyFrame:
    """Return the rows of two frames joined as a node says; all their columns have names of their own."""
    if plan.kind in ("asof", "asof_left"):
        from dwkit.sql.lower.asof import asof

        return asof(left, right, plan)
    keys, rest = _keys(plan)
    if plan.kind == "inner":
        return _inner(left, right, keys, rest)
    if not rest:
        return _equal(left, right, keys, plan.kind) if keys else _cross(left, right, plan)
    columns = plan.right.given
    one_sided = [c for c in rest if c.value.refs <= columns]
    if one_sided and plan.kind in ("left", "semi", "anti"):
        # What only the right side must meet is met before it is joined.
        right = right.filter(*(c.value.expr for c in one_sided))
        rest = [c for c in rest if c not in one_sided]
        if not rest:
            return _equal(left, right, keys, plan.kind) if keys else _cross(left, right, plan)
    return _residual(left, right, plan, keys, rest)


_Keys = list[tuple[pl.Expr, pl.Expr, bool]]


def _keys(plan: Join) -> tuple[_Keys, list[Condition]]:
    """Return the equalities of one side with the other (and whether NULL equals NULL), and all other conditions."""
    left, right = plan.left.given, plan.right.given
    keys: _Keys = []
    pairs: list[tuple[Value, Value]] = []
    rest: list[Condition] = []
    for condition in plan.on:
        a, b = condition.left, condition.right
        if condition.op in ("=", "is") and a is not None and b is not None and a.refs and b.refs:
            if a.refs <= left and b.refs <= right:
                keys.append((*_alike(a, b), condition.op == "is"))
                pairs.append((a, b))
                continue
            if b.refs <= left and a.refs <= right:
                keys.append((*_alike(b, a), condition.op == "is"))
                pairs.append((b, a))
                continue
        rest.append(condition)
    if plan.kind == "full" and len(keys) > 1 and not rest and not any(nulls for _, _, nulls in keys):
        # Other joins filter either side by each key of the other.
        one = packed_pair(pairs, plan.left, plan.right)
        if one is not None:
            return [(*one, False)], rest
    keys = _once(keys)
    if len({nulls for _, _, nulls in keys}) > 1:
        # One join has one rule for NULLs: the few that differ are made alike by a marked key.
        keys = [k for pair in keys for k in ([(pair[0], pair[1], True)] if pair[2] else _without_nulls(pair))]
    return keys, rest


def _alike(left: Value, right: Value) -> tuple[pl.Expr, pl.Expr]:
    """Return both sides of an equality; Polars compares decimals of different precision, but does not join by them.

    A column may have more digits than its type tells, which is what its values need.
    """
    if isinstance(left.dtype, pl.Decimal) and isinstance(right.dtype, pl.Decimal):
        plain = left.expr.meta.is_column() and right.expr.meta.is_column()
        if not plain or not left.dtype.precision == right.dtype.precision == _DIGITS:
            wide = pl.Decimal(_DIGITS, max(left.dtype.scale, right.dtype.scale))
            return left.expr.cast(wide), right.expr.cast(wide)
    return left.expr, right.expr


def _once(keys: _Keys) -> _Keys:
    """Return the keys without repetitions, which Polars does not take: what is equal is the same as well."""
    kept: _Keys = []
    for a, b, nulls in sorted(keys, key=lambda k: k[2]):
        if not any(a.meta.eq(x) and b.meta.eq(y) for x, y, _ in kept):
            kept.append((a, b, nulls))
    return kept


def _without_nulls(key: tuple[pl.Expr, pl.Expr, bool]) -> _Keys:
    """``=`` where NULL equals NULL for the other keys: a NULL gets a partner that is on the other side only."""
    a, b, _ = key
    return [
        (a, b, True),
        (
            a.is_null(),
            pl.when(b.is_null()).then(pl.lit(None, dtype=pl.Boolean)).otherwise(pl.lit(False)),
            True,
        ),
    ]


def _equal(left: pl.LazyFrame, right: pl.LazyFrame, keys: _Keys, how: str) -> pl.LazyFrame:
    computed = any(not key.meta.is_column() for pair in keys for key in pair[:2])
    called = {tuple(k.meta.output_name(raise_if_undetermined=False) for k in pair[:2]) for pair in keys}
    struct = any(".alias(" in str(key) for pair in keys for key in pair[:2])
    if (
        struct or len(called) < len(keys) or (computed and len(keys) == 1)
    ):  # Polars knows no struct in a key, nor two keys of the same names
        names = [f"{_KEY}{n}" for n in range(2 * len(keys))]
        left = left.with_columns(a.alias(n) for (a, _, _), n in zip(keys, names, strict=False))
        right = right.with_columns(b.alias(n) for (_, b, _), n in zip(keys, names[len(keys) :], strict=True))
        plain = [(pl.col(a), pl.col(b), keys[0][2]) for a, b in zip(names, names[len(keys) :], strict=False)]
        return _equal(left, right, plain, how).drop(names, strict=False)
    return left.join(
        right, left_on=[a for a, _, _ in keys], right_on=[b for _, b, _ in keys], how=how,  # type: ignore[arg-type]
        nulls_equal=keys[0][2], coalesce=False, maintain_order="none",
    )  # fmt: skip


def _cross(left: pl.LazyFrame, right: pl.LazyFrame, plan: Join) -> pl.LazyFrame:
    """A join without any condition: each with each; a side without partners stays where it is an outer join."""
    if plan.kind in ("semi", "anti"):
        exists = right.select(pl.len().alias(_OTHER))
        kept = left.join(exists, how="cross").filter((pl.col(_OTHER) > 0) == (plan.kind == "semi"))
        return kept.drop(_OTHER)
    left, right = (
        left.with_columns(pl.lit(1, dtype=pl.Int8).alias(_ROW)),
        right.with_columns(pl.lit(1, dtype=pl.Int8).alias(_OTHER)),
    )
    return _equal(left, right, [(pl.col(_ROW), pl.col(_OTHER), False)], plan.kind).drop(_ROW, _OTHER)


def _inner(left: pl.LazyFrame, right: pl.LazyFrame, keys: _Keys, rest: list[Condition]) -> pl.LazyFrame:
    if keys:
        return _filtered(_equal(left, right, keys, "inner"), rest)
    ranges = [
        c
        for c in rest
        if c.op in ("<", "<=", ">", ">=")
        and c.left is not None
        and c.right is not None
        and c.left.refs
        and c.right.refs
    ]
    if ranges and all(_two_sided(c, left, right) for c in ranges):
        return _filtered(
            left.join_where(right, *(c.value.expr for c in ranges)), [c for c in rest if c not in ranges]
        )
    return _filtered(left.join(right, how="cross"), rest)


def _two_sided(condition: Condition, left: pl.LazyFrame, right: pl.LazyFrame) -> bool:
    assert condition.left is not None
    assert condition.right is not None
    names = frozenset(left.collect_schema().names())
    a, b = condition.left.refs, condition.right.refs
    return (a <= names and not b & names) or (b <= names and not a & names)


def _filtered(frame: pl.LazyFrame, conditions: Iterable[Condition]) -> pl.LazyFrame:
    exprs = [c.value.expr for c in conditions]
    return frame.filter(*exprs) if exprs else frame


def _residual(
    left: pl.LazyFrame, right: pl.LazyFrame, plan: Join, keys: _Keys, rest: list[Condition]
) -> pl.LazyFrame:
    """An outer, semi or anti join with more than equalities: the pairs are found first, then the rows without one."""
    numbered = left.with_row_index(_ROW).cache()
    others = right.with_row_index(_OTHER).cache() if plan.kind in ("right", "full") else right
    pairs = _inner(numbered, others, keys, rest)
    if plan.kind in ("semi", "anti"):
        return numbered.join(pairs.select(_ROW).unique(), on=_ROW, how=plan.kind).drop(_ROW)
    parts = [pairs]
    if plan.kind in ("left", "full"):
        parts.append(numbered.join(pairs.select(_ROW), on=_ROW, how="anti"))
    if plan.kind in ("right", "full"):
        parts.append(others.join(pairs.select(_OTHER), on=_OTHER, how="anti"))
    return pl.concat(parts, how="diagonal").select(*plan.left.columns, *plan.right.columns)
