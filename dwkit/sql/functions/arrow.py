"""Casts to Arrow's types by name: ARROW_CAST and ARROW_TRY_CAST of DataFusion.

A cast gives the value of the type, held as Polars holds it: all text alike, moments in microseconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import partial

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.call import Call, Functions
from dwkit.sql.functions.cast import MisreadError, cast
from dwkit.sql.functions.interval import interval_of
from dwkit.sql.types import is_decimal, is_integer, shown
from dwkit.sql.value import Value

__all__ = ["ARROW", "NAMES", "named"]

_TEXT = pl.String()
_PLAIN: dict[str, pl.DataType] = {
    "Null": pl.Null(), "Boolean": pl.Boolean(), "Int8": pl.Int8(), "Int16": pl.Int16(), "Int32": pl.Int32(),
    "Int64": pl.Int64(), "UInt8": pl.UInt8(), "UInt16": pl.UInt16(), "UInt32": pl.UInt32(), "UInt64": pl.UInt64(),
    "Float16": pl.Float16(), "Float32": pl.Float32(), "Float64": pl.Float64(), "Utf8": _TEXT, "LargeUtf8": _TEXT,
    "Utf8View": _TEXT, "Binary": pl.Binary(), "LargeBinary": pl.Binary(), "BinaryView": pl.Binary(),
    "Date32": pl.Date(), "Date64": pl.Datetime("us"),
}  # fmt: skip
_DIGITS = {
    "Second": 0, "s": 0, "Millisecond": 3, "ms": 3, "Microsecond": 6, "us": 6, "µs": 6, "Nanosecond": 9, "ns": 9,
}  # fmt: skip
_UNITS = {0: "s", 3: "ms", 6: "µs", 9: "ns"}
_TOKEN = re.compile(r'\s*("[^"]*"|-?\d+|\w+|[(),:])')
NAMES = {dtype: name for name, dtype in reversed(_PLAIN.items())}


@dataclass(frozen=True)
class _Arrow:
    """A type of Arrow.

    Attributes:
        shown: as DataFusion writes it.
        digits: of a second, which a moment of the type has.
        length: of each of its values.
    """

    shown: str
    dtype: pl.DataType
    digits: int = 6
    length: int | None = None


class _UnknownError(ValueError):
    """A text that names no type, or one that cannot be held."""


class _Reader:
    """Reads the name of a type."""

    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        if re.sub(r"\s", "", _TOKEN.sub("", text)):
            raise _UnknownError(text)

    def whole(self) -> _Arrow:
        """Return the type that all of the text names."""
        made = self._type()
        if self._tokens:
            raise _UnknownError(self._tokens[0])
        return made

    def _next(self, *wanted: str) -> str:
        if not self._tokens or (wanted and self._tokens[0] not in wanted):
            raise _UnknownError(self._tokens[0] if self._tokens else "")
        return str(self._tokens.pop(0))

    def _has(self, token: str) -> bool:
        if self._tokens and self._tokens[0] == token:
            self._tokens.pop(0)
            return True
        return False

    def _type(self) -> _Arrow:
        name = self._next()
        if name in _PLAIN:
            return _Arrow(name, _PLAIN[name], 3 if name == "Date64" else 6)
        if name not in _NESTED:
            raise _UnknownError(name)
        self._next("(")
        made = _NESTED[name](self, name)
        self._next(")")
        return made

    def _element(self) -> _Arrow:
        """Read the type of elements, which may be said to be never or sometimes NULL."""
        plain = not self._has("non")  # the dash of non-null is no token
        self._has("nullable")
        made = self._type()
        return made if plain else replace(made, shown=f"non-null {made.shown}")

    def _number(self) -> int:
        text = self._next()
        if not text.lstrip("-").isdigit():
            raise _UnknownError(text)
        return int(text)

    def timestamp(self, name: str) -> _Arrow:
        """Read a unit and a time zone."""
        digits = _DIGITS[self._next(*_DIGITS)]
        zone = None
        if self._has(","):
            some = self._has("Some")
            if some:
                self._next("(")
            word = self._next()
            zone = None if word == "None" else word.strip('"')
            if some:
                self._next(")")
        if zone is None:
            return _Arrow(f"{name}({_UNITS[digits]})", pl.Datetime("us"), digits)
        return _Arrow(f'{name}({_UNITS[digits]}, "{zone}")', pl.Datetime("us", _zone(zone)), digits)

    def clock(self, name: str) -> _Arrow:
        """Read the unit of a time or of a duration."""
        digits = _DIGITS[self._next(*_DIGITS)]
        dtype = pl.Duration("us") if name == "Duration" else pl.Time()
        return _Arrow(f"{name}({_UNITS[digits]})", dtype, digits)

    def interval(self, name: str) -> _Arrow:
        """Read the parts that an interval has."""
        parts = self._next("YearMonth", "DayTime", "MonthDayNano")
        return _Arrow(f"{name}({parts})", pl.Duration("us"))

    def decimal(self, name: str) -> _Arrow:
        """Read how many digits there are, and how many after the point."""
        precision = self._number()
        self._next(",")
        scale = self._number()
        most = 76 if name == "Decimal256" else 38
        if not 1 <= precision <= most or not 0 <= scale <= min(precision, 38):
            raise _UnknownError(f"{name}({precision}, {scale})")
        return _Arrow(f"{name}({precision}, {scale})", pl.Decimal(min(precision, 38), scale))

    def fixed_binary(self, name: str) -> _Arrow:
        """Read the number of bytes."""
        size = self._number()
        return _Arrow(f"{name}({size})", pl.Binary(), length=size)

    def list_(self, name: str) -> _Arrow:
        """Read the type of the elements."""
        inner = self._element()
        return _Arrow(f"{name}({inner.shown})", pl.List(inner.dtype))

    def fixed_list(self, name: str) -> _Arrow:
        """Read the number of elements and their type."""
        size = self._number()
        self._next("x", ",")
        inner = self._element()
        return _Arrow(f"{name}({size} x {inner.shown})", pl.List(inner.dtype), length=size)

    def dictionary(self, name: str) -> _Arrow:
        """Read the type of the keys, which say nothing of a value, and of the values."""
        key = self._type()
        self._next(",")
        inner = self._type()
        return _Arrow(f"{name}({key.shown}, {inner.shown})", inner.dtype, inner.digits)

    def run_ends(self, name: str) -> _Arrow:
        """Read two fields, of which the second is that of the values."""
        ends, values = self._field(), (self._next(","), self._field())[1]
        fields = ", ".join(f'"{n}": {t.shown}' for n, t in (ends, values))
        return _Arrow(f"{name}({fields})", values[1].dtype, values[1].digits)

    def struct(self, name: str) -> _Arrow:
        """Read fields."""
        fields = [self._field()]
        while self._has(","):
            fields.append(self._field())
        parts = ", ".join(f'"{n}": {t.shown}' for n, t in fields)
        return _Arrow(f"{name}({parts})", pl.Struct({n: t.dtype for n, t in fields}))

    def _field(self) -> tuple[str, _Arrow]:
        name = self._next().strip('"')
        self._next(":")
        return name, self._element()


_NESTED = {
    "Timestamp": _Reader.timestamp, "Time32": _Reader.clock, "Time64": _Reader.clock, "Duration": _Reader.clock,
    "Interval": _Reader.interval, "Decimal32": _Reader.decimal, "Decimal64": _Reader.decimal,
    "Decimal128": _Reader.decimal, "Decimal256": _Reader.decimal, "FixedSizeBinary": _Reader.fixed_binary,
    "List": _Reader.list_, "LargeList": _Reader.list_, "ListView": _Reader.list_, "LargeListView": _Reader.list_,
    "FixedSizeList": _Reader.fixed_list, "Dictionary": _Reader.dictionary, "RunEndEncoded": _Reader.run_ends,
    "Struct": _Reader.struct,
}  # fmt: skip


def _zone(name: str) -> str:
    """Return a time zone as Polars names it: those with whole hours of offset have names of their own."""
    offset = re.fullmatch(r"([+-])(\d\d):?(\d\d)?", name)
    if offset is None:
        return name
    if offset[3] not in (None, "00"):
        raise _UnknownError(name)
    hours = int(offset[2])
    return f"Etc/GMT{'-' if offset[1] == '+' else '+'}{hours}" if hours else "UTC"


def named(call: Call, node: exp.Expr) -> _Arrow:
    """Return the type that a literal names."""
    if not isinstance(node, exp.Literal) or not node.is_string:
        raise call.error(f"{call.name} wants the name of a type as a literal", node)
    try:
        return _Reader(node.this.replace("non-null", "non")).whole()
    except _UnknownError:
        raise call.error(
            f"{node.this!r} is not supported as a type of Arrow",
            node,
            "for instance 'Int64' or 'Timestamp(us)'",
        ) from None


def _cast(call: Call, *, safe: bool) -> Value:
    nodes = call.given("expressions") or []
    if len(nodes) != 2:
        raise call.error(f"{call.name} wants a value and the name of a type")
    arrow = named(call, nodes[1])
    value = call.bind(nodes[0])
    if arrow.shown.startswith("Interval") and value.is_text_literal:
        return _interval(call, nodes[0], arrow)
    counts = is_integer(value.dtype) or (is_decimal(value.dtype) and isinstance(arrow.dtype, pl.Datetime))
    made = _of_number(call, value, arrow) if counts else None
    if made is None:
        made = _cut(_held(call, value, arrow, safe=safe), arrow)
    if arrow.length is None:
        return made
    size = made.expr.list.len() if isinstance(arrow.dtype, pl.List) else made.expr.bin.size()
    bad = pl.when(size.cast(pl.Int64) != arrow.length)
    if safe:
        return call.value(bad.then(None).otherwise(made.expr), arrow.dtype)
    # A text that is no number fails when it runs, with the text in the message.
    fails = bad.then(pl.format("{} values or bytes instead of " + str(arrow.length), size)).cast(
        pl.Int8, strict=True
    )
    return call.value(pl.when(fails.is_null()).then(made.expr), arrow.dtype)


def _interval(call: Call, node: exp.Expr, arrow: _Arrow) -> Value:
    """Return the interval that a literal says, of the parts that the type has."""
    made = interval_of(call, node, None)
    if made.interval is None:
        return made
    months, days, micros = made.interval.months, made.interval.days, made.interval.micros
    lost = {"YearMonth": (days, micros), "DayTime": (months,)}.get(arrow.shown[9:-1], ())
    if any(not isinstance(part, int) or part for part in lost):
        raise call.refuse(f"{call.name} to {arrow.shown} of an interval with other parts")
    return made


def _held(call: Call, value: Value, arrow: _Arrow, *, safe: bool) -> Value:
    """Return a value as the type that one of Arrow's is held as, cast as DataFusion does it in any dialect."""
    try:
        made = cast(value, arrow.dtype, "datafusion", safe=safe, guard=call.binder.condition)
    except MisreadError:
        raise call.error(f"{value.constant!r} is no {arrow.shown} value") from None
    if made is None:
        raise call.error(f"{call.name}: {shown(value.dtype)} is no {arrow.shown}")
    return made


def _of_number(call: Call, value: Value, arrow: _Arrow) -> Value | None:
    """Return a number without its fraction as a moment, of which it counts the units; None where the type is none."""
    dtype, number = arrow.dtype, value.expr.cast(pl.Int64)
    if isinstance(dtype, pl.Date):
        return call.value(number.cast(pl.Int32).cast(dtype), dtype)
    if isinstance(dtype, pl.Time):
        return call.value((number * 10 ** (9 - arrow.digits)).cast(dtype), dtype)
    if not isinstance(dtype, (pl.Datetime, pl.Duration)) or arrow.shown.startswith("Interval"):
        return None
    micros = number.floordiv(1000) if arrow.digits == 9 else number * 10 ** (6 - arrow.digits)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        made = (
            micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC").dt.convert_time_zone(dtype.time_zone)
        )
        return call.value(made, dtype)
    if isinstance(dtype, pl.Duration):
        return replace(call.value(micros.cast(dtype), dtype), exact=True)  # a length of time has no months
    return call.value(micros.cast(dtype), dtype)


def _cut(value: Value, arrow: _Arrow) -> Value:
    """Return a moment with as many digits of its second as the type has."""
    if arrow.digits >= 6 or not isinstance(value.dtype, (pl.Datetime, pl.Duration, pl.Time)):
        return value
    if isinstance(value.dtype, pl.Time):
        unit = 10 ** (9 - arrow.digits)
        return value.as_(value.expr.cast(pl.Int64).floordiv(unit).mul(unit).cast(value.dtype), value.dtype)
    unit = 10 ** (6 - arrow.digits)
    micros = value.expr.to_physical()
    return value.as_((micros.sign() * (micros.abs() // unit) * unit).cast(value.dtype), value.dtype)


ARROW: Functions = {
    "ARROW_CAST": partial(_cast, safe=False), "ARROW_TRY_CAST": partial(_cast, safe=True),
}  # fmt: skip
