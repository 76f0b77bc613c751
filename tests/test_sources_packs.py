"""Many files in one: archives, folders, globs, standard input; and bytes that are no table."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import io
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from lake_fixture import Lake

from dwkit.errors import DataError, NotFoundError, ReachError, UsageError

CSV = b"id,name\n1,a\n2,b\n"
JAN, FEB = CSV, b"id,name\n3,c\n"
WHEN = dt.datetime(2026, 1, 5, 10, 30, tzinfo=dt.UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "w")


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name, (2026, 1, 5, 10, 30, 0))
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def tarred(files: dict[str, bytes], mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), WHEN.timestamp()
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


PACKS: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "p.zip": zipped,
    "p.tar": tarred,
    "p.tar.gz": lambda files: tarred(files, "w:gz"),
    "p.tgz": lambda files: tarred(files, "w:gz"),
    "p.tar.bz2": lambda files: tarred(files, "w:bz2"),
    "p.tar.xz": lambda files: tarred(files, "w:xz"),
    "p": zipped,
    "p.csv": zipped,
}


@pytest.mark.parametrize("name", list(PACKS))
def test_every_member_is_read_as_what_it_is(lake: Lake, name: str) -> None:
    files = {
        "in/orders.csv": CSV,
        "in/events.ndjson.gz": gzip.compress(b'{"a": 1}\n{"a": 2}\n'),
        "__MACOSX/._orders.csv": b"\0\0",
        ".hidden.csv": CSV,
        "empty.csv": b"",
    }
    done = lake.ingest(lake.file(name, PACKS[name](files)))
    assert {one.dataset: one.batch.rows for one in done} == {"orders": 2, "events": 2}
    assert lake.rows("orders").drop("_batch").rows() == [("1", "a", 1), ("2", "b", 2)]
    assert done[0].batch.source.endswith(f"{name}#in/orders.csv")
    assert [one.new for one in lake.ingest(name)] == [False, False]


def test_deliveries_of_one_dataset_stay_together(lake: Lake) -> None:
    lake.file("all.zip", zipped({"orders_2026-01.csv": JAN, "orders_2026-02.csv": FEB}))
    assert [one.dataset for one in lake.ingest("all.zip")] == ["orders", "orders"]
    assert lake.rows("orders")["id"].to_list() == ["1", "2", "3"]
    assert lake.rows("orders")["_row"].to_list() == [1, 2, 1]


def test_members_can_be_chosen(lake: Lake) -> None:
    lake.file("all.zip", zipped({"a/one.csv": JAN, "b/two.csv": FEB}))
    assert [one.dataset for one in lake.ingest("all.zip", member="b/*.csv")] == ["two"]
    with pytest.raises(NotFoundError, match=r"three\.csv"):
        lake.ingest("all.zip", member="three.csv")


def test_names_in_an_archive_lead_nowhere(lake: Lake) -> None:
    before = {p for p in lake.root.parent.rglob("*") if "w" not in p.relative_to(lake.root.parent).parts}
    files = {"../../evil.csv": CSV, "/abs/evil2.csv": CSV, "..\\win.csv": FEB}
    for number, make in enumerate((zipped, tarred)):
        done = lake.ingest(lake.file(f"e{number}.arc", make(files)))
        assert {one.dataset for one in done} == {"evil", "evil2", "win"}
    after = {p for p in lake.root.parent.rglob("*") if "w" not in p.relative_to(lake.root.parent).parts}
    assert after == before


def test_archives_in_archives_are_read_two_deep(lake: Lake) -> None:
    inner = zipped({"orders.csv": CSV})
    assert lake.ingest(lake.file("two.zip", zipped({"in.zip": inner})))[0].dataset == "orders"
    deep = zipped({"a.zip": zipped({"b.zip": inner})})
    with pytest.raises(DataError, match="archives in archives"):
        lake.ingest(lake.file("three.zip", deep))


@pytest.mark.parametrize("name", ["p.zip", "p.tar", "p.tar.gz"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_an_archive_that_breaks_off_is_refused(lake: Lake, name: str, share: float) -> None:
    rows = b"".join(b"%d,%d\n" % (n, n * 7919 % 100_003) for n in range(20_000))
    data = PACKS[name]({"a.csv": b"a,b\n" + rows, "b.csv": b"a,c\n" + rows})
    lake.file(name, data[: int(len(data) * share)])
    with pytest.raises(DataError, match="damaged archive") as caught:
        lake.ingest(name)
    assert caught.value.hint
    assert not lake.ledger.batches()


def test_what_unpacks_without_end_is_refused(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    from dwkit.lake.sources import text

    monkeypatch.setattr(text, "UNPACKED_FREE", 4 << 20)
    many = b"a,b\n" + b"0,0\n" * (8 << 20)
    for name, data in {"b.csv.gz": gzip.compress(many), "b.zip": zipped({"b.csv": many})}.items():
        with pytest.raises(DataError, match="bomb") as caught:
            lake.ingest(lake.file(name, data))
        assert "unpack it yourself" in caught.value.hint
    assert not lake.ledger.batches()


def test_an_archive_without_files_is_empty(lake: Lake) -> None:
    with pytest.raises(DataError, match="is empty"):
        lake.ingest(lake.file("e.zip", zipped({})))


def test_folders_and_globs_stand_for_their_files(lake: Lake) -> None:
    for name, data in {"in/orders_1.csv": JAN, "in/deep/orders_2.csv": FEB, "in/.x.csv": JAN}.items():
        lake.file(name, data)
    assert [one.dataset for one in lake.ingest("in")] == ["orders", "orders"]
    assert [one.source for one in lake.ingest("in/*.csv", into="g")] == ["in/orders_1.csv"]
    assert len(lake.ingest("in/**/*.csv", into="h")) == 2
    assert len(lake.ingest("in/**/*.csv", "in", "in/orders_1.csv", into="i")) == 2
    lake.file("in/odd[1].csv", JAN)
    assert lake.ingest("in/odd[1].csv", into="o")[0].batch.rows == 2


@pytest.mark.parametrize(
    ("spec", "says"),
    [("none.csv", "no file none.csv"), ("none/x.csv", "no file"), ("n*.csv", "no file matches"), ("empty", "no files"), ("~nobody9/x.csv", "home")],
)  # fmt: skip
def test_a_source_that_is_not_there_is_named(lake: Lake, spec: str, says: str) -> None:
    (lake.root / "empty" / "deep").mkdir(parents=True)
    with pytest.raises(ReachError, match=says):
        lake.ingest(spec, into="x")
    assert not (lake.root / "lake").exists()


@pytest.mark.parametrize(
    "data",
    [CSV, gzip.compress(CSV, mtime=0), b"name\na\nb\n", b'{"id": 1}\n{"id": 2}\n', zipped({"x.csv": CSV})],
)
def test_standard_input_is_read_as_what_it_is(lake: Lake, tmp_path: Path, data: bytes) -> None:
    spooled = tmp_path / "stdin"
    spooled.write_bytes(data)
    (one,) = lake.ingest("-", into="x", stdin=spooled)
    assert (one.dataset, one.batch.rows, one.new) == ("x", 2, True)
    assert one.batch.source.split("#")[0] == "-"
    assert [again.new for again in lake.ingest("-", into="x", stdin=spooled)] == [False]


def test_standard_input_can_be_empty_or_an_image(lake: Lake, tmp_path: Path) -> None:
    spooled = tmp_path / "stdin"
    spooled.write_bytes(b"")
    with pytest.raises(DataError, match="standard input is empty"):
        lake.ingest("-", into="x", stdin=spooled)
    with pytest.raises(UsageError, match="standard input"):
        lake.ingest("-", into="x")
    spooled.write_bytes(png(3, 2))
    lake.ingest("-", into="p", stdin=spooled)
    row = lake.rows("p").to_dicts()[0]
    assert (row["path"], row["mime"], row["width"]) == ("-", "image/png", 3)
    assert (lake.root / "lake" / "p" / row["object"]).read_bytes() == png(3, 2)


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = b"".join(b"\0" + b"\x80\x40\x20" * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")  # fmt: skip


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\0\0\xff\xff\xff\0\0\0,\0\0\0\0" + struct.pack("<HH", width, height) + b"\0\x02\x02D\x01\0;"  # fmt: skip


def jpeg(width: int, height: int) -> bytes:
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\0"
    return b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0" + frame + b"\xff\xd9"


OBJECTS = {
    "a.png": (png(40, 30), "image/png", 40, 30),
    "b.jpg": (jpeg(640, 480), "image/jpeg", 640, 480),
    "c.gif": (gif(7, 9), "image/gif", 7, 9),
    "d.pdf": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n%%EOF\n", "application/pdf", None, None),
    "e.txt": (b"Dear Ann,\nall is well.\n", "text/plain", None, None),
    "f.bin": (bytes(range(256)) * 4, "application/octet-stream", None, None),
    "g.md": (b"# Title\n\n| a | b |\n|---|---|\n| 1 | 2 |\n", "text/markdown", None, None),
    "h.wav": (b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\0\0\0\0", "audio/", None, None),
    "deep/a.png": (png(40, 30), "image/png", 40, 30),
    "broken.png": (png(40, 30)[:12], "image/png", None, None),
}  # fmt: skip


def test_any_other_bytes_are_kept_with_a_catalogue_row(lake: Lake) -> None:
    for name, (data, *_) in OBJECTS.items():
        os.utime(lake.file(f"media/{name}", data), (WHEN.timestamp(), WHEN.timestamp()))
    done = lake.ingest("media", into="media")
    assert [(one.dataset, one.batch.rows, one.batch.format) for one in done] == [("media", 10, "object")]
    rows = {row["path"].removeprefix("media/"): row for row in lake.rows("media").to_dicts()}
    assert rows.keys() == OBJECTS.keys()
    for name, (data, mime, width, height) in OBJECTS.items():
        row = rows[name]
        assert (row["name"], row["size"], row["width"], row["height"]) == (Path(name).name, len(data), width, height)  # fmt: skip
        assert row["mime"].startswith(mime), (name, row["mime"])
        assert row["sha256"] == hashlib.sha256(data).hexdigest()
        assert row["modified"] == WHEN
        assert (lake.root / "lake" / "media" / row["object"]).read_bytes() == data
    assert sorted(row["_row"] for row in rows.values()) == list(range(1, 11))
    # The same image is stored once, whatever it is called.
    assert rows["a.png"]["object"] == rows["deep/a.png"]["object"]
    assert sum(p.is_file() for p in (lake.root / "lake" / "media" / "objects").rglob("*")) == 9
    assert [one.new for one in lake.ingest("media", into="media")] == [False]
    lake.file("media/new.gif", gif(1, 1))
    assert [one.batch.rows for one in lake.ingest("media", into="media")] == [1]


@pytest.mark.parametrize("name", ["p.zip", "p.tar.gz"])
def test_objects_in_an_archive_are_kept_too(lake: Lake, name: str) -> None:
    files = {"orders.csv": CSV, "img/a.png": png(4, 3), "img/b.png": png(4, 3), "notes.txt": b"Hello.\n"}
    done = lake.ingest(lake.file(name, PACKS[name](files)), into="x")
    assert {one.dataset: one.batch.rows for one in done} == {"x_orders": 2, "x_p": 3}
    for row in lake.rows("x_p").to_dicts():
        assert (lake.root / "lake" / "x_p" / row["object"]).read_bytes() == files[row["path"]]
        assert row["modified"].date() == WHEN.date()
    assert {row["width"] for row in lake.rows("x_p").to_dicts()} == {4, None}
    assert sum(p.is_file() for p in (lake.root / "lake" / "x_p" / "objects").rglob("*")) == 2
    assert [one.new for one in lake.ingest(name, into="x")] == [False, False]


def test_the_file_itself_can_be_kept_beside_its_rows(lake: Lake) -> None:
    done = lake.ingest(lake.file("o.csv", CSV), keep_original=True)
    kept = lake.root / "lake" / "o" / "objects" / done[0].batch.digest[:2] / f"{done[0].batch.digest}.csv"
    assert kept.read_bytes() == CSV


@pytest.mark.parametrize("make", [zipfile.ZipFile, tarfile.open])
def test_a_path_that_an_archive_holds_twice_is_two_batches(lake: Lake, make: Callable[..., object]) -> None:
    path = lake.file("twice.zip" if make is zipfile.ZipFile else "twice.tar", b"")
    if make is zipfile.ZipFile:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("orders.csv", JAN)
            with pytest.warns(UserWarning, match="Duplicate name"):
                archive.writestr("orders.csv", FEB)
    else:
        with tarfile.open(path, "w") as tar:
            for data in (JAN, FEB):
                info = tarfile.TarInfo("orders.csv")
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    done = lake.ingest(path)
    assert [(one.dataset, one.new) for one in done] == [("orders", True)] * 2
    assert sorted(lake.rows("orders")["id"]) == ["1", "2", "3"]
    assert [one.new for one in lake.ingest(path)] == [False, False]
