"""Bytes are brought once: again, under another name, in part, after a kill, and while they are written."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from lake_fixture import Lake

from dwkit.errors import ConflictError
from dwkit.lake.ingest import waiting
from dwkit.model.source import ReadOptions

CSV = "id,name\n1,a\n2,b\n3,c\n"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", CSV),
        ("x.json", '[{"a": 1}, {"a": 2}]'),
        ("x.xml", "<r><a>1</a><a>2</a></r>"),
        ("x.log", "one\ntwo\n"),
        ("x.bin", "\1\2\3\4"),
    ],
)
def test_the_same_bytes_change_nothing(lake: Lake, name: str, content: str) -> None:
    lake.file(name, content)
    (first,) = lake.ingest(name, into="x")
    before = tree(lake.root / "lake")
    (again,) = lake.ingest(name, into="x")
    assert (again.new, again.batch.id) == (False, first.batch.id)
    assert tree(lake.root / "lake") == before
    assert len(lake.ledger.batches()) == 1
    (forced,) = lake.ingest(name, into="x", force=True)
    assert (forced.new, forced.batch.rows) == (True, first.batch.rows)
    assert forced.batch.id != first.batch.id
    assert lake.rows("x").height == 2 * first.batch.rows


def test_another_name_is_the_same_batch_and_other_bytes_are_not(lake: Lake) -> None:
    (first,) = lake.ingest(lake.file("a.csv", CSV), into="x")
    (renamed,) = lake.ingest(lake.file("in/b.csv", CSV), into="x")
    assert (renamed.new, renamed.batch.id) == (False, first.batch.id)
    (other,) = lake.ingest(lake.file("a.csv", CSV.replace("c", "d")), into="x")  # of the same size
    assert other.new
    assert lake.rows("x")["name"].to_list() == ["a", "b", "c", "a", "b", "d"]
    assert [one.new for one in lake.ingest("a.csv", into="y")] == [True]


def test_every_row_has_its_batch_and_its_number(lake: Lake) -> None:
    (first,) = lake.ingest(lake.file("a.csv", CSV), into="x")
    (second,) = lake.ingest(lake.file("b.csv", CSV.replace("3,c", "4,d,e\n5,f")), into="x")
    rows = lake.rows("x").select("_batch", "_row").rows()
    assert rows == [(first.batch.id, n) for n in (1, 2, 3)] + [(second.batch.id, n) for n in (1, 2, 4)]
    assert first.batch.id < second.batch.id


def test_a_part_of_a_file_is_not_all_of_it(lake: Lake) -> None:
    lake.file("x.csv", "id,name\n1,a\n2,b,b\n3,c\n4,d\n5,e,e\n6,f\n7,g\n8,h\n")
    (some,) = lake.ingest("x.csv", limit=2)
    assert lake.rows("x")["id"].to_list() == ["1", "3"]
    assert [raw for _, _, raw, _ in lake.malformed("x")] == ["2,b,b"]
    assert "--limit" in " ".join(some.batch.notes)
    assert [one.new for one in lake.ingest("x.csv", limit=2)] == [False]
    layout, ledger = lake.layout, lake.ledger
    assert waiting(["x.csv"], "x", ReadOptions(), layout=layout, ledger=ledger, cwd=lake.root)
    (whole,) = lake.ingest("x.csv")
    assert (whole.new, whole.batch.rows, whole.batch.malformed) == (True, 6, 2)
    assert [one.new for one in lake.ingest("x.csv", limit=2)] == [False]
    assert not waiting(["x.csv"], "x", ReadOptions(), layout=layout, ledger=ledger, cwd=lake.root)


def test_a_limit_beyond_the_end_is_all_of_it(lake: Lake) -> None:
    lake.file("x.csv", CSV)
    assert [one.new for one in lake.ingest("x.csv", limit=100)] == [True]
    assert [one.new for one in lake.ingest("x.csv")] == [False]


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz", "x.ndjson", "x.bin"])
def test_a_file_that_is_written_to_while_it_is_read_is_a_conflict(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    import gzip

    from dwkit.lake import ingest, objects

    data = {"x.csv.gz": gzip.compress(CSV.encode()), "x.ndjson": b'{"a": 1}\n', "x.bin": b"\1\2\3"}
    before = data.get(name, CSV.encode())
    path = lake.file(name, before)

    def grow() -> None:
        with path.open("ab") as handle:
            handle.write(b"4,d\n")

    def written(*words: object, **more: object) -> object:
        made = ingest_write(*words, **more)
        grow()
        return made

    def copied(source: Path, target: Path) -> object:
        grow()
        return copyfile(source, target)

    ingest_write, copyfile = ingest._write, objects.shutil.copyfile
    monkeypatch.setattr(ingest, "_write", written)
    monkeypatch.setattr(objects.shutil, "copyfile", copied)
    with pytest.raises(ConflictError, match="written to while it was read") as caught:
        lake.ingest(name, into="x")
    assert caught.value.hint
    assert not lake.ledger.batches()
    monkeypatch.undo()
    lake.file(name, before)
    assert [one.new for one in lake.ingest(name, into="x")] == [True]


def test_a_file_that_grew_comes_as_a_batch_of_its_own(lake: Lake) -> None:
    lake.ingest(lake.file("x.csv", CSV))
    lake.ingest(lake.file("x.csv", CSV + "4,d\n"))
    assert [batch.rows for batch in lake.ledger.batches("x")] == [3, 4]


INGEST = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from lake_fixture import Lake
lake = Lake(Path(sys.argv[2]))
print("ready", flush=True)
lake.ingest("in", into="x")
"""


def test_a_kill_at_any_time_leaves_nothing_or_all(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    for number in range(6):
        lines = "".join(f"{number},{n},{n * 7919 % 1009}\n" for n in range(120_000))
        lake.file(f"in/f{number}.csv", "file,n,v\n" + lines)
    words = [sys.executable, "-c", INGEST, str(Path(__file__).parent), str(tmp_path)]
    chance = random.Random(20260105)
    killed = 0
    for _ in range(12):
        one = subprocess.Popen(words, stdout=subprocess.PIPE)
        assert one.stdout
        one.stdout.readline()
        time.sleep(chance.uniform(0.02, 0.25))
        if one.poll() is None:
            os.kill(one.pid, signal.SIGKILL)
            killed += 1
        one.wait()
        one.stdout.close()
        # What is there after a kill is whole: the manifest says so, and the rows are as many.
        for manifest in (tmp_path / "lake").glob("x/batch=*/_batch.json"):
            assert json.loads(manifest.read_bytes())["rows"] == 120_000
        if killed >= 5:
            break
    assert killed
    lake.ingest("in", into="x")
    assert len(lake.ledger.batches("x")) == 6
    counts = lake.rows("x").group_by("file").len().sort("file").rows()
    assert counts == [(str(n), 120_000) for n in range(6)]
    assert not any((tmp_path / ".dwkit" / "scratch").iterdir())
    assert [one.new for one in lake.ingest("in", into="x")] == [False] * 6


def test_a_file_that_was_not_touched_is_not_read_again(tmp_path: Path, lake: Lake) -> None:
    path = tmp_path / "x.csv"
    path.write_text(CSV)
    os.utime(path, (time.time() - 60, time.time() - 60))
    time.sleep(2.1)  # its change time must be settled
    lake.ingest(path, into="x")
    lake.ingest(path, into="x")
    known = lake.ledger.file_digest(path, path.stat())
    assert known == lake.ledger.batches("x")[0].digest
    path.write_text(CSV.replace("3,c", "3,d"))  # as many bytes
    assert not lake.ledger.file_digest(path, path.stat())
    lake.ingest(path, into="x")
    assert len(lake.ledger.batches("x")) == 2


def test_another_table_under_the_same_name_is_noted(lake: Lake) -> None:
    lake.ingest(lake.file("sp500.csv", "date,price\n2000-01-01,1\n"))
    other = "date,open,high,low,close\n2000-01-01,1,2,3,4\n"
    (one,) = lake.ingest(lake.file("sp500-2000.csv", other))
    assert one.dataset == "sp500"
    assert any("sp500.csv" in note and "--into" in note for note in one.batch.notes)
    more = "date,open,high,low,close,volume\n2001-01-01,1,2,3,4,5\n"
    (grown,) = lake.ingest(lake.file("sp500-2001.csv", more))
    assert not grown.batch.notes
    (asked,) = lake.ingest(lake.file("x.csv", "a\n1\n"), into="sp500")
    assert not asked.batch.notes
