"""Binding: every table and column name of a query against what there is, whatever its letter case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from dwkit.errors import did_you_mean
from dwkit.sql.place import at_node
from dwkit.sql.using import merge_joins

__all__ = ["Binder"]

_Columns = list[str] | None
"""Columns of a source in order; None when they are not known before it runs."""


class Binder:
    """Checks names and gives them the spelling of the tables.

    Args:
        sql: the user's text, for errors.
        dialect: what it was read as, for errors.
        schemas: columns by the name that a table has in the tree.
        shown: how the user calls each of those tables.
    """

    def __init__(
        self, sql: str, dialect: str, schemas: Mapping[str, Sequence[str]], shown: Mapping[str, str]
    ) -> None:
        self._sql = sql
        self._dialect = dialect
        self._schemas = schemas
        self._shown = shown
        self._outputs: dict[int, _Columns] = {}

    def bind(self, tree: exp.Expr) -> None:
        """Bind all names of a tree, in place.

        Raises:
            SqlError: a name that nothing has, or that two sources have; with place and nearest name.
        """
        for scope in traverse_scope(tree):
            if isinstance(scope.expression, exp.Select):
                self._bind_select(scope)
                self._merge_joins(scope)
            self._outputs[id(scope.expression)] = self._output(scope)

    # -- sources ------------------------------------------------------------------------------

    def _source(self, scope: Scope, name: str) -> _Columns:
        source = scope.sources[name]
        if isinstance(source, Scope):
            columns = self._outputs.get(id(source.expression))
            listed = self._listed(scope, name)
            return listed or columns
        if source.name in self._schemas:
            alias = source.args.get("alias")
            renamed = [c.name for c in alias.columns] if alias is not None else []
            columns = list(self._schemas[source.name])
            return [*renamed, *columns[len(renamed) :]]
        return None

    def _listed(self, scope: Scope, name: str) -> list[str]:
        """Return the column names that an alias gives: ``AS v(a, b)``."""
        for node in scope.expression.find_all(exp.TableAlias):
            if node.name == name and node.columns:
                return [c.name for c in node.columns]
        return []

    def _selected(self, scope: Scope) -> dict[str, _Columns]:
        return {name: self._source(scope, name) for name in scope.selected_sources}

    # -- columns ------------------------------------------------------------------------------

    def _bind_select(self, scope: Scope) -> None:
        select = scope.expression
        assert isinstance(select, exp.Select)
        aliases = {p.alias.lower(): p for p in select.selects if p.alias}
        for column in list(scope.find_all(exp.Column)):
            if isinstance(column.this, exp.Star) or column.find_ancestor(exp.Lambda):
                continue
            self._bind_column(column, scope, aliases)

    def _bind_column(self, column: exp.Column, scope: Scope, aliases: Mapping[str, exp.Expr]) -> None:
        parts = column.parts
        here: Scope | None = scope
        while here is not None:
            sources = self._selected(here)
            first = parts[0].name.lower()
            # A semi-join's table gives no columns to the result, but its condition names them.
            by_lower = {
                n.lower(): n for n in here.sources if n in sources or n in here.semi_or_anti_join_tables
            }
            if len(parts) > 1 and first in by_lower:
                name = by_lower[first]
                parts[0].set("this", name)
                assert isinstance(parts[1], exp.Identifier)
                self._match(parts[1], self._source(here, name), name, column)
                return
            found = [
                n for n, cs in sources.items() if cs is not None and _find(parts[0].name, cs) is not None
            ]
            if found:
                columns = sources[found[0]]
                assert columns is not None
                spelled = _find(parts[0].name, columns)
                merged = self._merged(here)
                if len(found) > 1 and first not in merged and first not in aliases:
                    names = " and ".join(self._called(n, here) for n in found)
                    hint = f"say {found[0]}.{spelled} or {found[1]}.{spelled}"
                    raise self._error(f"column {parts[0].name!r} is in {names}", column, hint)
                parts[0].set("this", spelled)
                column.meta["bound"] = True
                return
            if any(cs is None for cs in sources.values()) or first in aliases:
                return
            here = here.parent
        self._missing(column, scope, aliases)

    def _merged(self, scope: Scope) -> set[str]:
        """Columns that joins merge into one: those of USING and of NATURAL joins."""
        merged: set[str] = set()
        for join in scope.expression.args.get("joins") or ():
            merged |= {c.name.lower() for c in join.args.get("using") or ()}
            if str(join.args.get("method") or "").upper() == "NATURAL":
                for columns in self._selected(scope).values():
                    merged |= {c.lower() for c in columns or ()}
            if str(join.kind).upper() in ("SEMI", "ANTI") or str(join.side).upper() in ("SEMI", "ANTI"):
                merged |= {c.lower() for c in self._selected(scope).get(join.this.alias_or_name) or ()}
        return merged

    def _match(self, part: exp.Identifier, columns: _Columns, source: str, column: exp.Column) -> None:
        if columns is None or isinstance(part, exp.Star):
            return
        spelled = _find(part.name, columns)
        if spelled is None:
            called = self._shown.get(source, source)
            raise self._error(
                f"no column {part.name!r} in {called}", column, did_you_mean(part.name, columns)
            )
        part.set("this", spelled)

    def _missing(self, column: exp.Column, scope: Scope, aliases: Mapping[str, exp.Expr]) -> None:
        name = column.parts[0].name
        sources = self._selected(scope)
        if len(column.parts) > 1 and name.lower() not in {n.lower() for n in sources}:
            raise self._error(f"no table or column {name!r} here", column, did_you_mean(name, list(sources)))
        known = [c for columns in sources.values() for c in columns or ()]
        known += [p.alias for p in aliases.values()]
        where = " and ".join(self._called(n, scope) for n in sources) or "a query without FROM"
        raise self._error(f"no column {name!r} in {where}", column, did_you_mean(name, known))

    def _called(self, name: str, scope: Scope) -> str:
        source = scope.sources.get(name)
        return self._shown.get(source.name, name) if isinstance(source, exp.Table) else name

    def _error(self, message: str, node: exp.Expr, hint: str) -> Exception:
        return at_node(self._sql, message, node, dialect=self._dialect, hint=hint)

    def _merge_joins(self, scope: Scope) -> None:
        columns = {n: c for n, c in self._selected(scope).items() if c is not None}
        for name in scope.semi_or_anti_join_tables:
            columns[name] = self._source(scope, name) or []
        joins = scope.expression.args.get("joins") or ()
        if all(j.this.alias_or_name in columns for j in joins):
            merge_joins(scope, columns, self._dialect, lambda n, s: self._no_such(n, s, columns[s], scope))

    def _no_such(self, name: exp.Identifier, source: str, columns: Sequence[str], scope: Scope) -> Exception:
        called = self._called(source, scope)
        hint = did_you_mean(name.name, columns)
        return self._error(f"USING: no column {name.name!r} in {called}", name, hint)

    # -- outputs ------------------------------------------------------------------------------

    def _output(self, scope: Scope) -> _Columns:
        node = scope.expression
        if scope.set_operation_scopes:
            return self._outputs.get(id(scope.set_operation_scopes[0].expression))
        if not isinstance(node, exp.Select):
            return None
        names: list[str] = []
        for projection in node.selects:
            if projection.is_star:
                expanded = self._starred(projection, scope)
                if expanded is None:
                    return None
                names += expanded
            elif isinstance(projection, (exp.Explode, exp.Unnest)):
                return None
            else:
                names.append(projection.alias_or_name)
        return names

    def _starred(self, star: exp.Expr, scope: Scope) -> _Columns:
        sources = self._selected(scope)
        chosen = [star.table] if isinstance(star, exp.Column) else list(sources)
        inner = star.this if isinstance(star, exp.Column) else star
        hidden = {e.name.lower() for e in inner.args.get("except_") or inner.args.get("except") or ()}
        renamed = {e.this.name.lower(): e.alias for e in inner.args.get("rename") or ()}
        merged = self._merged(scope)
        names: list[str] = []
        for name in chosen:
            columns = sources.get(name)
            if columns is None:
                return None
            seen = {n.lower() for n in names}
            names += [
                c
                for c in columns
                if c.lower() not in hidden and not (c.lower() in merged and c.lower() in seen)
            ]
        return [renamed.get(n.lower(), n) for n in names]


def _find(name: str, columns: Sequence[str]) -> str | None:
    """Return the column with this name, exactly or but for letter case."""
    if name in columns:
        return name
    lowered = name.lower()
    return next((c for c in columns if c.lower() == lowered), None)
