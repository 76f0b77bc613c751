"""What type of Arrow DataFusion's functions give, by the types of their arguments.

A rule takes a call and the names of the types of its arguments, and gives the name of its own type, None where that
is not certain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from sqlglot import exp

__all__ = ["INTERVAL", "RULES", "RULES_OF_SPARK", "Key", "decimal", "struct"]

Key = type[exp.Expr] | str
_TEXTS = ("Utf8View", "LargeUtf8", "Utf8")
"""Types of text, the one that prevails first."""
_BYTES = ("BinaryView", "LargeBinary", "Binary")
_FLOATS = ("Float64", "Float32", "Float16")
_SIGNED = ("Int8", "Int16", "Int32", "Int64")
_UNSIGNED = ("UInt8", "UInt16", "UInt32", "UInt64")
_DIGITS = {"8": 3, "16": 5, "32": 10, "64": 20}
"""Digits of the decimal that a whole number of so many bits becomes beside a decimal."""
INTERVAL = "Interval(MonthDayNano)"


def struct(fields: Sequence[tuple[str, str | None]]) -> str | None:
    """Return the name of a struct of named types, None where one of them is not known."""
    parts = [f'"{n}": {t}' for n, t in fields if t is not None]
    return f"Struct({', '.join(parts)})" if len(parts) == len(fields) else None


def decimal(precision: int, scale: int) -> str | None:
    """Return the name of a decimal, None where there is none of such a scale."""
    return f"Decimal128({min(precision, 38)}, {scale})" if scale <= 38 else None


def _digits(name: str | None) -> tuple[int, int] | None:
    """Return the precision and the scale of a decimal or of a whole number beside one."""
    found = re.fullmatch(r"Decimal128\((\d+), (\d+)\)", name or "")
    if found is not None:
        return int(found[1]), int(found[2])
    whole = re.fullmatch(r"U?Int(\d+)", name or "")
    return (_DIGITS[whole[1]], 0) if whole is not None else None


def _is_whole(name: str | None) -> bool:
    return name in _SIGNED or name in _UNSIGNED


# -- rules: the type of a call by the types of its arguments --------------------------------------

_Types = Sequence[str | None]
_Rule = Callable[[exp.Expr, _Types], str | None]


def _first(_node: exp.Expr, types: _Types) -> str | None:
    return types[0] if types else None


def _number(_node: exp.Expr, types: _Types) -> str | None:
    """Return the type of a number that a function keeps."""
    name = types[0] if types else None
    return name if name in _FLOATS or _is_whole(name) or (name or "").startswith("Decimal") else None


def _signed(node: exp.Expr, types: _Types) -> str | None:
    name = _number(node, types)
    return types[0] if types[0] == INTERVAL else None if name in _UNSIGNED else name


def _text(_node: exp.Expr, types: _Types) -> str | None:
    return types[0] if types and types[0] in _TEXTS else None


def _padded(_node: exp.Expr, types: _Types) -> str | None:
    return {"Utf8View": "Utf8", "Utf8": "Utf8", "LargeUtf8": "LargeUtf8"}.get(types[0] or "")


def _length(_node: exp.Expr, types: _Types) -> str | None:
    return {"Utf8View": "Int32", "Utf8": "Int32", "LargeUtf8": "Int64"}.get(types[0] or "")


def _joined(_node: exp.Expr, types: _Types) -> str | None:
    """Return the type of texts or of bytes one after the other."""
    for family in (_TEXTS, _BYTES):
        if all(t in family for t in types):
            return next((t for t in family if t in types), None)
    return "Utf8" if all(t in ("Utf8", "Binary") for t in types) else None


def _with_point(node: exp.Expr, types: _Types) -> str | None:
    """Return the type of a rounded number that stays what it is, a double where it is whole."""
    return "Float64" if _is_whole(types[0]) else None if types[0] == "Float16" else _number(node, types)


def _float(_node: exp.Expr, types: _Types) -> str | None:
    """Return the type of a function of floats: half floats are reckoned with more digits here."""
    return "Float32" if types[-1] == "Float32" else "Float64" if _wide(types[-1]) else None


def _wide(name: str | None) -> bool:
    return name == "Float64" or _digits(name) is not None


def _both_floats(_node: exp.Expr, types: _Types) -> str | None:
    """Return the type of a function of two floats: doubles where one of them is another number."""
    if all(t in _FLOATS for t in types):
        return _common(types)
    return "Float64" if all(t == "Null" or t in _FLOATS or _wide(t) for t in types) else None


def _rounded(node: exp.Expr, types: _Types) -> str | None:
    if types[0] == "Float32" or types[0] == "Float64":
        return types[0]
    if _is_whole(types[0]):
        return "Float64"
    digits = _digits(types[0])
    if digits is None:
        return None
    precision, scale = digits
    places = node.args.get("decimals")
    sign = 1
    if isinstance(places, exp.Neg):
        sign, places = -1, places.this
    if places is not None and not (isinstance(places, exp.Literal) and places.name.isdigit()):
        return decimal(precision + 1, scale) if isinstance(places, exp.Column) else None
    count = sign * int(places.name) if places is not None else 0
    carried = scale == 0 and count < 0 and -count <= precision
    return decimal(precision + carried, min(scale, max(count, 0)))


def _sum(_node: exp.Expr, types: _Types) -> str | None:
    name = types[0]
    if name in _SIGNED:
        return "Int64"
    if name in _UNSIGNED:
        return "UInt64"
    if name in _FLOATS:
        return "Float64"
    digits = _digits(name)
    return decimal(digits[0] + 10, digits[1]) if digits is not None else None


def _average(_node: exp.Expr, types: _Types) -> str | None:
    if _is_whole(types[0]) or types[0] in _FLOATS:
        return "Float64"
    digits = _digits(types[0])
    return decimal(digits[0] + 4, min(digits[1] + 4, 38)) if digits is not None else None


def _median(node: exp.Expr, types: _Types) -> str | None:
    return "Float64" if _is_whole(types[0]) else _number(node, types)


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
    return types[0] if known and exact and types[0] in _FLOATS else None


def _divisor(_node: exp.Expr, types: _Types) -> str | None:
    if all(_is_whole(t) for t in types):
        return "Int64"
    return _common(types) if any(_digits(t) is not None for t in types) else None


def _listed(_node: exp.Expr, types: _Types) -> str | None:
    inner = _common(types) if types else "Null"
    return f"List({inner})" if inner is not None else None


def _named_struct(node: exp.Expr, types: _Types) -> str | None:
    names, values = node.expressions[::2], types[1::2]
    if not all(isinstance(n, exp.Literal) for n in names) or len(names) != len(values):
        return None
    return struct([(n.name, t) for n, t in zip(names, values, strict=True)])


def _whichever(_node: exp.Expr, types: _Types) -> str | None:
    return _common(types)


def _compared(_node: exp.Expr, types: _Types) -> str | None:
    """Return the type that values are compared as: text beside a number is read as the number."""
    numbers = [t for t in types if t not in _TEXTS]
    if numbers and all(_wide(t) or t in _FLOATS for t in numbers):
        return _common(numbers)
    return _common(types)


def _common(types: _Types) -> str | None:
    """Return the type that holds values of several, None where that is not known."""
    if not types or any(t is None for t in types):
        return None
    made = next((t for t in types if t != "Null"), "Null")
    for name in types:
        if name != "Null" and name is not None:
            made = _pair(made, name) if made is not None else None
    return made


def _pair(a: str | None, b: str | None) -> str | None:
    if a == b:
        return a
    if a in _TEXTS and b in _TEXTS:
        return min(a, b, key=_TEXTS.index)
    inner = re.fullmatch(r"List\((.*)\)\nList\((.*)\)", f"{a}\n{b}")
    if inner is not None:
        found = _common((inner[1], inner[2]))
        return f"List({found})" if found is not None else None
    if "Decimal" in f"{a}{b}":
        left, right = _digits(a), _digits(b)
        if left is None or right is None:
            return None
        scale = max(left[1], right[1])
        return decimal(max(left[0] - left[1], right[0] - right[1]) + scale, scale)
    return _numeric(a, b)


def _numeric(a: str | None, b: str | None) -> str | None:
    """Return the type of two numbers, neither of which is a decimal, together."""
    both = (a, b)
    if not all(t in _FLOATS or _is_whole(t) for t in both):
        return None
    for name in _FLOATS:
        if name in both:
            return name
    bits = [int((t or "").lstrip("UInt")) for t in both]
    if (a in _SIGNED) == (b in _SIGNED):
        return a if bits[0] >= bits[1] else b
    signed, unsigned = bits if a in _SIGNED else reversed(bits)
    if unsigned == 64:
        return "Decimal128(20, 0)"
    return f"Int{max(signed, unsigned * 2)}"


def _calculated(node: exp.Expr, types: _Types) -> str | None:
    """Return the type of ``a + b`` and the like."""
    a, b = types[0], types[1]
    if a is None or b is None:
        return None
    moment = _moved(node, a, b)
    if moment is not None:
        return moment
    plain = _numeric(a, b)
    if plain is not None and not plain.startswith("Decimal"):
        return plain
    if "Decimal" in f"{a}{b}" and (a in _FLOATS or b in _FLOATS):
        return _numeric(*(t if t in _FLOATS else "Int8" for t in (a, b)))
    left, right = ((20, 0), (20, 0)) if plain is not None else (_digits(a), _digits(b))
    if left is None or right is None:
        return None
    (p1, s1), (p2, s2) = left, right
    scale = max(s1, s2)
    if isinstance(node, (exp.Add, exp.Sub)):
        return decimal(scale + max(p1 - s1, p2 - s2) + 1, scale)
    if isinstance(node, exp.Mul):
        return decimal(p1 + p2 + 1, s1 + s2)
    if isinstance(node, exp.Mod):
        return decimal(scale + min(p1 - s1, p2 - s2), scale)
    scale = min(s1 + 4, 38)
    return decimal(p1 + scale - s1 + s2, scale)


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
    if b == INTERVAL and (a in dates or a.startswith("Timestamp")):
        return a
    if b == INTERVAL and a.startswith("Time"):
        return INTERVAL
    return a if a in dates and b == "Int64" else None


def _trunc(_node: exp.Expr, types: _Types) -> str | None:
    name = types[0] or ""
    return name if name.startswith("Time") or name in ("Date32", "Date64") else None


def _binned(node: exp.Expr, types: _Types) -> str | None:
    return _trunc(node, types[1:2]) if len(types) > 1 and (types[1] or "").startswith("Time") else None


def _local(_node: exp.Expr, types: _Types) -> str | None:
    unit = re.fullmatch(r"Timestamp\((\w+|µs)(, .*)?\)", types[0] or "")
    return f"Timestamp({unit[1]})" if unit is not None else None


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
    if _is_whole(types[0]) or types[0] in ("Float32", "Float64"):
        return "Int64" if types[0] not in _UNSIGNED else None
    digits = _digits(types[0])
    if digits is None or len(types) > 1:
        return None
    return decimal(max(digits[0] - digits[1] + 1, 1), 0) if digits[1] else types[0]


def _cut(_node: exp.Expr, types: _Types) -> str | None:
    return types[0] if types[0] in _TEXTS or types[0] in _BYTES else None


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
    exp.Coalesce: _whichever, exp.Greatest: _compared, exp.Least: _compared, exp.Nullif: _compared,
    exp.Array: _listed, "MAKE_ARRAY": _listed, exp.ArrayAgg: lambda _n, t: f"List({t[0]})" if t[0] else None,
    "NAMED_STRUCT": _named_struct,
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
