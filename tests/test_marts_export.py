"""Marts as files, read back by other programs."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sqlite3
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dwkit.errors import DataError, ReachError, UsageError
from dwkit.marts import export

FRAME = pl.DataFrame(
    {
        "id": [1, None, 3],
        "text": ["a,b", '=1+1 "q"', "two\nlines|"],
        "day": [date(2025, 1, 31), None, date(1800, 1, 1)],
        "at": [datetime(2025, 1, 31, 10, 0, 0, 5000)] * 3,
        "price": [Decimal("12.50"), Decimal("-0.10"), None],
        "list": [[1, 2], [], None],
        "struct": [{"a": 1, "b": "x"}, None, {"a": None, "b": "y"}],
        "bytes": [b"\x00\xff", None, b""],
        "yes": [True, False, None],
        "number": [1.5, float("nan"), None],
        "long": [2**60, 1, 2],
        "time": [time(1, 2, 3)] * 3,
        "span": [timedelta(hours=30)] * 3,
    }
)


def test_csv_and_tsv(tmp_path: Path) -> None:
    done = export(FRAME.lazy(), tmp_path / "x.csv")
    assert (done.rows, done.bytes) == (3, (tmp_path / "x.csv").stat().st_size)
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert [r["id"] for r in rows] == ["1", "", "3"]
    assert rows[1]["text"] == '=1+1 "q"'
    assert rows[2]["text"] == "two\nlines|"
    assert rows[0]["at"] == "2025-01-31 10:00:00.005"
    assert (rows[0]["price"], rows[0]["long"], rows[0]["bytes"]) == ("12.50", str(2**60), "00ff")
    assert json.loads(rows[0]["struct"]) == {"a": 1, "b": "x"}
    export(FRAME.lazy(), str(tmp_path / "x.tsv"))
    assert (tmp_path / "x.tsv").read_text().splitlines()[0].split("\t") == FRAME.columns


@pytest.mark.parametrize("suffix", ["csv.gz", "ndjson.gz", "json.zst", "csv.zst"])
def test_compressed_text(tmp_path: Path, suffix: str) -> None:
    export(FRAME.lazy(), tmp_path / f"x.{suffix}")
    export(FRAME.lazy(), tmp_path / f"x.{suffix[:-4] if suffix.endswith('.zst') else suffix[:-3]}")
    plain = (tmp_path / f"x.{suffix.split('.', maxsplit=1)[0]}").read_bytes()
    packed = (tmp_path / f"x.{suffix}").read_bytes()
    unpacked = (
        gzip.decompress(packed)
        if suffix.endswith("gz")
        else pa.CompressedInputStream(io.BytesIO(packed), "zstd").read()
    )
    assert unpacked == plain


def test_json(tmp_path: Path) -> None:
    export(FRAME.lazy(), tmp_path / "x.json")
    export(FRAME.lazy(), tmp_path / "x.ndjson")
    whole = json.loads((tmp_path / "x.json").read_text(), parse_float=Decimal)
    lines = [
        json.loads(line, parse_float=Decimal) for line in (tmp_path / "x.ndjson").read_text().splitlines()
    ]
    assert whole == lines
    assert whole[0]["struct"] == {"a": 1, "b": "x"}
    assert (whole[0]["price"], whole[0]["long"], whole[1]["number"]) == (Decimal("12.50"), 2**60, None)
    assert [r["list"] for r in whole] == [[1, 2], [], None]
    export(FRAME.lazy().head(0), tmp_path / "none.json")
    assert json.loads((tmp_path / "none.json").read_text()) == []


def test_parquet_and_arrow_without_string_views(tmp_path: Path) -> None:
    export(FRAME.lazy(), tmp_path / "x.parquet")
    assert pl.read_parquet(tmp_path / "x.parquet").equals(FRAME)
    export(FRAME.lazy(), tmp_path / "x.arrow")
    with pa.ipc.open_file(tmp_path / "x.arrow") as reader:
        table = reader.read_all()
    assert table["text"].to_pylist() == FRAME["text"].to_list()
    for schema in (table.schema, pq.read_schema(tmp_path / "x.parquet")):
        assert "view" not in str(schema)


def test_markdown(tmp_path: Path) -> None:
    export(FRAME.select("id", "text").lazy(), tmp_path / "x.md")
    lines = (tmp_path / "x.md").read_text().splitlines()
    assert lines[:2] == ["| id | text |", "| ---: | --- |"]
    assert lines[4] == "| 3 | two<br>lines\\| |"
    assert len(lines) == 5


def test_excel(tmp_path: Path) -> None:
    pytest.importorskip("xlsxwriter")
    pytest.importorskip("fastexcel")
    zoned = FRAME.with_columns(zoned=pl.col("at").dt.replace_time_zone("Europe/Oslo"))
    export(zoned.lazy(), tmp_path / "x.xlsx", name="sales/2025: all")
    book = pl.read_excel(tmp_path / "x.xlsx", sheet_name="sales_2025_ all")
    assert book.columns == zoned.columns
    assert book["text"].to_list() == FRAME["text"].to_list()
    assert book["at"].to_list() == FRAME["at"].to_list()
    assert book["zoned"][0] == datetime(2025, 1, 31, 9, 0, 0, 5000)
    assert book["price"].to_list() == [12.5, -0.1, None]
    assert book["long"].to_list() == [str(2**60), "1", "2"]
    assert book["day"].to_list() == ["2025-01-31", None, "1800-01-01"]
    assert book["yes"].to_list() == [True, False, None]
    many = pl.LazyFrame({"a": pl.int_range(1_048_577, eager=True)})
    with pytest.raises(UsageError, match="more than 1048575 rows"):
        export(many, tmp_path / "many.xlsx")
    with pytest.raises(DataError, match="column 'a' has a text of more than 32767"):
        export(pl.LazyFrame({"a": ["x" * 40_000]}), tmp_path / "wide.xlsx")
    assert [p.name for p in tmp_path.iterdir()] == ["x.xlsx"]


def test_sqlite(tmp_path: Path) -> None:
    target = tmp_path / "shop.db"
    export(FRAME.lazy(), target, name="my sales")
    export(FRAME.select("id").lazy(), target, name="other")
    export(FRAME.head(1).lazy(), target, name="my sales")
    con = sqlite3.connect(target)
    rows = con.execute('SELECT id, "text", "at", price, yes, bytes, list FROM "my sales"').fetchall()
    assert rows == [(1, "a,b", "2025-01-31 10:00:00.005", 12.5, 1, b"\x00\xff", "[1,2]")]
    assert con.execute("SELECT count(*) FROM other").fetchone() == (3,)
    con.close()
    (tmp_path / "text.db").write_text("this is no database, " * 100)
    with pytest.raises(DataError, match="no SQLite database"):
        export(FRAME.lazy(), tmp_path / "text.db")
    assert (tmp_path / "text.db").read_text().startswith("this is no database")


def test_a_database_url(tmp_path: Path) -> None:
    path = tmp_path / "new" / "shop.data"
    assert export(FRAME.lazy(), f"sqlite:///{path}", name="m").path == path
    with sqlite3.connect(path) as con:
        assert con.execute("SELECT id FROM m").fetchall() == [(1,), (None,), (3,)]


def test_a_failed_export_leaves_what_was_there(tmp_path: Path) -> None:
    for name in ("x.csv", "x.json", "x.parquet", "x.arrow", "x.db"):
        export(pl.LazyFrame({"a": ["1"]}), tmp_path / name)
        before = (tmp_path / name).read_bytes()
        broken = pl.LazyFrame({"a": ["1", "x"]}).select(pl.col("a").cast(pl.Int64))
        with pytest.raises(DataError):
            export(broken, tmp_path / name)
        assert (tmp_path / name).read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x.arrow", "x.csv", "x.db", "x.json", "x.parquet"]


def test_targets_that_are_none(tmp_path: Path) -> None:
    for target, message in [
        ("x.foo", "'.foo' is no format"),
        ("x", "'x' is no format"),
        ("x.parquet.gz", ".parquet files are not compressed"),
        ("https://example.org/x.csv", "is no file"),
    ]:
        with pytest.raises(UsageError, match=message):
            export(FRAME.lazy(), target)
    (tmp_path / "d.csv").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        export(FRAME.lazy(), tmp_path / "d.csv")
    (tmp_path / "file").write_text("")
    with pytest.raises(ReachError):
        export(FRAME.lazy(), tmp_path / "file" / "x.csv")
    with pytest.raises(UsageError) as misspelt:
        export(FRAME.lazy(), tmp_path / "x.parqet")
    assert "parquet" in misspelt.value.hint
