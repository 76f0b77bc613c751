"""Macros of DuckDB: CREATE MACRO and FUNCTION, and what stands for their calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect

from dwkit.sql.query import is_query
from dwkit.sql.statements.catalog import Catalog
from dwkit.sql.statements.run import Done, Result, Run

__all__ = ["Macro", "create_macro", "drop_macro", "expanded"]

_DEPTH = 100


@dataclass(frozen=True, slots=True)
class Macro:
    """What stands for a call with so many arguments.

    Attributes:
        names: of its parameters, in lower case.
        defaults: of those that a call may leave out.
        body: an expression, or a query where it stands in FROM.
    """

    names: tuple[str, ...]
    defaults: Mapping[str, exp.Expr]
    body: exp.Expr
    table: bool = False


def create_macro(run: Run, tree: exp.Create) -> Done:
    """Run CREATE MACRO or CREATE FUNCTION.

    Raises:
        SqlError: it is there already, or is none that can be put for its calls.
    """
    head = tree.this
    if run.dialect != "duckdb" or not isinstance(head, exp.UserDefinedFunction) or head.this.text("db"):
        raise run.refuse(f"CREATE {str(tree.args['kind']).upper()}", head)
    name = head.this.name
    if name.upper() in Dialect.get_or_raise(run.dialect).parser_class.FUNCTIONS:
        raise run.refuse("a macro of the name of a function", head)
    key, result = name.lower(), Result("CREATE MACRO")
    if key in run.catalog.macros and not tree.args.get("replace"):
        if tree.args.get("exists"):
            return Done(run.catalog, result)
        raise run.error(f"macro {name!r} is there already", head, "CREATE OR REPLACE makes it anew")
    body = tree.expression
    if isinstance(body, exp.MacroOverloads):
        made = tuple(
            _macro(run, o.expressions, o.this, table=bool(o.args.get("is_table"))) for o in body.expressions
        )
    else:
        table = tree.find(exp.ReturnsProperty) is not None
        made = (_macro(run, head.expressions, body, table=table),)
    return Done(replace(run.catalog, macros={**run.catalog.macros, key: made}), result)


def _macro(run: Run, parameters: list[exp.Expr], body: exp.Expr, *, table: bool) -> Macro:
    names: list[str] = []
    defaults: dict[str, exp.Expr] = {}
    for one in parameters:
        if isinstance(one, exp.ColumnDef):
            default = one.find(exp.DefaultColumnConstraint)
            if one.args.get("kind") is not None or default is None:
                raise run.refuse("a parameter of a macro with a type", one)
            defaults[one.name.lower()] = _placeless(default.this.copy())
        names.append(one.name.lower())
    if len(set(names)) < len(names):
        raise run.error("two parameters of a macro have one name", parameters[0])
    if table != is_query(body) and not isinstance(body, (exp.Subquery, exp.Tuple)):
        raise run.refuse("a macro of this", body)
    return Macro(tuple(names), defaults, _placeless(body.copy()), table)


def _placeless(node: exp.Expr) -> exp.Expr:
    """Return a tree whose nodes have no place in the text: an error is then shown at the call."""
    for one in node.walk():
        for word in ("line", "col", "start", "end"):
            one.meta.pop(word, None)
    return node


def drop_macro(run: Run, node: exp.Expr, *, exists: bool) -> Catalog:
    """Return the catalogue without a macro.

    Raises:
        SqlError: there is none of that name.
    """
    key = node.name.lower()
    if key not in run.catalog.macros and not exists:
        raise run.error(f"no macro {node.name!r} in this session", node)
    return replace(run.catalog, macros={k: m for k, m in run.catalog.macros.items() if k != key})


def expanded(run: Run) -> exp.Expr:
    """Return the tree of a statement with what stands for its calls of macros.

    Raises:
        SqlError: no macro of the name takes the arguments, or one calls itself.
    """
    macros = run.catalog.macros
    if isinstance(run.tree, exp.Create) and isinstance(run.tree.this, exp.UserDefinedFunction):
        return run.tree  # what a macro calls is looked up when it is called
    if not macros or not any(str(c.this).lower() in macros for c in run.tree.find_all(exp.Anonymous)):
        return run.tree
    tree = exp.Paren(this=run.tree.copy())
    for _ in range(_DEPTH):
        call = next((c for c in tree.find_all(exp.Anonymous) if str(c.this).lower() in macros), None)
        if call is None:
            made: exp.Expr = tree.this
            made.pop()
            return made
        _replace(run, call, macros[str(call.this).lower()])
        if sum(1 for _ in zip(tree.walk(), range(100_000), strict=False)) == 100_000:
            break
    raise run.error("macros call each other too often")


def _replace(run: Run, call: exp.Anonymous, overloads: tuple[Macro, ...]) -> None:
    source = call.parent if isinstance(call.parent, exp.Table) else None
    fitting = [
        (m, given)
        for m in overloads
        if m.table == (source is not None) and (given := _given(m, call)) is not None
    ]
    if not fitting:
        takes = " or ".join(f"({', '.join(m.names)})" for m in overloads)
        raise run.error(f"macro {call.this} takes {takes}, not these arguments", call)
    macro, given = fitting[0]
    body = exp.Paren(this=macro.body.copy())
    for column in list(body.find_all(exp.Column)):
        if column.table.lower() in given:
            raise run.refuse("a part of a parameter of a macro", call)
        if not column.table and column.name.lower() in given and isinstance(column.this, exp.Identifier):
            value = given[column.name.lower()].copy()
            column.replace(value if isinstance(value, (exp.Literal, exp.Column)) else exp.Paren(this=value))
    if source is not None:
        alias = source.args.get("alias") or exp.TableAlias(this=exp.to_identifier(str(call.this)))
        query = body.this.unnest() if isinstance(body.this, exp.Subquery) else body.this
        made = exp.Subquery(this=query, alias=alias, joins=source.args.get("joins"))
        source.replace(made)
        return
    parent = call.parent
    bare = isinstance(body.this, (exp.Subquery, exp.Tuple, exp.Paren, exp.Literal, exp.Column, exp.Func))
    made_value: exp.Expr = body.this if bare and not isinstance(body.this, exp.Binary) else body
    if isinstance(parent, exp.Select) and call.arg_key == "expressions":
        written = exp.to_identifier(call.sql(dialect=run.dialect, normalize_functions=False), quoted=True)
        made_value = exp.Alias(this=made_value, alias=written)
    call.replace(made_value)


def _given(macro: Macro, call: exp.Anonymous) -> dict[str, exp.Expr] | None:
    """Return the arguments of a call by parameter, None where they are not those of a macro."""
    given: dict[str, exp.Expr] = {}
    for place, node in enumerate(call.expressions):
        named = isinstance(node, (exp.PropertyEQ, exp.Kwarg))
        if not named and place >= len(macro.names):
            return None
        name = node.this.name.lower() if named else macro.names[place]
        if name in given or name not in macro.names:
            return None
        given[name] = node.expression if named else node
    missing = [n for n in macro.names if n not in given]
    if any(n not in macro.defaults for n in missing):
        return None
    return given | {n: macro.defaults[n] for n in missing}
