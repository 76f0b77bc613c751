"""Values to a contract's type, exactly: a value that the type does not hold becomes NULL."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from dwkit.model.contract import Rules
from dwkit.model.types import ColumnType, parse_type
from dwkit.storage.types import to_polars

__all__ = ["Cast", "as_text", "caster", "jsonable", "zoned"]

Cast = Callable[[pl.Series], pl.Series]
"""Values of any type to values of one type, row by row; what does not fit is NULL."""

_TRUE = ("true", "t", "yes", "y", "on", "1")
_FALSE = ("false", "f", "no", "n", "off", "0")
_NAIVE = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d")
_ZONED = (
    "%+",
    "%Y-%m-%d %H:%M:%S%.f%#z",
    "%Y-%m-%dT%H:%M:%S%.f%#z",
    "%Y-%m-%d %H:%M%#z",
    "%Y-%m-%dT%H:%M%#z",
    "%Y-%m-%d %H:%M:%S%.f %#z",
)
_DAY_US = 86_400_000_000
# Days from 1970 of 0001-01-01, 1000-01-01 and 9999-12-31.
_YEAR_1, _YEAR_1000, _YEAR_9999 = -719_162, -354_285, 2_932_896


def caster(rules: Rules) -> Cast:
    """Return the cast to the type of ``rules``, with its formats and spellings.

    Raises:
        UsageError: the type is none.
    """
    kind = parse_type(rules.type)
    from_text, target = _from_text(kind, rules), to_polars(kind)

    def cast(values: pl.Series) -> pl.Series:
        if values.dtype == target:
            return values
        if values.dtype == pl.String():
            return from_text(values)
        if target == pl.String():
            return as_text(values)
        if values.dtype.is_temporal() == target.is_temporal() and not isinstance(target, pl.Boolean):
            return _converted(values, target)
        return from_text(as_text(values))

    return cast


def zoned(style: str) -> bool:
    """Tell whether a strftime format reads a zone, so that the value is an instant."""
    return style.endswith((" GMT", " UTC")) or any(mark in style for mark in ("%z", "%:z", "%#z", "%+"))


def as_text(values: pl.Series) -> pl.Series:
    """Return the text of each value: JSON of nested ones, hexadecimal digits of bytes."""
    if values.dtype == pl.String():
        return values
    if values.dtype.is_nested():
        frame = values.alias("x").to_frame()
        whole = frame.select(pl.struct(jsonable(pl.col("x"), values.dtype)).struct.json_encode()).to_series()
        # {"x":...} without its wrapping; a missing value has no text.
        return whole.str.slice(5).str.head(-1).set(values.is_null(), None).alias(values.name)
    if isinstance(values.dtype, pl.Binary):
        return values.bin.encode("hex")
    if isinstance(values.dtype, pl.Duration):
        return values.dt.to_string("iso")
    return values.cast(pl.String)


def jsonable(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return ``value`` with bytes in it as hexadecimal digits, which JSON can hold."""
    if isinstance(dtype, pl.Binary):
        return value.bin.encode("hex")
    if not dtype.is_nested() or "Binary" not in str(dtype):
        return value
    if isinstance(dtype, pl.Struct):
        fields = [jsonable(value.struct.field(f.name), f.dtype).alias(f.name) for f in dtype.fields]  # type: ignore[arg-type]
        return pl.struct(fields).name.keep()
    inner: pl.DataType = dtype.inner  # type: ignore[attr-defined]
    return value.cast(pl.List(inner)).list.eval(jsonable(pl.element(), inner))


def _from_text(kind: ColumnType, rules: Rules) -> Cast:
    target, own = to_polars(kind), (rules.format,) if rules.format else ()
    match kind.name:
        case "list" | "struct":
            return lambda s: _from_json(s, target)
        case "string":
            return lambda s: s
        case "boolean":
            return _boolean(rules)
        case "decimal":
            return _decimal(kind, rules.decimal_comma)
        case "float32" | "float64":
            return lambda s: _float(_point(s, rules.decimal_comma), target)
        case "date":
            days = [_strptime(pl.Date(), f) for f in own or ("%Y-%m-%d",)]
            if not own:
                days.append(
                    lambda s: _midnights(_tried(s, _ways(pl.Datetime("us"), _NAIVE), pl.Datetime("us")))
                )
            return lambda s: _tried(s, days, target)
        case "timestamp" | "timestamptz":
            instants = _ways(target, own or (_NAIVE if kind.name == "timestamp" else _ZONED))
            return lambda s: _tried(s, instants, target)
        case "time":
            times: list[Cast] = [_time(f) for f in own or ("%H:%M:%S%.f", "%H:%M")]
            return lambda s: _tried(s, times, target)
        case "duration":
            return _duration
        case "binary" | "null":
            return lambda s: s.cast(target, strict=False)
    # 5.0 is a whole number too, as programs write integers that once were floats.
    whole: list[Cast] = [
        lambda s: s.cast(target, strict=False),
        lambda s: s.str.extract(r"^([+-]?\d+)\.0*$").cast(target, strict=False),
    ]
    return lambda s: _tried(s, whole, target)


def _tried(values: pl.Series, ways: Sequence[Cast], target: pl.DataType) -> pl.Series:
    """Cast by the first way; what it leaves NULL by the next one, and so on."""
    made = ways[0](values)
    for way in ways[1:]:
        left = made.is_null() & values.is_not_null()
        if not left.any():
            break
        rows = left.arg_true()
        made = made.scatter(rows, way(values.gather(rows)).cast(target))
    return made


def _point(values: pl.Series, comma: bool) -> pl.Series:
    if not comma:
        return values
    return values.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)


def _decimal(kind: ColumnType, comma: bool) -> Cast:
    target = pl.Decimal(kind.precision, kind.scale)
    shape = rf"^[+-]?\d*\.?\d{{0,{kind.scale}}}0*$"

    def cast(values: pl.Series) -> pl.Series:
        text = _point(values, comma)
        made = text.cast(target, strict=False)
        # The cast alone would round what has more digits than the scale. Most texts come back as they were.
        other = text.filter(made.cast(pl.String) != text)
        if other.str.contains(shape).all():
            return made
        return made.set(~text.str.contains(shape).fill_null(True), None)

    return cast


def _float(text: pl.Series, target: pl.DataType) -> pl.Series:
    made = text.cast(target, strict=False)
    infinite = made.is_infinite()
    if not infinite.any():
        return made
    # 1e400 is a number, and not infinity.
    return made.set((infinite & text.str.contains(r"\d")).fill_null(False), None)


def _boolean(rules: Rules) -> Cast:
    true = [v.lower() for v in rules.true_values] or _TRUE
    false = [v.lower() for v in rules.false_values] or _FALSE
    known = dict.fromkeys(false, False) | dict.fromkeys(true, True)
    return lambda s: s.str.to_lowercase().replace_strict(known, default=None, return_dtype=pl.Boolean)


def _ways(target: pl.DataType, formats: Sequence[str]) -> list[Cast]:
    return [_strptime(target, f) for f in formats]


def _strptime(target: pl.DataType, style: str) -> Cast:
    day = 1 if isinstance(target, pl.Date) else _DAY_US
    year_first = style == "%+" or style.startswith("%Y")

    def cast(values: pl.Series) -> pl.Series:
        made = values.str.strptime(target, style, strict=False, cache=False)  # type: ignore[arg-type]
        since = made.to_physical()
        low, high = since.min(), since.max()
        if low is None or (low >= _YEAR_1000 * day and high < (_YEAR_9999 + 1) * day):  # type: ignore[operator]
            return made
        # A year of two digits is no year, and chrono reads signs and blanks before one.
        fits = (since >= _YEAR_1000 * day) & (since < (_YEAR_9999 + 1) * day)
        if year_first:
            early = (since >= _YEAR_1 * day) & (since < _YEAR_1000 * day)
            fits |= early & values.str.contains(r"^\d{4}")
        return made.set(~fits.fill_null(True), None)

    return cast


def _time(style: str) -> Cast:
    return lambda s: s.str.strptime(pl.Time, style, strict=False, cache=False)


def _midnights(instants: pl.Series) -> pl.Series:
    days = instants.cast(pl.Date)
    return days.set((days.cast(instants.dtype) != instants).fill_null(False), None)


def _duration(values: pl.Series) -> pl.Series:
    groups = r"^(?<sign>-)?(?:(?<d>\d+) days?,? )?(?<h>\d+):(?<m>[0-5]\d):(?<s>[0-5]\d)(?:\.(?<f>\d{1,6}))?$"
    frame = values.str.extract_groups(groups).struct.unnest()
    d, h, m, s = (pl.col(n).cast(pl.Int64).fill_null(0) for n in "dhms")
    micros = pl.col("f").str.pad_end(6, "0").cast(pl.Int64).fill_null(0)
    total = (((d * 24 + h) * 60 + m) * 60 + s) * 1_000_000 + micros
    signed = pl.when(pl.col("sign").is_not_null()).then(-total).otherwise(total)
    made = pl.when(pl.col("h").is_not_null()).then(signed).cast(pl.Duration("us"))
    return frame.select(made.alias(values.name)).to_series()


def _from_json(values: pl.Series, target: pl.DataType) -> pl.Series:
    """Decode JSON texts; on an error halve until the texts that are at fault stand alone."""
    try:
        return values.str.json_decode(target)
    except pl.exceptions.PolarsError:
        if len(values) <= 1:
            return pl.Series(values.name, [None] * len(values), dtype=target)
    half = len(values) // 2
    return pl.concat([_from_json(values[:half], target), _from_json(values[half:], target)])


def _converted(values: pl.Series, target: pl.DataType) -> pl.Series:
    """Cast between types of one family; a value that does not come back the same is lost, so NULL."""
    have = values.dtype
    if isinstance(have, pl.Datetime) and isinstance(target, pl.Datetime):
        if target.time_zone and not have.time_zone:
            return pl.Series(values.name, [None], dtype=target).new_from_index(0, len(values))
        # Microseconds are what there is; the instant is kept, told in UTC.
        zone = "UTC" if have.time_zone else None
        made = values.dt.convert_time_zone("UTC") if zone else values
        return (made if target.time_zone else made.dt.replace_time_zone(None)).cast(target)
    if isinstance(have, pl.Duration):
        return values.cast(target, strict=False)
    if isinstance(have, (pl.Null, pl.Categorical, pl.Enum)):
        return values.cast(target, strict=False)
    kept = _pruned(have, target)
    source = values.cast(kept, strict=False) if kept != have else values
    try:
        made = source.cast(target, strict=False)
        same = made.cast(kept, strict=False).eq_missing(source)
    except pl.exceptions.PolarsError:
        # No cast between these at all, for instance a list into a number.
        return pl.Series(values.name, [None], dtype=target).new_from_index(0, len(values))
    return made if same.all() else made.set(~same, None) if not target.is_nested() else _masked(made, same)


def _masked(made: pl.Series, keep: pl.Series) -> pl.Series:
    frame = pl.DataFrame({"x": made, "keep": keep})
    return frame.select(pl.when("keep").then("x")).to_series().alias(made.name)


def _pruned(have: pl.DataType, target: pl.DataType) -> pl.DataType:
    """``have`` without the fields that ``target`` leaves out, in ``target``'s order."""
    if isinstance(have, pl.Struct) and isinstance(target, pl.Struct):
        held = {f.name: f.dtype for f in have.fields}
        fields = [(f.name, held[f.name], f.dtype) for f in target.fields if f.name in held]
        return pl.Struct([pl.Field(n, _pruned(h, t)) for n, h, t in fields])  # type: ignore[arg-type]
    if isinstance(have, (pl.List, pl.Array)) and isinstance(target, pl.List):
        return pl.List(_pruned(have.inner, target.inner))  # type: ignore[arg-type]
    return have
