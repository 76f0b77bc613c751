"""Ids, names and types."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwkit.errors import UsageError
from dwkit.model.ids import new_id, time_of
from dwkit.model.names import DIALECTS, check_name, suggest_name
from dwkit.model.types import ColumnType, parse_type


def test_ids_sort_by_the_time_they_were_made_in_and_across_threads() -> None:
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.extend(new_id() for _ in range(500))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    one = [new_id() for _ in range(5000)]
    assert one == sorted(one)
    assert len(set(made)) == 2000
    assert max(made) < one[0]
    assert abs((time_of(one[-1]) - time_of(one[0])).total_seconds()) < 10


@pytest.mark.parametrize("name", ["../x", "", "Orders", "1st", "a b", "a-b", "x" * 64, "select;", "a.b"])
def test_a_name_that_cannot_be_a_folder_or_a_table_is_refused(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_name(name)
    assert check_name(caught.value.hint.split("'")[1])


@given(st.text())
def test_a_suggested_name_is_always_valid(text: str) -> None:
    assert check_name(suggest_name(text))


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("raw/orders_2026-01.csv.gz", "orders"),
        ("orders_02.csv", "orders"),
        ("2020 Sales.csv", "t_2020_sales"),
        ("flights.csv", "flights"),
        ("access-20260101.log", "access"),
        ("Größe_2026.csv", "grosse"),
        ("Café.csv", "cafe"),
    ],
)
def test_deliveries_of_one_dataset_have_one_name(file: str, name: str) -> None:
    assert suggest_name(file) == name


def test_names_in_another_script_tell_datasets_apart() -> None:
    orders, customers = suggest_name("заказы_2026-01.csv"), suggest_name("клиенты_2026-01.csv")
    assert orders != customers
    assert check_name(orders) == suggest_name("заказы_2026-02.csv")


types = st.recursive(
    st.sampled_from(["string", "boolean", "int64", "float64", "date", "timestamp", "timestamptz"]).map(
        ColumnType
    )
    | st.integers(1, 38).flatmap(lambda p: st.integers(0, p).map(lambda s: ColumnType("decimal", p, s))),
    lambda inner: st.one_of(
        inner.map(lambda t: ColumnType("list", element=t)),
        st.lists(st.tuples(st.text("abc \"'x,()", min_size=1), inner), min_size=1, max_size=3).map(
            lambda f: ColumnType("struct", fields=tuple(f))
        ),
    ),
    max_leaves=4,
)


@given(types)
def test_a_types_text_parses_back(kind: ColumnType) -> None:
    assert parse_type(str(kind)) == kind


@pytest.mark.parametrize(
    "text", ["", "int46", "decimal(40,2)", "decimal(5,6)", "list(int64", "struct", "int64 int64"]
)
def test_what_is_no_type_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_type(text)


def test_the_dialects_are_those_that_sqlglot_reads_and_one_of_our_own() -> None:
    import sqlglot

    assert list(DIALECTS) == sorted([*(d.value for d in sqlglot.Dialects if d.value), "datafusion"])
