"""Keys of dimension rows: the row hash, surrogate keys, and the unknown member."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl
import polars_hash  # noqa: F401 - gives expressions their stable hashes

from dwkit.storage.cells import as_json
from dwkit.tables.units import BEGIN

__all__ = ["END", "UNKNOWN", "row_hash", "surrogates", "unknown_member"]

END = datetime(9999, 12, 31)  # noqa: DTZ001 - the warehouse's instants are naive UTC
"""``valid_to`` of a version that is current."""

UNKNOWN = -1
"""Surrogate key of the unknown member."""

_TEXT_KEY, _TEXT = "(unknown)", "Unknown"


def row_hash(columns: Mapping[str, pl.DataType]) -> pl.Expr:
    """Return the row hash over columns: XXH64 (seed 0) of their text, as a signed 64-bit integer.

    The text is ``name=length:value`` of each column that is not NULL, ordered by name and separated by
    U+001F. So the hash depends neither on the order of the columns nor on columns that are NULL
    (a table that was widened keeps its hashes), nor on the machine or the version of a library, as
    Polars' own ``hash`` does. It only finds candidates quickly: versions are told apart by their
    values.
    """
    pieces = []
    for name in sorted(columns):
        text = _text(pl.col(name), columns[name])
        length = text.str.len_bytes()
        pieces.append(pl.concat_str(pl.lit(f"{name}="), length, pl.lit(":"), text))
    if not pieces:
        return pl.lit(0, dtype=pl.Int64)
    joined: Any = pl.concat_str(pieces, separator="\x1f", ignore_nulls=True)
    hashed: pl.Expr = joined.nchash.xxhash64(seed=0)
    return hashed.reinterpret(signed=True)


def _text(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if dtype == pl.String():
        return column
    if dtype.is_float():
        # The bits, so that the text does not hang on how a library prints; -0.0 is 0.0.
        number = column.cast(pl.Float64)
        return pl.when(number == 0).then(0.0).otherwise(number).reinterpret(signed=True).cast(pl.String)
    if isinstance(dtype, (pl.Date, pl.Datetime)):
        return column.to_physical().cast(pl.String)
    if dtype == pl.Binary():
        return column.bin.encode("hex")
    if dtype.is_nested():
        return pl.when(column.is_not_null()).then(as_json(column, dtype))
    return column.cast(pl.String)


def surrogates(versions: pl.DataFrame, surrogate: str, highest: int) -> pl.DataFrame:
    """Give the versions whose surrogate key is NULL the next ones, in the order of the rows."""
    missing = pl.col(surrogate).is_null()
    return versions.with_columns(
        pl.when(missing)
        .then(missing.cast(pl.Int64).cum_sum() + highest)
        .otherwise(pl.col(surrogate))
        .alias(surrogate)
    )


def unknown_member(
    schema: Mapping[str, pl.DataType], surrogate: str, key: Sequence[str], hashed: Iterable[str] = ()
) -> pl.DataFrame:
    """Return the row with key -1 that facts point at when they find no other (Kimball, chapter 3).

    Texts are "Unknown", a text key "(unknown)", everything else NULL; it is valid for ever.
    """
    fixed: dict[str, object] = {
        surrogate: UNKNOWN,
        "valid_from": BEGIN,
        "valid_to": END,
        "is_current": True,
        "_batch": None,
        "_row": None,
    }
    row: dict[str, object] = {}
    for name, dtype in schema.items():
        if name in fixed:
            row[name] = fixed[name]
        elif dtype == pl.String():
            row[name] = _TEXT_KEY if name in key else _TEXT
        else:
            row[name] = None
    frame = pl.DataFrame({n: pl.Series(n, [row[n]], dtype=t) for n, t in schema.items()})
    if "row_hash" in schema:
        frame = frame.with_columns(row_hash({n: schema[n] for n in hashed}).alias("row_hash"))
    return frame
