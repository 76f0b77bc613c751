"""Results on stdout: the same values in every format, exactly."""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cli_frame_tools import on_terminal, run
from hypothesis import given, settings
from hypothesis import strategies as st

from dwkit.cli.output import emit
from dwkit.errors import DataError

TEXT_FORMATS = ("csv", "json", "ndjson", "md")


def written(data, fmt: str, **more) -> str:
    stream = io.BytesIO()
    emit(data, fmt, stream=stream, **more)
    return stream.getvalue().decode()


def rows_of_csv(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


EXACT = [
    (pl.Series([Decimal("1.50")], dtype=pl.Decimal(10, 2)), "1.50", "1.50"),
    (pl.Series([Decimal("-0.00000001")], dtype=pl.Decimal(38, 8)), "-0.00000001", "-0.00000001"),
    (pl.Series([9007199254740993]), "9007199254740993", "9007199254740993"),
    (pl.Series([2**64 - 1], dtype=pl.UInt64), "18446744073709551615", "18446744073709551615"),
    (pl.Series([0.1 + 0.2]), "0.30000000000000004", "0.30000000000000004"),
    (pl.Series([1.0]), "1.0", "1.0"),
    (pl.Series([math.nan]), "NaN", "null"),
    (pl.Series([-math.inf]), "-inf", "null"),
    (pl.Series([True]), "true", "true"),
    (pl.Series(["007"]), "007", '"007"'),
    (pl.Series([date(2026, 1, 31)]), "2026-01-31", '"2026-01-31"'),
    (pl.Series([datetime(2026, 1, 31, 10)]), "2026-01-31 10:00:00", '"2026-01-31 10:00:00"'),
    (
        pl.Series([datetime(2026, 1, 31, 10, 0, 0, 1500)]),
        "2026-01-31 10:00:00.001500",
        '"2026-01-31 10:00:00.001500"',
    ),
    (
        pl.Series([datetime(2026, 7, 1, 12)]).dt.replace_time_zone("Europe/Berlin"),
        "2026-07-01 12:00:00+02:00",
        '"2026-07-01 12:00:00+02:00"',
    ),
    (pl.Series([time(10, 0, 1)]), "10:00:01", '"10:00:01"'),
    (pl.Series([timedelta(days=1, seconds=5.5)]), "P1DT5.5S", '"P1DT5.5S"'),
    (pl.Series([b"\x00\xff"]), "00ff", '"00ff"'),
    (pl.Series([[1, None]]), "[1,null]", "[1,null]"),
    (pl.Series([[[Decimal("1.50")], None]]), "[[1.50],null]", "[[1.50],null]"),
    (pl.Series([{"a": 'x"y', "b": [date(2026, 1, 1)]}]), '{"a":"x\\"y","b":["2026-01-01"]}', None),
    (pl.Series(["b"], dtype=pl.Enum(["a", "b"])), "b", '"b"'),
    (pl.Series(["b"], dtype=pl.Categorical), "b", '"b"'),
    (pl.Series([2**100], dtype=pl.Int128), str(2**100), str(2**100)),
    (pl.Series([None], dtype=pl.Null), "", "null"),
]


@pytest.mark.parametrize(("series", "text", "as_json"), EXACT, ids=lambda v: str(getattr(v, "dtype", "")))
def test_a_value_is_the_same_in_every_format(series: pl.Series, text: str, as_json: str | None) -> None:
    frame = pl.DataFrame({"id": [1], "v": series})
    assert rows_of_csv(written(frame, "csv")) == [["id", "v"], ["1", text]]
    assert written(frame, "ndjson") == f'{{"id":1,"v":{as_json or text}}}\n'
    assert written(frame.lazy(), "json") == f'[{{"id":1,"v":{as_json or text}}}]\n'
    markdown = written(frame, "md").splitlines()[2]
    assert markdown == f"| 1 | {text} |".replace("\\", "\\\\")
    shown = written(frame, "table").splitlines()[2]
    assert shown.split(maxsplit=1) == ["1", text or "NULL"]


@pytest.mark.parametrize("value", [v for v, _, _ in EXACT], ids=lambda v: str(v.dtype))
def test_null_is_told_from_text(value: pl.Series) -> None:
    frame = (
        pl.DataFrame({"v": value, "s": [""]})
        .clear(1)
        .with_columns(s=pl.Series(["", None], dtype=pl.String)[:1])
    )
    assert written(frame, "csv") == 'v,s\n,""\n'
    assert written(frame, "ndjson") == '{"v":null,"s":""}\n'


PYTHON = [
    ({"v": Decimal("1.50")}, "1.50", "1.50"),
    ({"v": Decimal("1E+3")}, "1000", "1000"),
    ({"v": True}, "true", "true"),
    ({"v": 2**70}, str(2**70), str(2**70)),
    ({"v": math.inf}, "inf", "null"),
    ({"v": math.nan}, "NaN", "null"),
    ({"v": datetime(2026, 1, 31, 10)}, "2026-01-31 10:00:00", '"2026-01-31 10:00:00"'),
    ({"v": datetime(2026, 1, 31, 10, microsecond=500_000)}, "2026-01-31 10:00:00.500", None),
    ({"v": datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2)))}, "2026-01-01 00:00:00+02:00", None),
    ({"v": timedelta(days=1, seconds=5.5)}, "P1DT5.5S", None),
    ({"v": b"\x00\xff"}, "00ff", None),
    ({"v": ["a", Decimal("1.0"), {"b": None}]}, '["a",1.0,{"b":null}]', '["a",1.0,{"b":null}]'),
    ({"v": Path("a/b")}, "a/b", '"a/b"'),
]


@pytest.mark.parametrize(("row", "text", "as_json"), PYTHON, ids=lambda v: str(v)[:40])
def test_plain_rows_read_as_frames_do(row: dict[str, object], text: str, as_json: str | None) -> None:
    assert rows_of_csv(written([row], "csv")) == [["v"], [text]]
    assert written([row], "json") == f'[{{"v":{as_json or json.dumps(text)}}}]\n'


def test_plain_rows_and_frames_write_the_same_bytes() -> None:
    rows = [
        {"name": "a,b", "n": 1, "at": datetime(2026, 1, 1, 1, 2, 3, 4000), "note": 'say "hi"\nthere', "d": Decimal("0.10")},
        {"name": "", "n": None, "at": None, "note": None, "d": None},
        {"name": "é|*<b>`", "n": -5, "at": datetime(1, 1, 1), "note": "\x1b[31m\u2028", "d": Decimal("-12.30")},
    ]  # fmt: skip
    for fmt in (*TEXT_FORMATS, "table"):
        assert written(rows, fmt) == written(pl.DataFrame(rows), fmt), fmt


@pytest.mark.parametrize("fmt", [*TEXT_FORMATS, "table", "parquet", "arrow"])
def test_no_rows_still_have_columns(fmt: str) -> None:
    frame = pl.DataFrame(schema={"a": pl.Int64, "b": pl.String})
    for data in (frame, frame.lazy(), []):
        stream = io.BytesIO()
        assert emit(data, fmt, columns=("a", "b"), stream=stream) == (0, 2)
        stream.seek(0)
        match fmt:
            case "json":
                assert stream.getvalue() == b"[]\n"
            case "ndjson":
                assert stream.getvalue() == b""
            case "parquet":
                assert pl.read_parquet(stream).columns == ["a", "b"]
            case "arrow":
                assert pl.read_ipc_stream(stream).columns == ["a", "b"]
            case _:
                assert {"a", "b"} <= set(stream.getvalue().decode().replace(",", " ").split())


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "s": st.none() | st.text(st.characters(exclude_categories=["Cs"])),
                "i": st.none() | st.integers(-(2**63), 2**63 - 1),
                "f": st.none() | st.floats(),
                "d": st.none() | st.decimals(-(10**15), 10**15, places=3),
                "t": st.none() | st.datetimes(datetime(1600, 1, 1)),
                "l": st.none() | st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]))),
                "r": st.none()
                | st.fixed_dictionaries({"x": st.none() | st.booleans(), "y": st.none() | st.dates()}),
            }
        ),
        min_size=1,
    )
)
@settings(max_examples=150, deadline=None)
def test_json_and_csv_give_back_what_went_in(rows: list[dict]) -> None:
    schema = {
        "s": pl.String,
        "i": pl.Int64,
        "f": pl.Float64,
        "d": pl.Decimal(38, 3),
        "t": pl.Datetime("us"),
        "l": pl.List(pl.String),
        "r": pl.Struct({"x": pl.Boolean, "y": pl.Date}),
    }
    frame = pl.DataFrame(rows, schema=schema)
    read = json.loads(written(frame, "json"), parse_float=Decimal)
    lines = [json.loads(line, parse_float=Decimal) for line in written(frame, "ndjson").split("\n")[:-1]]
    assert read == lines
    for row, got in zip(rows, read, strict=True):
        want = dict(row)
        if want["f"] is not None:
            want["f"] = Decimal(repr(want["f"])) if math.isfinite(want["f"]) else None
        if want["t"] is not None:
            assert datetime.fromisoformat(got["t"]) == want["t"]
            want["t"] = got["t"]
        if want["r"] is not None and want["r"]["y"] is not None:
            want["r"] = {**want["r"], "y": want["r"]["y"].isoformat()}
        assert got == want
    # In CSV, NULL and the empty string must stay apart.
    back = pl.read_csv(
        io.StringIO(written(frame.select("i", "s", "d"), "csv")),
        schema={"i": pl.Int64, "s": pl.String, "d": pl.Decimal(38, 3)},
    )
    assert back.equals(frame.select("i", "s", "d"))


def test_many_batches_come_out_whole_and_in_order(tmp_path: Path) -> None:
    n = 300_000
    source = tmp_path / "n.parquet"
    pl.select(i=pl.int_range(n), s=pl.lit("x")).write_parquet(source, row_group_size=20_000)
    frame = pl.scan_parquet(source).with_columns(j=pl.col("i") * 2)
    assert [r["j"] for r in json.loads(written(frame, "json"))] == list(range(0, 2 * n, 2))
    text = written(frame, "csv")
    assert text.count("i,s,j") == 1
    assert pl.read_csv(io.StringIO(text))["i"].to_list() == list(range(n))
    assert written(frame, "ndjson").count("\n") == n
    assert written(frame, "md").count("\n") == n + 2
    for fmt, read in (("parquet", pl.read_parquet), ("arrow", pl.read_ipc_stream)):
        stream = io.BytesIO()
        assert emit(frame, fmt, stream=stream) == (n, 3)
        stream.seek(0)
        assert read(stream).equals(frame.collect())


def test_categories_that_differ_between_batches_go_through_arrow() -> None:
    frame = pl.DataFrame({"c": [f"c{i}" for i in range(250_000)]}, schema={"c": pl.Categorical})
    stream = io.BytesIO()
    emit(frame.lazy().filter(pl.col("c") != "c7"), "arrow", stream=stream)
    stream.seek(0)
    assert pl.read_ipc_stream(stream)["c"].cast(pl.String).to_list()[6:8] == ["c6", "c8"]


def test_binary_formats_hold_no_string_views() -> None:
    frame = pl.DataFrame({"s": ["a"], "l": [["b"]]})
    for fmt in ("parquet", "arrow"):
        stream = io.BytesIO()
        emit(frame, fmt, stream=stream)
        stream.seek(0)
        schema = pq.read_schema(stream) if fmt == "parquet" else pa.ipc.open_stream(stream).schema
        assert "view" not in str(schema)


def test_plain_rows_of_mixed_types_become_parquet() -> None:
    stream = io.BytesIO()
    emit([{"a": 1, "b": "x"}, {"a": "two", "b": None}], "parquet", stream=stream)
    stream.seek(0)
    assert pl.read_parquet(stream).rows() == [("1", "x"), ("two", None)]


def test_a_frame_that_fails_is_a_data_error() -> None:
    frame = pl.LazyFrame({"a": ["1", "x"]}).select(pl.col("a").cast(pl.Int64))
    for fmt in (*TEXT_FORMATS, "table", "parquet", "arrow"):
        with pytest.raises(DataError, match="'a'"):
            written(frame, fmt)


ROWS = """
@named("rows")
@formatted
@standard
def command(app):
    '''For a test.'''
    app.emit([{"name": "orders", "rows": 12, "note": None}, {"name": "b\\u00e9\\u4e2d", "rows": 3456, "note": "x"}])
    loaded = [m for m in ("polars", "pyarrow", "rich.console", "msgspec") if m in sys.modules]
    print(*loaded, file=sys.stderr)
"""


@pytest.mark.parametrize("fmt", [*TEXT_FORMATS, "table"])
def test_listings_need_no_heavy_import(fmt: str) -> None:
    ran = run(ROWS, "rows", "-q", "-f", fmt)
    assert ran.code == 0
    assert ran.err.strip() == ""


def test_a_pipe_gets_csv_and_a_silent_stderr() -> None:
    ran = run(ROWS.replace("    print(*loaded, file=sys.stderr)\n", ""), "rows")
    assert ran == (0, "name,rows,note\norders,12,\nbé中,3456,x\n", "")


def test_the_footer_counts_on_stderr() -> None:
    ran = run(ROWS, "rows", "-f", "table")
    assert "2 rows × 3 columns" in ran.err
    assert "2 rows" not in ran.out


def test_binary_formats_are_refused_on_a_terminal() -> None:
    ran = on_terminal(ROWS, "rows", "-f", "parquet")
    assert ran.code == 2
    assert "parquet is not for a terminal" in ran.out
    assert "--format parquet > result.parquet" in ran.out
    assert "PAR1" not in ran.out


def test_an_encoding_without_the_characters(tmp_path: Path) -> None:
    ascii_only = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    table = run(ROWS, "rows", "-q", "-f", "table", **ascii_only)
    assert table.code == 0
    assert table.out.isascii()
    assert "\\xe9\\u4e2d" in table.out
    assert "---" in table.out
    assert json.loads(run(ROWS, "rows", "-f", "json", **ascii_only).out)[1]["name"] == "bé中"
    assert run(ROWS, "rows", "-f", "json", **ascii_only).out.isascii()
    # CSV into a pipe is data: UTF-8 whatever the terminal's encoding is.
    assert "bé中" in run(ROWS, "rows", "-f", "csv", **ascii_only).out


def test_no_value_can_command_the_terminal() -> None:
    code = ROWS.replace('"orders"', '"\\x1b[31mred\\x1b[2J\\u202e\\r\\nnext"')
    ran = on_terminal(code, "rows", NO_COLOR="1")
    assert "\\x1b[31mred\\x1b[2J\\u202e\\r\\nnext" in ran.out
    assert "\x1b[31m" not in ran.out
    assert "\u202e" not in ran.out
