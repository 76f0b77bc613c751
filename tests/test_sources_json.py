"""JSON and NDJSON: where the records are, what types they have, and what is no record."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lake_fixture import Lake

from dwkit.errors import DataError

PEOPLE = [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}, {"id": 3, "name": "Eve"}]
ROWS = [(1, "Ann", 1), (2, "Bob", 2), (3, "Eve", 3)]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def lines(values: list[Any]) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "document",
    [
        PEOPLE,
        {"data": PEOPLE},
        {"meta": {"page": 1, "tags": ["a", "b"]}, "result": {"items": PEOPLE}},
        {"count": 3, "data": PEOPLE, "next": None},
    ],
)
def test_the_records_are_found_in_the_document(lake: Lake, document: Any, indent: int | None) -> None:
    assert lake.read("d.json", json.dumps(document, indent=indent)).rows() == ROWS


def test_several_arrays_are_a_question(lake: Lake) -> None:
    text = json.dumps({"users": PEOPLE, "orders": [{"order": 7}]})
    with pytest.raises(DataError, match="several arrays of objects: users, orders") as caught:
        lake.read("d.json", text)
    assert "--records users" in caught.value.hint
    assert lake.read("d.json", text, records="orders").rows() == [(7, 1)]
    assert lake.read("d.json", text, records="users", into="u").rows() == ROWS
    whole = lake.read("d.json", text, records=".", into="w")
    assert whole.height == 1
    assert whole["orders"].to_list() == [[{"order": 7}]]


def test_another_array_of_the_same_document_is_another_table(lake: Lake) -> None:
    lake.file("d.json", json.dumps({"users": PEOPLE, "orders": [{"id": 7, "name": "x"}]}))
    first = lake.ingest("d.json", records="users")
    second = lake.ingest("d.json", records="orders")
    again = lake.ingest("d.json", records="users")
    assert [i.new for i in (*first, *second, *again)] == [True, True, False]
    assert lake.rows("d")["id"].to_list() == [1, 2, 3, 7]


def test_an_array_that_is_not_there_is_named(lake: Lake) -> None:
    with pytest.raises(DataError, match="no array at 'usrs'") as caught:
        lake.read("d.json", json.dumps({"users": PEOPLE}), records="usrs")
    assert "users" in caught.value.hint


@pytest.mark.parametrize("name", ["l.ndjson", "l.jsonl", "l.json", "l.txt", "l"])
def test_lines_of_records_are_found_whatever_the_name(lake: Lake, name: str) -> None:
    assert lake.read(name, lines(PEOPLE)).rows() == ROWS


def test_one_line_is_a_document_or_a_record(lake: Lake) -> None:
    assert lake.read("one.json", '{"id": 1, "name": "Ann"}').rows() == [(1, "Ann", 1)]
    assert lake.read("one.ndjson", '{"id": 1, "tags": [{"a": 1}, {"a": 2}]}').height == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_json_in_any_unicode_is_read(lake: Lake, encoding: str) -> None:
    text = json.dumps([{"name": "Ünï – 東京 😀"}], ensure_ascii=False)
    assert lake.read("e.json", text.encode(encoding)).rows() == [("Ünï – 東京 😀", 1)]
    assert lake.read("e.jsonl.gz", gzip.compress(text[1:-1].encode(encoding))).height == 1


def test_nesting_is_kept(lake: Lake) -> None:
    records = [
        {"id": 1, "place": {"city": "Bonn", "at": [50.7, 7.1]}, "tags": ["a", "b"], "items": [{"n": 1}]},
        {"id": 2, "place": {"city": "Ulm"}, "tags": [], "items": [{"n": 2, "more": True}, {"n": 3}]},
        {"id": 3, "place": None, "tags": None},
    ]
    frame = lake.read("n.json", json.dumps(records))
    assert frame.schema["place"] == pl.Struct({"city": pl.String(), "at": pl.List(pl.Float64())})
    assert frame["place"].to_list()[:2] == [{"city": "Bonn", "at": [50.7, 7.1]}, {"city": "Ulm", "at": None}]
    assert frame["tags"].to_list() == [["a", "b"], [], None]
    assert frame["items"].to_list()[1] == [{"n": 2, "more": True}, {"n": 3, "more": None}]


def test_numbers_are_never_rounded(lake: Lake) -> None:
    text = (
        '{"big": 123456789012345678901234567890, "long": 9007199254740993, "mix": 9007199254740993, "f": 1}\n'
        '{"big": 1, "long": 9223372036854775807, "mix": 0.5, "f": 2.5}\n'
    )
    frame = lake.read("b.ndjson", text)
    assert frame["big"].to_list() == ["123456789012345678901234567890", "1"]
    assert frame["long"].to_list() == [9007199254740993, 2**63 - 1]
    assert frame["mix"].to_list() == ["9007199254740993", "0.5"]
    assert frame["f"].to_list() == [1.0, 2.5]


def test_types_that_disagree_become_text_and_nothing_is_lost(lake: Lake) -> None:
    values: list[Any] = [1, "1", True, None, {"a": [1]}, [1, "x"], 1.5, "ü"]
    done = lake.ingest(lake.file("m.ndjson", lines([{"v": value} for value in values])))
    kept = [v.replace(" ", "") if v else v for v in lake.rows("m")["v"]]
    assert kept == ["1", "1", "true", None, '{"a":[1]}', '[1,"x"]', "1.5", "ü"]
    assert any("v mixes" in note for note in done[0].batch.notes)


def test_a_field_that_comes_late_is_a_column(lake: Lake) -> None:
    records = [{"a": n} for n in range(30_000)] + [{"a": "x", "b": {"c": [1]}}]
    frame = lake.read("late.ndjson", lines(records))
    assert frame.height == 30_001
    assert frame["a"].to_list()[:2] == ["0", "1"]
    assert frame["b"].to_list()[-1] == {"c": [1]}


def test_lines_that_are_no_records_are_kept_aside_with_line_and_text(lake: Lake) -> None:
    text = '{"a": 1}\n\n{"a": 2\n{"a": 3}\n[1, 2]\nnull\n{"a": 4}\n{"a": 5}\n{"a": 6'
    lake.ingest(lake.file("b.ndjson", text))
    assert lake.rows("b")["a"].to_list() == [1, 3, 4, 5]
    assert lake.rows("b")["_row"].to_list() == [1, 3, 6, 7]
    bad = lake.malformed("b")
    assert [(row, line, raw) for row, line, raw, _ in bad] == [
        (2, 3, '{"a": 2'),
        (4, 5, "[1, 2]"),
        (5, 6, "null"),
        (8, 9, '{"a": 6'),
    ]
    assert "not JSON" in bad[0][3]


def test_bytes_that_are_no_text_lose_no_line(lake: Lake) -> None:
    text = lines(PEOPLE).encode() + b'{"id": 4, "name": "J\xfcrgen"}\n' + lines(PEOPLE).encode()
    done = lake.ingest(lake.file("l.ndjson", text))
    assert lake.rows("l")["name"].to_list() == ["Ann", "Bob", "Eve", "Jürgen", "Ann", "Bob", "Eve"]
    assert done[0].batch.notes


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[{"a": 1}, {"a": 2', "line 1"),
        ('[{"a": 1},\n {"a": 2},\n {"a" 3}]', "line 3, column 7"),
        ('[{"a": 1}] trailing', "not JSON"),
        ('[{"a": 1}', "not JSON"),
        ("[]", "no records"),
        ("{}", "no records"),
        ("[[[[[[", "not JSON"),
        ("hello world", "not JSON"),
        ("   \n \n", "empty"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_json_is_refused_with_the_place(lake: Lake, text: str, says: str) -> None:
    with pytest.raises(DataError) as caught:
        lake.read("x.json", text)
    assert says in str(caught.value)
    assert caught.value.hint
    assert not lake.ledger.batches()


def test_deep_nesting_is_kept_as_far_as_types_go_and_as_text_beyond(lake: Lake) -> None:
    value: Any = "deep"
    for _ in range(60):
        value = {"in": value}
    frame = lake.read("d.ndjson", lines([{"id": 1, "v": value}, {"id": 2, "v": None}]))
    assert frame.height == 2
    assert "deep" in str(frame["v"].to_list()[0])


def test_scalars_are_a_column_of_values(lake: Lake) -> None:
    assert lake.read("s.json", "[1, 2, 3]").rows() == [(1, 1), (2, 2), (3, 3)]
    assert lake.read("t.json", '["a", null, "c"]')["value"].to_list() == ["a", None, "c"]
    assert lake.read("p.json", "[[1, 2], [3, 4]]")["value"].to_list() == [[1, 2], [3, 4]]


def test_names_of_any_kind_are_columns(lake: Lake) -> None:
    record = {
        "": 1,
        "a b": 2,
        'say "hi"': 3,
        "back\\slash": 4,
        "_row": 5,
        "select": 6,
        "A": 7,
        "a": 8,
        "é\n": 9,
    }
    frame = lake.read("k.json", json.dumps([record, record]))
    assert frame.width == 10
    assert [list(row)[:-1] for row in frame.rows()] == [list(record.values())] * 2
    assert {"_row_source", "select", "a b"} <= set(frame.columns)


def test_an_object_with_ever_new_keys_is_text(lake: Lake) -> None:
    records = [{"id": n, "by_key": {f"k{n}": n, f"j{n}": n}} for n in range(400)]
    frame = lake.read("k.ndjson", lines(records))
    assert [json.loads(v) for v in frame["by_key"]] == [r["by_key"] for r in records]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


def same(value: Any, read: Any) -> bool:
    """Whether a value was kept: itself, its JSON text, a whole number as a float, absent keys as NULL."""
    if isinstance(read, str) and not isinstance(value, str):
        return bool(json.loads(read) == value)
    if isinstance(value, dict) and isinstance(read, dict):
        return value.keys() <= read.keys() and all(same(value.get(key), inner) for key, inner in read.items())
    if isinstance(value, list) and isinstance(read, list):
        return len(value) == len(read) and all(map(same, value, read))
    if value == {} and read is None:
        return False
    return bool(value == read) and (isinstance(value, bool) == isinstance(read, bool))


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.dictionaries(st.sampled_from("xyz"), VALUES, min_size=1, max_size=3), min_size=1, max_size=6),
    st.sampled_from(["lines", "array", "indented"]),
)
def test_any_records_come_back(
    tmp_path_factory: pytest.TempPathFactory, records: list[dict[str, Any]], form: str
) -> None:
    lake = Lake(tmp_path_factory.mktemp("any"))
    name = "r.ndjson" if form == "lines" else "r.json"
    text = (
        lines(records) if form == "lines" else json.dumps(records, indent=2 if form == "indented" else None)
    )
    frame = lake.read(name, text)
    assert frame["_row"].to_list() == list(range(1, len(records) + 1))
    for record, row in zip(records, frame.drop("_row").to_dicts(), strict=True):
        assert same(record, row), (record, row)
