"""XXH64 with a seed for each row, as Spark's hash of several columns needs it."""

from __future__ import annotations

import polars as pl

from dwkit.sql.functions.call import Call
from dwkit.sql.types import is_date, is_decimal, is_integer, is_list, is_map, is_text, is_timestamp, shown
from dwkit.sql.value import Value

__all__ = ["xxhash64"]

_U64 = pl.UInt64()
_P1, _P2, _P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
_P4, _P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5


def xxhash64(call: Call, values: list[Value]) -> pl.Expr:
    """Return the hash of values, one after the other."""
    seed: pl.Expr = pl.lit(42, dtype=_U64)
    for value in values:
        seed = _hashed(call, value, seed)
    return seed.reinterpret(signed=True)


def _hashed(call: Call, value: Value, seed: pl.Expr) -> pl.Expr:
    dtype, expr = value.dtype, value.expr
    if value.is_null or isinstance(dtype, pl.Null):
        return seed
    if isinstance(dtype, pl.Struct):
        for field in dtype.fields:
            one = Value(expr.struct.field(field.name), field.dtype, value.refs)  # type: ignore[arg-type]
            seed = _hashed(call, one, seed)
        return seed
    if is_text(dtype) or isinstance(dtype, pl.Binary):
        both = pl.struct(expr.cast(pl.Binary).alias("data"), seed.alias("seed"))
        made = both.map_batches(_of_bytes, return_dtype=_U64, is_elementwise=True)
    elif isinstance(dtype, (pl.Int64, pl.UInt32)) or is_timestamp(dtype):
        number = expr.dt.epoch("us") if is_timestamp(dtype) else expr
        made = _of_long(number.cast(pl.Int64).reinterpret(signed=False), seed)
    elif is_integer(dtype) or is_date(dtype) or isinstance(dtype, pl.Boolean):
        made = _of_int(expr.cast(pl.Int32), seed)
    elif isinstance(dtype, (pl.Float32, pl.Float64)):
        zero = pl.when(expr == 0).then(pl.lit(0.0, dtype=dtype)).otherwise(expr)  # -0.0 is 0.0
        if isinstance(dtype, pl.Float32):
            made = _of_int(zero.reinterpret(dtype=pl.Int32), seed)
        else:
            made = _of_long(zero.reinterpret(dtype=pl.UInt64), seed)
    elif is_decimal(dtype) and (dtype.precision or 38) <= 18:  # type: ignore[attr-defined]
        unscaled = expr.cast(pl.String).str.replace(".", "", literal=True).cast(pl.Int64)
        made = _of_long(unscaled.reinterpret(signed=False), seed)
    elif is_list(dtype) and not is_map(dtype) and is_integer(dtype.inner):  # type: ignore[attr-defined]
        both = pl.struct(expr.alias("data"), seed.alias("seed"))
        made = both.map_batches(_of_lists, return_dtype=_U64, is_elementwise=True)
    else:
        raise call.refuse(f"{call.name} of {shown(dtype)}")
    return pl.when(expr.is_null()).then(seed).otherwise(made)


def _turned(value: pl.Expr, by: int) -> pl.Expr:
    return value * int(2**by) + value // int(2 ** (64 - by))


def _mixed(value: pl.Expr) -> pl.Expr:
    value = (value ^ (value // 2**33)) * _lit(_P2)
    value = (value ^ (value // 2**29)) * _lit(_P3)
    return value ^ (value // 2**32)


def _lit(number: int) -> pl.Expr:
    return pl.lit(number, dtype=_U64)


def _of_long(number: pl.Expr, seed: pl.Expr) -> pl.Expr:
    return _mixed(_eight(number, seed + _lit((_P5 + 8) % 2**64)))


def _eight(number: pl.Expr, state: pl.Expr) -> pl.Expr:
    return _turned(state ^ _round(_lit(0), number), 27) * _lit(_P1) + _lit(_P4)


def _round(state: pl.Expr, number: pl.Expr) -> pl.Expr:
    return _turned(state + number * _lit(_P2), 31) * _lit(_P1)


def _of_int(number: pl.Expr, seed: pl.Expr) -> pl.Expr:
    low = number.reinterpret(signed=False).cast(_U64)
    return _mixed(_four(low, seed + _lit((_P5 + 4) % 2**64)))


def _four(number: pl.Expr, state: pl.Expr) -> pl.Expr:
    return _turned(state ^ (number * _lit(_P1)), 23) * _lit(_P2) + _lit(_P3)


# -- bytes ----------------------------------------------------------------------------------------


def _greatest(sizes: pl.Series) -> int:
    found = sizes.max()
    return found if isinstance(found, int) else 0


def _of_lists(both: pl.Series) -> pl.Series:
    """Element by element, over all lists at once."""
    frame = both.struct.unnest()
    inner: pl.DataType = frame["data"].dtype.inner  # type: ignore[attr-defined]
    one, seed = pl.col("data").list, pl.col("seed")
    for place in range(_greatest(frame["data"].list.len())):
        item = one.get(place, null_on_oob=True)
        if isinstance(inner, (pl.Int64, pl.UInt32)):
            made = _of_long(item.cast(pl.Int64).reinterpret(signed=False), seed)
        else:
            made = _of_int(item.cast(pl.Int32), seed)
        frame = frame.with_columns(pl.when(item.is_null()).then(seed).otherwise(made).alias("seed"))
    return frame["seed"]


def _of_bytes(both: pl.Series) -> pl.Series:
    """Stripe by stripe, then eight, four and single bytes, over all values at once."""
    frame = both.struct.unnest().with_columns(pl.col("data").bin.size().cast(_U64).alias("size"))
    size, state, seed = pl.col("size"), pl.col("state"), pl.col("seed")
    longest = _greatest(frame["size"])
    lanes = {
        "a": seed + _lit((_P1 + _P2) % 2**64), "b": seed + _lit(_P2), "c": seed, "d": seed - _lit(_P1),
    }  # fmt: skip
    frame = frame.with_columns((seed + _lit(_P5)).alias("state"), **lanes)
    for start in range(0, longest - 31, 32):
        frame = frame.with_columns(
            pl.when(size >= start + 32).then(_round(pl.col(n), _part(start + 8 * k, 8))).otherwise(pl.col(n)).alias(n)
            for k, n in enumerate("abcd")
        )  # fmt: skip
    if longest >= 32:
        turned = zip("abcd", (1, 7, 12, 18), strict=True)
        frame = frame.with_columns(sum((_turned(pl.col(n), by) for n, by in turned), _lit(0)).alias("all"))
        for name in "abcd":
            merged = (pl.col("all") ^ _round(_lit(0), pl.col(name))) * _lit(_P1) + _lit(_P4)
            frame = frame.with_columns(merged.alias("all"))
        frame = frame.with_columns(pl.when(size >= 32).then(pl.col("all")).otherwise(state).alias("state"))
    frame = frame.with_columns(state + size, (size // 32 * 32).alias("at"))
    at, rest = pl.col("at"), pl.col("size") - pl.col("at")
    for width, times in ((8, 3), (4, 1), (1, 3)):
        for _ in range(times):
            number = _at(width)
            made = (
                _eight(number, state)
                if width == 8
                else _four(number, state)
                if width == 4
                else _one(number, state)
            )
            frame = frame.with_columns(
                pl.when(rest >= width).then(made).otherwise(state).alias("state"),
                pl.when(rest >= width).then(at + width).otherwise(at).alias("at"),
            )
    return frame.select(_mixed(state)).to_series()


def _one(byte: pl.Expr, state: pl.Expr) -> pl.Expr:
    return _turned(state ^ (byte * _lit(_P5)), 11) * _lit(_P1)


def _part(start: int, width: int) -> pl.Expr:
    return _number(pl.col("data").bin.slice(start, width), width)


def _at(width: int) -> pl.Expr:
    return _number(pl.col("data").bin.slice(pl.col("at"), width), width)


def _number(octets: pl.Expr, width: int) -> pl.Expr:
    """Return so many bytes as a number, the first of them the lowest; NULL where there are fewer."""
    whole = pl.when(octets.bin.size() == width).then(octets)
    dtype = {8: pl.UInt64, 4: pl.UInt32, 1: pl.UInt8}[width]
    return whole.bin.reinterpret(dtype=dtype, endianness="little").cast(_U64)
