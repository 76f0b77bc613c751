"""Rewrites from what the user's dialect means to what Polars' SQL does right; each is a small function.

A rule takes a node of an annotated tree and returns what stands in its place. Polars' own SQL was probed
for every construct here; what it lacks and no rule can say is refused with the construct's name.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from dwkit.sql.types import is_date, is_decimal, is_float, is_integer

__all__ = ["ONE_ROW", "RULES", "Rule", "lateral_aliases", "named"]

Rule = Callable[[exp.Expr], exp.Expr]

ONE_ROW = "_one_row"
"""Table of one row and one column, which a SELECT without FROM reads."""


def from_one_row(node: exp.Expr) -> exp.Expr:
    """``SELECT 1 WHERE false`` has no row; Polars forgets the WHERE where there is no FROM."""
    if (
        isinstance(node, exp.Select)
        and not (node.args.get("from_") or node.args.get("from"))
        and node.args.get("where")
    ):
        return node.from_(exp.to_table(ONE_ROW), copy=False)
    return node


def division(node: exp.Expr) -> exp.Expr:
    """``/`` of integers is an integer in some dialects; elsewhere it is a float, of decimals too."""
    if not isinstance(node, exp.Div):
        return node
    left, right = node.left, node.right
    if node.args.get("safe"):
        right = exp.Nullif(this=right.copy(), expression=exp.Literal.number(0))
    if node.args.get("typed"):
        if is_integer(left) and is_integer(node.right):
            return exp.IntDiv(this=_paren(left), expression=_paren(right))
        if is_decimal(left) or is_decimal(node.right):
            return exp.Div(this=left, expression=right)
    return exp.Div(this=_cast(left, "DOUBLE"), expression=_cast(right, "DOUBLE"))


def cast_to_integer(node: exp.Expr) -> exp.Expr:
    """CAST of 2.5 to an integer rounds (a float half to even, a decimal half away from zero)."""
    if not isinstance(node, exp.Cast) or node.args.get("_rounded"):
        return node
    target = node.to.this
    if target not in (
        exp.DataType.Type.BIGINT,
        exp.DataType.Type.INT,
        exp.DataType.Type.SMALLINT,
        exp.DataType.Type.TINYINT,
    ):
        return node
    value = node.this
    if is_decimal(value) or _is_exact(value):
        rounded: exp.Expr = exp.Round(this=value.copy())
    elif is_float(value):
        half = exp.EQ(
            this=exp.Abs(this=exp.Sub(this=_paren(value), expression=exp.Floor(this=value.copy()))),
            expression=exp.Literal.number("0.5"),
        )
        even = exp.Mul(
            this=exp.Literal.number(2),
            expression=exp.Round(this=exp.Div(this=_paren(value), expression=exp.Literal.number(2))),
        )
        rounded = exp.Case(ifs=[exp.If(this=half, true=even)], default=exp.Round(this=value.copy()))
    else:
        return node
    made = node.copy()
    made.set("this", rounded)
    made.set("_rounded", True)
    return made


def cast_to_decimal(node: exp.Expr) -> exp.Expr:
    """CAST to fewer digits after the point rounds halves away from zero; Polars cuts some off."""
    if not isinstance(node, (exp.Cast, exp.TryCast)) or node.to.this != exp.DataType.Type.DECIMAL:
        return node
    if node.args.get("_rounded") or not (_is_exact(node.this) or is_decimal(node.this)):
        return node
    scale = node.to.expressions[1].this if len(node.to.expressions) > 1 else exp.Literal.number(0)
    made = node.copy()
    made.set("this", exp.Round(this=node.this.copy(), decimals=scale.copy()))
    made.set("_rounded", True)
    return made


def logarithms(node: exp.Expr) -> exp.Expr:
    """LOG(base, x) is LOG(x, base) to Polars, and LOG(x) is that of base 10."""
    if not isinstance(node, exp.Log):
        return node
    base, value = (node.this, node.expression) if node.expression else (exp.Literal.number(10), node.this)
    names = {"10": "LOG10", "2": "LOG2"}
    if isinstance(base, exp.Literal) and base.this in names:
        return exp.Anonymous(this=names[base.this], expressions=[_cast(value, "DOUBLE")])
    return exp.Anonymous(this="LOG", expressions=[_cast(value, "DOUBLE"), _cast(base, "DOUBLE")])


def days_between(node: exp.Expr) -> exp.Expr:
    """A date less a date is a number of days."""
    if isinstance(node, exp.Sub) and is_date(node.left) and is_date(node.right):
        return exp.Paren(this=exp.Sub(this=_days(node.left), expression=_days(node.right)))
    return node


def date_diff(node: exp.Expr) -> exp.Expr:
    """Boundaries of a unit between two dates; weeks begin on Monday."""
    if not isinstance(node, (exp.DateDiff, exp.TimestampDiff, exp.DatetimeDiff, exp.TsOrDsDiff)):
        return node
    unit = (node.text("unit") or "DAY").upper().rstrip("S")
    later, earlier = node.this, node.expression
    parts: dict[str, Callable[[exp.Expr], exp.Expr]] = {
        "DAY": _days,
        "WEEK": lambda x: exp.IntDiv(this=exp.Paren(this=exp.Add(this=_days(x), expression=exp.Literal.number(3))), expression=exp.Literal.number(7)),
        "MONTH": lambda x: _parts(x, 12, "MONTH"),
        "QUARTER": lambda x: _parts(x, 4, "QUARTER"),
        "YEAR": lambda x: exp.Extract(this=exp.Var(this="YEAR"), expression=x.copy()),
        "HOUR": lambda x: _seconds(x, 3600),
        "MINUTE": lambda x: _seconds(x, 60),
        "SECOND": lambda x: _seconds(x, 1),
    }  # fmt: skip
    if unit not in parts:
        return node
    of = parts[unit]
    return exp.Paren(this=exp.Sub(this=_cast(of(later), "BIGINT"), expression=_cast(of(earlier), "BIGINT")))


def functions(node: exp.Expr) -> exp.Expr:
    """Functions that Polars' SQL knows by another name, and counts that must be signed."""
    if isinstance(node, exp.IgnoreNulls) and isinstance(node.this, (exp.Min, exp.AnyValue)):
        return exp.Min(this=node.this.this)
    if isinstance(node, (exp.AnyValue, exp.LogicalAnd)):
        return exp.Min(this=node.this)
    if isinstance(node, exp.LogicalOr):
        return exp.Max(this=node.this)
    if isinstance(node, exp.RegexpLike):
        return exp.Anonymous(
            this="REGEXP_LIKE", expressions=[node.this, node.expression, *_given(node, "flag")]
        )
    if isinstance(node, exp.ArrayAgg):
        return exp.Anonymous(this="ARRAY_AGG", expressions=[node.this])
    if isinstance(node, exp.ArraySize):
        return _cast(exp.Anonymous(this="ARRAY_LENGTH", expressions=[node.this]), "BIGINT")
    if isinstance(node, exp.StrPosition):
        return _cast(exp.Anonymous(this="STRPOS", expressions=[node.this, node.args["substr"]]), "BIGINT")
    if (
        isinstance(node, exp.Length)
        and node.this.type is not None
        and node.this.type.this == exp.DataType.Type.ARRAY
    ):
        return _cast(exp.Anonymous(this="ARRAY_LENGTH", expressions=[node.this]), "BIGINT")
    if isinstance(node, exp.Length):
        return _cast(exp.Anonymous(this="LENGTH", expressions=[node.this]), "BIGINT")
    return node


def struct_fields(node: exp.Expr) -> exp.Expr:
    """``s['a']`` is a field of a struct, as ``s.a`` is."""
    if isinstance(node, exp.Bracket) and len(node.expressions) == 1:
        key = node.expressions[0]
        if isinstance(key, exp.Literal) and key.is_string:
            return exp.Dot(this=node.this, expression=exp.to_identifier(key.this, quoted=True))
    return node


def named(node: exp.Expr, dialect: str) -> exp.Expr:
    """A result column without a name is called what it was written as."""
    if not isinstance(node, exp.Select):
        return node
    taken: set[str] = {
        p.alias_or_name for p in node.selects if isinstance(p, (exp.Alias, exp.Column, exp.Dot))
    }
    for projection in list(node.selects):
        if projection.is_star or projection.alias or isinstance(projection, (exp.Column, exp.Dot)):
            continue
        name = projection.sql(dialect=dialect, comments=False).lower()
        while name in taken:
            name += "_1"
        taken.add(name)
        projection.replace(exp.alias_(projection.copy(), name, quoted=True))
    return node


def lateral_aliases(node: exp.Expr) -> exp.Expr:
    """An alias of the SELECT list may be used further on in it, in WHERE, GROUP BY, HAVING and QUALIFY."""
    if not isinstance(node, exp.Select):
        return node
    before: dict[str, exp.Expr] = {}
    for projection in list(node.selects):
        _replace_aliases(projection, before)
        if (isinstance(projection, exp.Alias) and not isinstance(projection.this, exp.Column)) or (
            isinstance(projection, exp.Alias) and projection.this.name.lower() != projection.alias.lower()
        ):
            before[projection.alias.lower()] = projection.this
    for clause in ("where", "having", "qualify"):
        if node.args.get(clause):
            _replace_aliases(node.args[clause], before)
    return node


def _replace_aliases(tree: exp.Expr, aliases: dict[str, exp.Expr]) -> None:
    for column in list(tree.find_all(exp.Column)):
        if not column.meta.get("bound") and len(column.parts) == 1 and column.name.lower() in aliases:
            column.replace(_paren(aliases[column.name.lower()]))


RULES: tuple[Rule, ...] = (
    from_one_row, date_diff, days_between, cast_to_integer, cast_to_decimal, logarithms,
    division, functions,
    struct_fields,
)  # fmt: skip
"""In the order in which they are applied; each to every node, from the leaves up."""


def _is_exact(node: exp.Expr) -> bool:
    """Whether it is a number with a point, as ``-2.5``: a decimal to Polars, a double to sqlglot."""
    plain = node.this if isinstance(node, exp.Neg) else node
    return (
        isinstance(plain, exp.Literal)
        and not plain.is_string
        and "." in plain.this
        and "e" not in plain.this.lower()
    )


def _given(node: exp.Expr, name: str) -> list[exp.Expr]:
    found = node.args.get(name)
    return [found] if found is not None else []


def _days(node: exp.Expr) -> exp.Expr:
    return _cast(_cast(node, "DATE"), "INT")


def _parts(node: exp.Expr, factor: int, part: str) -> exp.Expr:
    year = exp.Extract(this=exp.Var(this="YEAR"), expression=node.copy())
    rest = exp.Extract(this=exp.Var(this=part), expression=node.copy())
    return exp.Paren(
        this=exp.Add(
            this=exp.Mul(this=_cast(year, "BIGINT"), expression=exp.Literal.number(factor)),
            expression=_cast(rest, "BIGINT"),
        )
    )


def _seconds(node: exp.Expr, size: int) -> exp.Expr:
    stamp = _cast(node, "TIMESTAMP")
    return exp.Floor(
        this=exp.Div(
            this=exp.Extract(this=exp.Var(this="EPOCH"), expression=stamp),
            expression=exp.Literal.number(size),
        )
    )


def _cast(node: exp.Expr, kind: str) -> exp.Cast:
    made = exp.Cast(this=node.copy(), to=exp.DataType.build(kind))
    made.set("_rounded", True)
    return made


def _paren(node: exp.Expr) -> exp.Expr:
    return (
        node.copy()
        if isinstance(node, (exp.Column, exp.Literal, exp.Paren, exp.Func))
        else exp.Paren(this=node.copy())
    )
