"""What Polars says when a query fails at run time, in SQL's words."""

from __future__ import annotations

import re

import polars as pl

from dwkit.errors import DataError
from dwkit.sql.types import shown

__all__ = ["collected", "explained"]

_OURS = '"dwkit: '
"""What the message of a cast begins with that `Call.checked` lets fail."""

_CONVERSION = re.compile(
    r"from `(.+?)` to `(.+?)` failed in column '(.*?)' for (\d+) out of \d+ values: (\[.*\])", re.DOTALL
)
_DIGITS = re.compile(r"strict integer parsing failed for \d+ value\(s\): \[(\"[^\"]*\")")
_TYPES: dict[str, pl.DataType] = {
    "i8": pl.Int8(), "i16": pl.Int16(), "i32": pl.Int32(), "i64": pl.Int64(), "i128": pl.Int128(),
    "u8": pl.UInt8(), "u16": pl.UInt16(), "u32": pl.UInt32(), "u64": pl.UInt64(), "f32": pl.Float32(),
    "f64": pl.Float64(), "date": pl.Date(), "bool": pl.Boolean(), "time": pl.Time(),
}  # fmt: skip
_INTERNAL = ("literal", "scalar", "_POLARS", "dwkit:")


def explained(error: pl.exceptions.PolarsError, where: str = "") -> DataError:
    """Return what went wrong in a query as an error of ours.

    Args:
        where: what it is about, in front of the message.
    """
    text = str(error).strip().split("\n\n")[0]
    found = _CONVERSION.search(text)
    hint = "-v shows where"
    if found:
        source, kind, column, _, values = found.groups()
        value = values.split(", ")[0].strip("[]")
        if value == '"division by zero"':
            text, hint = "division by zero", "NULLIF(divisor, 0) gives NULL there"
        elif values.strip("[]").startswith(_OURS):
            text, hint = (
                re.sub(r'",? .*$|"$', "", values.strip("[]").removeprefix(_OURS), flags=re.DOTALL),
                "",
            )
        elif value.startswith('"no element'):
            text, hint = value.strip('"'), "an index beyond the list is an error in this dialect"
        else:
            name = "" if column.startswith(_INTERNAL) else f" in column {column!r}"
            called = shown(_TYPES[kind]) if kind in _TYPES else kind.upper()
            text, hint = f"{value}{name} is no {called} value", "TRY_CAST gives NULL there"
            if source == "i128" and kind == "i64":  # whole numbers are summed with 128 bits
                text, hint = f"{value}{name} is too large for {called}", "calculate with DECIMAL or DOUBLE"
    elif (digits := _DIGITS.search(text)) is not None:
        text, hint = f"{digits[1]} is no whole number in this base", "TRY_CAST, or a WHERE that leaves it out"
    elif "aggregation 'item' expected" in text:
        text, hint = "a subquery that stands for one value gave more than one row", "LIMIT 1, or an aggregate"
    elif "overflow in decimal" in text or "can't fit values" in text:
        text, hint = (
            f"a decimal needs more digits than it may have: {text}",
            "cast to double, or to fewer digits",
        )
    return DataError(f"{where}: {text}" if where else text, hint=hint)


def collected(frame: pl.LazyFrame) -> pl.DataFrame:
    """Compute a frame.

    Raises:
        DataError: a value cannot be computed or converted.
    """
    try:
        try:
            return frame.collect(engine="streaming")
        except pl.exceptions.PanicException as error:
            if _PUSHDOWN not in str(error):
                raise
        # Where parts are the same, conditions are pushed into them however that is set.
        kept = pl.QueryOptFlags(predicate_pushdown=False, comm_subplan_elim=False)
        return frame.collect(engine="streaming", optimizations=kept)
    except pl.exceptions.PolarsError as error:
        raise explained(error) from error


_PUSHDOWN = "JoinType::Cross"
"""Polars 2.1 panics so where it pushes a condition into a cross join for a second time."""
