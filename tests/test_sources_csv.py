"""Delimited text: what is detected, what can be told, and what comes back from what Python's csv module writes."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lake_fixture import Lake

from dwkit.errors import UsageError

ORDERS = [
    ("order", "customer", "ordered_at", "amount"),
    ("1", "Böhm", "2026-01-05", "12.50"),
    ("2", "Ng", "2026-01-06", "7.00"),
    ("3", "Åström", "2026-01-06", "1200.10"),
]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path)


def written(rows: list[tuple[str, ...]], **how: str) -> str:
    out = io.StringIO()
    csv.writer(out, **({"lineterminator": "\n"} | how)).writerows(rows)  # type: ignore[arg-type]
    return out.getvalue()


def numbered(rows: list[tuple[str, ...]]) -> list[tuple[object, ...]]:
    return [(*row, number) for number, row in enumerate(rows, 1)]


@pytest.mark.parametrize("name", ["x.csv", "x.txt", "x"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_whatever_the_name(lake: Lake, delimiter: str, name: str) -> None:
    frame = lake.read(name, written(ORDERS, delimiter=delimiter))
    assert frame.columns == [*ORDERS[0], "_row"]
    assert frame.rows() == numbered(ORDERS[1:])


@pytest.mark.parametrize("quote", ['"', "'"])
def test_the_quote_is_found(lake: Lake, quote: str) -> None:
    rows = [("name", "place"), ("Li, Wei", "Bonn"), ("Roux, Ana", "Ulm, Süd"), ("Ek, Bo", "Kiel, Ost")]
    frame = lake.read("q.csv", written(rows, quotechar=quote))
    assert frame.rows() == numbered(rows[1:])


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_is_one(lake: Lake, end: str) -> None:
    frame = lake.read("e.csv", written(ORDERS, lineterminator=end))
    assert frame.rows() == numbered(ORDERS[1:])


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", b"\xef\xbb\xbf"),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-16-le", b""),
        ("utf-32-le", b"\xff\xfe\0\0"),
        ("latin-1", b""),
        ("cp1252", b""),
    ],
)
def test_the_encoding_is_found(lake: Lake, encoding: str, mark: bytes) -> None:
    rows = [("order", "größe"), *((number, name) for number, name, *_ in ORDERS[1:])]
    if encoding != "latin-1":
        rows.append(("4", "Œuvre – €"))
    frame = lake.read("e.csv", mark + written(rows).encode(encoding))
    assert frame.columns == [*rows[0], "_row"]
    assert frame.rows() == numbered(rows[1:])


def test_text_in_another_script_is_told_by_its_letters(lake: Lake) -> None:
    rows = [("город", "страна"), ("Москва", "Россия"), ("Минск", "Беларусь"), ("Санкт-Петербург", "Россия")]
    assert lake.read("e.csv", written([rows[0], *rows[1:] * 5]).encode("cp1251")).rows()[:3] == numbered(
        rows[1:]
    )


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("cp1250", "Žůč"), ("cp1251", "Жук"), ("cp437", "é½"), ("utf-16-be", "€"), ("shift-jis", "東京")],
)
def test_the_encoding_can_be_told(lake: Lake, encoding: str, text: str) -> None:
    frame = lake.read("e.csv", f"name,n\n{text},1\n".encode(encoding), encoding=encoding)
    assert frame.rows() == [(text, "1", 1)]


def test_an_encoding_that_nobody_knows_is_named(lake: Lake) -> None:
    with pytest.raises(UsageError, match="no encoding named 'utf-9'"):
        lake.read("e.csv", "a,b\n1,2\n", encoding="utf-9")


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": lambda data: pa.compress(data, "zstd", asbytes=True),
}


def packed(data: bytes, ending: str) -> bytes:
    if ending != "zst":
        return PACKERS[ending](data)
    out = pa.BufferOutputStream()
    with pa.CompressedOutputStream(out, "zstd") as stream:
        stream.write(data)
    return bytes(out.getvalue())


@pytest.mark.parametrize("ending", list(PACKERS))
def test_what_is_packed_is_read_as_what_it_is(lake: Lake, ending: str) -> None:
    data = packed(written(ORDERS, delimiter=";").encode("cp1252"), ending)
    assert lake.read(f"orders.csv.{ending}", data).rows() == numbered(ORDERS[1:])
    assert lake.read(f"named_otherwise.{ending}", data).rows() == numbered(ORDERS[1:])
    assert lake.read("not_named_at_all.csv", data).rows() == numbered(ORDERS[1:])


def test_the_header_is_found_or_told(lake: Lake) -> None:
    numbers = "1,2\n3,4\n"
    assert lake.read("a.csv", numbers).columns == ["column_1", "column_2", "_row"]
    assert lake.read("b.csv", numbers, header=True).rows() == [("3", "4", 1)]
    words = "Ann,Bonn\nBob,Ulm\n"
    assert lake.read("c.csv", words, header=False).rows() == [("Ann", "Bonn", 1), ("Bob", "Ulm", 2)]
    named = lake.read("d.csv", words, header=False, columns=("who", "where"))
    assert named.columns == ["who", "where", "_row"]
    assert named.height == 2


def test_the_header_is_found_amid_missing_values_and_its_own_words(lake: Lake) -> None:
    rows = "".join(f"{'alpha' if n % 2 else 'beta'},{'NA' if n % 3 else n / 10},?\n" for n in range(12))
    assert lake.read("a.csv", "name,first,second\n" + rows).columns == ["name", "first", "second", "_row"]
    codes = [a + b for a in "ABCDEFGHI" for b in "BCD"]
    text = "Country,Group,ID\n" + "".join(f"Land of {c},{c[0]}-land,{c}\n" for c in codes)
    frame = lake.read("b.csv", text)
    assert frame.columns == ["Country", "Group", "ID", "_row"]
    assert frame.height == len(codes)


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ("id,name,name,Name", ["id", "name", "name_2", "Name_3"]),
        ("id,,name,", ["id", "column_2", "name", "column_4"]),
        ("_row,_batch,a,b", ["_row_source", "_batch_source", "a", "b"]),
        ('select,"a b","say ""hi""",größe ✓', ["select", "a b", 'say "hi"', "größe ✓"]),
        (f"id,{'x' * 512},b,c", ["id", "x" * 512, "b", "c"]),
    ],
)
def test_columns_can_have_any_name(lake: Lake, header: str, names: list[str]) -> None:
    done = lake.ingest(lake.file("n.csv", f"{header}\n1,2,3,4\n5,6,7,8\n"))
    frame = lake.rows("n")
    assert frame.columns == [*names, "_batch", "_row"]
    assert frame.drop("_batch").rows() == [("1", "2", "3", "4", 1), ("5", "6", "7", "8", 2)]
    assert set(frame["_batch"]) == {done[0].batch.id}


def test_lines_before_the_table_are_left_out_and_told(lake: Lake) -> None:
    text = "Report of January\n\nid,name\n1,a\n2,b\n3,c\n"
    done = lake.ingest(lake.file("t.csv", text))
    assert lake.rows("t")["id"].to_list() == ["1", "2", "3"]
    assert "before the table" in done[0].batch.notes[0]
    assert lake.read("s.csv", "x;y\nz;z\nid;name\n1;a\n", skip_rows=2).columns == ["id", "name", "_row"]
    assert lake.read("c.csv", "id,name\n%1,a\n2,b\n", comment="%").rows() == [("2", "b", 1)]


def test_quoted_line_ends_belong_to_the_field(lake: Lake) -> None:
    rows = [("id", "text"), ("1", "two\nlines"), ("2", 'a "word"\r\nand more'), ("3", "\n"), ("4", "")]
    frame = lake.read("q.csv", written(rows, lineterminator="\r\n"))
    assert frame.rows() == numbered(rows[1:])


def test_a_backslash_escapes_a_quote_where_it_is_meant_to(lake: Lake) -> None:
    escaped = 'id,text\n1,"say \\"hi\\", you"\n2,"a, b"\n3,plain\n'
    assert lake.read("a.csv", escaped)["text"].to_list() == ['say "hi", you', "a, b", "plain"]
    paths = 'id,path\n1,"C:\\"\n2,"D:\\data, old\\"\n3,"E:\\"\n'
    assert lake.read("b.csv", paths)["path"].to_list() == ["C:\\", "D:\\data, old\\", "E:\\"]
    assert lake.read("c.csv", paths, escape="")["path"].to_list() == ["C:\\", "D:\\data, old\\", "E:\\"]


def test_a_long_delimiter_is_one(lake: Lake) -> None:
    frame = lake.read("l.txt", "id||name\n1||a|b\n2||\n", delimiter="||", format="csv")
    assert frame.rows() == [("1", "a|b", 1), ("2", "", 2)]


@pytest.mark.parametrize("place", ["in the first lines", "far behind them"])
def test_rows_of_another_length_are_kept_aside_with_place_and_text(lake: Lake, place: str) -> None:
    good = [f"{n},x,y" for n in range(40_000 if place == "far behind them" else 10)]
    lake.ingest(lake.file("r.csv", "\n".join(["a,b,c", *good, "1,2", '7,"8\n8",9,10', *good, ""])))
    frame, count = lake.rows("r"), len(good)
    assert frame["a"].to_list() == [line.split(",")[0] for line in good] * 2
    assert frame["_row"].to_list() == [*range(1, count + 1), *range(count + 3, 2 * count + 3)]
    assert lake.malformed("r") == [
        (count + 1, count + 2, "1,2", "2 fields, 3 expected"),
        (count + 2, count + 3, '7,"8\n8",9,10', "4 fields, 3 expected"),
    ]


def test_short_rows_can_be_filled_up(lake: Lake) -> None:
    frame = lake.read("p.csv", "a,b,c\n1,2,3\n4\n5,6\n7,8,9,10\n", ragged="pad")
    assert frame.rows() == [("1", "2", "3", 1), ("4", "", "", 2), ("5", "6", "", 3)]
    assert [(row, raw) for row, _, raw, _ in lake.malformed("p")] == [(4, "7,8,9,10")]


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6) | st.text(
    "ab,;\t|\"'\n\r \\é", max_size=5
)
TABLES = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(TEXT, min_size=width, max_size=width), min_size=1, max_size=8)
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(TABLES, st.sampled_from(",;\t|"), st.sampled_from("\"'"), st.booleans())
def test_any_table_that_python_writes_comes_back(
    rows: list[list[str]], delimiter: str, quote: str, every: bool
) -> None:
    # Empty text stays empty text: what is NULL is for staging to say.
    names = tuple(f"c{n}" for n in range(len(rows[0])))
    quoting = csv.QUOTE_ALL if every else csv.QUOTE_MINIMAL
    text = written(
        [names, *map(tuple, rows)],
        delimiter=delimiter,
        quotechar=quote,
        quoting=quoting,  # type: ignore[arg-type]
        lineterminator="\r\n",
    )
    with tempfile.TemporaryDirectory() as folder:
        frame = Lake(Path(folder)).read(
            "t.csv",
            text,
            delimiter=delimiter,
            quote=quote,
            escape="",
            header=True,
            encoding="utf-8",
            skip_rows=0,
        )
    assert frame.rows() == numbered([tuple(row) for row in rows])


WORD = st.text("abcdefghijklmnopqrstuvwxyzäöüABC", min_size=1, max_size=9)
CELLS = {
    "number": st.integers(-(10**6), 10**6).map(str),
    "price": st.decimals(0, 1000, places=2).map(str),
    "day": st.dates().map(str),
    "word": WORD,
    "text": st.lists(WORD, min_size=1, max_size=4).map(", ".join),
}
KINDS = st.lists(st.sampled_from(list(CELLS)), min_size=2, max_size=5)
USUAL = KINDS.flatmap(
    lambda kinds: st.tuples(
        st.just([f"{kind} {place}" for place, kind in enumerate(kinds)]),
        st.lists(st.tuples(*(CELLS[kind] for kind in kinds)), min_size=3, max_size=12),
    )
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(USUAL, st.sampled_from(",;\t|"), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]))
def test_usual_tables_are_read_without_being_told_anything(
    table: tuple[list[str], list[tuple[str, ...]]], delimiter: str, encoding: str
) -> None:
    names, rows = table
    text = written([tuple(names), *rows], delimiter=delimiter).encode(encoding)
    with tempfile.TemporaryDirectory() as folder:
        frame = Lake(Path(folder)).read("t.csv", text)
    assert frame.columns == [*names, "_row"]
    assert frame.rows() == numbered(rows)


def test_comments_at_the_start_are_no_header(lake: Lake) -> None:
    text = "# made by x\n# on y\nid,name\n1,a\n# mid\n2,b\n"
    assert lake.read("c.csv", text).rows() == [("1", "a", 1), ("2", "b", 3)]
    assert [record[2] for record in lake.malformed("c")] == ["# mid"]
    assert lake.read("c.csv", text, comment="#", force=True).rows() == [("1", "a", 1), ("2", "b", 2)]


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;\r"])
def test_a_first_line_that_tells_the_delimiter_is_no_record(lake: Lake, line: str) -> None:
    end = "\r\n" if line.endswith("\r") else "\n"
    frame = lake.read("x.csv", f"{line.rstrip()}{end}id;note{end}1;a,b{end}2;c,d{end}")
    assert frame.columns == ["id", "note", "_row"]
    assert frame.rows() == [("1", "a,b", 1), ("2", "c,d", 2)]
