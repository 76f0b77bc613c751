"""EXPLAIN: a plan as a tree of text, with the rows that each node is estimated to give."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import polars as pl

from dwkit.sql.bind.estimate import Estimates
from dwkit.sql.plan import (
    Aggregate,
    Condition,
    Distinct,
    Extend,
    Filter,
    Join,
    Limit,
    Plan,
    Project,
    Recursive,
    Sample,
    Scan,
    SetOperation,
    Shared,
    Sort,
    Unnest,
    Window,
)
from dwkit.sql.value import Value
from dwkit.sql.window import SortKey

__all__ = ["drawn"]

_WIDTH = 100


def drawn(plan: Plan, estimates: Estimates) -> list[str]:
    """Return the lines of a plan, the last step first; a part that is used again is drawn once."""
    seen: dict[int, int] = {}
    return list(_lines(plan, estimates, "", "", seen))


def _lines(plan: Plan, estimates: Estimates, lead: str, branch: str, seen: dict[int, int]) -> Iterator[str]:
    again = id(plan) in seen
    number = seen.setdefault(id(plan), len(seen) + 1)
    rows = f"{estimates.rows(plan):,.0f}".replace(",", " ")
    what = _cut(_what(plan))
    mark = f"  (as in {number})" if again and plan.inputs else ""
    yield f"{lead}{branch}{number} {what}  ~{rows} rows{mark}"
    if again:
        return
    below = lead + ("" if not branch else "   " if branch.startswith("└") else "│  ")
    if isinstance(plan, Shared):
        estimates = plan.origin.estimates
    for index, one in enumerate(plan.inputs):
        last = index == len(plan.inputs) - 1
        yield from _lines(one, estimates, below, "└─ " if last else "├─ ", seen)


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else text[: _WIDTH - 3] + "..."


def _what(plan: Plan) -> str:
    match plan:
        case Scan():
            return f"SCAN {plan.key}"
        case Extend():
            return "COMPUTE " + _named(plan.made.items())
        case Project():
            return "SELECT " + _named(plan.made.items())
        case Filter():
            return "FILTER " + _all(plan.conditions)
        case Join():
            kind = plan.kind.upper().replace("_", " ")
            return f"{kind} JOIN ON {_all(plan.on)}" if plan.on else f"{kind} JOIN, each with each"
        case Aggregate():
            keys = ", ".join(plan.keys) or "all rows"
            sets = f" in {len(plan.sets)} grouping sets" if plan.sets else ""
            return f"AGGREGATE by {keys}{sets}: " + _named(plan.items.items())
        case Window():
            return "WINDOW " + ", ".join(f"{i.function} as {n}" for n, i in plan.items.items())
        case Sort():
            return "SORT BY " + ", ".join(_key(k) for k in plan.keys)
        case Limit():
            offset = f" OFFSET {plan.offset}" if plan.offset else ""
            return f"LIMIT {'ALL' if plan.count is None else plan.count}{offset}"
        case Distinct():
            return "DISTINCT" + (f" ON {', '.join(plan.on)}" if plan.on else "")
        case SetOperation():
            return plan.kind.upper() + " ALL"
        case Unnest():
            return "UNNEST " + _named(plan.lists.items())
        case Recursive():
            return f"RECURSIVE {plan.name}"
        case Sample():
            return f"SAMPLE {plan.rows if plan.rows is not None else f'{plan.fraction:.2%}'}"
        case _:
            return re.sub(r"(?<!^)(?=[A-Z])", " ", type(plan).__name__).upper()


def _key(key: SortKey) -> str:
    return shown(key.value.expr) + (" DESC" if key.descending else "")


def _all(conditions: Iterable[Condition]) -> str:
    return " AND ".join(shown(c.value.expr) for c in conditions)


def _named(made: Iterable[tuple[str, Value]]) -> str:
    parts = []
    for ident, value in made:
        text = shown(value.expr)
        parts.append(text if text == ident else f"{text} as {ident}")
    return ", ".join(parts)


def shown(expr: pl.Expr) -> str:
    """Return an expression as short text: Polars' own words without its brackets around names."""
    text = re.sub(r'col\("([^"]*)"\)', r"\1", str(expr))
    text = re.sub(r"dyn (?:int|float): ", "", text)
    return re.sub(r"\[\(([^()\[\]]*)\) (\S+) \(([^()\[\]]*)\)\]", r"\1 \2 \3", text)
