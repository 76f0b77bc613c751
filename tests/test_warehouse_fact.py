"""Facts: their grain, and the dimension rows that they point at."""

from __future__ import annotations

import itertools
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from staged_fixture import Header, Lookup, Model, Shop, dimension, fact

from dwkit.errors import CheckError, NotFoundError, UsageError
from dwkit.warehouse.lookup import Dimension, with_keys


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def day(n: int) -> datetime:
    return datetime(2025, 1, 1) + timedelta(days=n)


def customers(*rows: tuple) -> pl.DataFrame:
    schema = {"customer_id": pl.String, "city": pl.String, "updated_at": pl.Datetime("us")}
    return pl.DataFrame(rows, schema=schema, orient="row")


def orders(*rows: tuple) -> pl.DataFrame:
    schema = {"order_id": pl.Int64, "customer_id": pl.String, "at": pl.Datetime("us")}
    return pl.DataFrame(rows, schema=schema, orient="row")


CUSTOMERS = dimension(scd=2, updated_at="updated_at")
CUSTOMER = {"customer_key": Lookup(table="dim_customer", on=["customer_id"])}


def keys(shop: Shop) -> dict[int, int]:
    return dict(shop.table("fact_order").select("order_id", "customer_key").rows())


def test_rows_point_at_the_version_of_their_time(shop: Shop) -> None:
    shop.stage("customers", customers(("a", "Rome", day(2)), ("a", "Bari", day(5)), ("b", "Oslo", day(0))))
    shop.load(CUSTOMERS)
    shop.stage(
        "orders",
        orders(
            (1, "a", day(2)), (2, "a", day(4)), (3, "a", day(5)), (4, "a", day(0)),
            (5, "a", None), (6, "x", day(3)), (7, None, day(3)), (8, "b", day(9)),
        ),
    )  # fmt: skip
    result = shop.load(fact(event_time="at", dimensions=CUSTOMER))
    # Before the first version: the first one; without a time: the current one.
    assert keys(shop) == {1: 1, 2: 1, 3: 2, 4: 1, 5: 2, 6: -1, 7: -1, 8: 3}
    assert result.notes == (
        "2 rows point at the unknown member of dim_customer: customer_id NULL (1); customer_id 'x' (1)",
    )
    assert shop.table("fact_order").columns == [
        "customer_key",
        "order_id",
        "customer_id",
        "at",
        "_batch",
        "_row",
    ]


def test_an_event_at_the_end_of_time_keeps_its_row(shop: Shop) -> None:
    shop.stage("customers", customers(("a", "Rome", day(2)), ("a", "Bari", day(5))))
    shop.load(CUSTOMERS)
    end = datetime(9999, 12, 31)
    shop.stage("orders", orders((1, "a", end), (2, "a", end + timedelta(hours=23)), (3, "x", end)))
    shop.load(fact(event_time="at", dimensions=CUSTOMER))
    assert keys(shop) == {1: 2, 2: 2, 3: -1}


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_the_one_join_finds_what_a_loop_finds(data: st.DataObject) -> None:
    begins = data.draw(
        st.dictionaries(st.sampled_from("abc"), st.sets(st.integers(0, 8), min_size=1, max_size=4))
    )
    rows, number = [], 0
    for key, starts in begins.items():
        ordered = [*sorted(starts), None]
        for start, end in itertools.pairwise(ordered):
            number += 1
            rows.append(
                (
                    number,
                    key,
                    day(start),
                    day(end) if end is not None else datetime(9999, 12, 31),
                    end is None,
                )
            )
    rows.append((-1, "(unknown)", datetime(1900, 1, 1), datetime(9999, 12, 31), True))
    schema = {
        "k": pl.Int64,
        "id": pl.String,
        "valid_from": pl.Datetime("us"),
        "valid_to": pl.Datetime("us"),
        "is_current": pl.Boolean,
    }
    members = pl.DataFrame(rows, schema=schema, orient="row")
    times = st.one_of(st.none(), st.integers(-2, 10))
    events = data.draw(
        st.lists(st.tuples(st.sampled_from(["a", "b", "c", "d", None, "(unknown)"]), times), max_size=20)
    )
    facts = pl.DataFrame(
        [(n, k, None if t is None else day(t)) for n, (k, t) in enumerate(events)],
        schema={"n": pl.Int64, "id": pl.String, "at": pl.Datetime("us")},
        orient="row",
    )
    one = Dimension("fk", "dim", Lookup(table="dim", on=["id"]), 0, "k", ("id",), True, "at", members.lazy())
    found = with_keys(facts.lazy(), [one], "fact").sort("n").collect()

    def by_hand(key: str | None, at: datetime | None) -> int:
        mine = [r for r in rows if r[1] == key and r[0] > 0]
        if not mine:
            return -1
        at = at or datetime(9999, 12, 30)
        valid = [r[0] for r in mine if r[2] <= at < r[3]]
        return valid[0] if valid else min(mine, key=lambda r: r[2])[0]

    assert found["fk"].to_list() == [by_hand(r[1], r[2]) for r in facts.rows()]
    assert found["n"].to_list() == list(range(len(events)))


def test_several_dimensions_types_and_roles(shop: Shop) -> None:
    dates = Model(
        layer="warehouse",
        name="dim_date",
        header=Header(kind="date_dimension", start="2025-01-01", end="2025-01-31"),
    )
    shop.load(dates)
    shop.stage(
        "shops",
        pl.DataFrame(
            {"country": ["no", "no", "it"], "number": [1, 2, 1], "town": ["Oslo", "Bergen", "Rome"]}
        ),
    )
    shop.load(dimension("dim_shop", key=["country", "number"], scd=1, sql="SELECT * FROM staging.shops"))
    shop.stage(
        "orders",
        pl.DataFrame(
            {
                "order_id": [1, 2, 3],
                "country": ["no", "it", "it"],
                "number": pl.Series([2, 1, 9], dtype=pl.Int16),
                "at": [day(3), day(4), None],
                "shipped": [date(2025, 1, 5), None, date(2030, 1, 1)],
            }
        ),
    )
    model = fact(
        dimensions={
            "order_date_key": Lookup(table="dim_date", on=["at"]),
            "ship_date_key": Lookup(table="warehouse.dim_date", on=["shipped"], drop=False),
            "shop_key": Lookup(table="dim_shop", on=["country", "number"]),
        }
    )
    shop.load(model)
    table = shop.table("fact_order").sort("order_id")
    assert table.columns[:3] == ["order_date_key", "ship_date_key", "shop_key"]
    assert table.select("order_date_key", "ship_date_key").rows() == [
        (20250104, 20250105),
        (20250105, -1),
        (-1, -1),
    ]
    town = dict(shop.table("dim_shop").select("shop_key", "town").rows())
    assert [town[k] for k in table["shop_key"]] == ["Bergen", "Rome", "Unknown"]


def test_wrong_lookups_are_said(shop: Shop) -> None:
    shop.stage("orders", orders((1, "a", day(0))))
    shop.stage("customers", customers(("a", "Rome", day(0))))
    with pytest.raises(NotFoundError, match="'dim_customer'") as unloaded:
        shop.load(fact(dimensions=CUSTOMER))
    assert unloaded.value.hint == "dwkit load dim_customer"
    shop.load(CUSTOMERS)
    shop.load(fact("fact_other"))
    for lookup, event_time, message in [
        (Lookup(table="dim_customer", on=["client"]), "at", "no column 'client'"),
        (
            Lookup(table="dim_customer", on=["order_id"]),
            "at",
            "'order_id' is Int64, the key 'customer_id' .* is String",
        ),
        (Lookup(table="dim_customer", on=["customer_id", "at"]), "at", "on names 2 columns"),
        (Lookup(table="dim_customer", on=["customer_id"]), "customer_id", "'customer_id', as of which"),
        (Lookup(table="fact_other", on=["customer_id"]), "at", "is no dimension"),
    ]:
        with pytest.raises(UsageError, match=message):
            shop.load(fact(event_time=event_time, dimensions={"customer_key": lookup}))
    with pytest.raises(NotFoundError) as misspelt:
        shop.load(fact(dimensions={"k": Lookup(table="dim_custmer", on=["customer_id"])}))
    assert "dim_customer" in misspelt.value.hint
    with pytest.raises(UsageError, match="gives a column 'order_id'"):
        shop.load(fact(dimensions={"order_id": Lookup(table="dim_customer", on=["customer_id"])}))


# -- grain ----------------------------------------------------------------------------------------


def test_a_repeated_grain_in_one_batch_is_refused(shop: Shop) -> None:
    shop.stage("orders", orders((1, "a", day(0)), (2, "a", day(0)), (2, "b", day(0))))
    with pytest.raises(CheckError, match=r"grain order_id is not unique: 1 keys .* order_id = 2"):
        shop.load(fact(key=["order_id"]))
    assert not shop.delta("fact_order").exists
    assert shop.load(fact()).rows_total == 3


def test_a_later_batch_replaces_rows_of_its_grain(shop: Shop) -> None:
    model = fact(key=["order_id"])
    shop.stage("orders", orders((1, "a", day(0)), (2, "a", day(0))))
    shop.load(model)
    shop.stage("orders", orders((3, "c", day(0))))
    assert shop.load(model).mode == "append"
    files = set(shop.delta("fact_order").files())
    shop.stage("orders", orders((2, "b", day(1))))
    again = shop.load(model)
    assert (again.mode, again.rows_out, again.rows_total) == ("merge", 1, 3)
    assert dict(shop.table("fact_order").select("order_id", "customer_id").rows()) == {1: "a", 2: "b", 3: "c"}
    # The file with order 3 was not written again.
    assert len(files & set(shop.delta("fact_order").files())) == 1


@settings(max_examples=12, deadline=None)
@given(
    parts=st.lists(
        st.dictionaries(st.integers(0, 4), st.sampled_from("abc"), min_size=1), min_size=2, max_size=4
    ),
    data=st.data(),
)
def test_any_order_of_arrival_ends_with_the_latest_batch(
    tmp_path_factory: pytest.TempPathFactory, parts: list[dict], data: st.DataObject
) -> None:
    from dwkit.model.ids import new_id

    shop = Shop(tmp_path_factory.mktemp("arrival"))
    ids = [new_id() for _ in parts]
    wanted: dict[int, str] = {}
    for part in parts:
        wanted |= part
    arrival = data.draw(st.permutations(range(len(parts))))
    waiting = 0
    for n in arrival:
        shop.stage("orders", orders(*((k, v, day(0)) for k, v in parts[n].items())), part=ids[n])
        waiting += 1
        if data.draw(st.booleans()):
            shop.load(fact(key=["order_id"]))
            waiting = 0
    shop.load(fact(key=["order_id"]))
    assert dict(shop.table("fact_order").select("order_id", "customer_id").rows()) == wanted
    assert shop.table("fact_order").height == len(wanted)


def test_without_a_grain_rows_are_added(shop: Shop) -> None:
    shop.stage("orders", orders((1, "a", day(0)), (1, "a", day(0))))
    shop.load(fact())
    shop.stage("orders", orders((1, "a", day(0))))
    shop.load(fact())
    assert shop.table("fact_order")["order_id"].to_list() == [1, 1, 1]


def test_an_aggregate_names_the_batch_and_no_row(shop: Shop) -> None:
    part = shop.stage("orders", orders((1, "a", day(0)), (2, "a", day(0))))
    shop.load(fact(sql="SELECT customer_id, count(*) AS n FROM staging.orders GROUP BY customer_id"))
    assert shop.table("fact_order").rows() == [("a", 2, part.batch, None)]


def test_new_columns_and_wider_types(shop: Shop) -> None:
    model = fact(key=["order_id"])
    shop.stage("orders", orders((1, "a", day(0))))
    shop.load(model)
    shop.stage("orders", orders((2, "a", day(0))).with_columns(note=pl.lit("n")))
    shop.load(model)
    assert shop.table("fact_order").sort("order_id")["note"].to_list() == [None, "n"]
    wider = orders((3, "a", day(0))).with_columns(pl.col("order_id").cast(pl.Float64) + 0.5)
    shop.stage("orders", wider)
    assert shop.load(model).mode == "merge"
    assert shop.table("fact_order")["order_id"].sort().to_list() == [1.0, 2.0, 3.5]


# -- what comes late ------------------------------------------------------------------------------


def test_rows_are_looked_up_again_when_their_dimension_changed(shop: Shop) -> None:
    model = fact(key=["order_id"], event_time="at", dimensions=CUSTOMER)
    shop.stage("customers", customers(("a", "Rome", day(0)), ("b", "Oslo", day(0))))
    shop.load(CUSTOMERS)
    shop.stage("orders", orders((1, "a", day(1)), (2, "a", day(8)), (3, "x", day(8)), (4, "b", day(8))))
    shop.load(model)
    assert keys(shop) == {1: 1, 2: 1, 3: -1, 4: 2}
    # A move that the dimension learns of after the sale, and a customer who comes after his orders.
    shop.stage("customers", customers(("a", "Bari", day(5)), ("x", "Kiel", day(9))))
    shop.load(CUSTOMERS)
    again = shop.load(model)
    assert keys(shop) == {1: 1, 2: 3, 3: 4, 4: 2}
    assert (again.mode, again.rows_out, again.rows_in) == ("merge", 2, 0)
    assert again.notes == ("2 rows there were point at other versions now, because dim_customer changed",)
    assert shop.load(model).mode == "nothing"


def test_a_change_that_concerns_no_row_is_looked_at_once(shop: Shop) -> None:
    model = fact(key=["order_id"], event_time="at", dimensions=CUSTOMER)
    shop.stage("customers", customers(("a", "Rome", day(0))))
    shop.load(CUSTOMERS)
    shop.stage("orders", orders((1, "a", day(1))))
    shop.load(model)
    shop.stage("customers", customers(("a", "Bari", day(5))))
    shop.load(CUSTOMERS)
    version = shop.delta("fact_order").version()
    assert shop.load(model, dry_run=True).mode == "merge"
    assert shop.load(model).mode == "nothing"
    assert shop.delta("fact_order").version() == version
    assert shop.load(model, dry_run=True).mode == "nothing"


def test_a_fact_without_the_natural_key_is_rebuilt_when_its_dimension_changed(shop: Shop) -> None:
    lookup = {"customer_key": Lookup(table="dim_customer", on=["customer_id"], drop=True)}
    model = fact(key=["order_id"], event_time="at", dimensions=lookup)
    shop.stage("customers", customers(("a", "Rome", day(0))))
    shop.load(CUSTOMERS)
    shop.stage("orders", orders((1, "x", day(1))))
    first = shop.load(model)
    assert first.notes == ("1 rows point at the unknown member of dim_customer",)
    assert shop.table("fact_order").columns == ["customer_key", "order_id", "at", "_batch", "_row"]
    shop.stage("customers", customers(("x", "Kiel", day(0))))
    shop.load(CUSTOMERS)
    again = shop.load(model)
    assert again.mode == "rebuild"
    assert "does not keep its natural key" in again.why
    assert keys(shop) == {1: 2}


def test_one_dimension_kept_and_one_dropped(shop: Shop) -> None:
    dates = Model(
        layer="warehouse",
        name="dim_date",
        header=Header(kind="date_dimension", start="2025-01-01", end="2025-01-31"),
    )
    shop.load(dates)
    shop.stage("customers", customers(("a", "Rome", day(0))))
    shop.load(CUSTOMERS)
    shop.stage("orders", orders((1, "a", day(1)), (2, "x", day(2))))
    lookups = {"date_key": Lookup(table="dim_date", on=["at"], drop=True), **CUSTOMER}
    model = fact(key=["order_id"], dimensions=lookups)
    shop.load(model)
    shop.stage("customers", customers(("x", "Kiel", day(0))))
    shop.load(CUSTOMERS)
    assert shop.load(model).mode == "merge"
    table = shop.table("fact_order").sort("order_id")
    assert table.columns == ["date_key", "customer_key", "order_id", "customer_id", "_batch", "_row"]
    assert table.select("date_key", "customer_key").rows() == [(20250102, 1), (20250103, 2)]
    with pytest.raises(UsageError, match="'at' is in the grain, and a lookup drops it"):
        shop.load(fact(key=["order_id", "at"], dimensions=lookups))


@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_facts_and_dimension_in_any_order_end_the_same(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    moves = data.draw(
        st.lists(
            st.tuples(st.sampled_from("ab"), st.integers(0, 6), st.sampled_from("XYZ")),
            unique_by=lambda m: m[:2],
            min_size=1,
            max_size=5,
        )
    )
    sales = data.draw(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 8)), min_size=1, max_size=5))
    shop = Shop(tmp_path_factory.mktemp("late"))
    model = fact(key=["order_id"], event_time="at", dimensions=CUSTOMER)
    steps = [("customers", customers((k, c, day(t)))) for k, t, c in moves]
    steps += [("orders", orders((n, k, day(t)))) for n, (k, t) in enumerate(sales)]
    shop.stage("customers", customers(("z", "Z", day(0))))
    shop.load(CUSTOMERS)
    for dataset, rows in data.draw(st.permutations(steps)):
        shop.stage(dataset, rows)
        if data.draw(st.booleans()):
            shop.load(CUSTOMERS)
            if shop.ledger.parts("orders"):
                shop.load(model)
    shop.load(CUSTOMERS)
    shop.load(model)
    members = shop.table("dim_customer")
    for n, (key, at) in enumerate(sales):
        mine = members.filter(pl.col("customer_id") == key).sort("valid_from")
        row = shop.table("fact_order").filter(order_id=n)
        if mine.is_empty():
            assert row["customer_key"].to_list() == [-1]
            continue
        valid = mine.filter(pl.col("valid_from") <= day(at)).tail(1)
        assert (
            row["customer_key"].to_list()
            == (valid if valid.height else mine.head(1))["customer_key"].to_list()
        )
