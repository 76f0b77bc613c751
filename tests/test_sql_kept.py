"""A text that is asked again: the plan of before where it still holds, and never rows of before."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from dwkit.model.statistics import ColumnStatistics, TableStatistics
from dwkit.sql import parse, to_lazy

T = pl.LazyFrame({"a": [1, 2, 3]})
U = pl.LazyFrame({"a": [7, 8]})


def asked(sql: str, tables: dict[str, pl.LazyFrame], **settings: Any) -> list[tuple[Any, ...]]:
    return to_lazy(sql, tables, **settings).collect().rows()


def test_the_plan_of_the_same_frames_is_kept() -> None:
    sql = "select sum(a) as total from t -- kept"
    assert to_lazy(sql, {"t": T}) is to_lazy(sql, {"t": T})
    assert to_lazy(sql, {"t": T}, "snowflake") is not to_lazy(sql, {"t": T})
    assert to_lazy(parse(sql), {"t": T}) is not to_lazy(sql, {"t": T})


def test_another_frame_under_the_same_name_is_read() -> None:
    sql = "select sum(a) from t -- other frame"
    assert asked(sql, {"t": T}) == [(6,)]
    assert asked(sql, {"t": U}) == [(15,)]
    assert asked(sql, {"t": T}) == [(6,)]


def test_another_table_may_take_the_name() -> None:
    sql = "select a from main.t -- another table"
    with pytest.raises(Exception, match=r"main\.t"):
        asked(sql, {"t": T})
    assert asked(sql, {"main.t": U, "t": T}) == [(7,), (8,)]


def test_parameters_are_told_apart_by_type() -> None:
    for value, row in ((1, 1), (True, True), (Decimal("1.0"), Decimal("1.0")), ("1", "1")):
        found = asked("select :p as p", {}, params={"p": value})
        assert found == [(row,)]
        assert type(found[0][0]) is type(row)


def test_a_plan_goes_when_statistics_change() -> None:
    sql = "select max(a * a) as m from t -- statistics"
    known = {"t": TableStatistics(3, {"a": ColumnStatistics(1, 3, 0)})}
    first = to_lazy(sql, {"t": T}, statistics=known.get)
    assert to_lazy(sql, {"t": T}, statistics=known.get) is first
    known["t"] = TableStatistics(4, {"a": ColumnStatistics(1, 3, 0)})
    assert to_lazy(sql, {"t": T}, statistics=known.get) is not first


@pytest.mark.parametrize(
    "sql",
    [
        "select random()",
        "select uuid()",
        "select now()",
        "select epoch_us(now())",
        "select current_timestamp",
        "select list(i) from (from range(1000) r(i)) tablesample bernoulli (50 percent)",
    ],
)
def test_clock_and_chance_are_asked_again(sql: str) -> None:
    assert asked(sql, {}) != asked(sql, {})


def test_what_was_read_to_make_the_plan_is_read_again(tmp_path: Any) -> None:
    path = tmp_path / "t.parquet"
    T.sink_parquet(path)
    frames = {"t": pl.scan_parquet(path)}
    few, wide = (
        "select * from (values (1), (2), (3)) v(b) limit (select min(a) from t)",
        "pivot t on a using count(*)",
    )
    assert len(asked(few, frames)) == 1
    assert to_lazy(wide, frames).collect_schema().names() == ["1", "2", "3"]
    pl.LazyFrame({"a": [2, 5, 9]}).sink_parquet(path)
    assert len(asked(few, frames)) == 2
    assert to_lazy(wide, frames).collect_schema().names() == ["2", "5", "9"]
