"""Keys packed into one number: the same groups, and no silent ones where a table states wrong bounds."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from dwkit.errors import DataError
from dwkit.model.statistics import ColumnStatistics, TableStatistics
from dwkit.sql import to_lazy
from dwkit.sql.failure import collected
from dwkit.sql.optimise import pack

_ROWS = pl.DataFrame(
    {
        "a": [None, -3, 4, -3, None, 4, -3],
        "b": [7, None, 9, 7, 7, 9, 7],
        "d": [date(2024, 1, 1), None, date(1969, 1, 1), date(2024, 1, 1), date(2024, 1, 1), date(1969, 1, 1), None],
        "t": [True, None, False, True, True, False, True],
        "n": [1, 2, 3, 4, 5, 6, 7],
    },
    schema={"a": pl.Int64, "b": pl.UInt32, "d": pl.Date, "t": pl.Boolean, "n": pl.Int64},
)  # fmt: skip
_KNOWN = {
    "a": ColumnStatistics(-3, 4),
    "b": ColumnStatistics(7, 9),
    "d": ColumnStatistics(date(1969, 1, 1), date(2024, 1, 1)),
}


def rows(sql: str, known: dict[str, ColumnStatistics] | None) -> tuple[pl.DataFrame, str]:
    statistics = None if known is None else {"x": TableStatistics(_ROWS.height, known)}.get
    frame = to_lazy(sql, {"x": _ROWS.lazy()}, statistics=statistics)
    return collected(frame), frame.explain()


@pytest.mark.parametrize(
    "sql",
    [
        "select a, b, d, t, sum(n), count(*) from x group by all order by all",
        "select distinct b, a from x order by all",
        "select a, d from x intersect select a, d from x where n > 3 order by 1, 2",
        "select a, t, sum(n) from x group by rollup (a, t) order by all",
        "select l.a, l.t, count(*) from x l left join x r on l.a = r.n group by all order by all",
        "select d, a from (select d, a from x union all select d, a from x) group by d, a order by all",
        "select a + 1, b from (select a, b, count(*) from x group by a, b) order by all",
    ],
)
def test_packed_groups_are_the_groups(sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, _ = rows(sql, None)
    monkeypatch.setattr(pack, "_SMALL", 0)
    packed, plan = rows(sql, _KNOWN)
    assert "dwkit:packed" in plan
    assert packed.equals(plain)
    assert packed.schema == plain.schema


@pytest.mark.parametrize(
    "known",
    [
        {**_KNOWN, "b": ColumnStatistics(8, 9)},
        {**_KNOWN, "b": ColumnStatistics(7, 8)},
        {**_KNOWN, "a": ColumnStatistics(-2, 4)},
        {**_KNOWN, "a": ColumnStatistics(-3, 3)},
    ],
)
def test_a_value_beyond_the_stated_bounds_is_an_error(
    known: dict[str, ColumnStatistics], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack, "_SMALL", 0)
    with pytest.raises(DataError, match="beyond the bounds"):
        rows("select a, b, count(*) from x group by a, b", known)


@pytest.mark.parametrize(
    ("sql", "known"),
    [
        ("select a, n, count(*) from x group by a, n", _KNOWN),  # n has no bounds
        ("select a, count(*) from x group by a", _KNOWN),
        ("select * from (select a, b, count(*) from x group by a, b) where a = 4", _KNOWN),
        ("select a, b, count(*) from x group by a, b", {**_KNOWN, "a": ColumnStatistics(-(2**61), 2**61)}),
    ],
)
def test_other_groups_are_not_packed(
    sql: str, known: dict[str, ColumnStatistics], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack, "_SMALL", 0)
    found, plan = rows(sql, known)
    assert "dwkit:packed" not in plan
    assert found.height


def test_keys_are_aggregates_that_are_computed_in_one_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "_SMALL", 0)
    items = "(select bool_or(b > 8) from x), (select min(a) from x)"
    found, _ = rows(f"select distinct b is null as none, {items} from x order by none", _KNOWN)
    assert found.rows() == [(False, True, -3), (True, True, -3)]
