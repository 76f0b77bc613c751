"""What type of Arrow DataFusion's functions give, by the types of their arguments.

A rule takes a call and the names of the types of its arguments, and gives the name of its own type, None where that
is not certain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from sqlglot import exp

from dwkit.sql.functions.arrow_common import (
    BYTES,
    FLOATS,
    INTERVAL,
    SIGNED,
    TEXTS,
    UNSIGNED,
    common,
    decimal,
    digits,
    held,
    is_whole,
    is_wide,
    numeric,
)  # fmt: skip
from dwkit.sql.functions.arrow_nested import NESTED

__all__ = ["RULES", "RULES_OF_SPARK", "Key"]

Key = type[exp.Expr] | str

# -- rules: the type of a call by the types of its arguments --------------------------------------

_Types = Sequence[str | None]
_Rule = Callable[[exp.Expr, _Types], str | None]


def _first(_node: exp.Expr, types: _Types) -> str | None:
    return types[0] if types else None


def _number(_node: exp.Expr, types: _Types) -> str | None:
    """Return the type of a number that a function keeps."""
    name = types[0] if types else None
    return name if name in FLOATS or is_whole(name) or (name or "").startswith("Decimal") else None


def _signed(node: exp.Expr, types: _Types) -> str | None:
    name = _number(node, types)
    return types[0] if types[0] == INTERVAL else None if name in UNSIGNED else name


def _text(_node: exp.Expr, types: _Types) -> str | None:
    name = held(types[0]) if types else None
    return name if name in TEXTS else None


def _padded(_node: exp.Expr, types: _Types) -> str | None:
    return {"Utf8View": "Utf8", "Utf8": "Utf8", "LargeUtf8": "LargeUtf8"}.get(types[0] or "")


def _length(_node: exp.Expr, types: _Types) -> str | None:
    return {"Utf8View": "Int32", "Utf8": "Int32", "LargeUtf8": "Int64"}.get(types[0] or "")


def _joined(_node: exp.Expr, types: _Types) -> str | None:
    """Return the type of texts or of bytes one after the other."""
    for family in (TEXTS, BYTES):
        if all(t in family for t in types):
            return next((t for t in family if t in types), None)
    if all(t in BYTES or (t or "").startswith("FixedSizeBinary(") for t in types):
        return "Binary" if not {"LargeBinary", "BinaryView"} & set(types) else None
    return "Utf8" if all(t in ("Utf8", "Binary") for t in types) else None


def _with_point(node: exp.Expr, types: _Types) -> str | None:
    """Return the type of a rounded number that stays what it is, a double where it is whole."""
    return "Float64" if is_whole(types[0]) else None if types[0] == "Float16" else _number(node, types)


def _float(_node: exp.Expr, types: _Types) -> str | None:
    """Return the type of a function of floats: half floats are reckoned with more digits here."""
    return "Float32" if types[-1] == "Float32" else "Float64" if _wide(types[-1]) else None


def _wide(name: str | None) -> bool:
    return name == "Float64" or digits(name) is not None


def _both_floats(_node: exp.Expr, types: _Types) -> str | None:
    """Return the type of a function of two floats: doubles where one of them is another number."""
    if all(t in FLOATS for t in types):
        return common(types)
    return "Float64" if all(t == "Null" or t in FLOATS or _wide(t) for t in types) else None


def _rounded(node: exp.Expr, types: _Types) -> str | None:
    if types[0] == "Float32" or types[0] == "Float64":
        return types[0]
    if is_whole(types[0]):
        return "Float64"
    found = digits(types[0])
    if found is None:
        return None
    precision, scale = found
    wide = is_wide(types[0])
    places = node.args.get("decimals")
    sign = 1
    if isinstance(places, exp.Neg):
        sign, places = -1, places.this
    if places is not None and not (isinstance(places, exp.Literal) and places.name.isdigit()):
        return decimal(precision + 1, scale, wide=wide) if isinstance(places, exp.Column) else None
    count = sign * int(places.name) if places is not None else 0
    carried = scale == 0 and count < 0 and -count <= precision
    return decimal(precision + carried, min(scale, max(count, 0)), wide=wide)


def _sum(_node: exp.Expr, types: _Types) -> str | None:
    name = types[0]
    if name in SIGNED:
        return "Int64"
    if name in UNSIGNED:
        return "UInt64"
    if name in FLOATS:
        return "Float64"
    found = digits(name)
    return decimal(found[0] + 10, found[1], wide=is_wide(name)) if found is not None else None


def _average(_node: exp.Expr, types: _Types) -> str | None:
    if is_whole(types[0]) or types[0] in FLOATS:
        return "Float64"
    found = digits(types[0])
    if found is None:
        return None
    wide = is_wide(types[0])
    return decimal(found[0] + 4, min(found[1] + 4, 76 if wide else 38), wide=wide)


def _median(node: exp.Expr, types: _Types) -> str | None:
    return "Float64" if is_whole(types[0]) else _number(node, types)


def _approximate(_node: exp.Expr, types: _Types) -> str | None:
    """Return the type of an approximate median: half floats are reckoned with more digits here."""
    return types[0] if types[0] in ("Null", "Float32") else "Float64" if _wide(types[0]) else None


def _percentile(node: exp.Expr, types: _Types) -> str | None:
    """Return the type of what WITHIN GROUP sorts by where it is a float, which any percentile keeps."""
    name = node.this.name.upper() if isinstance(node.this, exp.Anonymous) else ""
    known = (
        isinstance(node.this, (exp.PercentileCont, exp.PercentileDisc)) or name == "APPROX_PERCENTILE_CONT"
    )
    exact = name != "APPROX_PERCENTILE_CONT" or types[0] != "Float16"  # reckoned with more digits here
    return types[0] if known and exact and types[0] in FLOATS else None


def _divisor(_node: exp.Expr, types: _Types) -> str | None:
    if all(is_whole(t) for t in types):
        return "Int64"
    return common(types) if any(digits(t) is not None for t in types) else None


def _compared(_node: exp.Expr, types: _Types) -> str | None:
    """Return the type that values are compared as: text beside a number is read as the number."""
    numbers = [t for t in types if t not in TEXTS]
    if numbers and all(_wide(t) or t in FLOATS for t in numbers):
        return common(numbers)
    return common(types)


def _calculated(node: exp.Expr, types: _Types) -> str | None:
    """Return the type of ``a + b`` and the like."""
    a, b = types[0], types[1]
    if a is None or b is None:
        return None
    moment = _moved(node, a, b)
    if moment is not None:
        return moment
    plain = numeric(a, b)
    if plain is not None and not plain.startswith("Decimal"):
        return plain
    if "Decimal" in f"{a}{b}" and (a in FLOATS or b in FLOATS):
        return numeric(*(t if t in FLOATS else "Int8" for t in (a, b)))
    left, right = ((20, 0), (20, 0)) if plain is not None else (digits(a), digits(b))
    if left is None or right is None:
        return None
    (p1, s1), (p2, s2) = left, right
    scale, wide = max(s1, s2), is_wide(a, b)
    if isinstance(node, (exp.Add, exp.Sub)):
        return decimal(scale + max(p1 - s1, p2 - s2) + 1, scale, wide=wide)
    if isinstance(node, exp.Mul):
        return decimal(p1 + p2 + 1, s1 + s2, wide=wide)
    if isinstance(node, exp.Mod):
        return decimal(scale + min(p1 - s1, p2 - s2), scale, wide=wide)
    scale = min(s1 + 4, 76 if wide else 38)
    return decimal(p1 + scale - s1 + s2, scale, wide=wide)


def _moved(node: exp.Expr, a: str, b: str) -> str | None:
    """Return the type of a moment and of what is added to it."""
    if not isinstance(node, (exp.Add, exp.Sub)):
        return None
    dates = ("Date32", "Date64")
    if a == b and isinstance(node, exp.Sub):
        if a in dates:
            return "Int64"
        unit = re.fullmatch(r"Timestamp\((\w+)(, .*)?\)", a)
        if unit is not None:
            return f"Duration({unit[1]})"
        if a.startswith("Time"):
            return INTERVAL
    if a == INTERVAL and b == INTERVAL:
        return INTERVAL
    if b.startswith(("Interval(", "Duration(")) and (a in dates or a.startswith("Timestamp")):
        return a
    if a == "Date32" and b.startswith("Time64"):
        return "Timestamp(ns)"
    if b == INTERVAL and a.startswith("Time"):
        return INTERVAL
    if a == "Int64" and b in dates and isinstance(node, exp.Add):
        return b
    return a if a in dates and b == "Int64" else None


def _trunc(_node: exp.Expr, types: _Types) -> str | None:
    name = types[0] or ""
    return name if name.startswith("Time") or name in ("Date32", "Date64") else None


def _binned(node: exp.Expr, types: _Types) -> str | None:
    return _trunc(node, types[1:2]) if len(types) > 1 and (types[1] or "").startswith("Time") else None


def _local(_node: exp.Expr, types: _Types) -> str | None:
    unit = re.fullmatch(r"Timestamp\((\w+|µs)(, .*)?\)", types[0] or "")
    return f"Timestamp({unit[1]})" if unit is not None else None


def _zoned(node: exp.Expr, types: _Types) -> str | None:
    """Return the type of a timestamp in a time zone that is named."""
    zone = node.args["zone"]
    unit = re.fullmatch(r"Timestamp\(([^,]+)(, .*)?\)", types[0] or "")
    if unit is None or not isinstance(zone, exp.Literal) or not zone.is_string:
        return None
    return f'Timestamp({unit[1]}, "{zone.name}")'


def _part(node: exp.Expr, _types: _Types) -> str | None:
    part = node.name.upper()
    if part in (
        "YEAR",
        "QUARTER",
        "MONTH",
        "WEEK",
        "DAY",
        "HOUR",
        "MINUTE",
        "SECOND",
        "DOW",
        "DOY",
        "MILLISECOND",
    ):
        return "Int32"
    return {"EPOCH": "Float64", "NANOSECOND": "Int64"}.get(part)


def _floats_listed(_node: exp.Expr, types: _Types) -> str | None:
    return types[0] if types[0] == "List(Float64)" else None


def _whole(_node: exp.Expr, types: _Types) -> str | None:
    """Return the type of Spark's CEIL and FLOOR."""
    if is_whole(types[0]) or types[0] in ("Float32", "Float64"):
        return "Int64" if types[0] not in UNSIGNED else None
    found = digits(types[0])
    if found is None or len(types) > 1:
        return None
    return decimal(max(found[0] - found[1] + 1, 1), 0, wide=is_wide(types[0])) if found[1] else types[0]


def _cut(_node: exp.Expr, types: _Types) -> str | None:
    return types[0] if types[0] in TEXTS or types[0] in BYTES else None


def _shifted(_node: exp.Expr, types: _Types) -> str | None:
    return (
        "Int32"
        if types[0] == "Null"
        else types[0]
        if types[0] in ("Int32", "Int64", "UInt32", "UInt64")
        else None
    )


_ANYWHERE: dict[Key, _Rule] = {
    **dict.fromkeys((exp.Min, exp.Max, exp.First, exp.Last, exp.FirstValue, exp.LastValue, exp.NthValue, exp.Lag, exp.Lead), _first),
    exp.Sum: _sum, exp.Avg: _average, exp.Neg: _signed,
    exp.Concat: _joined,
}  # fmt: skip
RULES: dict[Key, _Rule] = {
    **_ANYWHERE,
    **dict.fromkeys(
        (exp.Lower, exp.Upper, exp.Reverse, exp.Repeat, exp.Translate, exp.Trim, exp.SplitPart, exp.Initcap,
         "REVERSE", "REPEAT", "LTRIM", "RTRIM", "BTRIM", "SUBSTR_INDEX", "SUBSTRING_INDEX", exp.SubstringIndex), _text,
    ),
    exp.Pad: _padded, exp.Length: _length, exp.StrPosition: _length,
    exp.ConcatWs: _joined, exp.DPipe: _joined,
    exp.Abs: _number, exp.Ceil: _with_point, exp.Floor: _with_point, exp.Round: _rounded,
    **dict.fromkeys((exp.Sqrt, exp.Exp, exp.Ln, exp.Sin, exp.Cos, exp.Tan, exp.Log), _float),
    exp.Atan2: _both_floats, "NANVL": _both_floats, exp.Nanvl: _both_floats,
    "GCD": _divisor, "LCM": _divisor,
    **dict.fromkeys((exp.BitwiseAndAgg, exp.BitwiseOrAgg, exp.BitwiseXorAgg), _first),
    exp.Median: _median, "APPROX_MEDIAN": _approximate, exp.WithinGroup: _percentile,
    exp.Coalesce: _compared, exp.Greatest: _compared, exp.Least: _compared, exp.Nullif: _compared,
    **NESTED, exp.AtTimeZone: _zoned,
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod), _calculated),
    exp.TimestampTrunc: _trunc, "DATE_TRUNC": lambda n, t: _trunc(n, t[1:2]), "DATE_BIN": _binned,
    "TO_LOCAL_TIME": _local, exp.Extract: _part,
    **dict.fromkeys(("ARRAY_ADD", "ARRAY_SUBTRACT", "ARRAY_SCALE", "ARRAY_NORMALIZE"), _floats_listed),
}  # fmt: skip
RULES_OF_SPARK: dict[Key, _Rule] = {
    **_ANYWHERE,
    exp.Ceil: _whole, exp.Floor: _whole,
    **dict.fromkeys((exp.BitwiseLeftShift, exp.BitwiseRightShift, "SHIFTRIGHTUNSIGNED"), _shifted),
    exp.ConcatWs: lambda _node, _types: "Utf8", exp.Substring: _cut,
}  # fmt: skip
