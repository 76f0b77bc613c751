"""Numbers as digits, rounded and put down as Java's Formatter does it.

It takes many steps, and each uses what the step before gives several times: so they are taken one after the other,
over whole columns.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import polars_hash  # noqa: F401 — gives numbers their bytes

__all__ = ["exact", "fixed", "general", "grouped", "hexadecimal", "of_base", "scientific", "stepwise"]

_ZERO = pl.lit(0, dtype=pl.Int64)
_TEXT, _POINT = pl.col("text"), pl.col("point")


def stepwise(number: pl.Expr, make: Callable[[pl.Series], pl.Series]) -> pl.Expr:
    """Return what a function of whole columns makes of numbers."""
    return number.map_batches(make, return_dtype=pl.String(), is_elementwise=True)


def _size(text: pl.Expr) -> pl.Expr:
    return text.str.len_bytes().cast(pl.Int64)


def _digits(numbers: pl.Series) -> pl.DataFrame:
    """Return numbers as 0.text times ten to the power of point: the shortest digits that tell doubles apart.

    Zero has no digits, and the point after the first.
    """
    frame = numbers.cast(pl.String).alias("all").to_frame()
    frame = frame.select(
        pl.col("all").str.extract(r"^-?(\d+)").alias("whole"),
        pl.col("all").str.extract(r"^-?\d+\.(\d+)").fill_null("").alias("rest"),
        pl.col("all").str.extract(r"e([+-]?\d+)$").cast(pl.Int64).fill_null(0).alias("power"),
    )
    frame = frame.with_columns(pl.concat_str("whole", "rest").alias("raw"))
    frame = frame.with_columns(pl.col("raw").str.strip_chars_start("0").alias("text"))
    point = _size(pl.col("whole")) + pl.col("power") - (_size(pl.col("raw")) - _size(_TEXT))
    return frame.select(
        _TEXT.str.strip_chars_end("0"), pl.when(_TEXT != "").then(point).otherwise(1).alias("point")
    )


def _rounded(frame: pl.DataFrame, keep: pl.Expr) -> pl.DataFrame:
    """Return so many digits, half up, with one more where a nine carried, and where the point is then."""
    frame = frame.with_columns(keep.cast(pl.Int64).alias("keep"))
    frame = frame.with_columns(pl.max_horizontal("keep", _ZERO).alias("length"))
    frame = frame.with_columns(
        pl.min_horizontal(pl.col("length"), _size(_TEXT)).alias("taken"),
        ((pl.col("keep") >= 0) & (_TEXT.str.slice(pl.col("length"), 1) >= "5")).alias("up"),
    )
    head = pl.concat_str(pl.lit("0"), _TEXT.str.slice(0, pl.col("taken"))).cast(pl.Int128)
    frame = frame.with_columns((head + pl.col("up").cast(pl.Int128)).cast(pl.String).alias("made"))
    none = (pl.col("taken") == 0) & pl.col("up").not_()
    frame = frame.with_columns(pl.when(none).then(pl.lit("")).otherwise(pl.col("made")).alias("made"))
    carried = pl.max_horizontal(_size(pl.col("made")) - pl.col("taken"), _ZERO)
    frame = frame.with_columns(carried.alias("carried"))
    text = pl.col("made").str.pad_start(pl.col("taken"), "0")
    return frame.select(
        text.str.pad_end(pl.col("length") + pl.col("carried"), "0").alias("text"),
        (_POINT + pl.col("carried")).alias("point"),
        (_TEXT == "").alias("zero"),
    )


def _fixed(frame: pl.DataFrame, places: pl.Expr) -> pl.Series:
    frame = frame.with_columns(places.cast(pl.Int64).alias("places"))
    rounded = _rounded(frame, _POINT + pl.col("places")).with_columns(frame["places"])
    places = pl.col("places")
    rounded = rounded.with_columns(_TEXT.str.pad_start(places + 1, "0"))
    rounded = rounded.with_columns((_size(_TEXT) - places).alias("before"))
    fraction = pl.concat_str(pl.lit("."), _TEXT.str.slice(pl.col("before")))
    return rounded.select(
        pl.concat_str(
            _TEXT.str.slice(0, pl.col("before")), pl.when(places > 0).then(fraction).otherwise(pl.lit(""))
        )
    ).to_series()


def _scientific(frame: pl.DataFrame, places: int) -> pl.Series:
    rounded = _rounded(frame, pl.lit(places + 1))
    text = pl.when("zero").then(pl.lit("0" * (places + 1))).otherwise(_TEXT)
    rounded = rounded.select(text.alias("text"), (_POINT - 1).alias("power"))
    fraction = [pl.lit("."), _TEXT.str.slice(1, places)] if places else []
    sign = pl.when(pl.col("power") < 0).then(pl.lit("e-")).otherwise(pl.lit("e+"))
    power = pl.col("power").abs().cast(pl.String).str.pad_start(2, "0")
    return rounded.select(pl.concat_str(_TEXT.str.slice(0, 1), *fraction, sign, power)).to_series()


def fixed(numbers: pl.Series, places: int, *, most: int | None = None) -> pl.Series:
    """Return numbers as 123.46, with so many places after the point.

    Args:
        most: digits that are told at all; zeros stand for further ones.
    """
    frame = _digits(numbers)
    if most is not None:
        frame = _rounded(frame, pl.lit(most)).with_columns(_TEXT.str.strip_chars_end("0"))
    return _fixed(frame, pl.lit(places))


def scientific(numbers: pl.Series, places: int) -> pl.Series:
    """Return numbers as 1.23e+02, with so many places after the point."""
    return _scientific(_digits(numbers), places)


def general(numbers: pl.Series, precision: int) -> pl.Series:
    """Return numbers as %g: so many digits, and a power of ten below 0.0001 and where they do not suffice."""
    count = max(1, precision)
    frame = _digits(numbers)
    point = _rounded(frame, pl.lit(count))["point"]
    frame = frame.with_columns(point.alias("after"))
    plain = _fixed(frame.select("text", "point", "after"), pl.max_horizontal(count - pl.col("after"), _ZERO))
    made = pl.DataFrame({"a": plain, "b": _scientific(frame.select("text", "point"), count - 1), "p": point,
                         "text": frame["text"]})  # fmt: skip
    small = (_TEXT == "") | pl.col("p").is_between(-3, count)
    return made.select(pl.when(small).then(pl.col("a")).otherwise(pl.col("b"))).to_series()


def grouped(text: pl.Expr) -> pl.Expr:
    """Return digits with a comma after each three before the point."""
    whole = text.str.extract(r"^(\d+)").str.reverse().str.replace_all(r"(\d{3})", "${1},")
    return pl.concat_str(whole.str.strip_chars_end(",").str.reverse(), text.str.extract(r"^\d+(.*)$"))


def of_base(number: pl.Expr, base: int) -> pl.Expr:
    """Return an integer in base 16 or 8; negative ones as the bits of their type."""
    if base == 16:
        text = number.bytes.to_be().bin.encode("hex")  # type: ignore[attr-defined]
    else:
        bits = number.reinterpret(signed=False).cast(pl.UInt64)
        text = pl.concat_str((bits // 8**place) % 8 for place in range(21, -1, -1))
    text = text.str.strip_chars_start("0")
    return pl.when(text == "").then(pl.lit("0")).otherwise(text)


def hexadecimal(numbers: pl.Series, precision: int | None) -> pl.Series:
    """Return doubles without their sign as Java's %a: 0x1.8p0."""
    number = pl.col("number")
    frame = numbers.abs().alias("number").to_frame()
    frame = frame.with_columns(number.bytes.to_be().bin.encode("hex").alias("bits"))  # type: ignore[attr-defined]
    power, small = pl.col("power"), pl.col("power") == 0
    frame = frame.with_columns(
        pl.col("bits").str.slice(3).alias("text"),
        pl.col("bits").str.slice(0, 3).str.to_integer(base=16, dtype=pl.Int64).alias("power"),
    )
    if precision is None or precision >= 13:
        lead = pl.when(small).then(pl.lit("0x0.")).otherwise(pl.lit("0x1."))
        shown = _TEXT.str.strip_chars_end("0").str.pad_end(precision or 1, "0")
        exact = pl.when(number == 0).then(0).when(small).then(-1022).otherwise(power - 1023)
        return frame.select(pl.concat_str(lead, shown, pl.lit("p"), exact.cast(pl.String))).to_series()
    return _cut(frame, max(1, precision))


def _cut(frame: pl.DataFrame, places: int) -> pl.Series:
    """Return doubles with fewer digits, the nearest ones, of two that are as near the even one."""
    whole, power, small = pl.col("whole"), pl.col("power"), pl.col("power") == 0
    frame = frame.with_columns(_TEXT.str.to_integer(base=16, dtype=pl.Int64).alias("whole"))
    moved = whole.bitwise_leading_zeros().cast(pl.Int64) - 11
    frame = frame.with_columns(pl.when(small & (whole > 0)).then(moved).otherwise(0).alias("moved"))
    normal = whole * pl.lit(2, dtype=pl.Int64).pow(pl.col("moved"))
    frame = frame.with_columns(
        pl.when(small).then(normal).otherwise(whole + 2**52).alias("whole"),
        pl.when(small).then(-1022 - pl.col("moved")).otherwise(power - 1023).alias("power"),
    )
    drop = 2 ** (52 - 4 * places)
    kept, rest = whole // drop, whole % drop
    up = (rest > drop // 2) | ((rest == drop // 2) & (kept % 2 == 1))
    frame = frame.with_columns((kept + up.cast(pl.Int64)).alias("whole"))
    carried = whole >= 2 ** (4 * places + 1)
    frame = frame.with_columns(
        pl.when(carried).then(whole // 2).otherwise(whole).alias("whole"), power + carried.cast(pl.Int64)
    )
    shown = whole.bytes.to_be().bin.encode("hex").str.tail(places)  # type: ignore[attr-defined]
    made = pl.concat_str(pl.lit("0x1."), shown, pl.lit("p"), power.cast(pl.String))
    zero = pl.lit("0x0." + "0" * places + "p0")
    return frame.select(pl.when(pl.col("number") == 0).then(zero).otherwise(made)).to_series()


def exact(numbers: pl.Series, places: int) -> pl.Series:
    """Return doubles without their sign as C's %f: what they are exactly, rounded half to even.

    Up to 15 places; doubles of 1e38 and more are an error, the infinite ones are words.
    """
    number, whole, power = pl.col("number"), pl.col("whole"), pl.col("power")
    frame = numbers.abs().alias("number").to_frame()
    bits = number.reinterpret(dtype=pl.UInt64)
    frame = frame.with_columns(
        (bits % 2**52).cast(pl.Int128).alias("whole"), (bits // 2**52).cast(pl.Int64).alias("power")
    )
    frame = frame.with_columns(
        pl.when(power > 0).then(whole + 2**52).otherwise(whole) * 10**places,
        (1075 - pl.max_horizontal(power, pl.lit(1, dtype=pl.Int64))).alias("power"),
    )
    unit = pl.lit(2, dtype=pl.Int128).pow(power.clip(0, 125))
    frame = frame.with_columns(
        (whole // unit).alias("kept"), (whole % unit).alias("rest"), unit.alias("unit")
    )
    twice = pl.col("rest") * 2
    up = (twice > pl.col("unit")) | ((twice == pl.col("unit")) & (pl.col("kept") % 2 == 1))
    kept = (
        pl.when(power > 125).then(pl.lit(0, dtype=pl.Int128)).otherwise(pl.col("kept") + up.cast(pl.Int128))
    )
    small = kept.cast(pl.String).str.pad_start(places + 1, "0")
    point = [pl.lit("."), small.str.tail(places)] if places else []
    great = pl.when((number >= 2.0**53) & number.is_finite()).then(number).cast(pl.Int128).cast(pl.String)
    made = (
        pl.when(number.is_nan()).then(pl.lit("nan"))
        .when(number.is_infinite()).then(pl.lit("inf"))
        .when(number < 2.0**53).then(pl.concat_str(small.str.head(-places) if places else small, *point))
        .otherwise(pl.concat_str(great, pl.lit("." + "0" * places if places else "")))
    )  # fmt: skip
    return frame.select(pl.when(number.is_not_null()).then(made)).to_series()
