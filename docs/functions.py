"""Writes the lower part of docs/sql.md from the tables of the SQL compiler: ``poe docs``."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError

from dwkit.errors import SqlError
from dwkit.sql.bind.windows import WINDOW_FUNCTIONS
from dwkit.sql.functions import AGGREGATES, FAMILIES
from dwkit.sql.functions.differences import DIFFERENCES
from dwkit.sql.plan import JoinKind
from dwkit.sql.read import read
from dwkit.sql.session import COMMANDS, STATEMENTS

MARK = "<!-- What follows is written by docs/functions.py from the tables in the code; do not edit. -->"
DIALECTS = (
    "bigquery", "databricks", "duckdb", "mysql", "oracle", "postgres", "redshift", "snowflake", "spark", "sqlite",
    "trino", "tsql",
)  # fmt: skip

_INTERNAL = re.compile(
    "^TS_OR_DS|_STR$|TIME_STR|_DATE_STR|^DI_|_DI$|_STR_TO|^UNIX_TO|TIME_TO_UNIX|STR_TO_(TIME|UNIX)"
)
"""Names of sqlglot's own, which no database knows."""


def main() -> None:
    """Write the page beside this file anew."""
    path = Path(__file__).with_name("sql.md")
    path.write_text(page(path.read_text(encoding="utf-8")), encoding="utf-8")


def page(text: str) -> str:
    """Return the page with its lower part as the code has it now."""
    return "\n".join([text.partition(MARK)[0] + MARK, *_generated()]) + "\n"


def _generated() -> Iterator[str]:
    words = sorted({k.key.upper().removesuffix("TABLE") for k in STATEMENTS} | set(COMMANDS))
    yield "\n## Statements\n"
    yield f"SELECT, WITH, VALUES, FROM, {', '.join(words)}; BEGIN, COMMIT, ROLLBACK, USE."
    yield "\n## Joins\n"
    kinds = ", ".join(str(k).upper().replace("_", " ") for k in get_args(JoinKind))
    yield f"By equality and by any other condition: {kinds}; CROSS, NATURAL, USING, ASOF, LATERAL and APPLY."
    families = {**FAMILIES, "aggregates": AGGREGATES}
    found: dict[str, dict[str, set[str]]] = {family: defaultdict(set) for family in families}
    for dialect in DIALECTS:
        for name in _names(dialect):
            key = _read_as(name, dialect)
            for family, functions in families.items():
                if key in functions:
                    found[family][name].add(dialect)
    for family, functions in families.items():
        plain = {k for k in functions if isinstance(k, type) and not issubclass(k, exp.Func)}
        operators = sorted({_written(k) for k in plain})
        yield f"\n## Functions: {family}\n"
        if operators:
            yield f"Operators: {', '.join(f'`{o}`' for o in operators)}.\n"
        yield "| dialects | functions |"
        yield "|---|---|"
        by_dialects: dict[str, list[str]] = defaultdict(list)
        for name in sorted(found[family]):
            by_dialects[_shown(found[family][name])].append(name)
        # sqlglot has no class for these and reads the name as it stands.
        named = {k for k in functions if isinstance(k, str) and ":" not in k}  # no user can write those
        by_dialects["by name"] = sorted(named - found[family].keys())
        order = sorted(by_dialects, key=lambda d: (d == "by name", d != "all", not d.startswith("all"), d))
        yield from (f"| {d} | {', '.join(by_dialects[d])} |" for d in order if by_dialects[d])
    yield "\n## Functions: windows\n"
    yield f"{', '.join(WINDOW_FUNCTIONS)}, and every aggregate."
    yield "\n## Differences from the dialects\n"
    yield "| dialects | construct | here |"
    yield "|---|---|---|"
    for one in DIFFERENCES:
        yield f"| {_shown(set(one.dialects))} | {_cell(one.construct)} | {_cell(one.text)} |"


def _names(dialect: str) -> list[str]:
    """Return the names of functions that sqlglot has something for in a dialect."""
    parser = Dialect.get_or_raise(dialect).parser_class
    known = {*parser.FUNCTIONS, *parser.FUNCTION_PARSERS}
    return sorted(n for n in known if re.fullmatch("[A-Z][A-Z0-9_]*", n) and not _INTERNAL.search(n))


def _read_as(name: str, dialect: str) -> type[exp.Expr] | str | None:
    """Return what a call of a function becomes, None where no number of arguments makes one."""
    for arguments in ("a", "a, b", "a, b, c", "", "a, b, c, d", "'day', a", "'day', a, b"):
        try:
            [tree] = read(f"SELECT {name}({arguments})", dialect)
        except (SqlglotError, SqlError, ValueError):
            continue
        made = tree.selects[0].unalias() if isinstance(tree, exp.Select) and len(tree.selects) == 1 else None
        if isinstance(made, (exp.Anonymous, exp.AnonymousAggFunc)):
            return str(made.this).upper()
        if isinstance(made, exp.Cast) and str(made.args["to"]).upper() in ("GEOGRAPHY", "GEOMETRY"):
            return None
        if made is not None and not isinstance(made, exp.Column):
            return type(made)
    return None


def _shown(dialects: set[str]) -> str:
    missing = set(DIALECTS) - dialects
    if not missing:
        return "all"
    if len(missing) <= 3:
        return f"all but {', '.join(sorted(missing))}"
    return ", ".join(sorted(dialects))


def _written(kind: type[exp.Expr]) -> str:
    """Return an operator between ``a`` and ``b`` as DuckDB writes it, else its name."""
    if issubclass(kind, exp.Binary):
        return kind(this=exp.column("a"), expression=exp.column("b")).sql(dialect="duckdb")
    if issubclass(kind, exp.Unary):
        return kind(this=exp.column("a")).sql(dialect="duckdb")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__).upper()


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    main()
