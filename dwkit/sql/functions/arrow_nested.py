"""What type of Arrow DataFusion's functions of lists, structs and maps give, see `arrow_rules`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from dwkit.sql.functions.arrow_common import common, fields, listed, struct

__all__ = ["NESTED"]

_Types = Sequence[str | None]


def _list(_node: exp.Expr, types: _Types) -> str | None:
    inner = common(types) if types else "Null"
    return f"List({inner})" if inner is not None else None


def _gathered(_node: exp.Expr, types: _Types) -> str | None:
    return f"List({types[0]})" if types[0] else None


def _element(_node: exp.Expr, types: _Types) -> str | None:
    found = listed(types[0])
    return found[2].removeprefix("non-null ") if found is not None else None


def _flat(_node: exp.Expr, types: _Types) -> str | None:
    """Return the type of the lists of a list one after the other."""
    outer = listed(types[0])
    inner = listed(outer[2]) if outer is not None else None
    if outer is None or inner is None:
        return None
    return f"{'LargeList' if 'LargeList' in (outer[0], inner[0]) else 'List'}({inner[2]})"


def _joined(_node: exp.Expr, types: _Types) -> str | None:
    made = common(types)
    return made if listed(made) is not None and "FixedSizeList" not in (made or "") else None


def _sorted(_node: exp.Expr, types: _Types) -> str | None:
    """Return the type of a list in another order, which has no fixed size."""
    found = listed(types[0])
    if found is None:
        return None
    return f"{'List' if found[1] else found[0]}({found[2]})"


def _struct(node: exp.Expr, types: _Types) -> str | None:
    names = [
        n.this.name if isinstance(n, exp.PropertyEQ) else f"c{i}" for i, n in enumerate(node.expressions)
    ]
    return struct(list(zip(names, types, strict=True)))


def _named_struct(node: exp.Expr, types: _Types) -> str | None:
    names, values = node.expressions[::2], types[1::2]
    if not all(isinstance(n, exp.Literal) for n in names) or len(names) != len(values):
        return None
    return struct([(n.name, t) for n, t in zip(names, values, strict=True)])


def _map(_node: exp.Expr, types: _Types) -> str | None:
    key, value = common(types[::2]), common(types[1::2])
    if key is None or value is None:
        return None
    return f'Map("entries": non-null Struct("key": non-null {key}, "value": {value}), unsorted)'


def _part(node: exp.Expr, types: _Types) -> str | None:
    """Return the type of an element of a list or of a field of a struct."""
    inside = node.expression if isinstance(node, exp.Dot) else node.expressions[0]
    known = fields(types[0])
    if known is None:
        return _element(node, types) if isinstance(node, exp.Bracket) and len(node.expressions) == 1 else None
    name = inside.name if isinstance(inside, (exp.Identifier, exp.Literal)) else ""
    return (known.get(name) or "").removeprefix("non-null ") or None


NESTED: dict[type[exp.Expr] | str, Callable[[exp.Expr, _Types], str | None]] = {
    exp.Array: _list, "MAKE_ARRAY": _list, exp.ArrayAgg: _gathered,
    exp.Explode: _element, **dict.fromkeys(("ARRAY_MIN", "LIST_MIN", "ARRAY_MAX", "LIST_MAX"), _element),
    exp.Flatten: _flat, "FLATTEN": _flat, **dict.fromkeys((exp.ArrayConcat, "ARRAY_CONCAT", "ARRAY_CAT", "LIST_CONCAT", "LIST_CAT"), _joined),
    **dict.fromkeys(("ARRAY_SORT", "LIST_SORT"), _sorted),
    exp.Struct: _struct, exp.PropertyEQ: lambda _node, types: types[1], "NAMED_STRUCT": _named_struct,
    "MAKE_MAP": _map, exp.Bracket: _part, exp.Dot: _part,
}  # fmt: skip
