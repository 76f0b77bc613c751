"""Files that are not what they say, or more than one would wish: a clear error or all of their rows."""

from __future__ import annotations

import gzip
import io
import os
import random
import zipfile
from pathlib import Path

import pytest
from lake_fixture import Lake

from dwkit.errors import DataError, DwkitError, ReachError


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def accounted(lake: Lake, dataset: str) -> int:
    """Rows and malformed records of a dataset, whose numbers are all there and none twice."""
    rows = lake.rows(dataset)
    numbers = [*rows["_row"].to_list(), *(record[0] for record in lake.malformed(dataset))]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    return len(numbers)


@pytest.mark.parametrize("at", [10, 30_000])
def test_bytes_of_another_encoding_amid_utf8_lose_nothing(lake: Lake, at: int) -> None:
    lines = [f"{n},Bäm {n}".encode() for n in range(40_000)]
    lines[at] = f"{at},Köln – Süd".encode("cp1252")
    (one,) = lake.ingest(lake.file("m.csv", b"id,name\n" + b"\n".join(lines) + b"\n"))
    frame = lake.rows("m")
    assert frame.height == 40_000
    assert frame["name"][at] == "Köln – Süd"
    assert frame["name"][at + 1] == f"Bäm {at + 1}"
    assert "not UTF-8" in " ".join(one.batch.notes)


def test_nul_bytes_far_from_the_start_are_kept(lake: Lake) -> None:
    text = "id,name\n" + "".join(f"{n},x\n" for n in range(60_000)) + "60000,a\0b\n"
    frame = lake.read("n.csv", text)
    assert frame.height == 60_001
    assert frame["name"][-1] == "a\0b"


def test_nul_bytes_at_the_start_are_refused(lake: Lake) -> None:
    for name in ("n.csv", "n.json", "n.log", "n.fwf"):
        with pytest.raises(DataError, match="NUL bytes") as caught:
            lake.read(name, b"id,name\n1,a\0\n" * 10)
        assert "--as-objects" in caught.value.hint


@pytest.mark.parametrize("text", ["", "\n", "  \n\n", "\ufeff", "\r\n"])
@pytest.mark.parametrize("name", ["e.csv", "e.json", "e.ndjson", "e.xml", "e.log", "e.fwf"])
def test_nothing_at_all_is_said_to_be_empty(lake: Lake, name: str, text: str) -> None:
    with pytest.raises(DataError) as caught:
        lake.read(name, text)
    assert "is empty" in str(caught.value)
    assert not lake.ledger.batches()


LIES = {
    "nothing": b"",
    "zeros": b"\0" * 5000,
    "table": b"id,name\n" + b"1,a\n" * 50,
    "parquet": b"PAR1",
    "zip": b"PK\3\4",
    "noise": random.Random(7).randbytes(3000),
}


@pytest.mark.parametrize("name", ["e.parquet", "e.arrow", "e.avro", "e.xlsx", "e.sqlite", "e.zip"])
@pytest.mark.parametrize("lie", list(LIES))
def test_what_is_not_what_it_says_is_refused(lake: Lake, name: str, lie: str) -> None:
    with pytest.raises(DwkitError) as caught:
        lake.ingest(lake.file(name, LIES[lie]))
    assert name in str(caught.value)
    assert caught.value.hint
    assert caught.value.exit_code in (1, 2, 3)
    assert not lake.ledger.batches()


def test_a_table_that_is_not_packed_as_it_says_is_read(lake: Lake) -> None:
    assert lake.read("e.csv.gz", LIES["table"]).height == 50


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
@pytest.mark.parametrize("name", ["t.csv.gz", "t.json.gz", "t.log.gz", "t.xml.gz"])
def test_a_packed_file_that_breaks_off_is_refused(lake: Lake, name: str, share: float) -> None:
    data = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * 7919 % 1009) for n in range(50_000)))
    with pytest.raises(DataError, match="damaged gzip file"):
        lake.read(name, data[: int(len(data) * share)])
    assert not lake.ledger.batches()


def test_a_csv_that_is_a_zip_is_read_as_one(lake: Lake) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("people.csv", "id,name\n1,a\n")
    (one,) = lake.ingest(lake.file("x.csv", out.getvalue()))
    assert (one.dataset, one.batch.rows) == ("people", 1)


def test_two_thousand_columns_are_columns(lake: Lake) -> None:
    names = [f"c{n}" for n in range(2000)]
    rows = [",".join(str(n * m) for m in range(2000)) for n in range(50)]
    frame = lake.read("w.csv", "\n".join([",".join(names), *rows, "1,2,3", ""]))
    assert frame.shape == (50, 2001)
    assert frame["c1999"].to_list() == [str(n * 1999) for n in range(50)]
    assert accounted(lake, "w") == 51


@pytest.mark.parametrize(
    "text",
    [
        'a,b\n1,x\n2,"never closes\n3,y\n4,z\n',
        'a,b\n1,x\n2,"closes" late\n3,y\n',
        'a,b\n1,x\n2,6" nails\n3,y\n4,"7"" pipe"\n',
        'a,b\n1,x\n"2,y\n3",z\n4,w\n',
        "a,b\n1,x\n\n\n2,y\n   \n3,z\n",
        "a,b\n1,x\r\n2,y\n3,z\r\n",
        "a,b\n1,x,\n2,y\n3,z\n4,w,\n",
        "a,b\n1,x\n2,y",
        "a,b\n1,x\n,\n2,\n,y\n",
        "a;b\n1;x,y\n2;z\n3;x;x\n",
        'a,b\n1,"x\n2,y\n3,z"\n4,w\n5,v\n6,u\n',
    ],
)
def test_every_record_is_a_row_or_kept_aside(lake: Lake, text: str) -> None:
    (one,) = lake.ingest(lake.file("x.csv", text))
    assert accounted(lake, "x") == one.batch.rows + one.batch.malformed
    kept = "".join(map(str, lake.rows("x").drop("_batch", "_row").rows())) + str(lake.malformed("x"))
    for word in text.split("\n", 1)[1].replace('"', " ").replace(",", " ").replace(";", " ").split():
        assert word in kept


def test_a_slip_of_the_pen_costs_its_own_line_only(lake: Lake) -> None:
    good = [f"{n},x" for n in range(1000)]
    lake.ingest(lake.file("x.csv", "\n".join(["a,b", *good, '1000,"open', *good, ""])))
    assert lake.rows("x").height == 2000
    assert [(row, line, raw) for row, line, raw, _ in lake.malformed("x")] == [(1001, 1002, '1000,"open')]


def test_a_file_of_which_most_cannot_be_read_is_refused(lake: Lake) -> None:
    text = "a,b,c\n1,2,3\n" + "4,5\n" * 3 + "6,7,8,9\n" * 3
    with pytest.raises(DataError, match=r"6 of 7 records cannot be read; the first is line 3") as caught:
        lake.read("x.csv", text, header=True)
    assert "--delimiter" in caught.value.hint
    assert not lake.ledger.batches()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_out_of_reach(lake: Lake) -> None:
    path = lake.file("secret.csv", "a,b\n1,2\n")
    path.chmod(0)
    with pytest.raises(ReachError, match=r"secret\.csv"):
        lake.ingest(path)


@pytest.mark.parametrize("name", ["x.csv", "x.json", "x.bin", "x.unknown"])
def test_a_disk_that_fails_is_out_of_reach(lake: Lake, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = lake.file(name, "a,b\n1,2\n")
    real = Path.open

    def failing(self: Path, *words: object, **more: object) -> object:
        if self == path:
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, *words, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", failing)
    with pytest.raises(ReachError, match=rf"{name}.*Permission denied") as caught:
        lake.ingest(path, into="x")
    assert "ls -l" in caught.value.hint


def test_names_of_files_can_be_anything(lake: Lake) -> None:
    for number, name in enumerate(
        ["größe ✓.csv", "a b.csv", "2026-01.csv", "'quoted'.csv", "a;b.csv", "-x.csv"]
    ):
        (one,) = lake.ingest(lake.file(name, f"id,n\n{number},a\n"))
        assert one.batch.rows == 1
        assert one.source == name
