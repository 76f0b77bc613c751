"""Text of small tables is grouped by as codes where that pays: the rows are those without codes."""

from __future__ import annotations

import gc

import polars as pl
import pyarrow.parquet  # noqa: F401 - statistics are only asked for where it is there
import pytest

from dwkit.model.statistics import ColumnStatistics, TableStatistics
from dwkit.sql import to_lazy
from dwkit.sql.optimise import codes

_NAMES = ["a", "b", "ä", "", None, "b", "long text of more than twelve bytes"]
_DIMENSION = {"k": [1, 2, 3, 4, 5, 6, 7], "name": _NAMES, "kind": ["x", "x", "y", "y", None, "x", "z"]}
_FACT = {
    "k": [i % 8 for i in range(60)],
    "y": [i % 4 for i in range(60)],
    "v": [i * i % 17 for i in range(60)],
}
_KNOWN = {
    "d": TableStatistics(7, {"k": ColumnStatistics(1, 7)}),
    "f": TableStatistics(60, {c: ColumnStatistics(0, 16) for c in "kyv"}),
}
_JOINED = "f join d on f.k = d.k"
_GROUPED = f"select name, kind, y, sum(v) as s from {_JOINED} group by name, kind, y"
_QUERIES = [
    _GROUPED,
    f"select name, upper(kind) as kind, count(*) from {_JOINED} group by name, kind having max(kind) > 'x' order by name",
    f"select name, kind, y, sum(v), grouping(name) from {_JOINED} group by rollup (name, kind, y)",
    f"select kind, count(distinct name), min(name), sum(v) from {_JOINED} group by kind",
    "select name, kind, count(d.k) from f left join d on f.k = d.k group by name, kind",
    "select name, kind, count(f.v) from f full join d on f.k = d.k group by name, kind",
    f"with g as ({_GROUPED}) select distinct kind, name from g where name <> 'b' or kind is null",
    f"with g as ({_GROUPED}) select name from g union all select kind from g",
    f"with g as ({_GROUPED}) select a.name, a.y, b.s from g a join g b on a.name = b.name and a.kind = b.kind and a.y = b.y + 1",
    f"with g as ({_GROUPED}) select a.name, b.kind from g a join g b on a.name = b.kind",
    f"with g as ({_GROUPED}) select name, s, avg(s) over (partition by name, kind), rank() over (partition by kind, name order by y desc), lag(name) over (partition by kind order by s, name, y) from g",
    f"with g as (select name, kind, y, sum(v) as s, rank() over (partition by name, kind order by y) as r from {_JOINED} group by name, kind, y) select a.name, a.kind, a.s, b.s, c.s from g a, g b, g c where a.name = b.name and a.kind = b.kind and a.name = c.name and a.kind = c.kind and a.r = b.r + 1 and a.r = c.r - 1 and a.y = 1 order by a.s - b.s, 1, 2",
    f"select name || kind as both, count(*) from {_JOINED} group by name || kind",
    f"select name, kind from (select name, kind, sum(v) as s from {_JOINED} group by name, kind) g where exists (select 1 from d where d.name = g.name and d.kind <> 'z')",
    f"select name, (select max(kind) from d where d.name = g.name) from (select name, count(*) from {_JOINED} group by name) g",
]


def _frame(sql: str, *, known: bool) -> pl.LazyFrame:
    tables = {"d": pl.LazyFrame(_DIMENSION), "f": pl.LazyFrame(_FACT)}
    return to_lazy(sql, tables, statistics=_KNOWN.get if known else None)


def _rows(frame: pl.LazyFrame) -> list[str]:
    return sorted(str(row) for row in frame.collect(engine="streaming").rows())


@pytest.mark.parametrize("sql", _QUERIES)
def test_rows_are_those_without_codes(sql: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "_WORTH", 0)
    plain, frame = _frame(sql, known=False), _frame(sql, known=True)
    assert frame.collect_schema() == plain.collect_schema()
    for _ in range(2):  # codes are there again when it is asked again
        assert _rows(frame) == _rows(plain)
        gc.collect()


def test_groups_are_by_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "_WORTH", 0)
    assert "Categorical" in _frame(_GROUPED, known=True).explain()
    assert "Categorical" not in _frame(_GROUPED, known=False).explain()


def test_text_that_is_asked_for_before_stays_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "_WORTH", 0)
    for where in ("where name = 'b'", "where name > kind"):
        assert (
            "Categorical"
            not in _frame(f"select name, sum(v) from {_JOINED} {where} group by name", known=True).explain()
        )
