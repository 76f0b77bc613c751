"""Names of types of Arrow: of which parts they are, and what two of them become together."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = [
    "BYTES", "FLOATS", "INTERVAL", "SIGNED", "TEXTS", "UNSIGNED", "common", "decimal", "digits", "fields", "held",
    "is_whole", "is_wide", "listed", "numeric", "parts", "struct",
]  # fmt: skip

TEXTS = ("Utf8View", "LargeUtf8", "Utf8")
"""Types of text, the one that prevails first."""
BYTES = ("BinaryView", "LargeBinary", "Binary")
FLOATS = ("Float64", "Float32", "Float16")
SIGNED = ("Int8", "Int16", "Int32", "Int64")
UNSIGNED = ("UInt8", "UInt16", "UInt32", "UInt64")
INTERVAL = "Interval(MonthDayNano)"
_DIGITS = {"8": 3, "16": 5, "32": 10, "64": 20}
"""Digits of the decimal that a whole number of so many bits becomes beside a decimal."""
_UNITS = ("s", "ms", "µs", "ns")
_LIST = re.compile(r"(List|LargeList|FixedSizeList)\((?:(\d+) x )?(.*)\)")
_FIELD = re.compile(r'"((?:[^"]|"")*)": (.*)', re.DOTALL)


# -- parts ----------------------------------------------------------------------------------------


def struct(named: Sequence[tuple[str, str | None]]) -> str | None:
    """Return the name of a struct of named types, None where one of them is not known."""
    made = [f'"{n}": {t}' for n, t in named if t is not None]
    return f"Struct({', '.join(made)})" if len(made) == len(named) else None


def decimal(precision: int, scale: int, *, wide: bool = False) -> str | None:
    """Return the name of a decimal, None where there is none of such a scale.

    Args:
        wide: it is one of 256 bits.
    """
    bits, most = (256, 76) if wide else (128, 38)
    return f"Decimal{bits}({min(precision, most)}, {scale})" if scale <= most else None


def digits(name: str | None) -> tuple[int, int] | None:
    """Return the precision and the scale of a decimal or of a whole number beside one."""
    found = re.fullmatch(r"Decimal(?:128|256)\((\d+), (\d+)\)", name or "")
    if found is not None:
        return int(found[1]), int(found[2])
    whole = re.fullmatch(r"U?Int(\d+)", name or "")
    return (_DIGITS[whole[1]], 0) if whole is not None else None


def is_whole(name: str | None) -> bool:
    """Whether it is a whole number."""
    return name in SIGNED or name in UNSIGNED


def is_wide(*names: str | None) -> bool:
    """Whether a decimal of 256 bits is among types."""
    return any((n or "").startswith("Decimal256") for n in names)


def parts(name: str | None) -> list[str]:
    """Return what stands between the commas of a type's parentheses."""
    inside = (name or "").partition("(")[2][:-1]
    depth, quoted, found = 0, False, [""]
    for mark in inside:
        quoted ^= mark == '"'
        depth += 0 if quoted else {"(": 1, ")": -1}.get(mark, 0)
        if mark == "," and depth == 0 and not quoted:
            found.append("")
        else:
            found[-1] += mark
    return [f.strip() for f in found]


def fields(name: str | None) -> dict[str, str] | None:
    """Return the types of a struct by the names of its fields, None where it is none."""
    if not (name or "").startswith("Struct("):
        return None
    found = [_FIELD.fullmatch(p) for p in parts(name)]
    return {f[1]: f[2] for f in found if f is not None}


def listed(name: str | None) -> tuple[str, str, str] | None:
    """Return the kind of a list, its length where that is fixed, and the type of its elements; None for no list."""
    found = _LIST.fullmatch(name or "")
    return (found[1], found[2] or "", found[3]) if found is not None else None


def held(name: str | None) -> str | None:
    """Return the type of the values of a dictionary, other types as they are."""
    return parts(name)[1] if (name or "").startswith("Dictionary(") else name


# -- together -------------------------------------------------------------------------------------


def common(types: Sequence[str | None], *, mixed: bool = False) -> str | None:
    """Return the type that holds values of several, None where that is not known.

    Args:
        mixed: text and a number become text.
    """
    if not types or any(t is None for t in types):
        return None
    made = next((t for t in types if t != "Null"), "Null")
    for name in types:
        if name != "Null" and name is not None:
            made = _pair(made, name, mixed=mixed) if made is not None else None
    return made


def _pair(a: str | None, b: str | None, *, mixed: bool) -> str | None:
    if b in (a, "Null"):
        return a
    if a in TEXTS and b in TEXTS:
        return min(a, b, key=TEXTS.index)
    if mixed and (a in TEXTS or b in TEXTS):
        text, other = (a, b) if a in TEXTS else (b, a)
        return text if is_whole(other) or other in FLOATS else None
    if (a or "").startswith("Dictionary(") and (b or "").startswith("Dictionary("):
        both = [common(pair, mixed=mixed) for pair in zip(parts(a), parts(b), strict=True)]
        return f"Dictionary({both[0]}, {both[1]})" if None not in both else None
    if held(a) != a or held(b) != b:
        return _of_dictionary(a, b, mixed=mixed)
    nested = _nested(a, b, mixed=mixed)
    if nested is not None:
        return nested
    units = [re.fullmatch(r"Timestamp\(([^,]+)(, .*)?\)", t or "") for t in (a, b)]
    if units[0] is not None and units[1] is not None and units[0][2] == units[1][2]:
        unit = max(units[0][1], units[1][1], key=_UNITS.index)
        return f"Timestamp({unit}{units[0][2] or ''})"
    if "Decimal" in f"{a}{b}":
        left, right = digits(a), digits(b)
        if left is None or right is None:
            return None
        scale = max(left[1], right[1])
        return decimal(max(left[0] - left[1], right[0] - right[1]) + scale, scale, wide=is_wide(a, b))
    return numeric(a, b)


def _of_dictionary(a: str | None, b: str | None, *, mixed: bool) -> str | None:
    """Return the type of a dictionary and of something else: a dictionary of their common type, but for views."""
    value = common((held(a), held(b)), mixed=mixed)
    if value is None or value == "Utf8View":
        return value
    keys = parts(a if held(a) != a else b)[0]
    return None if mixed else f"Dictionary({keys}, {value})"


def _nested(a: str | None, b: str | None, *, mixed: bool) -> str | None:
    """Return the type of two lists, structs or maps."""
    left, right = listed(a), listed(b)
    if left is not None and right is not None:
        inner = common((left[2], right[2]), mixed=mixed)
        if inner is None:
            return None
        if left[:2] == right[:2]:
            return f"{left[0]}({left[1]} x {inner})" if left[1] else f"{left[0]}({inner})"
        return f"{'LargeList' if 'LargeList' in (left[0], right[0]) else 'List'}({inner})"
    ours, theirs = fields(a), fields(b)
    if ours is not None and theirs is not None and set(ours) == set(theirs):
        return struct([(n, common((ours[n], t), mixed=mixed)) for n, t in theirs.items()])
    maps = [re.fullmatch(r'Map\("entries": non-null (Struct\(.*\)), unsorted\)', t or "") for t in (a, b)]
    if maps[0] is not None and maps[1] is not None:
        entries = _nested(*(m[1].replace('"key": non-null ', '"key": ', 1) for m in maps if m), mixed=mixed)
        return (
            f'Map("entries": non-null {entries}, unsorted)'.replace('"key": ', '"key": non-null ', 1)
            if entries
            else None
        )
    return None


def numeric(a: str | None, b: str | None) -> str | None:
    """Return the type of two numbers, neither of which is a decimal, together."""
    both = (a, b)
    if not all(t in FLOATS or is_whole(t) for t in both):
        return None
    for name in FLOATS:
        if name in both:
            return name
    bits = [int((t or "").lstrip("UInt")) for t in both]
    if (a in SIGNED) == (b in SIGNED):
        return a if bits[0] >= bits[1] else b
    signed, unsigned = bits if a in SIGNED else reversed(bits)
    if unsigned == 64:
        return "Decimal128(20, 0)"
    return f"Int{max(signed, unsigned * 2)}"
