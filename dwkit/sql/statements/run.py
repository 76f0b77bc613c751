"""One statement under way: its tree, the catalogue before it, and the ways to compute rows within it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import polars as pl
from sqlglot import exp

from dwkit.errors import SqlError, did_you_mean
from dwkit.model.statistics import TableStatistics
from dwkit.sql.bind import ArrowOf
from dwkit.sql.compile import Statistics, arrow_types, explained, to_lazy
from dwkit.sql.failure import collected
from dwkit.sql.place import at_node
from dwkit.sql.query import Query, TableRef, query_of
from dwkit.sql.statements.catalog import Catalog, Table, View
from dwkit.sql.statements.schema import Listed, information, is_information

__all__ = ["Done", "Files", "Known", "Outer", "Result", "Run", "internal", "quoted"]

Outer = Mapping[str, pl.LazyFrame] | Callable[[TableRef], pl.LazyFrame | None]
"""Tables that are not the session's own: by name, or found by what the query says."""

Known = Callable[[TableRef], TableStatistics | None]
"""Gives what is known of a table that is not the session's own."""


class Files(Protocol):
    """Reads and writes the files of COPY; SQL itself knows no files."""

    def read(self, path: str, kind: str, options: Mapping[str, object]) -> pl.LazyFrame:
        """Return the rows of a file; kind is ``csv``, ``json``, ``parquet`` ... or empty to go by its name."""
        ...

    def write(self, frame: pl.LazyFrame, path: str, kind: str, options: Mapping[str, object]) -> int:
        """Write a file whole or not at all; return the number of rows."""
        ...


@dataclass(frozen=True, slots=True)
class Result:
    """What a statement did.

    Attributes:
        kind: its words, such as ``SELECT``, ``INSERT``, ``CREATE TABLE``.
        frame: its rows, not yet computed; None where it has none to show.
        rows: how many rows were inserted, changed, deleted or written; None where that has no meaning.
    """

    kind: str
    frame: pl.LazyFrame | None = None
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a statement: the catalogue after it."""

    catalog: Catalog
    result: Result


@dataclass(frozen=True)
class Run:
    """One statement.

    Attributes:
        tree: the statement, parameters replaced.
        text: the script that the places of its nodes refer to.
        names: gives the names of the outer tables, for SHOW.
        reserved: schemas in which nothing can be made or changed, with who does.
        params: values of parameters, for statements that come as text.
    """

    tree: exp.Expr
    text: str
    dialect: str
    catalog: Catalog
    outer: Outer = field(default_factory=dict, repr=False)
    files: Files | None = field(default=None, repr=False)
    known: Known | None = field(default=None, repr=False)
    names: Callable[[], Iterable[str]] | None = field(default=None, repr=False)
    reserved: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, object] = field(default_factory=dict, repr=False)

    def error(self, message: str, node: exp.Expr | None = None, hint: str = "") -> SqlError:
        """Return an error that points at a node of the statement."""
        return at_node(
            self.text, message, node if node is not None else self.tree, dialect=self.dialect, hint=hint
        )

    def refuse(self, what: str, node: exp.Expr | None = None, hint: str = "") -> SqlError:
        """Return the error for a construct that there is not."""
        return self.error(f"{what} is not supported", node, hint)

    # -- names --------------------------------------------------------------------------------

    def key(self, table: exp.Table) -> str:
        """Return the full name of a table of the statement."""
        return self.catalog.key(table.text("db") or None, table.name)

    def table(self, node: exp.Expr | None, *, verb: str) -> tuple[str, Table]:
        """Return the table that a statement is about to change, and its key.

        Raises:
            SqlError: there is none of that name, or it is no table of the session.
        """
        if not isinstance(node, exp.Table):
            raise self.refuse(f"{verb} of this", node)
        key = self.key(node)
        found = self.catalog.objects.get(key)
        if isinstance(found, View):
            raise self.error(f"{found.name!r} is a view", node, f"{verb} changes tables only")
        if found is None:
            self.require_own(node)
            known = [o.name for o in self.catalog.objects.values() if isinstance(o, Table)]
            hint = did_you_mean(key, known) or "CREATE TABLE makes one"
            raise self.error(f"no table {key!r} in this session", node, hint)
        return key, found

    def require_own(self, node: exp.Table) -> None:
        """See that what a statement is about to make or change does not belong to a reserved schema.

        Raises:
            SqlError: it does.
        """
        who = self.reserved.get(node.text("db").lower())
        if who is not None:
            hint = f"{who}; CREATE TABLE {node.name or 'name'} AS SELECT makes a scratch table"
            raise self.error(f"{'.'.join(p.name for p in node.parts)} can only be read here", node, hint)

    def column(self, table: Table, node: exp.Expr) -> str:
        """Return the name of a column, as the table spells it.

        Raises:
            SqlError: the table has none of that name.
        """
        found = table.column(node.name)
        if found is None:
            hint = did_you_mean(node.name, table.names)
            raise self.error(f"no column {node.name!r} in {table.name}", node, hint)
        return found.name

    # -- rows ---------------------------------------------------------------------------------

    def query(self, tree: exp.Expr) -> Query:
        """Return a part of the statement, or what was made of its parts, as a query."""
        return query_of(tree, self.text, self.dialect)

    def explained(self, query: Query) -> list[str]:
        """Return the plan of a query as text: ours with estimates, then that of Polars."""
        return explained(query, *self._sources(query, {}, ()))

    def lazy(self, query: Query, given: Mapping[str, pl.LazyFrame] | None = None) -> pl.LazyFrame:
        """Return the rows of a query over the session's tables, its views, the outer tables, and those given."""
        return self._lazy(query, given or {}, ())

    def rows(self, tree: exp.Expr, given: Mapping[str, pl.DataFrame] | None = None) -> pl.DataFrame:
        """Compute the rows of a query.

        Args:
            given: tables that `internal` names.
        """
        frames = {name: data.lazy() for name, data in (given or {}).items()}
        return collected(self.lazy(self.query(tree), frames))

    def over(self, table: Table, data: pl.DataFrame, expressions: Sequence[exp.Expr]) -> pl.DataFrame:
        """Compute expressions of a table's definition (checks, defaults) over rows of it."""
        name = table.name.rpartition(".")[2]
        tree = exp.Select(
            expressions=[exp.alias_(e.copy(), f"c{n}") for n, e in enumerate(expressions)],
            from_=exp.From(this=internal("__rows", name)),
        )
        return collected(self.lazy(query_of(tree, table.text, table.dialect), {"__rows": data.lazy()}))

    def _lazy(self, query: Query, given: Mapping[str, pl.LazyFrame], within: tuple[str, ...]) -> pl.LazyFrame:
        tables, statistics, arrow = self._sources(query, given, within)
        return to_lazy(query, tables, query.dialect, statistics=statistics, arrow=arrow)

    def arrow_types(self, query: Query, within: tuple[str, ...] = ()) -> list[str | None]:
        """Return the names of the types of Arrow of a query's columns, as far as they are known."""
        tables, _, arrow = self._sources(query, {}, within)
        return arrow_types(query, tables, arrow)

    def _sources(
        self, query: Query, given: Mapping[str, pl.LazyFrame], within: tuple[str, ...]
    ) -> tuple[dict[str, pl.LazyFrame], Statistics, ArrowOf]:
        """Return the tables that a query reads, what gives what is known of them, and their types of Arrow."""
        tables: dict[str, pl.LazyFrame] = {} if callable(self.outer) else dict(self.outer)
        for ref in query.tables:
            if ref.schema is None and ref.name in given:
                tables[ref.key] = given[ref.name]
                continue
            found = self._found(ref, within)
            if found is not None:
                tables[ref.key] = found
            elif ref.key not in tables:
                # It is going to be missed: with all names, the error can suggest the nearest one.
                frames = {
                    o.name: o.data.lazy() for o in self.catalog.objects.values() if isinstance(o, Table)
                }
                tables = {**frames, **tables}
        refs = {r.key: r for r in query.tables if not (r.schema is None and r.name in given)}
        return (
            tables,
            lambda key: self._statistics(refs[key]) if key in refs else None,
            lambda key: self._arrow(refs[key], within) if key in refs else None,
        )

    def _arrow(self, ref: TableRef, within: tuple[str, ...]) -> Callable[[], Mapping[str, str]] | None:
        found = None if ref.file is not None else self.catalog.find(ref.schema, ref.name)
        if isinstance(found, Table) and found.dialect == "datafusion":
            return lambda: {c.name: c.arrow for c in found.columns if c.arrow}
        if isinstance(found, View) and found.query.dialect == "datafusion":
            return partial(self._arrow_of_view, found, within)
        return None

    def _arrow_of_view(self, view: View, within: tuple[str, ...]) -> dict[str, str]:
        types = self.arrow_types(view.query, (*within, view.name.lower()))
        names = (
            renamed(self._lazy(view.query, {}, (*within, view.name.lower())), view).collect_schema().names()
        )
        return {n: t for n, t in zip(names, types, strict=True) if t is not None}

    def _statistics(self, ref: TableRef) -> TableStatistics | None:
        if is_information(ref.schema):
            return None
        found = None if ref.file is not None else self.catalog.find(ref.schema, ref.name)
        if found is not None:
            if not isinstance(found, Table):
                return None
            json = frozenset(c.name for c in found.columns if c.json)
            primary = next((k.columns for k in found.keys if k.primary), ())
            return TableStatistics(found.data.height, key=primary, json=json)
        return self.known(ref) if self.known is not None else None

    def _found(self, ref: TableRef, within: tuple[str, ...]) -> pl.LazyFrame | None:
        found = None if ref.file is not None else self.catalog.find(ref.schema, ref.name)
        if isinstance(found, Table):
            return found.data.lazy()
        if isinstance(found, View):
            if found.name.lower() in within:
                raise SqlError(f"view {found.name!r} reads itself")
            frame = self._lazy(found.query, {}, (*within, found.name.lower()))
            return renamed(frame, found)
        if is_information(ref.schema):
            schemas = {*self.catalog.schemas, *self.reserved}
            return information(ref.name, self.dialect, self._listed(), schemas)
        return self.outer(ref) if callable(self.outer) else None

    def _listed(self) -> Iterator[Listed]:
        """Return all tables and views, the outer ones among them."""
        for key, found in self.catalog.objects.items():
            schema, _, name = key.rpartition(".")
            ref = TableRef(schema or None, name, None, 1, 1)
            types = partial(self._types, ref)
            if isinstance(found, View):
                yield Listed(
                    schema, name, types, definition=found.query.tree.sql(dialect=found.query.dialect)
                )
                continue
            defaults = {
                c.name: c.default.sql(dialect=found.dialect) for c in found.columns if c.default is not None
            }
            lengths = {c.name: c.length for c in found.columns if c.length is not None}
            not_null = frozenset(c.name for c in found.columns if c.not_null)
            yield Listed(schema, name, types, not_null, defaults, lengths)
        for outer in self.names() if self.names is not None else ():
            schema, _, name = outer.rpartition(".")
            if outer.lower() not in self.catalog.objects:
                yield Listed(schema, name, partial(self._types, TableRef(schema or None, name, None, 1, 1)))

    def _types(self, ref: TableRef) -> pl.Schema:
        frame = self._found(ref, ())
        if frame is None and not callable(self.outer):
            frame = self.outer[ref.key]
        if frame is None:
            raise SqlError(f"no table {ref.key!r}")
        return frame.collect_schema()


def renamed(frame: pl.LazyFrame, view: View) -> pl.LazyFrame:
    """Return the rows of a view under the names that it gives.

    Raises:
        SqlError: it gives more names than its query has columns.
    """
    if not view.names:
        return frame
    names = frame.collect_schema().names()
    if len(view.names) > len(names):
        raise SqlError(f"view {view.name!r} names {len(view.names)} columns, its query gives {len(names)}")
    return frame.rename(dict(zip(names, view.names, strict=False)))


def internal(name: str, alias: str) -> exp.Table:
    """Return a table of a tree whose rows are given to `Run.rows` under a name, called ``alias`` in it."""
    return exp.Table(
        this=exp.to_identifier(name), alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True))
    )


def quoted(name: str, table: str = "") -> exp.Column:
    """Return a column of a tree, by its exact name."""
    return exp.column(
        exp.to_identifier(name, quoted=True), table=exp.to_identifier(table, quoted=True) if table else None
    )
