"""Where only the first ranks are asked for, the rows are those of the whole window."""

from __future__ import annotations

from decimal import Decimal
from itertools import product

import polars as pl
import pytest

from dwkit.model.statistics import TableStatistics
from dwkit.sql import to_lazy
from dwkit.sql.lower.window import first

_FLOATS = [None, float("nan"), float("-inf"), -0.5, 2.0, 2.0, 7.0]
_ROWS = [
    (s, x, Decimal(str(x)) if n > 2 else None, n)
    for s, (n, x) in product(["a", "b", None, ""], enumerate(_FLOATS))
    if s != "" or n < 2
]
_SCHEMA = {"s": pl.String(), "x": pl.Float64(), "p": pl.Decimal(9, 2), "n": pl.Int64()}


def _rows(sql: str, *, known: bool) -> list[str]:
    tables = {"t": pl.LazyFrame(_ROWS, schema=_SCHEMA, orient="row")}
    statistics = TableStatistics(len(_ROWS))
    made = to_lazy(sql, tables, statistics=(lambda _: statistics) if known else None).collect()
    return sorted(str(row) for row in made.rows())  # text: NaN is not equal to itself


@pytest.mark.parametrize("key", ["x", "p", "s"])
@pytest.mark.parametrize(
    "order", ["desc nulls last", "desc nulls first", "asc nulls last", "asc nulls first"]
)
@pytest.mark.parametrize("asked", ["= 1", "<= 2", "< 4", "<= 5", "<= 100"])
def test_first_ranks(key: str, order: str, asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    over = f"over (partition by s order by {key} {order}"
    ties = f"select * from (select t.*, rank() {over}) as r from t) d where d.r {asked}"
    both = f"select *, rank() {over}, n) as m from t qualify row_number() {over}, n) {asked}"
    monkeypatch.setattr(first, "_WORTH", 0)
    for sql in (ties, both):
        assert "dwkit:edge" in _explained(sql)
        assert _rows(sql, known=True) == _rows(sql, known=False)


def _explained(sql: str) -> str:
    frame = pl.LazyFrame(_ROWS, schema=_SCHEMA, orient="row")
    return to_lazy(sql, {"t": frame}, statistics=lambda _: TableStatistics(len(_ROWS))).explain()


def test_ranks_that_are_read_elsewhere_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first, "_WORTH", 0)
    ranked = "with d as (select t.*, rank() over (partition by s order by x desc) as r from t)"
    sql = f"{ranked} select a.s, a.r, b.r from d a join d b on a.s = b.s where a.r <= 2"
    assert "dwkit:edge" not in _explained(sql)
    assert _rows(sql, known=True) == _rows(sql, known=False)
