"""Loads: exactly once, rebuilt when they must be, safe when killed."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from staged_fixture import ColumnHeader, Header, Lookup, Model, Shop, dimension, fact

from dwkit.errors import CheckError, ConfigError, ConflictError, NotFoundError, UsageError
from dwkit.model.ids import new_id
from dwkit.storage.locks import writing
from dwkit.tables import publish
from dwkit.warehouse import PartsNeeded, compact, needs, reconcile, rollback, vacuum


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def day(n: int) -> datetime:
    return datetime(2025, 1, 1) + timedelta(days=n)


def customers(*rows: tuple) -> pl.DataFrame:
    schema = {"customer_id": pl.String, "name": pl.String, "city": pl.String, "updated_at": pl.Datetime("us")}
    return pl.DataFrame(rows, schema=schema, orient="row")


def orders(*rows: tuple) -> pl.DataFrame:
    schema = {"order_id": pl.Int64, "customer_id": pl.String, "at": pl.Datetime("us"), "amount": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


DATED = dimension(scd=2, updated_at="updated_at")
ORDERS = fact(
    key=["order_id"],
    event_time="at",
    dimensions={"customer_key": Lookup(table="dim_customer", on=["customer_id"])},
)


def test_personal_values_are_kept_as_hashes(shop: Shop) -> None:
    shop.stage("customers", customers(("a", "Ann", "Rome", day(0)), ("b", None, "Oslo", day(0))))
    shop.load(dimension(scd=2, updated_at="updated_at", columns={"name": ColumnHeader(pii="hash")}))
    names = dict(shop.table("dim_customer").select("customer_id", "name").iter_rows())
    assert names["a"] == hashlib.sha256(b"Ann").hexdigest()
    assert names["b"] is None
    with pytest.raises(ConfigError, match=r"columns\.nam: no such column") as caught:
        shop.load(dimension(scd=2, updated_at="updated_at", columns={"nam": ColumnHeader(pii="hash")}))
    assert "'name'" in caught.value.hint


# -- dimensions -----------------------------------------------------------------------------------


def test_a_dimension_of_type_2(shop: Shop) -> None:
    shop.stage("customers", customers(("a", "Ann", "Rome", day(0)), ("b", "Bob", "Oslo", day(0))))
    first = shop.load(DATED)
    part = shop.stage("customers", customers(("b", "Bob", "Bergen", day(9)), ("c", "Cyd", "Paris", day(9))))
    second = shop.load(DATED)
    table = shop.table("dim_customer").sort("customer_key")
    assert table.columns == [
        "customer_key", "customer_id", "name", "city", "updated_at",
        "valid_from", "valid_to", "is_current", "row_hash", "_batch", "_row",
    ]  # fmt: skip
    assert table.select(
        "customer_key", "customer_id", "city", "valid_from", "valid_to", "is_current"
    ).rows() == [
        (-1, "(unknown)", "Unknown", datetime(1900, 1, 1), datetime(9999, 12, 31), True),
        (1, "a", "Rome", day(0), datetime(9999, 12, 31), True),
        (2, "b", "Oslo", day(0), day(9), False),
        (3, "b", "Bergen", day(9), datetime(9999, 12, 31), True),
        (4, "c", "Paris", day(9), datetime(9999, 12, 31), True),
    ]
    assert table.filter(customer_key=3).select("_batch", "_row").row(0) == (part.batch, 1)
    assert (first.mode, first.rows_in, first.rows_out, first.rows_total) == ("append", 2, 3, 3)
    assert (second.mode, second.rows_in, second.rows_out, second.rows_total) == ("merge", 2, 3, 5)


def test_a_dimension_of_type_1_overwrites(shop: Shop) -> None:
    model = dimension(scd=1)
    shop.stage("customers", customers(("a", "Ann", "Rome", day(0)), ("b", "Bob", "Oslo", day(0))))
    shop.load(model)
    shop.stage("customers", customers(("a", "Ann", "Bari", day(3)), ("b", "Bob", "Oslo", day(0))))
    assert shop.load(model).rows_out == 1
    table = shop.table("dim_customer").sort("customer_key")
    assert table.columns == [
        "customer_key", "customer_id", "name", "city", "updated_at", "row_hash", "_batch", "_row"
    ]  # fmt: skip
    assert table["city"].to_list() == ["Unknown", "Bari", "Oslo"]


def test_columns_of_their_own_type(shop: Shop) -> None:
    model = dimension(
        scd=2, updated_at="updated_at", columns={"name": ColumnHeader(scd=1), "source": ColumnHeader(scd=0)}
    )
    row = customers(("a", "Ann", "Rome", day(0))).with_columns(source=pl.lit("web"))
    shop.stage("customers", row)
    shop.load(model)
    shop.stage("customers", customers(("a", "Anna", "Bari", day(5))).with_columns(source=pl.lit("shop")))
    shop.load(model)
    table = shop.table("dim_customer").filter(pl.col("customer_key") > 0).sort("valid_from")
    assert table.select("name", "source", "city").rows() == [("Anna", "web", "Rome"), ("Anna", "web", "Bari")]


def test_without_updated_at_versions_begin_with_their_batch(shop: Shop) -> None:
    model = dimension(scd=2, sql="SELECT customer_id, city FROM staging.customers")
    one = shop.stage("customers", customers(("a", "Ann", "Rome", day(0))))
    two = shop.stage("customers", customers(("a", "Ann", "Bari", day(0))), batch=new_id())
    shop.load(model)
    table = shop.table("dim_customer").filter(pl.col("customer_key") > 0).sort("valid_from")
    assert table["_batch"].to_list() == [one.batch, two.batch]
    assert table["valid_to"][0] == table["valid_from"][1]


def test_a_new_column_widens_the_table_and_makes_no_versions(shop: Shop) -> None:
    shop.stage("customers", customers(("a", "Ann", "Rome", day(0)), ("b", "Bob", "Oslo", day(0))))
    shop.load(DATED)
    more = customers(
        ("a", "Ann", "Rome", day(0)), ("b", "Bob", "Oslo", day(0)), ("c", "Cyd", "Paris", day(1))
    )
    shop.stage("customers", more.with_columns(phone=pl.Series([None, None, "123"], dtype=pl.String)))
    shop.load(DATED)
    table = shop.table("dim_customer").sort("customer_key")
    assert table.select("customer_id", "phone").rows() == [
        ("(unknown)", "Unknown"), ("a", None), ("b", None), ("c", "123")
    ]  # fmt: skip
    assert table.columns.index("phone") < table.columns.index("valid_from")


def test_a_wider_type_makes_no_versions(shop: Shop) -> None:
    model = dimension(scd=2, key=["id"], sql="SELECT * FROM staging.things")
    shop.stage("things", pl.DataFrame({"id": [1, 2], "size": [10, 20]}))
    shop.load(model)
    shop.stage("things", pl.DataFrame({"id": [1, 2], "size": [10.0, 20.5]}))
    shop.load(model)
    table = shop.table("dim_customer").filter(pl.col("customer_key") > 0).sort("id", "valid_from")
    assert table.schema["size"] == pl.Float64
    assert table.select("id", "size").rows() == [(1, 10.0), (2, 20.0), (2, 20.5)]


def test_a_column_of_dwkits_own_is_refused(shop: Shop) -> None:
    shop.stage("customers", customers(("a", "Ann", "Rome", day(0))))
    with pytest.raises(UsageError, match="gives a column 'valid_from'"):
        shop.load(dimension(scd=2, sql="SELECT customer_id, updated_at AS valid_from FROM staging.customers"))
    with pytest.raises(UsageError, match="no column 'nick'") as refused:
        shop.load(dimension(key=["nick"]))
    assert "name" in refused.value.hint
    with pytest.raises(UsageError, match="'city' is String, neither a date nor a timestamp"):
        shop.load(dimension(scd=2, updated_at="city"))


def test_instants_with_a_zone_become_utc(shop: Shop) -> None:
    frame = customers(("a", "Ann", "Rome", datetime(2025, 7, 1, 12)))
    shop.stage("customers", frame.with_columns(pl.col("updated_at").dt.replace_time_zone("Europe/Oslo")))
    shop.load(DATED)
    table = shop.table("dim_customer").filter(customer_key=1)
    assert table["valid_from"].to_list() == [datetime(2025, 7, 1, 10)]


def test_a_model_with_a_join_is_rebuilt_when_the_joined_input_changes(shop: Shop) -> None:
    model = dimension(
        scd=1,
        sql="""SELECT c.customer_id, r.region FROM staging.customers c
               LEFT JOIN staging.regions r ON r.city = c.city""",
    )
    shop.stage("customers", customers(("a", "Ann", "Rome", day(0))))
    shop.stage("regions", pl.DataFrame({"city": ["Rome"], "region": ["south"]}))
    shop.load(model)
    assert shop.load(model).mode == "nothing"
    shop.stage("regions", pl.DataFrame({"city": ["Oslo"], "region": ["north"]}))
    again = shop.load(model)
    assert (again.mode, again.why) == ("rebuild", "staging.regions changed")


def test_lake_batches_tables_and_files_drive_models_too(shop: Shop, tmp_path: Path) -> None:
    shop.stage("customers", customers(("a", "Ann", "Rome", day(0))))
    shop.load(dimension(scd=1))
    outer = dimension("dim_city", key=["city"], sql="SELECT DISTINCT city FROM warehouse.dim_customer")
    assert shop.load(outer).rows_total == 3
    assert shop.load(outer).mode == "nothing"
    shop.stage("customers", customers(("b", "Bob", "Oslo", day(0))))
    shop.load(dimension(scd=1))
    assert shop.load(outer).mode == "rebuild"
    assert set(shop.table("dim_city")["city"]) == {"(unknown)", "Unknown", "Rome", "Oslo"}
    (tmp_path / "x.csv").write_text("id,v\n1,a\n2,b\n")
    filed = dimension("dim_x", key=["id"], scd=2, sql=f"SELECT * FROM '{tmp_path / 'x.csv'}'")
    assert shop.load(filed).rows_total == 3
    assert shop.load(filed).mode == "nothing"
    (tmp_path / "x.csv").write_text("id,v\n1,a\n2,b\n3,c\n")
    assert shop.load(filed).mode == "rebuild"
    assert shop.table("dim_x").height == 4


# -- exactly once ---------------------------------------------------------------------------------


def test_loading_one_by_one_and_at_once_give_the_same_table(shop: Shop, tmp_path: Path) -> None:
    other = Shop(tmp_path / "other")
    for n in range(4):
        rows = customers(*((k, "N", f"city {(n * i) % 3}", day(n)) for i, k in enumerate("abcd")))
        sold = orders(*((n * 10 + i, k, day(n), 1.0) for i, k in enumerate("abcdx")))
        for one in (shop, other):
            part = shop.ledger.parts("customers")[n].id if one is other else None
            one.stage("customers", rows, part=part)
            sale = shop.ledger.parts("orders")[n].id if one is other else None
            one.stage("orders", sold, part=sale)
        shop.load(DATED)
        shop.load(ORDERS)
    other.load(DATED)
    other.load(ORDERS)
    assert_frame_equal(shop.table("dim_customer"), other.table("dim_customer"), check_row_order=False)
    assert_frame_equal(shop.table("fact_order"), other.table("fact_order"), check_row_order=False)
    assert shop.ledger.applied("warehouse", "fact_order") == other.ledger.applied("warehouse", "fact_order")


def test_nothing_new_does_nothing(shop: Shop) -> None:
    shop.stage("customers", customers(("a", "Ann", "Rome", day(0))))
    shop.load(DATED)
    version = shop.delta("dim_customer").version()
    assert shop.load(DATED).mode == "nothing"
    assert shop.delta("dim_customer").version() == version
    assert shop.ledger.last_step("load", "warehouse.dim_customer").state == "skipped"


@pytest.mark.parametrize(
    "model", [DATED, ORDERS, fact(event_time="at")], ids=["dimension", "upsert", "append"]
)
def test_a_kill_between_commit_and_ledger_applies_nothing_twice(
    shop: Shop, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.stage("customers", customers(("a", "Ann", "Rome", day(0))))
    shop.load(DATED)
    shop.stage("orders", orders((1, "a", day(1), 1.0)))
    shop.load(model)
    shop.stage("customers", customers(("a", "Ann", "Bari", day(5))))
    shop.stage("orders", orders((2, "a", day(1), 2.0)))

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(publish, "enter", killed)
        with pytest.raises(KeyboardInterrupt):
            shop.load(model)
    committed = shop.table(model.name)
    result = shop.load(model)
    assert result.mode == "nothing"
    assert_frame_equal(shop.table(model.name), committed, check_row_order=False)
    dataset = "customers" if model is DATED else "orders"
    wanted = {p.id: p.digest for p in shop.ledger.parts(dataset)}
    assert shop.ledger.applied("warehouse", model.name) == wanted


def test_a_kill_before_the_commit_leaves_the_table_as_it_was(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.stage("orders", orders((1, "a", day(1), 1.0)))
    model = fact()
    shop.load(model)
    shop.stage("orders", orders((2, "a", day(1), 2.0)))

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("dwkit.storage.delta.Table.commit", killed)
        with pytest.raises(KeyboardInterrupt):
            shop.load(model)
    assert shop.table("fact_order")["order_id"].to_list() == [1]
    assert shop.load(model).mode == "append"
    assert sorted(shop.table("fact_order")["order_id"]) == [1, 2]
    assert len(vacuum("warehouse", "fact_order", timedelta(0), layout=shop.layout)) == 1
    assert sorted(shop.table("fact_order")["order_id"]) == [1, 2]


def test_a_lost_ledger_is_rebuilt_from_the_delta_log(shop: Shop) -> None:
    for n in range(3):
        shop.stage("orders", orders((n, "a", day(1), 1.0)))
        shop.load(fact())
    versions, applied = (
        shop.ledger.versions("warehouse", "fact_order"),
        shop.ledger.applied("warehouse", "fact_order"),
    )
    shop.ledger.forget_table("warehouse", "fact_order")
    assert reconcile("warehouse", "fact_order", layout=shop.layout, ledger=shop.ledger) == 3
    assert shop.ledger.versions("warehouse", "fact_order") == versions
    assert shop.ledger.applied("warehouse", "fact_order") == applied
    assert reconcile("warehouse", "fact_order", layout=shop.layout, ledger=shop.ledger) == 0


def test_a_table_whose_folder_is_gone_is_made_again(shop: Shop) -> None:
    import shutil

    shop.stage("orders", orders((1, "a", day(1), 1.0)))
    shop.load(fact())
    shutil.rmtree(shop.layout.table("warehouse", "fact_order"))
    assert shop.load(fact()).mode == "append"
    assert shop.table("fact_order").height == 1


def test_a_table_of_someone_else_is_left_alone(shop: Shop) -> None:
    shop.stage("orders", orders((1, "a", day(1), 1.0)))
    pl.DataFrame({"x": [1]}).write_delta(shop.layout.table("warehouse", "fact_order"))
    with pytest.raises(UsageError, match="is a Delta table that dwkit did not make"):
        shop.load(fact())
    assert shop.table("fact_order").columns == ["x"]


def test_a_changed_part_or_model_rebuilds(shop: Shop) -> None:
    part = shop.stage("orders", orders((1, "a", day(1), 1.0)))
    shop.load(fact())
    shop.stage("orders", orders((1, "a", day(1), 7.0)), part=part.id)
    again = shop.load(fact())
    assert (again.mode, again.why) == ("rebuild", "staging.orders changed")
    assert shop.table("fact_order")["amount"].to_list() == [7.0]
    other = shop.load(fact(sql="SELECT order_id, amount * 2 AS amount FROM staging.orders"))
    assert (other.mode, other.why) == ("rebuild", "the model changed")
    assert shop.table("fact_order").columns == ["order_id", "amount", "_batch", "_row"]
    assert shop.table("fact_order")["amount"].to_list() == [14.0]


def test_rebuild_gives_the_same_rows_with_the_same_keys(shop: Shop) -> None:
    for n in range(3):
        # Each part tells of an earlier time than the one before it.
        shop.stage("customers", customers(*((k, "N", f"city {n % 2}", day(5 - n)) for k in "abc")))
        shop.load(DATED)
    before = shop.table("dim_customer")
    assert before.height == 10
    assert shop.load(DATED, rebuild=True).mode == "rebuild"
    assert_frame_equal(shop.table("dim_customer"), before, check_row_order=False)


def test_a_dry_run_says_and_does_nothing(shop: Shop) -> None:
    part = shop.stage("orders", orders((1, "a", day(1), 1.0)))
    planned = shop.load(fact(), dry_run=True)
    assert (planned.mode, planned.rows_in, planned.parts, planned.version) == ("append", 1, (part.id,), None)
    assert not shop.delta("fact_order").exists
    assert shop.ledger.versions() == []


def test_two_writers_at_once_are_a_conflict(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.stage("orders", orders((1, "a", day(1), 1.0)))
    monkeypatch.setattr("dwkit.warehouse.load.writing", lambda folder, name: writing(folder, name, seconds=0))
    with writing(shop.layout.locks, "warehouse.fact_order"), pytest.raises(ConflictError):
        shop.load(fact())
    assert shop.load(fact()).mode == "append"


def test_nothing_staged_is_said(shop: Shop) -> None:
    with pytest.raises(NotFoundError) as refused:
        shop.load(fact())
    assert refused.value.hint == "dwkit stage orders"


# -- purged parts ---------------------------------------------------------------------------------


def wants(shop: Shop, model: Model) -> list[str]:
    return [p.id for p in needs(model, layout=shop.layout, ledger=shop.ledger, dialect="duckdb")]


def test_purged_parts_are_needed_only_for_what_reads_them(shop: Shop) -> None:
    first = shop.stage("orders", orders((1, "a", day(1), 1.0)))
    shop.load(fact())
    shop.purge(first)
    assert wants(shop, fact()) == []
    assert shop.load(fact()).mode == "nothing"
    shop.stage("orders", orders((2, "a", day(1), 1.0)))
    assert shop.load(fact()).mode == "append"
    changed = fact(sql="SELECT order_id FROM staging.orders")
    assert wants(shop, changed) == [first.id]
    with pytest.raises(PartsNeeded, match=r"1 parts of staging\.orders") as refused:
        shop.load(changed)
    assert refused.value.parts[0].id == first.id
    assert refused.value.hint == "dwkit stage orders --force"
    assert sorted(shop.table("fact_order")["order_id"]) == [1, 2]


def test_a_purged_joined_input_is_needed(shop: Shop) -> None:
    model = fact(
        sql="SELECT o.*, c.city FROM staging.orders o LEFT JOIN staging.customers c USING (customer_id)"
    )
    shop.stage("orders", orders((1, "a", day(1), 1.0)))
    kept = shop.stage("customers", customers(("a", "Ann", "Rome", day(0))))
    gone = shop.stage("customers", customers(("b", "Bob", "Oslo", day(0))))
    shop.purge(gone)
    assert wants(shop, model) == [gone.id]
    with pytest.raises(PartsNeeded):
        shop.load(model)
    assert kept.id not in wants(shop, model)


def test_a_late_row_asks_for_the_parts_that_know(shop: Shop) -> None:
    rows = customers(("a", "Ann", "Rome", day(1)), ("a", "Ann", "Rome", day(3)), ("a", "Ann", "Rome", day(5)))
    first = shop.stage("customers", rows)
    shop.load(DATED)
    shop.purge(first)
    shop.stage("customers", customers(("b", "Bob", "Oslo", day(2)), ("a", "Ann", "Rome", day(7))))
    assert shop.load(DATED).mode == "merge"
    shop.stage("customers", customers(("a", "Ann", "Bari", day(2))))
    with pytest.raises(PartsNeeded, match="came late") as refused:
        shop.load(DATED)
    assert [p.id for p in refused.value.parts] == [first.id]
    shop.stage("customers", rows, part=first.id, digest=first.digest)
    shop.load(DATED)
    table = shop.table("dim_customer").filter(customer_id="a").sort("valid_from")
    assert table.select("city", "valid_from").rows() == [("Rome", day(1)), ("Bari", day(2)), ("Rome", day(3))]


# -- tests of the header --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ("unique", "column city: unique fails for 1 rows, for instance city = 'Rome'"),
        ("accepted:Rome,Bari", "fails for 1 rows, for instance .*city = 'Oslo'"),
        ("not_null", "fails for 1 rows"),
    ],
)
def test_a_failing_test_commits_nothing(shop: Shop, test: str, message: str) -> None:
    model = dimension(scd=2, updated_at="updated_at", columns={"city": ColumnHeader(tests=[test])})
    shop.stage("customers", customers(("a", "Ann", "Rome", day(0))))
    shop.load(model)
    before = set(shop.layout.table("warehouse", "dim_customer").iterdir())
    shop.stage(
        "customers",
        customers(("b", "Bob", "Oslo", day(0)), ("c", "Cyd", "Rome", day(0)), ("d", "Dan", None, day(0))),
    )
    with pytest.raises(CheckError, match=message):
        shop.load(model)
    assert shop.table("dim_customer").height == 2
    assert set(shop.layout.table("warehouse", "dim_customer").iterdir()) == before
    assert len(shop.ledger.applied("warehouse", "dim_customer")) == 1


def test_unique_current_looks_at_current_versions_only(shop: Shop) -> None:
    model = dimension(
        scd=2, updated_at="updated_at", columns={"city": ColumnHeader(tests=["unique_current"])}
    )
    shop.stage(
        "customers",
        customers(("a", "Ann", "Rome", day(0)), ("a", "Ann", "Bari", day(1)), ("b", "B", "Rome", day(2))),
    )
    shop.load(model)
    shop.stage("customers", customers(("c", "Cyd", "Rome", day(3))))
    with pytest.raises(CheckError, match="unique_current"):
        shop.load(model)


def test_conditions_and_bounds(shop: Shop) -> None:
    shop.stage("orders", orders((1, "a", day(1), 1.0), (2, "a", day(2), -1.0), (3, "a", day(2), None)))
    with pytest.raises(CheckError, match=r"amount >= 0 fails for 1 rows, for instance .*order_id = 2"):
        shop.load(fact(tests=["amount >= 0"]))
    with pytest.raises(CheckError, match="min:0"):
        shop.load(fact(columns={"amount": ColumnHeader(tests=["min:0"])}))
    with pytest.raises(CheckError, match="max:2025-01-02"):
        shop.load(fact(columns={"at": ColumnHeader(tests=["max:2025-01-02"])}))
    assert shop.load(fact(columns={"at": ColumnHeader(tests=["min:2025-01-02", "not_null"])})).rows_total == 3


@pytest.mark.parametrize("test", ["notnull", "min:x"])
def test_a_test_that_is_none_is_an_error_of_the_header(shop: Shop, test: str) -> None:
    shop.stage("orders", orders((1, "a", day(1), 1.0)))
    with pytest.raises(UsageError, match=r"columns\.amount"):
        shop.load(fact(columns={"amount": ColumnHeader(tests=[test])}))
    assert not shop.delta("fact_order").exists


# -- upkeep ---------------------------------------------------------------------------------------


def test_rollback_takes_the_applied_parts_back(shop: Shop) -> None:
    parts = []
    for n in range(3):
        parts.append(shop.stage("orders", orders((n, "a", day(1), 1.0))).id)
        shop.load(fact())
    made = rollback("warehouse", "fact_order", 0, layout=shop.layout, ledger=shop.ledger, run="r")
    assert shop.table("fact_order")["order_id"].to_list() == [0]
    assert (made.mode, made.rows, made.version) == ("restore", 1, 3)
    assert list(shop.ledger.applied("warehouse", "fact_order")) == parts[:1]
    shop.ledger.forget_table("warehouse", "fact_order")
    reconcile("warehouse", "fact_order", layout=shop.layout, ledger=shop.ledger)
    assert list(shop.ledger.applied("warehouse", "fact_order")) == parts[:1]
    assert shop.load(fact()).parts == tuple(parts[1:])
    assert sorted(shop.table("fact_order")["order_id"]) == [0, 1, 2]
    with pytest.raises(NotFoundError, match="'9'"):
        rollback("warehouse", "fact_order", 9, layout=shop.layout, ledger=shop.ledger, run="r")


def test_after_a_rollback_surrogate_keys_are_new(shop: Shop) -> None:
    shop.stage("customers", customers(("a", "Ann", "Rome", day(0))))
    shop.load(DATED)
    lost = shop.stage("customers", customers(("b", "Bob", "Oslo", day(0))))
    shop.load(DATED)
    rollback("warehouse", "dim_customer", 0, layout=shop.layout, ledger=shop.ledger, run="r")
    shop.stage("customers", customers(("c", "Cyd", "Paris", day(0))), part=lost.id)
    shop.load(DATED)
    assert shop.table("dim_customer").filter(customer_id="c")["customer_key"].to_list() == [3]


def test_compact_changes_files_and_nothing_else(shop: Shop) -> None:
    for n in range(4):
        shop.stage("orders", orders((n, "a", day(1), 1.0)))
        shop.load(fact())
    before = shop.table("fact_order")
    assert compact("warehouse", "fact_order", layout=shop.layout, run="r") == (4, 1)
    assert_frame_equal(shop.table("fact_order"), before, check_row_order=False)
    assert shop.load(fact()).mode == "nothing"
    shop.stage("orders", orders((9, "a", day(1), 1.0)))
    assert shop.load(fact()).mode == "append"
    assert len(vacuum("warehouse", "fact_order", timedelta(0), layout=shop.layout)) == 4
    assert shop.table("fact_order").height == 5


# -- other kinds ----------------------------------------------------------------------------------


def test_the_date_dimension(shop: Shop) -> None:
    model = Model(
        layer="warehouse",
        name="dim_date",
        header=Header(kind="date_dimension", start="2024-02-28", end="2025-01-01"),
    )
    assert shop.load(model).rows_total == 310
    assert shop.load(model).mode == "nothing"
    table = shop.table("dim_date")
    row = table.filter(date_key=20241230).row(0, named=True)
    assert (row["iso_year"], row["iso_week"], row["year_week"], row["day_of_week"]) == (
        2025,
        1,
        "2025-W01",
        1,
    )
    assert (row["day_name"], row["month_name"], row["year_quarter"]) == ("Monday", "December", "2024-Q4")
    assert table.filter(date_key=20240229)["is_month_end"].to_list() == [True]
    assert table.filter(date_key=-1).select("date", "day_name").rows() == [(None, "Unknown")]
    days = table.filter(pl.col("date_key") > 0).sort("date")
    assert days["date"].diff().drop_nulls().unique().to_list() == [timedelta(days=1)]
    for bad in (
        {"start": "2025-01-01"},
        {"start": "1 May", "end": "2025-01-01"},
        {"start": "2025-02-01", "end": "2025-01-01"},
    ):
        with pytest.raises(UsageError):
            shop.load(Model(layer="warehouse", name="dim_d", header=Header(kind="date_dimension", **bad)))


def test_a_plain_table_is_made_anew_when_its_inputs_change(shop: Shop) -> None:
    model = Model(
        layer="warehouse",
        name="totals",
        header=Header(kind="table"),
        sql="SELECT customer_id, sum(amount) AS total FROM staging.orders GROUP BY customer_id",
    )
    shop.stage("orders", orders((1, "a", day(1), 1.0)))
    assert shop.load(model).mode == "rebuild"
    assert shop.load(model).mode == "nothing"
    shop.stage("orders", orders((2, "a", day(1), 2.0)))
    assert shop.load(model).why == "staging.orders changed"
    assert shop.table("totals").rows() == [("a", 3.0)]
