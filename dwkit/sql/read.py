"""Reading SQL text: sqlglot's tree, with the formats of dates as the user wrote them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from dwkit.errors import SqlError
from dwkit.sql import datafusion  # registers the dialect
from dwkit.sql.place import at
from dwkit.sql.tokens import rewritten, tokenized
from dwkit.sql.trees import by_kind

__all__ = ["parsing", "read", "too_deep"]

_BEGINNINGS = ("SELECT", "WITH", "VALUES", "FROM")
_MARK = "dwkit:"
_TEMPLATES = ("TO_CHAR", "TO_DATE", "TO_TIMESTAMP")
_SPARK = (
    "DATE_FORMAT", "TO_DATE", "TO_TIMESTAMP", "UNIX_TIMESTAMP", "TO_UNIX_TIMESTAMP", "FROM_UNIXTIME", "TO_CHAR",
    "TO_VARCHAR", "TIME_TRUNC", "SHUFFLE", "MAKE_TIMESTAMP",
)  # fmt: skip
_KEPT: Mapping[str, frozenset[str]] = {
    "duckdb": frozenset({"STRFTIME", "STRPTIME", "TIME_BUCKET", "EPOCH_MS", "MAKE_TIMESTAMP", "MAKE_DATE"}),
    "postgres": frozenset({*_TEMPLATES, "DATE_BIN", "ENCODE", "DECODE"}),
    "redshift": frozenset({*_TEMPLATES, "ADD_MONTHS", "DATE_PART", "PGDATE_PART"}),
    "oracle": frozenset({*_TEMPLATES, "TO_TIMESTAMP_TZ"}),
    "snowflake": frozenset({
        *_TEMPLATES, "TO_VARCHAR", "DATE", "TRY_TO_DATE", "TIME", "TO_TIME", "TRY_TO_TIME",
        *(f"{t}TO_TIMESTAMP{kind}" for t in ("", "TRY_") for kind in ("", "_NTZ", "_LTZ", "_TZ")),
    }),
    "spark": frozenset(_SPARK),
    "databricks": frozenset({*_SPARK, "DATEDIFF"}),
    "mysql": frozenset({"DATE_FORMAT", "STR_TO_DATE", "FROM_UNIXTIME", "TO_DAYS"}),
    "bigquery": frozenset(
        f"{verb}_{kind}" for verb in ("FORMAT", "PARSE") for kind in ("DATE", "DATETIME", "TIMESTAMP", "TIME")
    ),
    "tsql": frozenset({"FORMAT", "DATENAME"}),
    "trino": frozenset({"DATE_FORMAT", "DATE_PARSE", "PARSE_DATETIME", "TO_CHAR", "TO_DATE", "TO_TIMESTAMP"}),
    "sqlite": frozenset({"STRFTIME", "DATE", "TIME", "DATETIME"}),
    "datafusion": datafusion.OWN_FUNCTIONS,
}  # fmt: skip
"""Functions whose arguments sqlglot would translate on reading, with loss: 'Month' of TO_CHAR, seconds of Spark."""

_BEFORE_TYPES = (TokenType.ALIAS, TokenType.DCOLON, TokenType.VAR, TokenType.IDENTIFIER)
"""What stands before TIME(3) where it is a type: AS, ``::`` or the name of a column."""
_UNIT_FIRST = {
    "tsql": ("DATENAME", "DATE_BUCKET"), "redshift": ("DATE_PART", "PGDATE_PART"), "databricks": ("DATEDIFF",),
}  # fmt: skip
"""Functions whose first argument is a unit of time, no column; of DATEDIFF where it has three."""


@contextmanager
def parsing(sql: str, dialect: str) -> Iterator[None]:
    """Say of a text that does not parse where it does not.

    Raises:
        SqlError: it does not; the message shows the place.
    """
    try:
        yield
    except ParseError as error:
        detail = error.errors[0] if error.errors else {}
        text = str(detail.get("description") or error).split("\n")[0].rstrip(".")
        text = re.sub(r"<Token token_type: [^,]*, text: ([^,]*),.*?>", r"'\1'", text)
        text = re.sub(r"<class 'sqlglot\.[\w.]*?(\w+)'>", r"\1", text)
        line, end = int(detail.get("line") or 0), int(detail.get("col") or 0)
        column = max(1, end - len(str(detail.get("highlight") or "")) + 1)
        hint = _first_word(sql)
        raise at(sql, f"does not parse: {text}", line, column, dialect=dialect, hint=hint) from None
    except RecursionError:
        raise too_deep(dialect) from None
    except TokenError as error:
        raise SqlError(f"does not parse: {str(error).splitlines()[0]} (read as {dialect} SQL)") from None


_UNIT_IS_TEXT = frozenset({"duckdb", "postgres"})
_OF_UNIT = frozenset({"DATE_TRUNC", "DATETRUNC", "DATE_PART", "DATEPART", "DATE_DIFF", "DATEDIFF"})


def _refuse_unit(tokens: list[Token], sql: str, dialect: str) -> None:
    """Refuse a column as the unit of time, which sqlglot would read as a unit of this name."""
    if [t.token_type for t in tokens] == [TokenType.VAR, TokenType.COMMA]:
        name = tokens[0].text
        said = f"a unit of time from the column {name!r} is not supported"
        column = tokens[0].col - len(name) + 1
        raise at(
            sql, said, tokens[0].line, column, dialect=dialect, hint=f"for a unit write {name.lower()!r}"
        )


def _cut_amounts(tokens: list[Token]) -> None:
    """Cut the fraction off INTERVAL '1.5' HOUR, as DuckDB does; INTERVAL '1.5 hour' keeps it and is read alike."""
    for place, (first, text, unit) in enumerate(zip(tokens, tokens[1:], tokens[2:], strict=False), 1):
        whole = (
            re.fullmatch(r"(\s*[+-]?\d+)\.\d*\s*", text.text)
            if first.token_type == TokenType.INTERVAL
            else None
        )
        if (
            whole is None
            or text.token_type != TokenType.STRING
            or unit.token_type not in (TokenType.VAR, TokenType.YEAR)
            or unit.text.upper().rstrip("S") in ("SECOND", "MILLISECOND")
        ):
            continue
        tokens[place] = Token(
            text.token_type, whole[1], text.line, text.col, text.start, text.end, text.comments
        )


def too_deep(dialect: str) -> SqlError:
    """Return the error for a text with more levels than Python can follow."""
    return SqlError(f"this is nested too deeply (read as {dialect} SQL)", hint="take parts of it into WITH")


def _first_word(sql: str) -> str:
    """Return a hint where a query does not begin as one does."""
    found = re.match(r"\s*([A-Za-z]+)", sql)
    near = difflib.get_close_matches(found[1].upper(), _BEGINNINGS, n=1) if found else []
    return f"did you mean {near[0]!r}?" if near and found and near[0] != found[1].upper() else ""


def read(sql: str, dialect: str) -> list[exp.Expr | None]:
    """Return the statements of a text.

    Functions that take the format of a date come as `exp.Anonymous`, under their upper-case name.

    Raises:
        sqlglot.errors.ParseError, sqlglot.errors.TokenError: it does not parse.
    """
    reader = Dialect.get_or_raise(dialect)
    tokens = tokenized(reader, sql)
    kinds = {t.token_type for t in tokens}
    kept = _KEPT.get(dialect, frozenset())
    for place, after in enumerate(tokens[1:]):
        if after.token_type != TokenType.L_PAREN:
            continue
        token = tokens[place]
        before = tokens[place - 1].token_type if place else None
        is_type = token.token_type != TokenType.VAR and before in _BEFORE_TYPES
        name = token.text.upper()
        if dialect in _UNIT_IS_TEXT and name in _OF_UNIT:
            _refuse_unit(tokens[place + 2 : place + 4], sql, dialect)
        if not is_type and name in kept:
            tokens[place] = Token(
                TokenType.VAR,
                _MARK + name,
                token.line,
                token.col,
                token.start,
                token.end,
                token.comments,
            )
    if dialect == "duckdb" and TokenType.INTERVAL in kinds:
        _cut_amounts(tokens)
    tokens = rewritten(tokens, kinds, sql, dialect)
    lists = TokenType.LIST in kinds and _mark_lists(tokens)
    first_index = reader.INDEX_OFFSET
    # sqlglot takes it off what it knows to be a whole number, as off length(x), and off no column.
    reader.INDEX_OFFSET = 0
    try:
        trees: list[exp.Expr | None] = list(reader.parser().parse(tokens, sql))
    except (TypeError, AttributeError, LookupError, ValueError, ArithmeticError, AssertionError) as error:
        # sqlglot's readers of functions take arguments for granted.
        raise ParseError("a function lacks an argument, or has one of another kind") from error
    for tree in trees:
        if tree is not None:
            _amend(by_kind(tree), dialect, first_index, lists=lists)
    return trees


def _amend(nodes: Mapping[type[exp.Expr], list[Any]], dialect: str, first: int, *, lists: bool) -> None:
    """Change what sqlglot reads in another way than it is meant.

    Args:
        first: index of the first element of a list.
        lists: some names were marked, see `_mark_lists`.
    """
    for values in nodes.get(exp.Values, ()) if dialect not in _ROW_IS_VALUE else ():
        _rows_of_values(values)
    for bracket in nodes.get(exp.Bracket, ()) if first else ():
        if bracket.args.get("offset") is None:
            bracket.set("offset", first)
            bracket.meta["brackets"] = True
    for clause in nodes.get(exp.From, ()):
        if isinstance(clause.this, exp.TableAlias):  # what |> AS made of a CTE
            clause.set("this", exp.Table(this=clause.this.this))
    for select in nodes.get(exp.Select, ()):
        if str(select.args.get("kind") or "") == "STRUCT" and not select.is_star:
            select.set("kind", None)
            select.set("expressions", [exp.Struct(expressions=select.expressions)])
        source = select.args.get("from_")
        if source is not None and _is_dual(source.this, dialect) and not select.args.get("joins"):
            select.set("from_", None)
    for name in nodes.get(exp.Identifier, ()) if lists else ():
        name.set("this", name.name.removeprefix(_MARK))
    for node in nodes.get(exp.Anonymous, ()):
        _amend_call(node, dialect)
    for within in nodes.get(exp.In, ()):
        if dialect == "sqlite":
            _in_table(within)
        _in_values(within)
    for arrow in nodes.get(exp.Lambda, ()):
        _json_arrow(arrow, dialect)


def _amend_call(node: exp.Anonymous, dialect: str) -> None:
    if str(node.this).startswith(_MARK):
        node.set("this", str(node.this).removeprefix(_MARK))
        own = datafusion.known(node) if dialect == "datafusion" else None
        if own is not None:
            node.replace(own)
            return
    name = str(node.this).upper()
    if dialect == "postgres" and name in _TABLES:
        _to_table(node, _TABLES[name])
    if name in _UNIT_FIRST.get(dialect, ()):
        short = name == "DATEDIFF" and len(node.expressions) == 2
        unit = node.expressions[0] if node.expressions and not short else None
        if isinstance(unit, exp.Column) and not unit.table:
            unit.replace(exp.Var(this=unit.name))
    if name == "ALL" and isinstance(node.parent, exp.Binary) and len(node.expressions) == 1:
        node.replace(exp.All(this=exp.Paren(this=node.expressions[0])))


_TABLES = {"STRING_TO_TABLE": "STRING_TO_ARRAY", "REGEXP_SPLIT_TO_TABLE": "REGEXP_SPLIT_TO_ARRAY"}
"""PostgreSQL's functions of several rows: what gives these as an array."""


def _to_table(node: exp.Anonymous, array: str) -> None:
    """Unnest the array of a function of several rows; one in FROM is unnested as it is."""
    if isinstance(node.parent, exp.Table):
        node.set("this", array)
    else:
        node.replace(exp.Explode(this=exp.Anonymous(this=array, expressions=node.expressions)))


def _mark_lists(tokens: list[Token]) -> bool:
    """Mark the name in ``list[1]``, which sqlglot would read as a list of 1; return whether there is one."""
    kinds = [*(t.token_type for t in tokens), None]
    if (TokenType.LIST, TokenType.L_BRACKET) not in pairwise(kinds):
        return False
    for place, token in enumerate(tokens):
        if token.token_type == TokenType.LIST and kinds[place + 1] != TokenType.L_PAREN:
            at = (token.line, token.col, token.start, token.end, token.comments)
            tokens[place] = Token(TokenType.VAR, _MARK + token.text, *at)
    return True


_ROW_IS_VALUE = frozenset({"duckdb", "postgres"})


def _rows_of_values(node: exp.Values) -> None:
    """Take ROW of MySQL's ``VALUES ROW(1, 2)`` off, which sqlglot reads as a function of one column."""
    for row in node.expressions:
        inner = row.expressions[0] if isinstance(row, exp.Tuple) and len(row.expressions) == 1 else None
        if isinstance(inner, exp.Anonymous) and str(inner.this).upper() == "ROW":
            row.set("expressions", inner.expressions)


def _in_table(node: exp.In) -> None:
    """Make a subquery of the table in SQLite's ``x IN t``."""
    field = node.args.get("field")
    if isinstance(field, exp.Column):
        table = exp.Table(this=field.this, db=field.args.get("table"))
        node.set("field", None)
        node.set("query", exp.Subquery(this=exp.Select(expressions=[exp.Star()]).from_(table)))


def _in_values(node: exp.In) -> None:
    """Make a subquery of the rows in ``x IN (VALUES ...)``."""
    if len(node.expressions) == 1 and isinstance(node.expressions[0], exp.Values):
        rows = exp.Select(expressions=[exp.Star()], from_=exp.From(this=node.expressions[0]))
        node.set("query", exp.Subquery(this=rows))
        node.set("expressions", [])


_NO_LAMBDAS = frozenset({"postgres", "redshift", "mysql", "sqlite", "oracle", "tsql"})


def _json_arrow(node: exp.Lambda, dialect: str) -> None:
    """Make JSON's arrow of ``f(doc -> 'key')``, which sqlglot reads as a lambda."""
    leaf: exp.Expr = node.this
    while isinstance(leaf, exp.Binary):
        leaf = leaf.this
    parent = node.parent
    of_lists = isinstance(parent, (exp.Transform, exp.ArrayFilter)) or (
        isinstance(parent, exp.Anonymous)
        and re.match("(?i)list_|array_|apply|filter", str(parent.this)) is not None
    )
    arrow = dialect in _NO_LAMBDAS or (dialect == "duckdb" and isinstance(leaf, exp.Literal) and not of_lists)
    if len(node.expressions) != 1 or not arrow:
        return
    path = Dialect.get_or_raise(dialect).to_json_path(leaf.copy())
    made = exp.JSONExtract(this=exp.Column(this=node.expressions[0].copy()), expression=path)
    if leaf is node.this:
        node.replace(made)
    else:
        leaf.replace(made)
        node.replace(node.this)


def _is_dual(node: exp.Expr, dialect: str) -> bool:
    """Whether a source is the table of one row that stands for none."""
    known = dialect in ("oracle", "mysql", "snowflake")
    return known and isinstance(node, exp.Table) and node.name.upper() == "DUAL" and not node.args.get("db")
