"""Random queries over random tables: the rows of SQLite, and the same rows however the plan is optimised."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dwkit.model.statistics import ColumnStatistics, TableStatistics
from dwkit.sql import compile as compiling
from dwkit.sql import to_lazy
from dwkit.sql.bind import chosen, sources
from dwkit.sql.failure import collected
from dwkit.sql.lower.window import first
from dwkit.sql.optimise import codes, eager, pack, reread, thin

SLOW = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])

_NUMBER = st.one_of(st.none(), st.integers(-2, 4))
_WORD = st.one_of(st.none(), st.sampled_from(["a", "b", "ab", ""]))
_ROW = st.tuples(_NUMBER, _NUMBER, _WORD)
TABLES = st.fixed_dictionaries({"t": st.lists(_ROW, max_size=7), "u": st.lists(_ROW, max_size=7)})
_COLUMNS = {"x": pl.Int64(), "y": pl.Int64(), "s": pl.String()}


@st.composite
def scalar(draw: st.DrawFn, table: str, depth: int = 1) -> str:
    """Draw an expression of numbers over the columns of a table."""
    column = f"{table}.{draw(st.sampled_from('xy'))}"
    if depth == 0:
        return draw(st.sampled_from([column, "1", "2", "-1", "null"]))
    a, b = draw(scalar(table, depth - 1)), draw(scalar(table, depth - 1))
    return draw(
        st.sampled_from(
            [column, f"({a} + {b})", f"({a} - {b})", f"({a} * {b})", f"coalesce({a}, {b})", f"nullif({a}, {b})",
             f"case when {a} > {b} then {a} else {b} end", f"abs({a})", f"length({table}.s)", f"({a} % 3)"]
        )
    )  # fmt: skip


@st.composite
def condition(draw: st.DrawFn, table: str, depth: int = 2, other: str = "") -> str:
    """Draw a condition over a table; with another one, subqueries over that are among them."""
    a, b = draw(scalar(table)), draw(scalar(table))
    shapes = [
        f"{a} = {b}", f"{a} <> {b}", f"{a} < {b}", f"{a} >= {b}", f"{a} is null", f"{a} is not null",
        f"{a} in (1, 2, null)", f"{a} not in (0, 3)", f"{a} between 0 and {b}", f"{table}.s like 'a%'", f"{table}.s = 'b'",
        f"{a} not in (1, null)",
    ]  # fmt: skip
    if depth:
        left, right = draw(condition(table, depth - 1, other)), draw(condition(table, depth - 1, other))
        shapes += [f"({left} and {right})", f"({left} or {right})", f"not ({left})"] * 2
    if other:
        inner = draw(condition(other, 0))
        linked = draw(
            st.sampled_from(
                [f"{other}.x = {table}.x", f"{other}.y < {table}.y", inner, f"{other}.s = {table}.s"]
            )
        )
        shapes += [
            f"exists (select 1 from {other} where {linked})",
            f"not exists (select 1 from {other} where {linked} and {inner})",
            f"{a} in (select {other}.y from {other} where {linked})",
            f"{a} not in (select {other}.y from {other} where {inner})",
            f"{a} > (select max({other}.y) from {other} where {linked})",
            f"(select count(*) from {other} where {linked}) > 1",
        ] * 2
    return draw(st.sampled_from(shapes))


_PAIRS = ["{0}.x = {1}.x", "{0}.y = {1}.x", "{0}.s = {1}.s", "{0}.x = {1}.x and {0}.y <> {1}.y"]


def paired(draw: st.DrawFn, one: str, other: str) -> str:
    """Draw a condition between two tables."""
    return draw(st.sampled_from(_PAIRS)).format(one, other)


@st.composite
def chain(draw: st.DrawFn) -> str:
    """Draw a FROM of three tables (a, b, c) with WHERE: filters of one table mean something for the others."""
    kinds = ["join", "left join", "right join", "full join"]
    first, second = draw(st.sampled_from(kinds)), draw(st.sampled_from(kinds))
    near = draw(st.sampled_from("ab"))
    ons = paired(draw, "a", "b"), paired(draw, near, "c")
    where = draw(condition(draw(st.sampled_from("abc")), draw(st.integers(0, 1))))
    return f"t a {first} u b on {ons[0]} {second} t c on {ons[1]} where {where}"


@st.composite
def over_joins(draw: st.DrawFn) -> str:
    """Draw a condition over t with a subquery over a join, which needs no pairs, or of one row."""
    join = f"t a {draw(st.sampled_from(['join', 'left join']))} u b on {paired(draw, 'a', 'b')}"
    where = f"where {draw(condition(draw(st.sampled_from('ab')), 0))}"
    where += draw(st.sampled_from(["", " and b.y = t.y", " and a.x < t.x"]))
    column = draw(st.sampled_from(["a.x", "b.y"]))
    inside = f"select {draw(st.sampled_from(['', 'distinct ']))}{column} from {join} {where}"
    derived = f"select d.v from (select {column} as v, a.s from {join}) d where d.s is not null"
    return draw(
        st.sampled_from(
            [f"t.x in ({inside})", f"t.y not in ({inside})", f"exists ({inside})", f"not exists ({inside})",
             f"t.x in ({derived})", f"t.x = (select max({column}) from {join} {where})",
             f"t.x = (select {column} from {join} {where} order by 1 limit 1)",
             f"t.y in (with c as ({inside}) select p.x from c p join c q on p.x = q.x)".replace(f"{column} from", f"{column} as x from", 1)]
        )
    )  # fmt: skip


@st.composite
def aggregates_of_one(draw: st.DrawFn) -> str:
    """Draw aggregates over the same tables with different filters, as subqueries for a value or in FROM."""
    joined = draw(st.booleans())
    source = f"t join u on {paired(draw, 't', 'u')}" if joined else "t"
    items = ["count(*)", "sum(t.y)", "min(t.x)", "max(t.s)", "count(distinct t.y)", "avg(t.y)", "sum(t.x * 2 + t.y)",
             "count(t.s)", "count(*) filter (where t.y > 0)"]  # fmt: skip
    items += [] if joined else ["group_concat(t.x)"]  # in the order of the rows
    common = draw(condition("t", 0))
    parts = []
    for number in range(draw(st.integers(2, 4))):
        own = draw(condition(draw(st.sampled_from("tu" if joined else "t")), draw(st.integers(0, 1))))
        where = draw(
            st.sampled_from([own, f"{common} and {own}", f"{own} and t.x >= 0", "t.y = 1", "t.x < 2"])
        )
        where = f"where {where}" if draw(st.integers(0, 4)) else ""
        parts.append(f"select {draw(st.sampled_from(items))} as v{number} from {source} {where}")
    if draw(st.booleans()):
        return f"select {', '.join(f'({p})' for p in parts)}"
    return f"select * from {', '.join(f'({p}) d{n}' for n, p in enumerate(parts))}"


@st.composite
def asked(draw: st.DrawFn) -> str:
    """Draw a query of a join with a correlated aggregate over one of its tables."""
    on = draw(
        st.sampled_from(["a.x = b.x", "a.x = b.x and a.y < b.y", "b.y = a.x", "a.x = b.x and a.s = b.s"])
    )
    key = draw(st.sampled_from(["a.x", "b.x", "b.y"]))
    item = draw(
        st.sampled_from(["max(c.y)", "min(c.y)", "sum(c.y)", "count(*)", "count(c.y) + 1", "avg(c.y)"])
    )
    inside = f"t c join u d on {paired(draw, 'c', 'd')}" if draw(st.booleans()) else "t c"
    own = draw(st.sampled_from(["", f" and {draw(condition('c', 1))}"]))
    subquery = f"(select {item} from {inside} where c.x = {key}{own})"
    shape = draw(st.sampled_from(["a.y > {}", "a.y = {}", "{} is null", "{} >= 1"]))
    where = draw(st.sampled_from(["", f" and {draw(condition('a', 0))}", f" and {draw(condition('b', 0))}"]))
    return f"select a.x, a.y, b.s from t a join u b on {on} where {shape.format(subquery)}{where}"


@st.composite
def star(draw: st.DrawFn) -> str:
    """Draw aggregates over a join of three tables, by columns of any of them."""
    items = draw(
        st.sampled_from(
            ["sum(a.y), count(*)", "count(a.y), min(a.s)", "avg(a.y), max(a.x)", "count(distinct a.y), sum(a.x)",
             "count(*) filter (where a.y > 0), sum(a.y) filter (where a.x = 1)",
             "sum(case when b.y > 0 then a.y end), sum(case b.s when 'a' then 0 when 'b' then a.x else a.y end)",
             "sum(case when b.y > c.x then a.y else 0 end), count(*), sum(a.y)", "sum(case when a.y > 0 then a.y end)"]
        )
    )  # fmt: skip
    keys = draw(st.sampled_from(["b.s", "b.s, c.s", "c.y + b.y", "a.x, b.y", "coalesce(b.s, c.s)"]))
    joins = f"t a join u b on {paired(draw, 'a', 'b')} join u c on {paired(draw, 'a', 'c')}"
    return f"select {keys}, {items} from {joins} group by {keys}"


@st.composite
def read_again(draw: st.DrawFn) -> str:
    """Draw a query whose subqueries look into a table that it reads itself, by the keys that it is joined on."""
    key, other = draw(st.sampled_from([("x", "x"), ("s", "s"), ("y", "x")]))
    asked = draw(st.sampled_from([f"a.{key}", f"b.{other}"]))
    mine = draw(st.sampled_from(["", " and a.y > 0", " and b.s is not null", f" and a.{key} = 1"]))
    theirs = draw(st.sampled_from(["", " and c.y > 0", " and c.s is null"]))
    inner = draw(st.sampled_from(["max(c.y)", "sum(c.y)", "count(*)", "min(c.x) + count(c.s)"]))
    table = draw(st.sampled_from(["t c", "u c", "t c join u d on c.x = d.x"]))
    first = f"a.y <= (select {inner} from {table} where c.{key} = {asked}{theirs})"
    op = draw(st.sampled_from(["<>", "<", ">="]))
    word, again = draw(st.sampled_from(["", "not "])), draw(st.sampled_from(["", "not "]))
    second = f"{word}exists (select 1 from t e where e.{key} = {asked} and e.y {op} a.y)"
    third = f"{again}exists (select 1 from t f where f.{key} = {asked} and f.y {op} a.y and f.x > 0)"
    where = draw(
        st.sampled_from([first, f"{second} and {third}", f"{first} and {second}", f"{second} and {first}"])
    )
    joined = draw(st.sampled_from(["join", "join", "left join"]))
    return f"select a.x, a.y, a.s, b.s from t a {joined} u b on a.{key} = b.{other} where {where}{mine}"


@st.composite
def left_group(draw: st.DrawFn) -> str:
    """Draw a query of groups of a table with aggregates of another, of which some have no row."""
    items = draw(
        st.sampled_from(
            ["count(u.y)", "sum(u.y), count(u.x)", "max(u.s), min(u.y)", "avg(u.y), count(*)", "sum(coalesce(u.y, 1))",
             "count(u.y) filter (where u.x > 0)", "count(coalesce(u.y, 0)), sum(u.x)", "count(u.y), sum(t.y)"]
        )
    )  # fmt: skip
    keys = draw(st.sampled_from(["t.x", "t.s", "t.x, t.y", "t.x + 1"]))
    on = draw(
        st.sampled_from(["t.x = u.x", "t.s = u.s and u.y > 0", "t.x = u.x and t.s = u.s", "t.x + 1 = u.y"])
    )
    return f"select {keys}, {items} from t left join u on {on} group by {keys}"


@st.composite
def query(draw: st.DrawFn) -> str:
    """Draw a query: joins, subqueries, groups, set operations."""
    where = draw(condition("t", 2, "u"))
    kinds = [
        "plain",
        "join",
        "group",
        "joined group",
        "set",
        "scalar",
        "derived",
        "chain",
        "over joins",
        "star",
        "one scan",
        "asked",
        "keys",
        "window",
        "read again",
        "distinct",
        "left group",
    ]
    kind = draw(st.sampled_from(kinds))
    value = draw(scalar("t"))
    if kind == "chain":
        return f"select a.x, a.s, b.y, b.s, c.x, c.s from {draw(chain())}"
    if kind == "over joins":
        return f"select t.x, t.y, t.s from t where {draw(over_joins())}"
    if kind == "one scan":
        return draw(aggregates_of_one())
    if kind == "asked":
        return draw(asked())
    if kind == "read again":
        return draw(read_again())
    if kind == "distinct":
        keys = draw(
            st.sampled_from(["b.s", "a.x, b.s", "b.s, c.s", "a.x, b.y", "a.y", "coalesce(b.s, c.s), b.y"])
        )
        word = draw(st.sampled_from(["", "union", "intersect", "except", "union all"]))
        parts = [
            f"select {draw(st.sampled_from(['', 'distinct ']))}{keys} from t a join u b on {paired(draw, 'a', 'b')} "
            f"join u c on {paired(draw, 'a', 'c')} where {draw(condition(draw(st.sampled_from('abc')), 0))}"
            for _ in range(draw(st.integers(2, 3)) if word else 1)
        ]
        return f" {word} ".join(parts)
    if kind == "star":
        return draw(star())
    if kind == "keys":
        keys = draw(st.sampled_from(["d.x, d.y", "d.y, d.x, d.z", "d.x, d.z, d.s", "d.z, d.x"]))
        having = draw(st.sampled_from(["", "", "having d.x > 0"]))
        rows = "select t.x, t.s, t.y, coalesce(u.x, u.y) as z from t left join u on t.s = u.s"
        rows = draw(
            st.sampled_from([rows, "select x, s, y, x as z from t union all select y, s, x, 9 from u"])
        )
        return f"select {keys}, count(*), sum(d.x + d.z) from ({rows}) d group by {keys} {having}"
    if kind == "window":
        function = draw(st.sampled_from(["rank()", "sum(t.x)", "max(t.y)", "count(*)", "dense_rank()"]))
        by = draw(
            st.sampled_from(["t.x order by t.y desc", "t.y, t.x order by t.x", "t.s order by t.y, t.x desc"])
        )
        nulls = draw(st.sampled_from(["", " nulls first", " nulls last"]))
        if draw(st.booleans()):
            function = draw(st.sampled_from(["rank()", "row_number()"]))
            ranked = f"select x, y, s, {function} over (partition by {by}{nulls}, t.s, t.y, t.x) as r from t"
            return f"select * from ({ranked}) d where d.r {draw(st.sampled_from(['= 1', '<= 2', '< 4']))}"
        return f"select t.x, t.y, t.s, {function} over (partition by {by}{nulls}) from t"
    if kind == "plain":
        return f"select t.x, t.s, {value} as v from t where {where}"
    join = draw(st.sampled_from(["join", "left join", "cross join", "right join", "full join"]))
    on = draw(
        st.sampled_from(
            [
                "t.x = u.x",
                "t.x = u.x and t.y < u.y",
                "t.s = u.s and u.y > 0",
                "t.y <= u.x",
                "t.x = u.x and t.y = 1",
            ]
        )
    )
    on = "" if join == "cross join" else f"on {on}"
    if kind == "join":
        return f"select t.x, u.y, t.s, u.s from t {join} u {on} where {draw(condition('t', 1))}"
    aggregate = draw(
        st.sampled_from(
            ["count(*)", "sum(t.y)", "min(t.y)", "max(t.s)", "count(distinct t.y)", "sum(t.x * 2)"]
        )
    )
    if kind == "group":
        having = draw(st.sampled_from(["", "having count(*) > 1", f"having {aggregate} is not null"]))
        return f"select t.s, {aggregate} as a from t where {where} group by t.s {having}"
    if kind == "left group":
        return draw(left_group())
    if kind == "joined group":
        return f"select u.s, {aggregate} as a, count(*) as n from t {join} u {on} group by u.s"
    if kind == "set":
        word = draw(st.sampled_from(["union", "union all", "intersect", "except"]))
        return f"select t.x, t.s from t where {where} {word} select u.y, u.s from u where {draw(condition('u', 1))}"
    if kind == "scalar":
        linked = draw(st.sampled_from(["u.x = t.x", "u.y > t.y", "u.s = t.s and u.x = t.x", "1 = 1"]))
        inner = draw(st.sampled_from(["count(*)", "sum(u.y)", "max(u.x)", "min(u.s)"]))
        return f"select t.x, (select {inner} from u where {linked}) as v from t where {where}"
    return f"select d.a, count(*) as n from (select {value} as a from t where {where}) d group by d.a"


def frames(tables: Mapping[str, list[tuple[Any, ...]]]) -> dict[str, pl.LazyFrame]:
    return {n: pl.LazyFrame(rows, schema=_COLUMNS, orient="row") for n, rows in tables.items()}


def in_sqlite(tables: Mapping[str, list[tuple[Any, ...]]], sql: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(":memory:") as base:
        for name, rows in tables.items():
            base.execute(f"create table {name} (x integer, y integer, s text)")
            base.executemany(f"insert into {name} values (?, ?, ?)", rows)
        return base.execute(sql).fetchall()


def order(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=lambda row: tuple((v is None, str(type(v)), v) for v in row))


@SLOW
@given(TABLES, query())
def test_rows_are_those_of_sqlite(tables: dict[str, list[tuple[Any, ...]]], sql: str) -> None:
    if sqlite3.sqlite_version_info < (3, 39) and ("right join" in sql or "full join" in sql):
        return
    assert order(collected(to_lazy(sql, frames(tables), "sqlite")).rows()) == order(in_sqlite(tables, sql))


@SLOW
@given(TABLES, st.one_of(query(), star()))
def test_an_optimised_plan_gives_the_same_rows(tables: dict[str, list[tuple[Any, ...]]], sql: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiling, "in_one_scan", lambda _, plan: plan)
        patch.setattr(reread, "_REDUCES", 1e9)
        plain = order(collected(to_lazy(sql, frames(tables), "sqlite")).rows())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(eager, "_SMALL", 0)
        patch.setattr(eager, "_WORTH", 0)
        patch.setattr(chosen, "_WHOLE", 19)
        patch.setattr(first, "_WORTH", 0)
        patch.setattr(codes, "_WORTH", 0)
        patch.setattr(reread, "_REDUCES", 0)
        patch.setattr(thin, "_MANY", 0)
        patch.setattr(thin, "_SMALL", 0)
        patch.setattr(pack, "_SMALL", 0)
        patch.setattr(thin, "_WORTH", 0)
        patch.setattr(thin, "_UNIQUE", 2)
        patch.setattr(sources, "_SELECTIVE", 1e9)
        patch.setattr(eager, "_reduces", lambda *_: False)
        known = {
            n: TableStatistics(len(rows), {"x": ColumnStatistics(-2, 4), "y": ColumnStatistics(-2, 4)})
            for n, rows in tables.items()
        }
        made = collected(to_lazy(sql, frames(tables), "sqlite", statistics=known.get)).rows()
    assert order(made) == plain


def test_a_table_that_a_query_and_its_subqueries_read_by_one_key_is_read_once() -> None:
    rows = [(n % 100, n % 7, "a") for n in range(5000)]
    tables = {"t": rows, "u": [(n, 0, str(n)) for n in range(100)]}
    known = {n: TableStatistics(len(r), {"x": ColumnStatistics(0, 99)}) for n, r in tables.items()}
    own = "select a.y from t a, u where a.x = u.x and u.s = '7' and a.y < (select avg(b.y) from t b where b.x = u.x)"
    twice = (
        "select u.x from u where u.s = '7' and exists (select 1 from t b where b.x = u.x and b.y <> u.y)"
        " and not exists (select 1 from t c where c.x = u.x and c.y > u.y and c.y > 6)"
    )
    for sql in (own, twice):
        lazy = to_lazy(sql, frames(tables), statistics=known.get)
        assert lazy.explain().count("DF [") == len(tables)
        assert order(collected(lazy).rows()) == order(in_sqlite(tables, sql))


def test_each_with_each_of_no_rows_is_no_group() -> None:
    sql = "select u.s, count(*) from t cross join u group by u.s"
    assert collected(to_lazy(sql, frames({"t": [], "u": [(1, 1, "a")]}), "sqlite")).is_empty()
