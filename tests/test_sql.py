"""SQL over frames: the rows that SQL means, or a clear refusal."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from dwkit.errors import SqlError
from dwkit.model.statistics import ColumnStatistics, TableStatistics
from dwkit.sql import to_lazy
from dwkit.sql.failure import collected
from dwkit.sql.optimise import eager

TABLES = {
    "t": pl.LazyFrame(
        {
            "k": [1, 2, 3, 4, 5],
            "g": ["a", "a", "b", "b", None],
            "v": [1, 3, 2, None, 5],
            "d": [date(2026, 1, 31), date(2026, 2, 28), date(2025, 12, 29), date(2024, 2, 29), None],
        }
    ),
    "u": pl.LazyFrame({"v": [1, 2, 2, 7], "w": [10, 20, 21, 70]}),
}


def rows(sql: str, dialect: str = "duckdb") -> list[tuple[Any, ...]]:
    found = to_lazy(sql, TABLES, dialect).collect().rows()
    return sorted(found, key=lambda r: tuple((v is None, v) for v in r))


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select 1 where false", []),
        ("select (select v from t where false)", [(None,)]),
        ("select sum(v), count(v), count(*) from t", [(11, 4, 5)]),
        ("select sum(v) from t where false", [(None,)]),
        ("select g, max(v) from t group by g having count(*) > 1", [("a", 3), ("b", 2)]),
        ("select k from t where v not in (select v from u)", [(2,), (5,)]),
        ("select k from t where exists (select 1 from u where u.v = t.v and u.w > 10)", [(3,)]),
        (
            "select k, (select sum(w) from u where u.v < t.v) from t where k < 4",
            [(1, None), (2, 51), (3, 10)],
        ),
        ("select k from t where v > all (select v from u where v < 5)", [(2,), (5,)]),
        (
            "select k from t qualify row_number() over (partition by g order by v desc) = 1",
            [(2,), (3,), (5,)],
        ),
        ("select cast(1.005 as decimal(10,2)), cast(-2.5 as int)", [(Decimal("1.01"), -3)]),
        ("select log(100), log10(10), log2(8), log(3, 9)", [(2.0, 1.0, 3.0, 2.0)]),
        ("select round(2.5), 7 / 2, 7 // 2, -7 % 3", [(Decimal(3), 3.5, 3, -1)]),
        ("select date_diff('month', d, date '2026-03-01') from t where k < 3", [(1,), (2,)]),
        ("select v from t except select v from u", [(3,), (5,), (None,)]),
        ("select t.k, u.w from t right join u on t.v < u.v where t.k = 5", [(5, 70)]),
        ("select t.k, u.w from t left join u on t.v < u.v where t.k >= 4", [(4, None), (5, 70)]),
        (
            "select k, w from t, lateral (select w from u where u.v = t.v) x where k < 4",
            [(1, 10), (3, 20), (3, 21)],
        ),
        ("select * from (select g, v from t) pivot (sum(v) for g in ('a', 'b'))", [(4, 2)]),
    ],
)
def test_rows(sql: str, expected: list[tuple[Any, ...]]) -> None:
    assert rows(sql) == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select * from t join u using (v)", [("k", "g", "v", "d", "w"), 3]),
        ("select * exclude (d, g) from t join u using (v)", [("k", "v", "w"), 3]),
        ("select * rename (w as weight) from u join t using (v)", [("v", "weight", "k", "g", "d"), 3]),
        ("select * replace (w + 1 as w) from u natural join t", [("v", "w", "k", "g", "d"), 3]),
        ("select * from u semi join t using (v)", [("v", "w"), 3]),
    ],
)
def test_using_leaves_one_column(sql: str, expected: list[Any]) -> None:
    found = to_lazy(sql, TABLES).collect()
    assert [tuple(found.columns), found.height] == expected


def test_using_puts_the_columns_first_where_the_dialect_does() -> None:
    assert to_lazy("select * from t join u using (v)", TABLES, "postgres").collect().columns[0] == "v"


@pytest.mark.parametrize(
    ("side", "expected"),
    [
        ("", [(1, 10), (2, 20), (2, 21)]),
        ("left", [(1, 10), (2, 20), (2, 21), (3, None), (5, None), (None, None)]),
        ("right", [(1, 10), (2, 20), (2, 21), (7, 70)]),
        ("full", [(1, 10), (2, 20), (2, 21), (3, None), (5, None), (7, 70), (None, None)]),
    ],
)
def test_the_column_of_using_has_the_value_of_either_side(side: str, expected: list[Any]) -> None:
    assert rows(f"select v, w from t {side} join u using (v)") == expected
    counted = rows(f"select v, count(*) from t {side} join u using (v) group by v")
    assert [c[0] for c in counted] == list(dict.fromkeys(e[0] for e in expected))


@pytest.mark.parametrize(
    ("sql", "place", "words"),
    [
        ("select * from t positional join u", "", "POSITIONAL JOIN is not supported"),
        ("select k from t where sum(v) > 1", "column 23", "an aggregate cannot stand in WHERE"),
        ("select soundex_of(g) from t", "column 8", "function SOUNDEX_OF is not supported"),
        ("select g + 1 from t where k = date '2026-13-01'", "column 36", "2026-13-01"),
        ("select k, sum(v) from t", "column 8", "column 'k' must be in GROUP BY or in an aggregate"),
        (
            "select k, row_number() over () n from t where n > 1",
            "",
            "a window function cannot stand in WHERE",
        ),
        ("select v from t, t", "column 18", "two tables of this FROM are called 't'"),
        ("select * from t join u using (z)", "column 31", "no column 'z'"),
        ("selct k from t", "column 9", "does not parse"),
        ("select kk from t", "column 8", "no column 'kk' in t"),
        ("select k\nfrom tt", "line 2, column 6", "no table 'tt'"),
        ("select v from t join u on true", "column 8", "column 'v' is in t and u"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_its_place(sql: str, place: str, words: str) -> None:
    with pytest.raises(SqlError) as caught:
        to_lazy(sql, TABLES)
    assert words in caught.value.message
    assert place in caught.value.message


def test_subqueries_in_from_need_no_name() -> None:
    assert rows("select count(*) from (select k from t), (select w from u)") == [(20,)]


def test_a_slip_in_the_first_word_is_named() -> None:
    with pytest.raises(SqlError) as caught:
        to_lazy("selct k from t", TABLES)
    assert caught.value.hint == "did you mean 'SELECT'?"


def test_json_paths_in_json_paths_do_not_grow_without_bound() -> None:
    inner = "json_extract_array_element_text(json_extract_path_text('{\"a\": [{\"b\": 1}]}', 'a'), 0)"
    frame = to_lazy(f"select json_extract_path_text({inner}, 'b')", {}, "redshift")
    assert frame.collect().rows() == [("1",)]
    assert len(frame.serialize()) < 1_000_000


@pytest.mark.parametrize(
    "sql",
    [
        "select d from t where d * 2 > 1 intersect select cast(1.5 as decimal(3, 2))",
        "select d from t where d * 2 > 1 intersect all select cast(1.5 as decimal(3, 2))",
        "select d from t where d * 2 > 1 except all select cast(2.5 as decimal(3, 2))",
        "select t.d from t join (select cast(1.5 as decimal(3, 2)) as p) z on t.d = z.p and t.d * 2 > 1",
        "select d from t where d * 2 > 1 and d in (select cast(1.5 as decimal(3, 2)))",
    ],
)
def test_decimals_meet_whose_values_need_fewer_digits_than_they_have(sql: str) -> None:
    values = [Decimal("1.50"), Decimal("2.50")]
    frames = {"t": pl.LazyFrame({"d": values}, schema={"d": pl.Decimal(10, 2)})}
    known = {"t": TableStatistics(2, {"d": ColumnStatistics(*values)})}
    assert to_lazy(sql, frames, statistics=known.get).collect().rows() == [(Decimal("1.50"),)]


def test_conditions_that_polars_pushes_too_often_are_left_where_they_are() -> None:
    frames = {n: pl.LazyFrame({"x": [1, 2], "y": [1, 2], "n": [1, 2]}) for n in "au"}
    one = "select count(*) from a b join u c on b.x < c.x where b.n = z.x and b.y = z.x"
    made = collected(to_lazy(f"select z.x, ({one}), ({one} and c.x > 2) from u z", frames))
    assert sorted(made.rows()) == [(1, 1, 0), (2, 0, 0)]


def test_a_condition_of_chance_is_asked_in_each_arm_of_an_or() -> None:
    many = {"m": pl.LazyFrame({"x": [1] * 20_000})}
    sql = "select count(*) from m where (x > 0 and random() < 0.5) or (x < 3 and random() < 0.5)"
    assert 14_000 < to_lazy(sql, many).collect().item() < 16_000


@pytest.mark.parametrize(
    "item", ["sum(10 / f.x)", "sum(cast(f.s as int))", "sum(case when f.s = 3 then f.x end)"]
)
@pytest.mark.parametrize("source", ["f join d on f.k = d.k", "d left join f on f.k = d.k"])
def test_a_row_that_is_not_joined_makes_no_aggregate_fail(
    item: str, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However large the tables are said to be, which decides whether aggregates are made before joins."""
    monkeypatch.setattr(eager, "_SMALL", 0)
    monkeypatch.setattr(eager, "_WORTH", 0)
    tables = {
        "f": pl.LazyFrame({"k": [1, 1, 2, 9], "x": [1, 2, 4, 0], "s": ["1", "2", "3", "bad"]}),
        "d": pl.LazyFrame({"k": [1, 2], "name": ["a", "b"]}),
    }
    found = to_lazy(f"select d.name, {item} from {source} group by d.name", tables, "postgres").collect()
    assert sorted(found["name"]) == ["a", "b"]
