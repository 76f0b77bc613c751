"""Sums of values that CASE chooses, as CASE of sums: what is chosen by need not be there when values are summed up.

``sum(CASE WHEN c THEN x END)`` over rows that all have the same c is ``CASE WHEN c THEN sum(x) END``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlglot import exp

from dwkit.errors import SqlError
from dwkit.sql.bind.expressions import Stage
from dwkit.sql.types import is_decimal, is_float, is_integer, scale_of, whole_digits
from dwkit.sql.value import Value

__all__ = ["Chosen", "ChosenSums"]

_SUMMABLE = 30
"""Digits of numbers of which 128 bits hold any sum."""
_WHOLE = 10
"""Digits of whole numbers of which 64 bits hold any sum."""


@dataclass(frozen=True, eq=False)
class Chosen:
    """A sum of what CASE chooses: the sums of parts by id, and what it is of those and of what chooses."""

    sums: Mapping[str, Value]
    whole: Value


class ChosenSums:
    """Finds the sums of one SELECT that are made of sums; each of those is known under one id.

    Args:
        bind: binds an aggregate over the rows of a stage.
        ids: of the aggregates' columns.
        values: what those are made of.
    """

    def __init__(
        self,
        stage: Stage,
        bind: Callable[[Stage, exp.Expr], Value],
        ids: Mapping[exp.Expr, str],
        values: Mapping[str, Value],
    ) -> None:
        self._stage = stage
        self._bind = bind
        self._nodes = {i: n for n, i in ids.items()}
        self._values = values
        self._sums: dict[exp.Expr, tuple[str, Value] | None] = {}

    def of(self, ident: str) -> Chosen | None:
        """Return a sum as one of sums, None where it is none or more than columns, NULL and 0 are chosen from."""
        node = self._nodes.get(ident)
        if type(node) is not exp.Sum:
            return None
        chooses, results = _arms(node.this)
        columns = {r for r in results if isinstance(r, exp.Column)}
        if not columns or any(r not in columns and not _is_nothing(r) for r in results):
            return None
        if any(c.find(exp.Query) or columns & set(c.find_all(exp.Column)) for c in chooses):
            return None
        found = {column: self._sum(column) for column in columns}
        sums = [one for one in found.values() if one is not None]
        if len(sums) < len(found):
            return None
        stage = self._stage
        before = stage.known
        stage.known = {**before, **{c: stage.context.column(one[0]) for c, one in found.items() if one}}
        try:
            whole = self._bind(stage, node)
        except SqlError:  # the sums have more digits than what they are sums of
            return None
        finally:
            stage.known = before
        return (
            None if whole.volatile or whole.dtype != self._values[ident].dtype else Chosen(dict(sums), whole)
        )

    def _sum(self, column: exp.Expr) -> tuple[str, Value] | None:
        """Return the sum of a column with its id, None where the sum of other rows could be too great."""
        if column not in self._sums:
            stage = self._stage
            dtype = stage.bind(column).dtype
            fits = is_float(dtype) or (
                whole_digits(dtype) <= _WHOLE
                if is_integer(dtype)
                else is_decimal(dtype) and whole_digits(dtype) + scale_of(dtype) <= _SUMMABLE
            )
            made = self._bind(stage, exp.Sum(this=column.copy())) if fits else None
            self._sums[column] = (stage.context.made("dwkit:sum", made), made) if made is not None else None
        return self._sums[column]


def _arms(node: exp.Expr) -> tuple[list[exp.Expr], list[exp.Expr]]:
    """Return what a CASE or IF looks at, and what it gives; nothing for other expressions."""
    node = node.unnest()
    if not isinstance(node, (exp.Case, exp.If)):
        return [], []
    ifs = node.args["ifs"] if isinstance(node, exp.Case) else [node]
    other = node.args.get("default") if isinstance(node, exp.Case) else node.args.get("false")
    chooses = [one.this for one in ifs]
    if isinstance(node, exp.Case) and node.this is not None:
        chooses.append(node.this)
    results = [one.args["true"] for one in ifs] + ([other] if other is not None else [])
    return chooses, [one.unnest() for one in results]


def _is_nothing(node: exp.Expr) -> bool:
    """Whether a value adds nothing to a sum, however often it is there."""
    return isinstance(node, exp.Null) or (
        isinstance(node, exp.Literal) and not node.is_string and node.this == "0"
    )
