"""A session: tables and views in memory, over tables that it only reads, and the statements that change them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

import polars as pl
from sqlglot import exp

from dwkit.sql.query import is_query, keyword, statements, with_params
from dwkit.sql.statements.alter import alter, drop
from dwkit.sql.statements.catalog import Catalog, Table, View
from dwkit.sql.statements.change import delete, truncate, update
from dwkit.sql.statements.constraints import references
from dwkit.sql.statements.copy import copy
from dwkit.sql.statements.create import create, stored
from dwkit.sql.statements.insert import insert, replace_into
from dwkit.sql.statements.macros import expanded
from dwkit.sql.statements.merge import merge
from dwkit.sql.statements.prepare import PREPARING, Prepared, dropped, executed, prepared
from dwkit.sql.statements.run import Done, Files, Known, Outer, Result, Run
from dwkit.sql.statements.show import describe, explain, show, summarize
from dwkit.sql.statements.store import Held, Saving, Store, opened, saved, within
from dwkit.sql.statements.targets import targets

__all__ = ["COMMANDS", "STATEMENTS", "Files", "Held", "Result", "Saving", "Session", "Store"]

STATEMENTS: dict[type[exp.Expr], Callable[[Run], Done]] = {
    exp.Create: create, exp.Insert: insert, exp.Update: update, exp.Delete: delete, exp.Merge: merge,
    exp.TruncateTable: truncate, exp.Alter: alter, exp.Drop: drop, exp.Describe: describe, exp.Show: show,
    exp.Summarize: summarize, exp.Copy: copy,
}  # fmt: skip
COMMANDS: dict[str, Callable[[Run], Done]] = {"EXPLAIN": explain, "SHOW": show, "REPLACE": replace_into}


class Session:
    """Tables and views in memory, changed by statements of any dialect.

    Each statement is done whole or not at all.

    Args:
        tables: further tables, which statements can read but not change: frames by ``schema.name``, by
            ``name`` or by a file's path; or a function that finds the frame of what a query names.
        dialect: dialect of the scripts.
        files: reads and writes the files of COPY; without it there is no COPY.
        statistics: gives what is known of a table that is not the session's own.
        names: gives the names of those tables, where `tables` is a function, for SHOW.
        reserved: schemas in which a session can make and change nothing, with who does.
        store: keeps the tables of schemas that statements may change outside the session.
    """

    def __init__(
        self,
        tables: Outer | None = None,
        dialect: str = "duckdb",
        *,
        files: Files | None = None,
        statistics: Known | None = None,
        names: Callable[[], Iterable[str]] | None = None,
        reserved: Mapping[str, str] | None = None,
        store: Store | None = None,
    ) -> None:
        self.dialect = dialect
        self._outer: Outer = tables if tables is not None else {}
        self._files = files
        self._statistics = statistics
        self._names = names if names is not None or callable(self._outer) else self._outer.keys
        self._reserved = reserved or {}
        self._store = store
        self._catalog = Catalog()
        self._prepared: dict[str, Prepared] = {}
        self._before: Catalog | None = None
        """The catalogue before BEGIN, while a transaction is open."""

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        """Rows of the session's own tables, by full name."""
        return {k: o.data for k, o in self._catalog.objects.items() if isinstance(o, Table)}

    @property
    def views(self) -> list[str]:
        """Full names of the session's views."""
        return [k for k, o in self._catalog.objects.items() if isinstance(o, View)]

    def run(self, script: str, *, params: Mapping[str, object] | None = None) -> Iterator[Result]:
        """Run the statements of a script one after the other, each when its result is asked for.

        Args:
            params: values of ``:name`` parameters.

        Raises:
            SqlError: the script does not parse (nothing is run then), or a statement does not bind, or is
                none that there is; the statements before it stay done, it has changed nothing.
            DataError: a value does not fit its column or breaks a constraint.
        """
        for tree in statements(script, self.dialect):
            bound = with_params(tree, script, self.dialect, params or {})
            run = Run(
                bound, script, self.dialect, self._catalog, self._outer, self._files, self._statistics, self._names,
                self._reserved, params or {},
            )  # fmt: skip
            yield self._run(replace(run, tree=expanded(run)))

    def _run(self, run: Run) -> Result:
        tree = run.tree
        held: dict[str, Table | None] = {}
        if self._store is not None:
            held = opened(run, self._store)
            if held and self._before is not None:
                raise run.error(
                    f"{', '.join(held)} cannot be changed within a transaction", hint="COMMIT first"
                )
            run = within(run, self._store, held)
        for node in targets(tree):
            run.require_own(node)
        if is_query(tree):
            into = tree.find(exp.Into)
            if into is None:
                return Result("SELECT", run.lazy(run.query(tree)))
            return self._finish(run, _select_into(run, into), held)
        if isinstance(tree, (exp.Transaction, exp.Commit, exp.Rollback, exp.Use)):
            return self._control(run)
        if isinstance(tree, exp.Command) and self.dialect in PREPARING:
            match keyword(tree):
                case "PREPARE":
                    made = prepared(run, self._prepared)
                    self._prepared[made.name] = made
                    return Result("PREPARE")
                case "EXECUTE":
                    return self._run(executed(run, self._prepared))
                case "DEALLOCATE" | "DEALLOCATE PREPARE":
                    self._prepared = dropped(run, self._prepared)
                    return Result("DEALLOCATE")
        command = COMMANDS.get(keyword(tree)) if isinstance(tree, exp.Command) else STATEMENTS.get(type(tree))
        if command is None:
            raise run.refuse(
                keyword(tree), hint="SELECT, CREATE, INSERT, UPDATE, DELETE, MERGE, ALTER, DROP, COPY ..."
            )
        return self._finish(run, command(run), held)

    def _finish(self, run: Run, done: Done, held: Mapping[str, Table | None]) -> Result:
        before = self._catalog.objects
        for key in {*before, *done.catalog.objects}:
            if before.get(key) is not done.catalog.objects.get(key):
                references(done.catalog, key)
        catalog = done.catalog
        if self._store is not None:
            catalog = saved(run, self._store, held, catalog)
        self._catalog = catalog
        return done.result

    def _control(self, run: Run) -> Result:
        """Run BEGIN, COMMIT, ROLLBACK, USE."""
        match run.tree:
            case exp.Use():
                name = run.tree.this.name
                if not self._catalog.has_schema(name):
                    raise run.error(f"no schema {name!r} in this session", run.tree.this)
                self._catalog = replace(self._catalog, current="" if name.lower() == "main" else name.lower())
                return Result("USE")
            case exp.Transaction():
                if self._before is not None:
                    raise run.error("a transaction is open already", hint="COMMIT or ROLLBACK ends it")
                self._before = self._catalog
                return Result("BEGIN")
        if self._before is None:
            raise run.error("no transaction is open", hint="BEGIN opens one")
        if isinstance(run.tree, exp.Rollback):
            self._catalog = self._before
        self._before = None
        return Result(keyword(run.tree))


def _select_into(run: Run, into: exp.Into) -> Done:
    """Run SQL Server's and PostgreSQL's SELECT ... INTO, which makes a table."""
    node = into.this
    key = run.key(node)
    if key in run.catalog.objects:
        raise run.error(f"{key!r} is there already", node)
    query = run.tree.copy()
    for one in list(query.find_all(exp.Into)):
        one.pop()
    columns, data = stored(run, run.lazy(run.query(query)))
    made = Table(key, columns, data, text=run.text, dialect=run.dialect)
    return Done(run.catalog.with_object(key, made), Result("SELECT INTO", rows=data.height))
