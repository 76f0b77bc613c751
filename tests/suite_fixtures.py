"""Tables that DataFusion's own runner of its tests makes in code, by the file that reads them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl

__all__ = ["fixtures"]


def fixtures(root: Path, name: str) -> dict[str, pl.DataFrame]:
    """Return the tables that a file finds there.

    Args:
        root: where the paths of data files start from.
        name: of the file.
    """
    make = _FILES.get(name)
    return make(root) if make is not None else {}


def _metadata(_: Path) -> dict[str, pl.DataFrame]:
    moment = datetime(2020, 9, 8, 13, 42, 29, 190855)
    columns = {
        "id": pl.Series([1, None, 3], dtype=pl.Int32), "name": [None, "bar", "baz"], "l_name": [None, "l_bar", "l_baz"],
        "ts": [moment] * 3, "nonnull_name": ["no_foo", "no_bar", "no_baz"],
    }  # fmt: skip
    return {"table_with_metadata": pl.DataFrame(columns)}


def _joins(_: Path) -> dict[str, pl.DataFrame]:
    rows = pl.int_range(1, 11, eager=True)  # its file has one more line, which is taken for the header
    columns = {
        "c1": pl.Series([0] * 10, dtype=pl.UInt32), "c2": rows.cast(pl.UInt64), "c3": rows % 2 == 0,
    }  # fmt: skip
    return {"test_partition_table": pl.DataFrame(columns), **_many_types(_)}


def _many_types(_: Path) -> dict[str, pl.DataFrame]:
    columns = {
        "int32_col": pl.Series([1], dtype=pl.Int32), "float64_col": [1.0], "utf8_col": ["foo"], "large_utf8_col": ["bar"],
        "binary_col": [b"foo"], "large_binary_col": [b"foo"],
        "timestamp_nanos": pl.Series([0], dtype=pl.Int64).cast(pl.Datetime("us")),
    }  # fmt: skip
    return {"my_catalog.my_schema.table_with_many_types": pl.DataFrame(columns)}


def _ranges(_: Path) -> dict[str, pl.DataFrame]:
    keys = pl.Series([1, 5, 10, 15, 20, 25, 30, 35], dtype=pl.Int32)
    other = pl.Series([1, 2] * 4, dtype=pl.Int32)
    return {
        "range_partitioned": pl.DataFrame({"range_key": keys, "non_range_key": other, "value": keys * 10})
    }


def _structs(_: Path) -> dict[str, pl.DataFrame]:
    dtype = pl.Struct({"name": pl.String, "id": pl.Int32})
    people = [{"name": n, "id": i} for n, i in (("Alice", 1), ("Bob", 2), ("Carol", 3))]
    five = pl.Series([people[n] for n in (0, 1, 2, 0, 1)], dtype=dtype)
    some = pl.Series([{"name": "X", "id": 10}, None, {"name": "Y", "id": 20}, None], dtype=dtype)
    return {
        "dict_struct_table": pl.DataFrame({"dict_struct": five, "plain_struct": five}),
        "dict_struct_nullable": pl.DataFrame({"ds": some}),
    }


def _avro(root: Path) -> dict[str, pl.DataFrame]:
    one = pl.read_avro(root / "../../testing/data/avro/alltypes_plain.avro")
    return {"alltypes_plain_multi_files": pl.concat([one, one])}


def _order(_: Path) -> dict[str, pl.DataFrame]:
    return {"strict_schema.orders": pl.DataFrame({"order_id": pl.Series([1, 2], dtype=pl.Int32)})}


_FILES = {
    "metadata.slt": _metadata, "arrow_field.slt": _metadata, "joins.slt": _joins, "range_partitioning.slt": _ranges,
    "information_schema_columns.slt": _many_types, "dictionary_struct.slt": _structs, "avro.slt": _avro, "cte.slt": _order,
}  # fmt: skip
