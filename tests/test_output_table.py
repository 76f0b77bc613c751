"""Tables on a terminal: everything fits, numbers are whole, what has no room is named."""

from __future__ import annotations

import io
import re
from pathlib import Path

import polars as pl
import pytest
from cli_frame_tools import bare, on_terminal, run
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from dwkit.cli.output import emit
from dwkit.cli.table import Column, draw

ORDERS = """
import polars as pl
@named("orders")
@formatted
@standard
def command(app):
    '''For a test.'''
    n = 1234
    app.emit(pl.select(order_id=pl.int_range(n)).lazy().with_columns(
        amount=pl.col("order_id") * 1_000_003,
        placed_at=pl.datetime(2026, 1, 31, 10) + pl.duration(minutes="order_id"),
        customer=pl.format("Customer number {} of the shop", "order_id"),
        note=pl.lit("a long remark " * 20),
        **{f"extra_{i}": pl.lit(i) for i in range(8)},
        city=pl.lit("K\\u00f6ln \\u6771\\u4eac"),
        total=(pl.col("order_id") / 4).cast(pl.Decimal(12, 2)),
    ))
"""


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_a_wide_table_fits_the_terminal(columns: int) -> None:
    ran = on_terminal(ORDERS, "orders", columns=columns)
    assert ran.code == 0
    lines = bare(ran.out).split("\n")
    table = lines[: next(i for i, line in enumerate(lines) if "1,234 rows" in line)]
    assert max(cell_len(line) for line in table) <= columns
    assert table[0].split()[0] == "order_id"
    assert table[0].split()[-1] == "total"
    # Numbers and times are whole: a cut number is a wrong one.
    assert re.match(r" +0 ", table[2])
    assert table[-1].endswith("308.25")
    for number in re.findall(r"\d+…", " ".join(table)):
        pytest.fail(f"{number} was cut")


def test_columns_without_room_are_counted_and_named() -> None:
    narrow = bare(on_terminal(ORDERS, "orders", columns=60).out)
    found = re.search(r"1,234 rows × 15 columns \(… (\d+) more: (\w+), (\w+), (\w+), …\)", narrow)
    assert found
    header = narrow.split("\n")[0].split()
    assert "…" in header
    assert len(header) - 1 + int(found[1]) == 15
    assert not {found[2], found[3], found[4]} & set(header)
    assert "more:" not in bare(on_terminal(ORDERS, "orders", columns=400).out)


def test_first_and_last_rows_are_shown() -> None:
    out = bare(on_terminal(ORDERS, "orders", "--rows", "6", columns=60).out)
    body = [line for line in out.split("\n")[2:] if line and "rows" not in line]
    assert [line.split()[0] for line in body] == ["0", "1", "2", "…", "1231", "1232", "1233"]
    everything = bare(on_terminal(ORDERS, "orders", "--rows", "0", columns=60).out)
    assert [line.split()[0] for line in everything.split("\n")[2:1236]] == [str(i) for i in range(1234)]


def test_no_dots_when_all_rows_are_shown() -> None:
    stream = io.BytesIO()
    emit(pl.DataFrame({"a": [1, 2, 3, 4]}), "table", shown=4, stream=stream)
    assert stream.getvalue().decode().split() == ["a", "─", "1", "2", "3", "4"]


def test_the_ends_of_files_and_of_computed_frames_are_the_same(tmp_path: Path) -> None:
    for part in range(3):
        pl.select(i=pl.int_range(part * 50_000, (part + 1) * 50_000)).write_parquet(
            tmp_path / f"{part}.parquet"
        )
    scan = pl.scan_parquet(tmp_path / "*.parquet")

    def table(frame: pl.LazyFrame) -> tuple[int, str]:
        stream = io.BytesIO()
        return emit(frame, "table", shown=5, stream=stream).rows, stream.getvalue().decode()

    renamed = scan.select(pl.col("i").alias("i"))
    computed = scan.filter(pl.col("i") >= 0)
    assert table(renamed) == table(computed) == table(scan.collect())
    rows, text = table(renamed)
    assert rows == 150_000
    assert text.split()[2:] == ["0", "1", "2", "…", "149998", "149999"]


def test_null_is_dim_and_text_is_not() -> None:
    code = """
@named("nulls")
@formatted
@standard
def command(app):
    '''For a test.'''
    app.emit([{"a": None, "b": "NULL"}])
"""
    coloured = on_terminal(code, "nulls").out
    assert "\x1b[2mNULL\x1b[0m" in coloured
    assert re.search(r"(?<!m)NULL\r?\n", coloured)
    assert "\x1b[" not in on_terminal(code, "nulls", NO_COLOR="1").out
    assert "\x1b[" not in run(code, "nulls", "-f", "table").out


def test_a_file_is_not_cropped() -> None:
    out = run(ORDERS, "orders", "-f", "table", "--rows", "2").out
    assert "a long remark " * 19 in out
    assert "extra_7" in out
    narrow = run(ORDERS, "orders", "-f", "table", "--rows", "2", COLUMNS="70").out
    assert max(cell_len(line) for line in narrow.splitlines()) <= 70


def test_human_is_for_tables_only() -> None:
    rows = [{"name": "a", "bytes": 1_234_567}]
    stream = io.BytesIO()
    emit(rows, "table", human={"bytes": lambda b: f"{b / 1e6:.1f} MB"}, stream=stream)
    assert "1.2 MB" in stream.getvalue().decode()
    stream = io.BytesIO()
    emit(rows, "csv", human={"bytes": lambda b: f"{b / 1e6:.1f} MB"}, stream=stream)
    assert stream.getvalue() == b"name,bytes\na,1234567\n"


CELLS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


@given(
    st.integers(1, 12).flatmap(
        lambda n: st.tuples(
            st.lists(st.tuples(st.text(max_size=30), st.booleans()), min_size=n, max_size=n),
            st.lists(st.lists(CELLS, min_size=n, max_size=n), max_size=5),
        )
    ),
    st.integers(20, 200),
    st.booleans(),
)
def test_any_table_fits(
    made: tuple[list[tuple[str, bool]], list[list[str | None]]], width: int, unicode: bool
) -> None:
    columns = [Column(name, number) for name, number in made[0]]
    numbers = [c.number for c in columns]
    cut = [[c and c[:12] if n else c for c, n in zip(row, numbers, strict=True)] for row in made[1]]
    drawn = draw(columns, cut, width=width, unicode=unicode)
    lines = drawn.text.split("\n")[:-1]
    assert len(lines) == 2 + len(cut)
    # One column is always shown, however narrow the terminal is.
    assert max(map(cell_len, lines)) <= width
    assert len(drawn.left_out) < len(columns)


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (28, "a aaaaaaaaaaaaaaa … bb b"),  # 1 + 15 + 1 + 2 + 1 and the gaps between
        (27, "a aaaaaaaaaaaaaaa … b"),
        (23, "a … bb b"),  # no room for the second: the other side goes on until it is full
        (11, "a … bb b"),
        (10, "a … b"),
        (6, "a …"),
    ],
)
def test_as_many_columns_as_fit(width: int, shown: str) -> None:
    names = ["a", "a" * 15, "middle_of_all_12", "bb", "b"]
    columns = [Column(name, number=True) for name in names]
    drawn = draw(columns, [[name if i != 2 else "m" * 30 for i, name in enumerate(names)]], width=width)
    assert drawn.text.split("\n")[2].split() == shown.split()
    assert len(drawn.left_out) == 5 - len(set(shown.split()) - {"…"})
