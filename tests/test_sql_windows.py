"""Window functions and aggregates over random rows give what SQLite gives."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dwkit.sql import to_lazy

SCHEMA = {
    "id": pl.Int64,
    "g": pl.String,
    "h": pl.Int64,
    "o": pl.Int64,
    "v": pl.Int64,
    "r": pl.Float64,
    "s": pl.String,
}
few = st.none() | st.integers(0, 4)
rows = st.lists(
    st.tuples(
        st.none() | st.sampled_from("ab"), few, few, st.none() | st.integers(-50, 50),
        st.none() | st.sampled_from([0.5, 1.25, -3.0, 1e9, 7.0]), st.none() | st.sampled_from(["x", "y", "w", "zz"]),
    ),
    max_size=14,
).map(lambda found: [(n, *row) for n, row in enumerate(found)])  # fmt: skip

_AGGREGATES = (
    "sum(v)", "count(v)", "count(*)", "avg(v)", "min(v)", "max(v)", "sum(r)", "avg(r)", "min(r)", "max(s)", "min(s)",
    "total(v)", "sum(1)", "count(1)", "sum(v) filter (where o > 1)", "count(*) filter (where s = 'x')",
    "max(v) filter (where r > 1)", "avg(v + o)", "sum(case when o = 1 then v end)",
)  # fmt: skip
_OF_ORDER = (
    "row_number()", "lag(v)", "lead(v)", "lag(s, 2)", "lead(v, 2, -1)", "lag(v, o)", "ntile(3)", "ntile(1)",
    "group_concat(s)", "group_concat(s, '-')",
)  # fmt: skip
_PICKS = ("first_value(v)", "last_value(s)", "nth_value(v, 2)", "nth_value(s, 1)")
_RANKS = ("rank()", "dense_rank()", "percent_rank()", "cume_dist()")
_EXCLUDE = ("", " exclude current row", " exclude group", " exclude ties", " exclude no others")


@st.composite
def frames(draw: st.DrawFn, units: tuple[str, ...], offsets: tuple[str, ...]) -> str:
    """Return a frame clause, or none."""
    unit = draw(st.sampled_from(("", *units)))
    if not unit:
        return ""
    exclude = draw(st.sampled_from(_EXCLUDE))
    number = st.sampled_from(offsets)
    before = ["unbounded preceding", "current row", *([f"{draw(number)} preceding"] if offsets else [])]
    after = ["current row", "unbounded following", *([f"{draw(number)} following"] if offsets else [])]
    start, end = draw(st.sampled_from(before)), draw(st.sampled_from(after))
    if offsets:
        shape = draw(st.sampled_from(("around", "behind", "ahead")))
        if shape == "behind":
            start, end = f"{draw(number)} preceding", f"{draw(number)} preceding"
        elif shape == "ahead":
            start, end = f"{draw(number)} following", f"{draw(number)} following"
    return f" {unit} between {start} and {end}{exclude}"


@st.composite
def windows(draw: st.DrawFn) -> str:
    """Return a window function whose answer does not depend on the order of equal rows."""
    partition = draw(st.sampled_from(("", "partition by g", "partition by g, h", "partition by h % 2")))
    direction = draw(st.sampled_from(("", " desc", " nulls last", " desc nulls first")))
    key = draw(st.sampled_from(("o", "r", "s", "v", "h + o")))
    if draw(st.booleans()):  # every row has its own place
        function = draw(st.sampled_from(_AGGREGATES + _OF_ORDER + _PICKS + _RANKS))
        frame = draw(frames(("rows", "groups"), ("0", "1", "2", "5")))
        return f"{function} over ({partition} order by {key}{direction}, id{frame})"
    function = draw(st.sampled_from(_AGGREGATES + _RANKS))
    ordered = draw(st.booleans())
    if not ordered:
        return f"{draw(st.sampled_from(_AGGREGATES))} over ({partition})"
    numeric = key not in ("s",)
    frame = draw(
        frames(("groups",), ("0", "1", "3")) | frames(("range",), ("0", "1", "2.5", "10") if numeric else ())
    )
    return f"{function} over ({partition} order by {key}{direction}{frame})"


def _near(one: Any, other: Any) -> bool:
    if isinstance(one, float) or isinstance(other, float):
        return one is not None and other is not None and one == pytest.approx(other, rel=1e-9, abs=1e-9)
    return bool(one == other)


def _ours(sql: str, table: list[tuple[Any, ...]], engine: Any) -> list[tuple[Any, ...]]:
    frame = pl.LazyFrame(table, schema=SCHEMA, orient="row")
    return sorted(to_lazy(sql, {"t": frame}, "sqlite").collect(engine=engine).rows())


def _theirs(sql: str, table: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(":memory:")) as other:
        other.execute("create table t (id integer, g text, h integer, o integer, v integer, r real, s text)")
        other.executemany("insert into t values (?, ?, ?, ?, ?, ?, ?)", table)
        return sorted(other.execute(sql).fetchall())


@settings(deadline=None)
@given(rows, st.lists(windows(), min_size=1, max_size=4), st.sampled_from(["in-memory", "streaming"]))
def test_windows_are_as_in_sqlite(table: list[tuple[Any, ...]], functions: list[str], engine: str) -> None:
    sql = f"select id, {', '.join(functions)} from t"
    ours, theirs = _ours(sql, table, engine), _theirs(sql, table)
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        for function, a, b in zip(["id", *functions], one, other, strict=True):
            assert _near(a, b), f"{function} of row {one[0]}: {a!r}, SQLite has {b!r}"


_GROUPED = (
    *_AGGREGATES, "count(distinct v)", "sum(distinct o)", "count(distinct s) filter (where v > 0)", "avg(distinct o)", "min(s) filter (where v > 1000)", "sum(v > 0)", "max(o = 1)",
    "count(distinct o % 2)",
)  # fmt: skip


@settings(deadline=None)
@given(
    rows, st.lists(st.sampled_from(_GROUPED), min_size=1, max_size=5), st.sampled_from(["", "g", "g, h", "o % 2"]),
    st.sampled_from(["", " where v > 10", " where id < 0"]), st.sampled_from(["in-memory", "streaming"]),
)  # fmt: skip
def test_aggregates_are_as_in_sqlite(
    table: list[tuple[Any, ...]], functions: list[str], keys: str, where: str, engine: str
) -> None:
    keyed = f"{keys}, " if keys else ""
    grouped = f" group by {keys}" if keys else ""
    sql = f"select {keyed}{', '.join(functions)} from t{where}{grouped}"

    def sorted_(found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        number = keyed.count(",")
        return sorted(
            found,
            key=lambda row: [(k is None, k or 0 if not isinstance(k, str) else k) for k in row[:number]],
        )

    frame = pl.LazyFrame(table, schema=SCHEMA, orient="row")
    ours = sorted_(to_lazy(sql, {"t": frame}, "sqlite").collect(engine=engine).rows())  # type: ignore[call-overload]
    with closing(sqlite3.connect(":memory:")) as other:
        other.execute("create table t (id integer, g text, h integer, o integer, v integer, r real, s text)")
        other.executemany("insert into t values (?, ?, ?, ?, ?, ?, ?)", table)
        theirs = sorted_(other.execute(sql).fetchall())
    assert len(ours) == len(theirs)
    for one, other_row in zip(ours, theirs, strict=True):
        assert all(_near(a, b) for a, b in zip(one, other_row, strict=True)), (
            f"{one} of {sql}, SQLite has {other_row}"
        )
