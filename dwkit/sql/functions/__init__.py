"""The functions and operators of SQL, a table for each family.

A family is a mapping from sqlglot's class for a function (or its upper-case name, where sqlglot has no class)
to what builds its `Value`. Aggregates build an aggregating expression.
"""

from __future__ import annotations

from sqlglot import exp

from dwkit.sql.functions.aggregate import AGGREGATES
from dwkit.sql.functions.arithmetic import ARITHMETIC
from dwkit.sql.functions.arrow import ARROW
from dwkit.sql.functions.arrow_typeof import ARROW_TYPEOF
from dwkit.sql.functions.bits import BITS
from dwkit.sql.functions.call import Builder, Functions
from dwkit.sql.functions.conditional import CONDITIONAL
from dwkit.sql.functions.datetime import DATETIME
from dwkit.sql.functions.like import LIKE
from dwkit.sql.functions.nested import NESTED
from dwkit.sql.functions.numeric import NUMERIC
from dwkit.sql.functions.operators import OPERATORS
from dwkit.sql.functions.patterns import PATTERNS
from dwkit.sql.functions.regexes import REGEX
from dwkit.sql.functions.strings import STRING

__all__ = ["FAMILIES", "find", "find_aggregate"]

FAMILIES: dict[str, Functions] = {
    "operators": {**OPERATORS, **ARITHMETIC, **BITS},
    "conditional": CONDITIONAL,
    "numeric": NUMERIC,
    "string": {**STRING, **LIKE},
    "regex": {**REGEX, **PATTERNS},
    "date and time": DATETIME,
    "list, struct and JSON": NESTED,
    "types of Arrow": {**ARROW, **ARROW_TYPEOF},
}
"""All functions of one row, by family."""

_ALL: dict[type[exp.Expr] | str, Builder] = {k: b for family in FAMILIES.values() for k, b in family.items()}


_BY_NAME = frozenset({exp.Anonymous, exp.AnonymousAggFunc, exp.CombinedAggFunc})


def _key(node: exp.Expr) -> type[exp.Expr] | str:
    kind = type(node)
    return str(node.this).upper() if kind in _BY_NAME else kind


def find(node: exp.Expr) -> Builder | None:
    """Return what builds the value of a function or an operator, None where there is none."""
    return _ALL.get(_key(node))


_PLACES = (exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist)
"""Functions of a window that WITHIN GROUP makes aggregates of."""


def find_aggregate(node: exp.Expr) -> Builder | None:
    """Return what builds an aggregate, None where it is none; ``x = ANY (...)`` compares."""
    builder = AGGREGATES.get(_key(node))
    if builder is None:
        return None
    if isinstance(node, exp.Any) and (
        isinstance(node.parent, exp.Binary) or not isinstance(node.this, exp.Paren)
    ):
        return None
    if isinstance(node, _PLACES) and not isinstance(node.parent, exp.WithinGroup):
        return None
    return builder
