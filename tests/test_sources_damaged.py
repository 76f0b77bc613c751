"""Files of every kind with bytes changed, cut out or put in: read or refused, and nothing else."""

from __future__ import annotations

import gzip
import io
import random
from pathlib import Path

import polars as pl
import pyarrow.feather
import pytest
import test_sources_columnar as columnar
import test_sources_csv as delimited
import test_sources_packs as packs
import test_sources_text as text
from lake_fixture import Lake

from dwkit.errors import DwkitError

ODD = [
    b"\0",
    b'"',
    b"\n",
    b"\r",
    b"\xff",
    b",",
    b"{",
    b"[",
    b"\xef\xbb\xbf",
    b"\x1f",
    b"\x85",
    b"NaN",
    b"1e999",
    b"\\",
]


def feather() -> bytes:
    # Not with string views: of those even pyarrow takes the bytes behind a NULL on trust.
    out = io.BytesIO()
    frame = columnar.FRAME.to_arrow(compat_level=pl.CompatLevel.oldest())
    pyarrow.feather.write_feather(frame, out, compression="uncompressed")
    return out.getvalue()


def whole(kind: str, folder: Path) -> bytes:
    match kind:
        case "csv":
            return delimited.written(delimited.ORDERS * 6).encode() + b'5,"a ""q""\nb",,\n'
        case "json":
            return b'[{"a": 1, "b": {"c": [1, 2, "x"]}}, {"a": 2.5, "b": null, "d": "\\u00e9"}]'
        case "ndjson":
            return b'{"a": 1, "b": {"c": [1]}}\n{"a": "x"}\n{"a": 3}\n' * 3
        case "xml":
            return text.SHOP.encode("latin-1")
        case "log":
            return (text.COMBINED * 3).encode()
        case "fwf":
            return text.FIXED.encode()
        case "parquet":
            return columnar.packed("parquet")
        case "feather":
            return feather()
        case "avro":
            return columnar.avro([columnar.ORDER] * 3)
        case "xlsx":
            return columnar.workbook({"People": columnar.PEOPLE, "Places": columnar.PLACES})
        case "db":
            return columnar.database(folder / "whole.db").read_bytes()
        case "zip":
            return packs.zipped({"a.csv": packs.CSV, "b.png": packs.png(3, 3)})
        case "tgz":
            return packs.tarred({"a.csv": packs.CSV}, "w:gz")
        case "csv.gz":
            return gzip.compress(packs.CSV * 20)
        case _:
            return packs.png(4, 4)


def damaged(data: bytes, chance: random.Random) -> bytes:
    made = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 4, 10])):
        at = chance.randrange(len(made)) if made else 0
        match chance.randrange(5):
            case 0 if made:
                made[at] = chance.randrange(256)
            case 1:
                made[at:at] = chance.choice(ODD)
            case 2:
                del made[at : at + chance.choice([1, 5, 50])]
            case 3:
                made[at:at] = made[at : at + chance.choice([1, 10, 100])]
            case _:
                del made[at + len(made) // 2 :]
    return bytes(made)


KINDS = ["csv", "json", "ndjson", "xml", "log", "fwf", "parquet", "feather", "avro", "xlsx", "db", "zip", "tgz", "csv.gz", "png"]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, kind: str) -> None:
    chance, data = random.Random(kind), whole(kind, tmp_path)
    read = refused = 0
    for number in range(40):
        lake = Lake(tmp_path / str(number))
        path = lake.file(f"x.{kind}", damaged(data, chance))
        try:
            done = lake.ingest(path)
        except DwkitError as error:
            refused += bool(error.hint) and error.exit_code in (1, 2, 3)
        else:
            read += 1
            assert not list((lake.root / ".dwkit" / "scratch").iterdir())
            for one in done:
                assert lake.rows(one.dataset).height == one.batch.rows
                numbers = [record[0] for record in lake.malformed(one.dataset)]
                if len(done) == 1:
                    numbers += lake.rows(one.dataset)["_row"].to_list()
                    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert read + refused == 40  # what is refused comes with what to do next
