"""Marts: tables, views, incremental ones."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from staged_fixture import ColumnHeader, Shop, fact, mart

from dwkit.errors import CheckError, ConfigError, SqlError, UsageError
from dwkit.marts import view_model
from dwkit.marts.incremental import parse_lookback
from dwkit.tables import publish
from dwkit.warehouse import PartsNeeded, reconcile, rollback


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def day(n: int) -> date:
    return date(2025, 1, 1) + timedelta(days=n)


def sales(*rows: tuple) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"id": pl.Int64, "day": pl.Date, "amount": pl.Float64}, orient="row")


BY_DAY = "SELECT day, sum(amount) AS total, count(*) AS n FROM staging.orders GROUP BY day"
DAILY = mart(kind="incremental", key=["day"], watermark="day", lookback="2d", sql=BY_DAY)


def total(shop: Shop) -> dict[date, float]:
    return dict(shop.table("sales", "marts").select("day", "total").rows())


# -- tables ---------------------------------------------------------------------------------------


def test_a_table_is_built_when_its_sql_or_an_input_changed(shop: Shop) -> None:
    model = mart(sql=BY_DAY)
    shop.stage("orders", sales((1, day(0), 1.0), (2, day(0), 2.0)))
    first = shop.mart(model)
    assert (first.mode, first.rows_in, first.rows_out, first.rows_total) == ("rebuild", 2, 1, 1)
    again = shop.mart(model)
    assert (again.mode, again.rows_total, again.version) == ("nothing", 1, 0)
    shop.stage("orders", sales((3, day(1), 5.0)))
    assert shop.mart(model).why == "staging.orders changed"
    assert total(shop) == {day(0): 3.0, day(1): 5.0}
    assert shop.mart(mart(sql=BY_DAY + " HAVING n > 1")).why == "the model changed"
    assert shop.mart(mart(sql=BY_DAY + " HAVING n > 1"), force=True).why == "asked for"
    assert total(shop) == {day(0): 3.0}
    assert shop.delta("sales", "marts").version() == 3


def test_a_mart_of_the_warehouse(shop: Shop) -> None:
    shop.stage("orders", sales((1, day(0), 1.0)))
    shop.load(fact())
    model = mart(sql="SELECT count(*) AS n FROM warehouse.fact_order")
    shop.mart(model)
    shop.load(fact())
    assert shop.mart(model).mode == "nothing"
    shop.stage("orders", sales((2, day(0), 1.0)))
    assert shop.mart(model).mode == "nothing"
    shop.load(fact())
    assert shop.mart(model).why == "warehouse.fact_order changed"
    assert shop.table("sales", "marts").item() == 2


def test_a_failing_test_leaves_the_mart_as_it_was(shop: Shop) -> None:
    model = mart(sql=BY_DAY, tests=["total > 0"], columns={"day": ColumnHeader(tests=["unique", "not_null"])})
    shop.stage("orders", sales((1, day(0), 1.0)))
    shop.mart(model)
    files = set(shop.layout.table("marts", "sales").iterdir())
    shop.stage("orders", sales((2, day(1), -5.0)))
    with pytest.raises(CheckError, match="total > 0 fails for 1 rows"):
        shop.mart(model)
    assert total(shop) == {day(0): 1.0}
    assert set(shop.layout.table("marts", "sales").iterdir()) == files


def test_a_purged_input_is_needed(shop: Shop) -> None:
    part = shop.stage("orders", sales((1, day(0), 1.0)))
    shop.mart(mart(sql=BY_DAY))
    shop.purge(part)
    assert shop.mart(mart(sql=BY_DAY)).mode == "nothing"
    with pytest.raises(PartsNeeded, match=r"parts of staging\.orders"):
        shop.mart(mart(sql=BY_DAY), force=True)


def test_a_kill_between_commit_and_ledger(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.stage("orders", sales((1, day(0), 1.0)))

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(publish, "enter", killed)
        with pytest.raises(KeyboardInterrupt):
            shop.mart(mart(sql=BY_DAY))
    assert shop.mart(mart(sql=BY_DAY)).mode == "nothing"
    assert total(shop) == {day(0): 1.0}


def test_rollback_of_a_mart(shop: Shop) -> None:
    shop.stage("orders", sales((1, day(0), 1.0)))
    shop.mart(mart(sql=BY_DAY))
    shop.stage("orders", sales((2, day(0), 1.0)))
    shop.mart(mart(sql=BY_DAY))
    rollback("marts", "sales", 0, layout=shop.layout, ledger=shop.ledger, run="r")
    assert total(shop) == {day(0): 1.0}
    assert shop.mart(mart(sql=BY_DAY)).why == "staging.orders changed"
    assert total(shop) == {day(0): 2.0}


# -- views ----------------------------------------------------------------------------------------


def test_a_view_keeps_only_its_sql(shop: Shop) -> None:
    shop.stage("orders", sales((1, day(0), 1.0)))
    model = mart(kind="view", sql=BY_DAY, description="per day")
    made = shop.mart(model)
    assert (made.mode, made.version) == ("view", 0)
    assert view_model(shop.layout, "sales").header == model.header
    assert view_model(shop.layout, "sales").sql.strip() == BY_DAY
    assert shop.mart(model).mode == "nothing"
    shop.stage("orders", sales((2, day(0), 1.0)))
    assert shop.mart(model).mode == "nothing"
    assert shop.mart(mart(kind="view", sql="SELECT id FROM staging.orders")).version == 1
    with pytest.raises(SqlError):
        shop.mart(mart(kind="view", sql="SELECT nothing FROM staging.orders"))
    assert view_model(shop.layout, "sales").sql.strip() == "SELECT id FROM staging.orders"
    (shop.layout.table("marts", "sales") / "view.sql").unlink()
    assert shop.mart(mart(kind="view", sql="SELECT id FROM staging.orders")).why == "its file is gone"


def test_a_mart_may_become_a_view_and_a_table_again(shop: Shop) -> None:
    shop.stage("orders", sales((1, day(0), 1.0)))
    table, view = mart(sql=BY_DAY), mart(kind="view", sql=BY_DAY)
    shop.mart(table)
    assert shop.mart(view).notes == ("the versions of the table it was stay in marts/sales",)
    assert shop.ledger.version("marts", "sales").kind == "view"
    reconcile("marts", "sales", layout=shop.layout, ledger=shop.ledger)
    assert shop.ledger.version("marts", "sales").kind == "view"
    shop.stage("orders", sales((2, day(0), 1.0)))
    assert shop.mart(table).mode == "rebuild"
    assert shop.ledger.version("marts", "sales").kind == "table"
    assert total(shop) == {day(0): 2.0}
    assert not (shop.layout.table("marts", "sales") / "view.sql").exists()
    assert shop.mart(table).mode == "nothing"


# -- incremental ----------------------------------------------------------------------------------


def test_an_incremental_mart_computes_the_end_again(shop: Shop) -> None:
    shop.stage("orders", sales(*((n, day(n), 1.0) for n in range(10))))
    assert shop.mart(DAILY).mode == "rebuild"
    # Day 3 is long past and stays as it was; days 7 to 9 are looked at again; 10 is new.
    shop.stage("orders", sales((90, day(3), 5.0), (91, day(7), 5.0), (92, day(10), 5.0)))
    again = shop.mart(DAILY)
    assert (again.mode, again.rows_out, again.rows_total) == ("merge", 4, 11)
    assert total(shop) == {day(n): {7: 6.0, 10: 5.0}.get(n, 1.0) for n in range(11)}
    assert shop.mart(DAILY).mode == "nothing"
    assert shop.mart(DAILY, force=True).mode == "rebuild"
    assert total(shop)[day(3)] == 6.0


def test_without_a_key_the_range_is_replaced(shop: Shop) -> None:
    model = mart(kind="incremental", watermark="at", lookback="12h", sql="SELECT * FROM staging.events")
    frame = pl.DataFrame({"id": [1, 2, 3], "at": [datetime(2025, 1, 1, h) for h in (0, 6, 20)]})
    part = shop.stage("events", frame)
    shop.mart(model)
    # Row 2 moved out of the range and stays, row 3 is no more, row 4 is new.
    changed = pl.DataFrame({"id": [1, 2, 4], "at": [datetime(2025, 1, 1, h) for h in (0, 7, 21)]})
    shop.stage("events", changed, part=part.id)
    assert shop.mart(model).mode == "merge"
    table = shop.table("sales", "marts").sort("id", "at")
    assert table.select("id", pl.col("at").dt.hour()).rows() == [(1, 0), (2, 6), (4, 21)]


@settings(max_examples=12, deadline=None)
@given(
    loads=st.lists(
        st.lists(st.tuples(st.integers(0, 6), st.integers(1, 9)), min_size=1, max_size=5),
        min_size=1,
        max_size=4,
    ),
    keyed=st.booleans(),
)
def test_with_enough_look_back_it_is_the_full_query(
    tmp_path_factory: pytest.TempPathFactory, loads: list, keyed: bool
) -> None:
    shop = Shop(tmp_path_factory.mktemp("mart"))
    model = mart(kind="incremental", key=["day"] if keyed else [], watermark="day", lookback="9d", sql=BY_DAY)
    for number, rows in enumerate(loads):
        shop.stage("orders", sales(*((number, day(d), float(a)) for d, a in rows)))
        shop.mart(model)
    shop.mart(mart("whole", sql=BY_DAY))
    assert_frame_equal(shop.table("sales", "marts"), shop.table("whole", "marts"), check_row_order=False)


def test_numbers_as_watermark_and_wider_columns(shop: Shop) -> None:
    model = mart(
        kind="incremental", key=["id"], watermark="id", lookback="1", sql="SELECT * FROM staging.orders"
    )
    shop.stage("orders", sales((1, day(0), 1.0), (2, day(0), 1.0)))
    shop.mart(model)
    shop.stage("orders", sales((3, day(0), 1.0)).with_columns(note=pl.lit("n")))
    assert shop.mart(model).rows_out == 3
    assert shop.table("sales", "marts").sort("id")["note"].to_list() == [None, None, "n"]


def test_what_an_incremental_mart_refuses(shop: Shop) -> None:
    shop.stage("orders", sales((1, day(0), 1.0), (2, day(0), 1.0), (3, None, 1.0)))
    rows = "SELECT * FROM staging.orders"
    for header, error, message in [
        ({}, ConfigError, "needs a watermark"),
        ({"watermark": "when"}, UsageError, "no column 'when'"),
        ({"watermark": "day", "lookback": "soon"}, UsageError, "'soon' is neither"),
        ({"watermark": "day"}, CheckError, "1 rows have no day"),
        ({"watermark": "amount", "key": ["day"]}, CheckError, "key day is not unique: 1 keys"),
    ]:
        with pytest.raises(error, match=message):
            shop.mart(mart(kind="incremental", sql=rows, **header))
        assert not shop.delta("sales", "marts").exists
    good = mart(kind="incremental", sql=BY_DAY + " HAVING day IS NOT NULL", watermark="day", lookback="100")
    shop.mart(good)
    shop.stage("orders", sales((4, day(1), 1.0)))
    with pytest.raises(UsageError, match="'100' does not fit the watermark 'day', a Date"):
        shop.mart(good)


def test_look_backs() -> None:
    assert parse_lookback("3d") == timedelta(days=3)
    assert parse_lookback("90m") == timedelta(minutes=90)
    assert parse_lookback("") == 0
    assert parse_lookback("2.5") == 2.5
    with pytest.raises(UsageError):
        parse_lookback("-1d")
