"""Which tables a query reads, and which columns each of its columns is made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, build_scope

from dwkit.sql.query import Query, TableRef, parse, table_ref

__all__ = ["column_lineage", "edges"]


def edges(sql: str, dialect: str = "duckdb") -> tuple[TableRef, ...]:
    """Return the tables and files that a query reads, from its text alone.

    Raises:
        SqlError: it does not parse or is no query.
    """
    return parse(sql, dialect).tables


def column_lineage(query: Query, schemas: Mapping[str, Iterable[str]]) -> dict[str, list[tuple[str, str]]]:
    """Return, for each column of the result, the ``(table, column)`` pairs that its values are made from.

    Args:
        schemas: columns of each table that the query reads, by ``schema.name``.
    """
    scope = build_scope(query.tree)
    if scope is None:
        return {}
    known = {k.lower(): (k, list(v)) for k, v in schemas.items()}
    found = _outputs(scope, query, known)
    return {name: list(dict.fromkeys(pairs)) for name, pairs in found.items()}


_Known = Mapping[str, tuple[str, list[str]]]
_Pairs = dict[str, list[tuple[str, str]]]


def _outputs(scope: Scope, query: Query, known: _Known) -> _Pairs:
    if scope.set_operation_scopes:
        first, second = (_outputs(s, query, known) for s in scope.set_operation_scopes[:2])
        others = list(second.values())
        return {n: [*p, *(others[i] if i < len(others) else ())] for i, (n, p) in enumerate(first.items())}
    if not isinstance(scope.expression, exp.Select):
        return {}
    sources = {name: _columns(source[1], query, known) for name, source in scope.selected_sources.items()}
    made: _Pairs = {}
    for projection in scope.expression.selects:
        if projection.is_star:
            wanted = projection.table if isinstance(projection, exp.Column) else ""
            for name, columns in sources.items():
                if wanted.lower() in ("", name.lower()):
                    made = {**columns, **made}
            continue
        pairs: list[tuple[str, str]] = []
        for column in projection.find_all(exp.Column):
            pairs += _of(column, sources, made)
        made[projection.alias_or_name] = pairs
    return made


def _of(column: exp.Column, sources: Mapping[str, _Pairs], made: _Pairs) -> list[tuple[str, str]]:
    parts = [p.name.lower() for p in column.parts]
    for name, columns in sources.items():
        lowered = {c.lower(): c for c in columns}
        if len(parts) > 1 and parts[0] == name.lower() and parts[1] in lowered:
            return columns[lowered[parts[1]]]
        if parts[0] in lowered and (len(parts) == 1 or parts[0] != name.lower()):
            return columns[lowered[parts[0]]]
    return made.get(column.name, [])


def _columns(source: object, query: Query, known: _Known) -> _Pairs:
    if isinstance(source, Scope):
        return _outputs(source, query, known)
    if isinstance(source, exp.Table):
        ref = table_ref(query.sql, source)
        entry = known.get(ref.key.lower())
        if entry is None:
            entry = next((v for k, v in known.items() if k.rpartition(".")[2] == ref.name.lower()), None)
        if entry is not None:
            return {c: [(entry[0], c)] for c in entry[1]}
    return {}
