"""Values as text, as a cast writes them."""

from __future__ import annotations

import polars as pl

from dwkit.sql.functions.cast_bytes import bytes_to_text
from dwkit.sql.types import is_decimal, is_float, is_map, is_text
from dwkit.sql.value import Interval, Value

__all__ = ["to_text"]

_JAVA = frozenset({"spark", "databricks", "trino"})
_WITHOUT_POINT = frozenset({"postgres", "redshift", "snowflake", "bigquery", "mysql", "tsql", "oracle"})
"""A whole float has no ``.0`` there."""
_TRIMMED = frozenset({"bigquery", "oracle"})
"""A decimal has no zeros after its last digit there."""
_NO_ZONE = frozenset({"spark", "databricks"})


def to_text(value: Value, dialect: str) -> pl.Expr:
    """Return a value as the text that a cast makes of it."""
    source, expr = value.dtype, value.expr
    if value.interval is not None:
        return _interval(value.interval, dialect)
    if isinstance(source, pl.Duration):
        micros = expr.dt.total_microseconds()
        days = micros.sign() * (micros.abs() // _DAY)
        return _interval(Interval(0, days, micros - days * _DAY), dialect)
    if isinstance(source, pl.Datetime):
        if dialect == "datafusion":
            made = _with_fraction(expr, "%Y-%m-%dT%H:%M:%S", dialect)
            offset = expr.dt.strftime("%:z").str.replace(r"^\+00:00$", "Z") if source.time_zone else None
            return made if offset is None else pl.concat_str(made, offset)
        made = _with_fraction(expr, "%Y-%m-%d %H:%M:%S", dialect)
        if not source.time_zone or dialect in _NO_ZONE:
            return made
        ending = " UTC" if dialect == "trino" else " +0000" if dialect == "snowflake" else "+00"
        return pl.concat_str(made, pl.lit(ending))
    if isinstance(source, pl.Time):
        return _with_fraction(expr, "%H:%M:%S", dialect)
    if isinstance(source, pl.Binary):
        return bytes_to_text(expr, dialect)
    if isinstance(source, pl.Boolean):
        yes, no = ("1", "0") if dialect in ("mysql", "sqlite", "tsql") else ("true", "false")
        return pl.when(expr).then(pl.lit(yes)).when(~expr).then(pl.lit(no))
    if isinstance(source, (pl.List, pl.Struct, pl.Array)):
        return _nested(value, dialect)
    if is_float(source):
        return _float(expr, dialect)
    if is_decimal(source) and dialect in _TRIMMED:
        plain = expr.cast(pl.String)
        made = (
            pl.when(plain.str.contains(".", literal=True))
            .then(plain.str.strip_chars_end("0").str.strip_chars_end("."))
            .otherwise(plain)
        )
        return made.str.replace(r"^(-?)0\.", "$1.") if dialect == "oracle" else made
    return expr.cast(pl.String)


_JSON = frozenset({"snowflake", "trino", "bigquery", "mysql", "sqlite", "tsql", "oracle", "redshift"})
"""A list or struct is JSON as text there."""


def _nested(value: Value, dialect: str) -> pl.Expr:
    """Return a list as ``[1, 2]`` and a struct as ``{'a': 1}``, in PostgreSQL ``{1,2}``, in Spark ``{1}``."""
    source, expr = value.dtype, value.expr
    if dialect in _JSON or (dialect == "postgres" and isinstance(source, pl.Struct)):
        whole = pl.struct(expr.alias("v")).struct.json_encode()
        return pl.when(expr.is_not_null()).then(whole.str.slice(5).str.strip_suffix("}"))
    missing = "null" if dialect in _JAVA else "NULL"
    if isinstance(source, pl.Struct):
        parts = []
        for field in source.fields:
            inner = Value(expr.struct.field(field.name), field.dtype)  # type: ignore[arg-type]
            text = _element(inner, dialect).fill_null(missing)
            parts.append(text if dialect in _JAVA else pl.concat_str(pl.lit(f"'{field.name}': "), text))
        made = pl.concat_str(pl.lit("{"), pl.concat_str(parts, separator=", "), pl.lit("}"))
        return pl.when(expr.is_not_null()).then(made)
    if isinstance(source, pl.Array):
        expr = expr.arr.to_list()
    if dialect == "duckdb" and is_map(source):
        return _map(expr, source, dialect)
    text = _element(Value(pl.element(), source.inner), dialect)  # type: ignore[attr-defined]
    opening, between, closing = ("{", ",", "}") if dialect == "postgres" else ("[", ", ", "]")
    joined = expr.list.eval(text.fill_null(missing)).list.join(between)
    return pl.concat_str(pl.lit(opening), joined, pl.lit(closing))


def _map(expr: pl.Expr, source: pl.DataType, dialect: str) -> pl.Expr:
    """Return a map as ``{a=1, b=NULL}``."""
    key, value = source.inner.fields  # type: ignore[attr-defined]
    sides = [
        _element(Value(pl.element().struct.field(f.name), f.dtype), dialect).fill_null("NULL")
        for f in (key, value)
    ]
    entries = expr.list.eval(pl.concat_str(sides, separator="=")).list.join(", ")
    return pl.concat_str(pl.lit("{"), entries, pl.lit("}"))


_QUOTED = {"duckdb": ("'", r"""[,'"\[\]{}()=:\\]|^\s|\s$"""), "postgres": ('"', r"""[{}",\\\s]""")}
"""The quotation mark of a text in a list, and what a text must have to need it."""


def _element(value: Value, dialect: str) -> pl.Expr:
    text = to_text(value, dialect)
    timed = dialect == "duckdb" and isinstance(value.dtype, (pl.Datetime, pl.Time, pl.Duration))  # 10:00
    if not (is_text(value.dtype) or timed) or dialect not in _QUOTED:
        return text
    mark, pattern = _QUOTED[dialect]
    escaped = text.str.replace_all("\\", "\\\\", literal=True).str.replace_all(
        mark, f"\\{mark}", literal=True
    )
    needs = text.str.contains(pattern) | (text == "") | (text.str.to_uppercase() == "NULL")
    return pl.when(needs).then(pl.concat_str(pl.lit(mark), escaped, pl.lit(mark))).otherwise(text)


def _with_fraction(expr: pl.Expr, code: str, dialect: str) -> pl.Expr:
    """Return a clock with the digits of its fraction that are no zeros at the end."""
    whole = expr.dt.strftime(code)
    if dialect == "snowflake":
        # The default TIMESTAMP_OUTPUT_FORMAT has FF3, that of TIME has no fraction.
        return pl.concat_str(whole, expr.dt.strftime(".%3f")) if code.startswith("%Y") else whole
    if dialect == "oracle" and code.startswith("%Y"):
        return expr.dt.strftime("%d-%b-%y").str.to_uppercase()
    part = expr.dt.strftime("%6f")
    # In DataFusion three or six digits, elsewhere as many as there are.
    part = (
        part.str.replace(r"^000000$|000$", "") if dialect == "datafusion" else part.str.strip_chars_end("0")
    )
    return pl.when(part == "").then(whole).otherwise(pl.concat_str(whole, pl.lit("."), part))


def _float(expr: pl.Expr, dialect: str) -> pl.Expr:
    """Return a float as text: the shortest digits that read back as the same number.

    Java writes 1.0E7 from ten millions on and 1.0E-4 below a thousandth, Trino 1.0E0 always, C 1e+16 and 1e-05.
    """
    if dialect == "tsql":
        return _six_digits(expr)
    plain, size = expr.cast(pl.String), expr.abs()
    if dialect in _JAVA:
        far = (
            size.is_finite()
            if dialect == "trino"
            else size.is_finite() & ((size >= 1e7) | ((size > 0) & (size < 1e-3)))
        )
        mantissa, power = _scientific(plain)
        made = pl.when(far).then(pl.concat_str(mantissa, pl.lit("E"), power.cast(pl.String))).otherwise(plain)
        return made.str.replace("inf", "Infinity", literal=True)
    # Polars writes 0.00001 where C's shortest form is 1e-05, and 1000000000000000.0 where MySQL's is 1e15.
    far = (size >= 1e15) & size.is_finite() if dialect == "mysql" else (size > 0) & (size < 1e-4)
    mantissa, power = _scientific(plain)
    digits = power.abs().cast(pl.String)
    exponent = (
        pl.concat_str(pl.lit("e"), power.cast(pl.String))
        if dialect == "mysql"
        else pl.concat_str(pl.lit("e-"), digits.str.zfill(2))
    )
    made = pl.when(far).then(pl.concat_str(mantissa.str.replace(r"\.0$", ""), exponent)).otherwise(plain)
    if dialect in _WITHOUT_POINT:
        made = made.str.replace(r"\.0$", "")
    names = {"postgres": ("NaN", "Infinity"), "redshift": ("NaN", "Infinity"), "duckdb": ("nan", "inf")}
    nan, infinity = names.get(dialect, ("NaN", "inf"))
    return made.str.replace("NaN", nan, literal=True).str.replace("inf", infinity, literal=True)


def _six_digits(expr: pl.Expr) -> pl.Expr:
    """Return a float as SQL Server writes it: six digits at most, from a million on as 1e+006."""
    short = expr.round_sig_figs(6)
    plain, size = short.cast(pl.String), short.abs()
    mantissa, power = _scientific(plain)
    sign = pl.when(power < 0).then(pl.lit("e-")).otherwise(pl.lit("e+"))
    far = pl.concat_str(mantissa.str.replace(r"\.0$", ""), sign, power.abs().cast(pl.String).str.zfill(3))
    return (
        pl.when((size >= 1e6) | ((size > 0) & (size < 1e-4)))
        .then(far)
        .otherwise(plain.str.replace(r"\.0$", ""))
    )


def _scientific(plain: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Return mantissa and exponent of a number that is written with or without an exponent."""
    written = plain.str.extract(r"e([+-]?\d+)$").cast(pl.Int64, strict=False).fill_null(0)
    body = plain.str.replace(r"e.*$", "").str.strip_chars_start("-")
    before = body.str.extract(r"^0*(\d*)").fill_null("")
    zeros = body.str.extract(r"^0*\.(0*)").fill_null("")
    digits = body.str.replace(".", "", literal=True).str.strip_chars_start("0").str.strip_chars_end("0")
    nothing = digits == ""
    power = (
        pl.when(before != "")
        .then(before.str.len_chars().cast(pl.Int64) - 1)
        .otherwise(-(zeros.str.len_chars().cast(pl.Int64) + 1))
    )
    rest = pl.when(digits.str.len_chars() > 1).then(digits.str.slice(1)).otherwise(pl.lit("0"))
    sign = pl.when(plain.str.starts_with("-")).then(pl.lit("-")).otherwise(pl.lit(""))
    first = pl.when(nothing).then(pl.lit("0")).otherwise(digits.str.slice(0, 1))
    return pl.concat_str(sign, first, pl.lit("."), rest), pl.when(nothing).then(0).otherwise(power + written)


_DAY = 86_400_000_000


def _interval(interval: Interval, dialect: str) -> pl.Expr:
    """Return an interval as PostgreSQL and DuckDB write it: ``1 year 2 months 3 days 04:05:06.5``."""
    months, days, micros = (
        pl.lit(p, dtype=pl.Int64) if isinstance(p, int) else p.cast(pl.Int64)
        for p in (interval.months, interval.days, interval.micros)
    )
    if dialect == "datafusion":
        return _counted_parts(months, days, micros)
    month = "mon" if dialect in ("postgres", "redshift") else "month"
    years, rest = months.sign() * (months.abs() // 12), months.sign() * (months.abs() % 12)
    parts = [_counted(years, "year"), _counted(rest, month), _counted(days, "day")]
    size = micros.abs()
    clock = pl.concat_str(
        pl.when(micros < 0).then(pl.lit("-")).otherwise(pl.lit("")),
        (size // 3_600_000_000).cast(pl.String).str.zfill(2), pl.lit(":"),
        (size // 60_000_000 % 60).cast(pl.String).str.zfill(2), pl.lit(":"),
        (size // 1_000_000 % 60).cast(pl.String).str.zfill(2),
    )  # fmt: skip
    fraction = (size % 1_000_000).cast(pl.String).str.zfill(6).str.strip_chars_end("0")
    clock = pl.when(fraction == "").then(clock).otherwise(pl.concat_str(clock, pl.lit("."), fraction))
    nothing = (months == 0) & (days == 0)
    parts.append(pl.when((micros != 0) | nothing).then(clock).otherwise(pl.lit("")))
    return pl.concat_str(parts, separator=" ").str.replace_all(r" +", " ").str.strip_chars()


def _counted(number: pl.Expr, word: str) -> pl.Expr:
    text = pl.format(
        "{} " + word + "{}", number, pl.when(number.abs() == 1).then(pl.lit("")).otherwise(pl.lit("s"))
    )
    return pl.when(number == 0).then(pl.lit("")).otherwise(text)


def _counted_parts(months: pl.Expr, days: pl.Expr, micros: pl.Expr) -> pl.Expr:
    """Return an interval as DataFusion writes it: ``14 mons 3 days 4 hours 5 mins 6.500000000 secs``."""
    size, sign = micros.abs(), micros.sign()
    parts = [
        pl.when(number != 0).then(pl.format(f"{{}} {word}", number))
        for number, word in (
            (months, "mons"), (days, "days"), (sign * (size // 3_600_000_000), "hours"),
            (sign * (size // 60_000_000 % 60), "mins"),
        )
    ]  # fmt: skip
    below = size % 60_000_000
    minus = pl.when(micros < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    fraction = (below % 1_000_000).cast(pl.String).str.zfill(6)
    parts.append(pl.when(below != 0).then(pl.format("{}{}.{}000 secs", minus, below // 1_000_000, fraction)))
    made = pl.concat_str(parts, separator=" ", ignore_nulls=True)
    known = months.is_not_null() & days.is_not_null() & micros.is_not_null()
    return pl.when(known).then(pl.when(made == "").then(pl.lit("0 secs")).otherwise(made))
