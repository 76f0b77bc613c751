"""What GROUP BY groups by: its keys and its grouping sets."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

from sqlglot import exp

from dwkit.sql.bind.expressions import Stage, aggregates_of
from dwkit.sql.bind.order import ordinal
from dwkit.sql.bind.resolve import resolve
from dwkit.sql.value import Value

__all__ = ["Keys"]


class Keys:
    """The keys of a GROUP BY: what each is called, and the sets that they are grouped by."""

    def __init__(
        self, stage: Stage, items: Sequence[tuple[str, exp.Expr]], aliases: dict[str, exp.Expr]
    ) -> None:
        self._stage = stage
        self._items = items
        self._aliases = aliases
        self.values: dict[str, Value] = {}
        self.nodes: dict[exp.Expr, str] = {}

    def id_of(self, node: exp.Expr) -> str:
        """Return the id of a key that GROUPING asks for."""
        plain = self._plain(node)
        if plain not in self.nodes:
            raise self._stage.context.error("GROUPING wants an expression of GROUP BY", node)
        return self.nodes[plain]

    def of(self, group: exp.Expr) -> tuple[tuple[str, ...], ...] | None:
        """Bind a GROUP BY; return its grouping sets, None where it is plain."""
        if group.args.get("all") and not group.expressions:
            for _, node in self._items:
                if (
                    next(aggregates_of([node]), None) is None
                    and node.find(exp.Window) is None
                    and not _is_constant(node)
                ):
                    self._key(node)
            return None
        parts: list[list[tuple[str, ...]]] = []
        plain = True
        for one in group.expressions:
            sets = self._sets(one)
            plain &= not isinstance(one, (exp.Rollup, exp.Cube, exp.GroupingSets))
            parts.append(sets)
        for key, kind in (("rollup", exp.Rollup), ("cube", exp.Cube), ("grouping_sets", exp.GroupingSets)):
            for one in group.args.get(key) or ():
                plain = False
                if isinstance(one, kind) and one.expressions:
                    parts.append(self._sets(one))
                else:  # GROUP BY a, b WITH ROLLUP
                    ids: list[tuple[str, ...]] = [(part[0][0],) for part in parts]
                    parts = [_prefixes(ids) if kind is exp.Rollup else _subsets(ids)]
        if plain:
            return None
        found = [tuple(dict.fromkeys(i for s in chosen for i in s)) for chosen in product(*parts)]
        if group.args.get("all") is False:  # GROUP BY DISTINCT
            found = list({frozenset(s): s for s in found}.values())
        return tuple(found)

    def _sets(self, node: exp.Expr) -> list[tuple[str, ...]]:
        if isinstance(node, exp.Rollup):
            return _prefixes([self._together(e) for e in node.expressions])
        if isinstance(node, exp.Cube):
            return _subsets([self._together(e) for e in node.expressions])
        if isinstance(node, exp.GroupingSets):
            found: list[tuple[str, ...]] = []
            for one in node.expressions:
                found += (
                    self._sets(one)
                    if isinstance(one, (exp.Rollup, exp.Cube, exp.GroupingSets))
                    else [self._together(one)]
                )
            return found
        return [self._together(node)]

    def _together(self, node: exp.Expr) -> tuple[str, ...]:
        if isinstance(node, exp.Tuple):
            return tuple(self._key(e) for e in node.expressions)
        if isinstance(node, exp.Paren) and isinstance(node.this, exp.Tuple):
            return self._together(node.this)
        return (self._key(node),)

    def _plain(self, node: exp.Expr) -> exp.Expr:
        number = ordinal(node)
        context = self._stage.context
        if number is not None:
            if not 1 <= number <= len(self._items):
                raise context.error(f"GROUP BY {number}: there are {len(self._items)} columns", node)
            return self._items[number - 1][1]
        plain = resolve(node, self._stage.scope, context, self._aliases)
        while isinstance(plain, exp.Paren):
            plain = plain.this
        return plain

    def _key(self, node: exp.Expr) -> str:
        plain = self._plain(node)
        while isinstance(plain, exp.Paren):
            plain = plain.this
        if plain in self.nodes:
            return self.nodes[plain]
        aggregate = next(aggregates_of([plain]), None)
        if aggregate is not None:
            raise self._stage.context.error("an aggregate cannot stand in GROUP BY", node)
        value = self._stage.bind(plain)
        ident = plain.meta.get("id") if isinstance(plain, exp.Column) else None
        if ident is None or ident not in self._stage.plan.given or ident in self.values:
            ident = self._stage.context.made("dwkit:key", value)
        self.values[ident] = value
        self.nodes[plain] = ident
        return ident


def _is_constant(node: exp.Expr) -> bool:
    return node.find(exp.Column) is None


def _prefixes(parts: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [tuple(i for p in parts[:n] for i in p) for n in range(len(parts), -1, -1)]


def _subsets(parts: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return [
        tuple(i for p in chosen for i in p)
        for size in range(len(parts), -1, -1)
        for chosen in combinations(parts, size)
    ]
