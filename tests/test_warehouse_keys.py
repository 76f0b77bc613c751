"""The row hash and surrogate keys."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl
import pytest

from dwkit.warehouse.keys import row_hash, unknown_member


def hashed(frame: pl.DataFrame) -> list[int]:
    return frame.select(row_hash(frame.schema).alias("h"))["h"].to_list()


def test_the_hash_is_xxh64_of_the_documented_text() -> None:
    xxhash = pytest.importorskip("xxhash")
    frame = pl.DataFrame({"b": ["x", None], "a": [7, -1]})
    texts = ["a=1:7\x1fb=1:x", "a=2:-1"]
    signed = [int.from_bytes(xxhash.xxh64(t.encode()).digest(), "big", signed=True) for t in texts]
    assert hashed(frame) == signed


def test_the_hash_stays_over_releases() -> None:
    frame = pl.DataFrame(
        {
            "text": ["Ærø"],
            "number": [1.5],
            "exact": [Decimal("12.50")],
            "yes": [True],
            "day": [date(2025, 1, 31)],
            "at": [datetime(2025, 1, 31, 12)],
            "bytes": [b"\x00\xff"],
            "list": [[1, 2]],
            "struct": [{"a": "x"}],
        }
    )
    assert hashed(frame) == [-3048577444491507466]


def test_neither_order_nor_empty_columns_nor_width_count() -> None:
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}, schema={"a": pl.Int16, "b": pl.String})
    wanted = hashed(frame)
    assert hashed(frame.select("b", "a")) == wanted
    assert hashed(frame.with_columns(c=pl.lit(None, dtype=pl.String))) == wanted
    assert hashed(frame.with_columns(pl.col("a").cast(pl.Int64))) == wanted
    assert len(set(wanted)) == 2


def test_values_do_not_run_into_each_other() -> None:
    rows = [
        ("ab", "c"),
        ("a", "bc"),
        ("", "abc"),
        ("abc", ""),
        (None, "abc"),
        ("abc", None),
        ("a\x1fb=1:c", None),
        (None, None),
    ]
    frame = pl.DataFrame(rows, schema={"a": pl.String, "b": pl.String}, orient="row")
    assert len(set(hashed(frame))) == len(rows)


def test_zero_has_no_sign_and_instants_no_zone() -> None:
    assert len(set(hashed(pl.DataFrame({"a": [0.0, -0.0]})))) == 1
    at = datetime(2025, 7, 1, 12, tzinfo=UTC)
    zones = [pl.DataFrame({"a": pl.Series([at]).dt.convert_time_zone(z)}) for z in ("UTC", "Europe/Oslo")]
    assert hashed(zones[0]) == hashed(zones[1])


def test_the_unknown_member() -> None:
    schema = {
        "k": pl.Int64,
        "id": pl.String,
        "n": pl.Int64,
        "name": pl.String,
        "d": pl.Date,
        "valid_from": pl.Datetime("us"),
    }
    assert unknown_member(schema, "k", ["id"]).rows() == [
        (-1, "(unknown)", None, "Unknown", None, datetime(1900, 1, 1))
    ]
