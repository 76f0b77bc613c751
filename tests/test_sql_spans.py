"""What statistics bound is grouped, sorted and calculated by smaller numbers: the rows are those without statistics."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product

import polars as pl
import pyarrow.parquet  # noqa: F401 - statistics are only asked for where it is there
import pytest

from dwkit.errors import DataError
from dwkit.model.statistics import ColumnStatistics, TableStatistics
from dwkit.sql import to_lazy
from dwkit.sql.failure import collected
from dwkit.sql.optimise import pack

_DAYS = [None, date(1969, 12, 30), date(1970, 1, 1), date(1970, 1, 2)]
_ROWS = list(product([None, -2, -1, 0, 3], [None, *range(3)], _DAYS))
_SCHEMA = {"x": pl.Int64(), "y": pl.Int8(), "d": pl.Date()}
_KNOWN = {
    "x": ColumnStatistics(-2, 3),
    "y": ColumnStatistics(0, 2),
    "d": ColumnStatistics(_DAYS[1], _DAYS[3]),
}
_QUERIES = [
    "select x, y, d, count(*), min(x) from t group by x, y, d",
    "select d, x, count(*), sum(y) from t group by d, x",
    "select y, d, grouping(y), sum(x) from t group by cube (y, d)",
    "select d, c, count(*) from (select d, case when x > 0 then x when d is null then -7 else y end as c from t) group by d, c",
    "select b.x, t.y, count(*) from t left join (values (1, 5::bigint)) b (y, x) on b.y = t.y group by b.x, t.y",
    "select * from t a full join (select y as v, x as w, count(*) as n from t where x < 3 group by y, x) b on a.x = b.v and a.y = b.w",
    "select * from t a full join t b on a.x = b.x and a.d = b.d and a.y = b.y",
    "select x, y, row_number() over (partition by d order by x desc nulls first, y nulls last) from t",
    "select x, y, rank() over (partition by x, y order by d nulls first), sum(x) over (partition by d order by y) from t",
]


@pytest.fixture(autouse=True)
def _also_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "_SMALL", 0)


def _rows(
    sql: str, rows: list[tuple[object, ...]], known: dict[str, ColumnStatistics]
) -> list[tuple[object, ...]]:
    frame = pl.LazyFrame(rows, schema=_SCHEMA, orient="row")
    statistics = TableStatistics(len(rows), known)
    made = to_lazy(sql, {"t": frame}, statistics=lambda _: statistics).collect()
    return sorted(made.rows(), key=lambda r: tuple((v is None, str(v)) for v in r))


@pytest.mark.parametrize("sql", _QUERIES)
@pytest.mark.parametrize("rows", [_ROWS, _ROWS[::3], []])
def test_rows_are_those_without_statistics(sql: str, rows: list[tuple[object, ...]]) -> None:
    assert _rows(sql, rows, _KNOWN) == _rows(sql, rows, {})


def test_every_key_is_a_group_of_its_own() -> None:
    made = _rows(_QUERIES[0], _ROWS, _KNOWN)
    assert len(made) == len(_ROWS)
    assert {r[3] for r in made} == {1}
    assert {r[:3] for r in made} == set(_ROWS)


@pytest.mark.parametrize("least", [-(2**63), -(2**62), 0])
def test_keys_of_many_digits_stay_apart(least: int) -> None:
    most = 2**63 - 1
    rows = [(x, y, None) for x in (least, most, None) for y in (-128, 127, None)]
    known = {"x": ColumnStatistics(least, most), "y": ColumnStatistics(-128, 127)}
    made = _rows("select x, y, count(*) from t group by x, y", rows, known)  # type: ignore[arg-type]
    assert {r[:2] for r in made} == {r[:2] for r in rows}


def test_dates_far_away() -> None:
    days = [date(1, 1, 1), date(9999, 12, 31), date(1, 1, 1) + timedelta(1), None]
    rows = [(1, None, d) for d in days]
    known = {"x": ColumnStatistics(1, 1), "d": ColumnStatistics(days[0], days[1])}
    made = _rows("select d, x, count(*) from t group by d, x", rows, known)  # type: ignore[arg-type]
    assert {r[0] for r in made} == set(days)


@pytest.mark.parametrize(
    "sql",
    [
        "select x + y, x - y, x * y, x * x * x - y, 2 - x, (x + 1) * (y - 1) from t",
        "with c as (select x - 1 as z, y from t) select z + y, z * z from c",
        "select r + 1, r - x from (select x, rank() over (partition by d order by x) as r from t)",
        "select max(x) - min(y), sum(x + 1) from t group by d",
        "with recursive c(n) as (select 3::bigint union all select n * n from c where n < 1000) select n - 1 from c",
    ],
)
def test_sums_and_products_are_those_without_statistics(sql: str) -> None:
    assert _rows(sql, _ROWS, _KNOWN) == _rows(sql, _ROWS, {})


def test_what_cannot_overflow_takes_64_bits() -> None:
    frame = pl.LazyFrame(_ROWS, schema=_SCHEMA, orient="row")
    for known, wide in ((_KNOWN, False), ({}, True), ({"x": ColumnStatistics(-2, 2**62)}, True)):
        statistics = TableStatistics(len(_ROWS), known)
        made = to_lazy("select x + x + x from t", {"t": frame}, statistics=lambda _, s=statistics: s)
        assert ("Int128" in made.explain()) == wide


def test_what_overflows_is_an_error() -> None:
    rows = [(2**62, 1, None), (2**62, 2, None)]
    known = {"x": ColumnStatistics(2**62, 2**62), "y": ColumnStatistics(1, 2)}
    with pytest.raises(pl.exceptions.InvalidOperationError):
        _rows("select x * y * 1 + x from t", rows, known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "sql",
    [
        "select x, rank() over (partition by y order by x) from t",
        "select * from t a full join t b on a.x = b.x and a.y = b.y",
    ],
)
def test_values_beyond_the_bounds_are_an_error(sql: str) -> None:
    frame = pl.LazyFrame(_ROWS, schema=_SCHEMA, orient="row")
    statistics = TableStatistics(len(_ROWS), {"x": ColumnStatistics(-2, 2), "y": ColumnStatistics(0, 2)})
    with pytest.raises(DataError, match="beyond the bounds"):
        collected(to_lazy(sql, {"t": frame}, statistics=lambda _: statistics))
