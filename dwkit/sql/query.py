"""Parsing: one query statement of any dialect, and the tables that it reads."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from sqlglot import exp
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.scope import Scope, build_scope, traverse_scope

from dwkit.errors import SqlError
from dwkit.model.names import check_dialect
from dwkit.sql.place import at, position
from dwkit.sql.read import parsing, read
from dwkit.sql.trees import by_kind

__all__ = [
    "Query",
    "TableRef",
    "is_query",
    "keyword",
    "parse",
    "query_of",
    "statements",
    "with_params",
]

# What sqlglot only passes through (a Command) is refused here by its name; its warning would say it twice.
logging.getLogger("sqlglot").setLevel(logging.ERROR)

_FILE_FUNCTIONS = {
    "read_csv", "read_csv_auto", "read_parquet", "parquet_scan", "read_json", "read_json_auto", "read_ndjson",
    "read_xlsx", "read_file",
}  # fmt: skip
_COLON_PARAMETER = re.compile(r"""(?<=[\s(,=<>+\-*/%|!]):([A-Za-z_]\w*)(?=(?:[^']*'[^']*')*[^']*$)""")


class TableRef(NamedTuple):
    """A table or file that a query reads: ``schema.name``, or the path in ``file``; line and column from 1."""

    schema: str | None
    name: str
    file: str | None
    line: int
    column: int

    @property
    def key(self) -> str:
        """Name under which `to_lazy` is given the table."""
        return self.file or (f"{self.schema}.{self.name}" if self.schema else self.name)


@dataclass(frozen=True)
class Query:
    """One query statement.

    Attributes:
        sql: the text, as the user wrote it.
        dialect: the dialect that it was read as.
        tree: sqlglot's tree, with parameters replaced by their values. Treat as read-only.
        kinds: classes of the nodes in it.
    """

    sql: str
    dialect: str
    tree: exp.Expr = field(repr=False)
    kinds: frozenset[type[exp.Expr]] = field(repr=False)

    @cached_property
    def tables(self) -> tuple[TableRef, ...]:
        """Each table or file that is read, once, in the order of the text."""
        found: dict[str, TableRef] = {}
        for node in _sources(self.tree):
            ref = table_ref(self.sql, node)
            found.setdefault(ref.key, ref)
        return tuple(sorted(found.values(), key=lambda r: (r.line, r.column)))

    @cached_property
    def driver(self) -> TableRef | None:
        """The first table of the outermost FROM, found through subqueries and CTEs."""
        node = _driver(build_scope(self.tree))
        return table_ref(self.sql, node) if node is not None else None

    @cached_property
    def is_plain(self) -> bool:
        """Whether each row comes from one row of the driver: no aggregation, DISTINCT, set operation or LIMIT."""
        return _is_plain(self.tree)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the query without its comments, white space and letter case of keywords."""
        return hashlib.sha256(self.tree.sql(dialect=self.dialect, comments=False).encode()).hexdigest()

    def with_columns_of_driver(self, names: list[str]) -> Query:
        """Return the query with columns of the driver added to what it selects; as it is where it has them.

        Raises:
            SqlError: the query is not plain.
        """
        if not self.is_plain:
            raise SqlError("only a query whose rows come from one row each can carry columns of that row")
        tree = self.tree.copy()
        _add_columns(tree, names)
        return Query(self.sql, self.dialect, tree, frozenset(by_kind(tree)))


def parse(sql: str, dialect: str = "duckdb", *, params: Mapping[str, object] | None = None) -> Query:
    """Parse one query: SELECT, WITH, VALUES, FROM-first, or a set operation.

    Args:
        params: values of ``:name`` parameters.

    Raises:
        SqlError: it does not parse, is no query, or a parameter has no value.
        UsageError: there is no such dialect.
    """
    trees = statements(sql, dialect)
    if not trees:
        raise SqlError("there is no SQL", hint='for instance "select * from marts.sales limit 5"')
    if len(trees) > 1:
        raise SqlError(f"one statement at a time, not {len(trees)}", hint="take out all but one")
    tree = trees[0]
    if not is_query(tree):
        raise SqlError(
            f"{keyword(tree)} is no query", hint="SELECT, WITH, VALUES or FROM; models change the warehouse"
        )
    query = query_of(tree, sql, dialect, params=params)
    if exp.Into in query.kinds:
        raise SqlError("SELECT INTO is no query", hint="dwkit mart NAME --sql makes a table")
    return query


def statements(sql: str, dialect: str, *, shown: str = "") -> list[exp.Expr]:
    """Parse a script into its statements.

    Args:
        shown: text that errors show instead, with the same places.

    Raises:
        SqlError: one of them does not parse; the message shows the place.
        UsageError: there is no such dialect.
    """
    check_dialect(dialect)
    with parsing(shown or sql, dialect):
        # DuckDB writes parameters $name; the other mark means an alias there.
        text = _COLON_PARAMETER.sub(r"$\1", sql) if dialect == "duckdb" and ":" in sql else sql
        return [t for t in read(text, dialect) if t is not None and type(t) is not exp.Semicolon]


def is_query(tree: exp.Expr) -> bool:
    """Whether a statement gives rows and changes nothing."""
    return isinstance(tree, (exp.Query, exp.Values, exp.Tuple, exp.Pivot))


def keyword(tree: exp.Expr) -> str:
    """Return the word that a statement begins with."""
    return str(tree.this).upper() if isinstance(tree, exp.Command) else tree.key.upper()


def query_of(tree: exp.Expr, sql: str, dialect: str, *, params: Mapping[str, object] | None = None) -> Query:
    """Return the query that a tree is; the tree may be part of a statement, or made of parts of one.

    Args:
        tree: for which `is_query` holds; becomes the query's own.
        sql: the text that the places of its nodes refer to.
    """
    tree = _selected(tree)
    assert isinstance(tree, exp.Query)
    nodes = by_kind(tree)
    _name_tables(nodes, sql, dialect)
    if exp.Placeholder in nodes or exp.Parameter in nodes:
        tree = with_params(tree, sql, dialect, params or {})
        nodes = by_kind(tree)
    return Query(sql, dialect, tree, frozenset(nodes))


def _selected(tree: exp.Expr) -> exp.Expr:
    """Return VALUES, or a query in parentheses, as a SELECT with the ORDER BY and LIMIT that stand behind it."""
    wrapped = isinstance(tree, exp.Subquery) and not tree.alias
    if not wrapped and not isinstance(tree, (exp.Values, exp.Tuple, exp.Pivot)):
        return tree
    behind = {k: tree.args[k] for k in ("with_", "order", "limit", "offset") if tree.args.get(k)}
    for clause in behind:
        tree.set(clause, None)
    inner = _selected(tree.this) if wrapped else tree
    if wrapped and not behind:
        return inner
    made = exp.select("*").from_(exp.Subquery(this=inner, alias=exp.to_identifier("v")))
    for clause, node in behind.items():
        made.set(clause, node)
    return made


def _name_tables(nodes: Mapping[type[exp.Expr], list[Any]], sql: str, dialect: str) -> None:
    """Give each subquery in FROM a name, and see that no two tables of one FROM have the same."""
    for number, query in enumerate(nodes.get(exp.Subquery, ())):
        tables = isinstance(query.this, exp.Table)  # joins in parentheses: their tables keep their names
        if not query.alias and not tables and isinstance(query.parent, (exp.From, exp.Join)):
            name = exp.to_identifier(f"_q{number}")
            name.meta["made"] = True
            query.set("alias", exp.TableAlias(this=name))
    for select in nodes.get(exp.Select, ()):
        clause = select.args.get("from_")
        sources = [clause.this] if clause is not None else []
        taken: set[str] = set()
        for source in (*sources, *(j.this for j in select.args.get("joins") or ())):
            name = source.alias_or_name.lower()
            if name and name in taken:
                line, column = position(sql, source)
                hint = f"give one of them another name: FROM {name} AS {name}_2"
                message = f"two tables of this FROM are called {name!r}"
                raise at(sql, message, line, column, dialect=dialect, hint=hint)
            taken.add(name)


def table_ref(sql: str | None, node: exp.Table) -> TableRef:
    """Return what a table of the tree refers to; without the text, its place is not looked for."""
    line, column = position(sql, node) if sql is not None else (0, 0)
    function = node.this
    if not isinstance(function, exp.Identifier):
        literal = function.find(exp.Literal) if function is not None else None
        name = literal.this if literal is not None else node.sql()
        return TableRef(None, _stem(name), name, line, column)
    name = node.name
    whole = ".".join(p.name for p in node.parts)
    if function.args.get("quoted") and _looks_like_file(name) and not node.args.get("db"):
        return TableRef(None, _stem(name), name, line, column)
    if len(node.parts) > 2:
        return TableRef(".".join(p.name for p in node.parts[:-1]), name, None, line, column)
    if not function.args.get("quoted") and node.args.get("db") and _extension(whole):
        # `FROM data.csv` without quotes is what people type; no layer has that name.
        return TableRef(None, node.text("db"), whole, line, column)
    return TableRef(node.text("db") or None, name, None, line, column)


def _looks_like_file(name: str) -> bool:
    return "/" in name or "\\" in name or "*" in name or bool(re.search(r"\.\w{1,8}$", name))


def _extension(name: str) -> bool:
    return name.rsplit(".", 1)[-1].lower() in (
        "csv",
        "tsv",
        "json",
        "ndjson",
        "jsonl",
        "parquet",
        "xlsx",
        "gz",
        "zst",
    )


def _stem(path: str) -> str:
    return re.sub(r"\W+", "_", path.replace("\\", "/").rsplit("/", 1)[-1].split(".", 1)[0]) or "file"


def _sources(tree: exp.Expr) -> list[exp.Table]:
    found: dict[int, exp.Table] = {}
    try:
        scopes = traverse_scope(tree)
    except OptimizeError as error:
        raise SqlError(f"this cannot be read as a query: {str(error).splitlines()[0]}") from None
    for scope in scopes:
        for source in scope.sources.values():
            if isinstance(source, exp.Table):
                found[id(source)] = source
    defined = {c.alias.lower() for c in tree.find_all(exp.CTE)}
    for pivot in tree.find_all(exp.Pivot):
        if isinstance(pivot.this, exp.Table) and pivot.this.name.lower() not in defined:
            found[id(pivot.this)] = pivot.this
        elif isinstance(pivot.this, exp.Subquery):
            found |= {id(n): n for n in _sources(pivot.this.this)}
    for node in tree.find_all(exp.Table):
        if not isinstance(node.this, exp.Identifier) and is_file_function(node):
            found[id(node)] = node
    return list(found.values())


def is_file_function(node: exp.Table) -> bool:
    function = node.this
    name = (function.sql_name() if isinstance(function, exp.Func) else "").lower()
    if isinstance(function, exp.Anonymous):
        name = str(function.this).lower()
    return name in _FILE_FUNCTIONS


def _driver(scope: Scope | None) -> exp.Table | None:
    if scope is None:
        return None
    if scope.set_operation_scopes:
        return _driver(scope.set_operation_scopes[0])
    clause = scope.expression.args.get("from_") or scope.expression.args.get("from")
    if clause is None:
        return None
    source = scope.sources.get(clause.this.alias_or_name)
    return _driver(source) if isinstance(source, Scope) else source if isinstance(source, exp.Table) else None


def _is_plain(tree: exp.Expr) -> bool:
    if not isinstance(tree, exp.Select):
        return False
    if any(
        tree.args.get(k) for k in ("group", "distinct", "limit", "offset", "having", "qualify", "laterals")
    ):
        return False
    for projection in tree.selects:
        for node in projection.walk(prune=lambda n: isinstance(n, (exp.Query, exp.Window))):
            if isinstance(node, (exp.AggFunc, exp.Explode, exp.Unnest)):
                return False
    for join in tree.args.get("joins") or ():
        if str(join.side).upper() in ("RIGHT", "FULL"):
            return False
    inner = _from_query(tree)
    return inner is None or _is_plain(inner)


def _from_query(tree: exp.Select) -> exp.Expr | None:
    """Return the query that the FROM of a SELECT begins with, None when it begins with a table."""
    clause = tree.args.get("from_") or tree.args.get("from")
    first = clause.this if clause is not None else None
    if isinstance(first, exp.Subquery):
        return first.unnest()
    if isinstance(first, exp.Table) and not first.args.get("db"):
        for cte in tree.ctes:
            if cte.alias == first.name:
                found: exp.Expr = cte.this
                return found
    return None


def _add_columns(tree: exp.Expr, names: list[str]) -> None:
    assert isinstance(tree, exp.Select)
    inner = _from_query(tree)
    if inner is not None:
        _add_columns(inner, names)
    clause = tree.args.get("from_") or tree.args.get("from")
    assert clause is not None
    alias = clause.this.alias_or_name
    have = {p.alias_or_name.lower() for p in tree.selects}
    stars = any(
        p.is_star and (not isinstance(p, exp.Column) or p.table.lower() == alias.lower())
        for p in tree.selects
    )
    joined = bool(tree.args.get("joins"))
    if stars and joined and not any(isinstance(p, exp.Column) for p in tree.selects if p.is_star):
        # `SELECT *` over a join would bring the others' provenance as well.
        for star in [p for p in tree.selects if isinstance(p, exp.Star)]:
            hidden = [
                *(star.args.get("except_") or star.args.get("except") or ()),
                *map(exp.to_identifier, names),
            ]
            star.set("except_", hidden)
        stars = False
    for name in names:
        if not stars and name.lower() not in have:
            tree.select(exp.alias_(exp.column(name, table=alias), name, quoted=True), copy=False)


def with_params(tree: exp.Expr, sql: str, dialect: str, params: Mapping[str, object]) -> exp.Expr:
    """Return a tree with its parameters replaced by their values.

    Raises:
        SqlError: a parameter has no value.
    """
    if tree.find(exp.Placeholder, exp.Parameter) is None:
        return tree
    tree = tree.copy()
    for node in list(tree.find_all(exp.Placeholder, exp.Parameter)):
        name = node.name or str(node.this or "")
        if name not in params:
            line, column = position(sql, node)
            hint = f"--param {name}=VALUE" if name else "parameters are written :name"
            raise at(sql, f"parameter :{name} has no value", line, column, dialect=dialect, hint=hint)
        node.replace(exp.convert(params[name]))
    return tree
