"""Sources that know their types: Parquet, Arrow, Avro, workbooks, SQLite."""

from __future__ import annotations

import datetime as dt
import io
import sqlite3
import sys
import zipfile
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from lake_fixture import Lake

from dwkit.errors import DataError, MissingExtraError, NotFoundError

DAY, TIME = dt.date(2026, 1, 5), dt.datetime(2026, 1, 5, 12, 30, 15, 250_000)
FRAME = pl.DataFrame(
    {
        "id": [1, 2, None],
        "name": ["Böhm", "", None],
        "price": [Decimal("12.50"), Decimal("0.01"), None],
        "ratio": [0.1, float("inf"), None],
        "on": [True, False, None],
        "day": [DAY, DAY, None],
        "at": [TIME, TIME, None],
        "zoned": [TIME.replace(tzinfo=dt.UTC), TIME.replace(tzinfo=dt.UTC), None],
        "tags": [["a", "b"], [], None],
        "place": [{"city": "Bonn", "n": 1}, {"city": None, "n": 2}, None],
        "raw": [b"\0\xff", b"", None],
    },
    schema_overrides={"price": pl.Decimal(10, 2), "id": pl.Int32},
)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def packed(form: str) -> bytes:
    out = io.BytesIO()
    if form == "parquet":
        FRAME.write_parquet(out)
    elif form == "arrow":
        FRAME.write_ipc(out)
    elif form == "feather":
        pa.feather.write_feather(FRAME.to_arrow(), out, compression="zstd")
    else:
        FRAME.write_ipc_stream(out)
    return out.getvalue()


@pytest.mark.parametrize("name", ["x.{}", "x", "x.csv"])
@pytest.mark.parametrize("form", ["parquet", "arrow", "feather", "arrows"])
def test_types_and_values_are_kept(lake: Lake, form: str, name: str) -> None:
    frame = lake.read(name.format(form), packed(form))
    assert frame.drop("_row").equals(FRAME)
    assert frame.drop("_row").schema == FRAME.schema
    assert frame["_row"].to_list() == [1, 2, 3]


def test_types_that_nothing_else_has_are_kept_as_near_ones(lake: Lake) -> None:
    odd = pl.DataFrame(
        {
            "kind": pl.Series(["a", "b"], dtype=pl.Categorical),
            "none": pl.Series([None, None], dtype=pl.Null),
            "nano": pl.Series([TIME, TIME], dtype=pl.Datetime("ns")),
            "pair": pl.Series([[1, 2], [3, 4]], dtype=pl.Array(pl.Int64, 2)),
            "span": [dt.timedelta(seconds=1), None],
            "clock": [dt.time(1, 2, 3), None],
            "unsigned": pl.Series([2**64 - 1, 0], dtype=pl.UInt64),
        }
    )
    out = io.BytesIO()
    odd.write_parquet(out)
    frame = lake.read("o.parquet", out.getvalue())
    assert frame["kind"].to_list() == ["a", "b"]
    assert frame["none"].to_list() == [None, None]
    assert frame["nano"].to_list() == [TIME, TIME]
    assert frame["pair"].to_list() == [[1, 2], [3, 4]]
    assert frame["unsigned"].to_list() == [2**64 - 1, 0]
    (batch,) = lake.ledger.batches("o")
    assert batch.notes == ["column nano: nanoseconds are cut to microseconds"]


@pytest.mark.parametrize("form", ["parquet", "arrow"])
def test_maps_are_lists_of_pairs_and_half_floats_are_floats(lake: Lake, form: str) -> None:
    kind = pa.map_(pa.string(), pa.list_(pa.int64()))
    table = pa.table(
        {"m": pa.array([[("k", [1])], [], None], kind), "h": pa.array([1.5, None, 3], pa.float16())}
    )
    path = lake.file(f"m.{form}", b"")
    if form == "parquet":
        pq.write_table(table, path)
    else:
        pyarrow.feather.write_feather(table, path, compression="uncompressed")
    lake.ingest(path)
    frame = lake.rows("m")
    assert frame["m"].to_list() == [[{"key": "k", "value": [1]}], [], None]
    assert frame["h"].dtype == pl.Float32
    assert frame["h"].to_list() == [1.5, None, 3.0]


@pytest.mark.parametrize("form", ["parquet", "arrow", "arrows"])
@pytest.mark.parametrize("size", [1, 8, 300, -1, -20])
def test_what_is_cut_off_is_refused(lake: Lake, form: str, size: int) -> None:
    with pytest.raises(DataError) as caught:
        lake.read(f"x.{form}", packed(form)[:size])
    assert caught.value.hint
    assert not lake.ledger.batches()


SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "name", "type": ["null", "string"]},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["OPEN", "DONE"]}},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "more", "type": {"type": "map", "values": "int"}},
        {"name": "either", "type": ["null", "int", "string"]},
        {
            "name": "place",
            "type": {"type": "record", "name": "Place", "fields": [{"name": "city", "type": "string"}]},
        },
    ],
}
ORDER = {
    "id": 1, "name": None, "price": Decimal("12.50"), "day": DAY, "at": TIME.replace(tzinfo=dt.UTC),
    "state": "OPEN", "tags": ["a"], "more": {"k": 1}, "either": 5, "place": {"city": "Bonn"},
}  # fmt: skip


def avro(records: list[dict[str, Any]], codec: str = "deflate") -> bytes:
    import fastavro

    out = io.BytesIO()
    fastavro.writer(out, fastavro.parse_schema(SCHEMA), records, codec=codec)
    return out.getvalue()


def test_avro_keeps_its_types(lake: Lake) -> None:
    frame = lake.read("o.avro", avro([ORDER, ORDER | {"id": 2, "name": "Ng", "either": "x"}]))
    first, second = frame.to_dicts()
    assert first == ORDER | {"more": [{"key": "k", "value": 1}], "either": "5", "_row": 1}
    assert (second["id"], second["name"], second["either"], second["_row"]) == (2, "Ng", "x", 2)
    assert lake.read("bare", avro([ORDER], "null")).height == 1
    assert lake.read("none.avro", avro([])).height == 0


def test_avro_that_breaks_off_is_refused(lake: Lake) -> None:
    data = avro([ORDER | {"id": n} for n in range(5000)])
    for size in (3, 100, len(data) // 2, len(data) - 1):
        with pytest.raises(DataError, match=r"b\.avro is no Avro file"):
            lake.read("b.avro", data[:size])
    assert not lake.ledger.batches()


@pytest.mark.parametrize(
    ("module", "name", "extra"), [("fastavro", "o.avro", "avro"), ("fastexcel", "o.xlsx", "excel")]
)
def test_a_missing_extra_is_named_with_its_command(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, module: str, name: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError) as caught:
        lake.read(name, b"Obj\x01 PK")
    assert caught.value.hint == f"pip install 'dwkit[{extra}]'"


def workbook(sheets: dict[str, pl.DataFrame]) -> bytes:
    import xlsxwriter

    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        for name, frame in sheets.items():
            sheet = book.add_worksheet(name)
            if frame.width:
                frame.write_excel(book, sheet)
    return out.getvalue()


PEOPLE = pl.DataFrame({"id": [1, 2], "name": ["Ann", "Böb"], "born": [DAY, None], "size": [1.75, 1.8]})
PLACES = pl.DataFrame({"city": ["Bonn", "Ulm", "Kiel"], "people": [330_000, 126_000, 246_000]})


def test_every_sheet_is_a_dataset(lake: Lake) -> None:
    lake.file("book.xlsx", workbook({"People": PEOPLE, "Places 2026": PLACES, "Empty": pl.DataFrame()}))
    assert [one.dataset for one in lake.ingest("book.xlsx")] == ["people", "places"]
    assert lake.rows("people").drop("_batch", "_row").equals(PEOPLE)
    assert lake.rows("places").drop("_batch", "_row").equals(PLACES)
    assert lake.rows("places")["_row"].to_list() == [1, 2, 3]
    assert [one.dataset for one in lake.ingest("book.xlsx", into="b")] == ["b_people", "b_places"]
    again = lake.ingest("book.xlsx")
    assert [one.new for one in again] == [False, False]


def test_one_sheet_can_be_chosen(lake: Lake) -> None:
    data = workbook({"People": PEOPLE, "Places": PLACES})
    assert lake.read("book.xlsx", data, sheet="Places", into="p").height == 3
    with pytest.raises(NotFoundError, match="Place") as caught:
        lake.read("book.xlsx", data, sheet="Place", into="p")
    assert "Places" in caught.value.hint


def test_a_cell_of_another_type_makes_its_column_text(lake: Lake) -> None:
    import xlsxwriter

    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        sheet = book.add_worksheet()
        for place, cell in enumerate(["code", *range(2000), "x7"]):
            sheet.write(place, 0, cell)
        sheet.write(0, 1, "n")
        sheet.write(5, 1, 1.5)
    frame = lake.read("m.xlsx", out.getvalue())
    assert frame["code"].to_list() == [*map(str, range(2000)), "x7"]
    assert frame["n"].drop_nulls().to_list() == [1.5]


def ods(rows: list[list[str | int]]) -> bytes:
    def cell(value: str | int) -> str:
        if isinstance(value, int):
            return f'<table:table-cell office:value-type="float" office:value="{value}"/>'
        return f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'

    spaces = "".join(
        f' xmlns:{short}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for short, name in (("office", "office"), ("table", "table"), ("text", "text"))
    )
    body = "".join(f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in rows)
    content = (
        f'<?xml version="1.0"?><office:document-content{spaces} office:version="1.2"><office:body>'
        f'<office:spreadsheet><table:table table:name="One">{body}</table:table></office:spreadsheet>'
        "</office:body></office:document-content>"
    )
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    listed = (
        '<?xml version="1.0"?><manifest:manifest '
        'xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/></manifest:manifest>'
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in (("mimetype", kind), ("content.xml", content), ("META-INF/manifest.xml", listed)):
            archive.writestr(name, text)
    return out.getvalue()


def test_open_document_sheets_are_read(lake: Lake) -> None:
    frame = lake.read("s.ods", ods([["id", "name"], [1, "Ann"], [2, "Böb"]]))
    assert frame.rows() == [(1, "Ann", 1), (2, "Böb", 2)]
    assert lake.read("bare", ods([["id", "name"], [3, "Eve"]])).rows() == [(3, "Eve", 1)]


def test_a_workbook_that_is_none_says_what_it_looks_like(lake: Lake) -> None:
    with pytest.raises(DataError, match="is no workbook") as caught:
        lake.read("x.xlsx", "id,name\n1,a\n")
    assert "--as csv" in caught.value.hint
    good = workbook({"People": PEOPLE})
    for size in (4, 200, len(good) // 2, len(good) - 10):
        with pytest.raises(DataError):
            lake.read("cut.xlsx", good[:size])


def database(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(
            """CREATE TABLE "order" (id INTEGER PRIMARY KEY, "select" TEXT, price REAL, raw BLOB, any, none INT);
            INSERT INTO "order" VALUES (1, 'Böhm', 12.5, x'00ff', 1, NULL), (2, NULL, 7, NULL, 'x', NULL);
            CREATE TABLE big (n); INSERT INTO big VALUES (9223372036854775807), (-9223372036854775808);
            CREATE TABLE unused (a TEXT, b INT);
            CREATE VIEW totals AS SELECT count(*) AS n FROM "order";"""
        )
    return path


@pytest.mark.parametrize("name", ["shop.db", "shop.sqlite", "shop"])
def test_every_table_of_sqlite_is_a_dataset(lake: Lake, name: str) -> None:
    done = lake.ingest(database(lake.root / name))
    assert [one.dataset for one in done] == ["big", "order", "unused"]
    orders = lake.rows("order").drop("_batch")
    assert orders.rows() == [(1, "Böhm", 12.5, b"\0\xff", "1", None, 1), (2, None, 7.0, None, "x", None, 2)]
    assert lake.rows("big")["n"].to_list() == [2**63 - 1, -(2**63)]
    assert lake.rows("unused").columns == ["a", "b", "_batch", "_row"]
    assert [one.new for one in lake.ingest(name)] == [False] * 3


def test_one_table_or_view_can_be_chosen(lake: Lake) -> None:
    database(lake.root / "shop.db")
    assert [one.dataset for one in lake.ingest("shop.db", table="big")] == ["shop"]
    assert [one.new for one in lake.ingest("shop.db", table="totals")] == [True]
    assert [one.new for one in lake.ingest("shop.db", table="big")] == [False]
    with pytest.raises(NotFoundError) as caught:
        lake.ingest("shop.db", table="bigg")
    assert "big" in caught.value.hint


def test_a_damaged_database_is_refused(lake: Lake) -> None:
    data = database(lake.root / "whole.db").read_bytes()
    for size in (16, 90, 5000, len(data) - 4096):
        with pytest.raises(DataError):
            lake.read("cut.db", data[:size])
    with closing(sqlite3.connect(lake.root / "none.db")) as db:
        db.execute("PRAGMA user_version = 1")
    with pytest.raises(DataError, match="no tables"):
        lake.ingest("none.db")


@pytest.mark.parametrize("nested", [False, True])
def test_a_decimal_wider_than_any_later_layer_is_refused(
    lake: Lake, nested: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    values = pa.array([Decimal("1.10")], pa.decimal256(50, 2))
    column = pa.StructArray.from_arrays([values], ["inner"]) if nested else values
    path = lake.file("wide.parquet", b"")
    pq.write_table(pa.table({"amount": column}), path)
    with pytest.raises(DataError, match=r"column amount .* 38 digits") as caught:
        lake.ingest(path)
    assert caught.value.hint
    assert "panicked" not in capfd.readouterr().err
