"""START WITH and CONNECT BY: a hierarchy, spelt out as WITH RECURSIVE.

The rows of the table are numbered in the order of siblings, so that the numbers on the way from the root to a
row sort the rows as Oracle gives them: each parent before its children.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlglot import exp

from dwkit.sql.bind import rownum
from dwkit.sql.bind.context import Context

if TYPE_CHECKING:
    from dwkit.sql.bind.query import Bound, QueryBinder

__all__ = ["hierarchy"]

_ROWS, _TREE, _PARENT, _CHILD = "dwkit:rows", "dwkit:tree", "dwkit:parent", "dwkit:child"
_LEVEL, _NUMBER, _WAY = "dwkit:level", "dwkit:number", "dwkit:way"
_DIGITS = 12
_PSEUDO = ("level", "connect_by_isleaf", "connect_by_iscycle")


def hierarchy(binder: QueryBinder, select: exp.Select) -> Bound:
    """Bind a query with CONNECT BY, whose tree is changed.

    Raises:
        SqlError: it joins tables, or asks for what there is no exact answer to.
    """
    made = _Hierarchy(binder.context, select).spelt_out()
    binder.context.notice(made)
    return binder.query(made)


class _Hierarchy:
    """One query with CONNECT BY.

    What depends on the way to a row is a column of the tree: each has an expression for a root and one for a child.
    """

    def __init__(self, context: Context, select: exp.Select) -> None:
        self._context = context
        self._select = select
        connect = select.args["connect"]
        self._start, self._connect = connect.args.get("start"), connect.args["connect"]
        self._nocycle = bool(connect.args.get("nocycle"))
        self._made: dict[exp.Expr, tuple[str, exp.Expr, exp.Expr]] = {}
        source = select.args.get("from_")
        if select.args.get("joins") or select.args.get("laterals"):
            raise context.refuse("CONNECT BY over joined tables", select, "join in a subquery in FROM")
        self._table: exp.Expr | None = source.this if source is not None else None
        self._name = self._table.alias_or_name if self._table is not None else ""
        if self._table is not None and not self._name:
            self._name = "dwkit:source"
            self._table.set("alias", exp.TableAlias(this=_identifier(self._name)))

    def spelt_out(self) -> exp.Select:
        """Return the query over the tree."""
        select = self._select
        select.set("connect", None)
        order = select.args.get("order")
        siblings = order is not None and order.args.get("siblings")
        ordered = order is not None and not siblings
        grouped = any(select.args.get(k) for k in ("group", "having", "distinct"))
        grouped |= any(e.find(exp.AggFunc) for e in select.expressions)
        if siblings and grouped:
            raise self._context.refuse("ORDER SIBLINGS BY of grouped rows", select)
        keys: list[exp.Expr] = []
        if order is not None and siblings:
            keys = [self._sibling(k) for k in order.expressions]
            select.set("order", None)
        self._number_rows()
        self._name_items()
        for clause in [
            *select.expressions,
            *(select.args.get(k) for k in ("where", "group", "having", "order")),
        ]:
            if isinstance(clause, exp.Expr):
                self._replace_pseudo(clause)
        self._hide_columns()
        in_order = exp.Order(
            expressions=[exp.Ordered(this=_column(_WAY if self._table else _LEVEL), nulls_first=True)]
        )
        for number in select.find_all(exp.Window):
            if isinstance(number.this, exp.RowNumber) and not number.args.get("order"):
                number.set("order", in_order.copy())  # ROWNUM
        if not ordered and not grouped:
            select.set("order", in_order)
        end = self._series_end()
        if end is not None:
            numbers = exp.GenerateSeries(start=exp.Literal.number(1), end=end)
            alias = exp.TableAlias(this=_identifier(_TREE), columns=[_identifier(_LEVEL)])
            select.set("from_", exp.From(this=exp.Unnest(expressions=[numbers], alias=alias)))
            return select
        select.set("from_", exp.From(this=_table(_TREE, self._name or _TREE)))
        tree = exp.union(self._roots(), self._children(), distinct=False)
        with_ = exp.With(expressions=[_cte(_ROWS, self._rows(keys)), _cte(_TREE, tree)], recursive=True)
        select.set("with_", with_)
        return select

    def _number_rows(self) -> None:
        """Write what ROWNUM stands for: in the condition for a single row it is the level."""
        for one in list(exp.Paren(this=self._connect).find_all(exp.Column)):
            if self._is_pseudo(one, "rownum"):
                if self._table is not None:
                    raise self._context.refuse("ROWNUM in CONNECT BY", one, "LEVEL")
                one.set("this", exp.to_identifier("level"))
        if self._context.dialect == "oracle":
            rownum.spell_out(self._context, self._select)

    def _name_items(self) -> None:
        """Call what has no name as it is written."""
        for item in list(self._select.expressions):
            if not isinstance(item, (exp.Alias, exp.Column, exp.Star)):
                item.replace(
                    exp.alias_(item.copy(), item.sql(dialect=self._context.dialect).lower(), quoted=True)
                )

    def _series_end(self) -> exp.Expr | None:
        """Return the last level of ``CONNECT BY LEVEL <= n`` for a single row, None for what is not so simple."""
        condition, level = self._connect, self._connect.this
        if (
            self._table is not None
            or self._made
            or self._start is not None
            or not isinstance(condition, (exp.LTE, exp.LT))
        ):
            return None
        bound = condition.expression
        if not self._is_pseudo(level, "level") or bound.find(exp.Column, exp.Prior) is not None:
            return None
        last: exp.Expr = exp.Floor(this=bound.copy())
        if isinstance(condition, exp.LT):
            last = exp.Sub(this=exp.Ceil(this=bound.copy()), expression=exp.Literal.number(1))
        one = exp.Literal.number(1)
        whole = exp.cast(exp.paren(last), exp.DataType.Type.BIGINT)
        return exp.Greatest(this=exp.Coalesce(this=whole, expressions=[one]), expressions=[one.copy()])

    # -- the parts of the recursive query -----------------------------------------------------

    def _rows(self, keys: list[exp.Expr]) -> exp.Select:
        """Return the rows of the table with the number of each in the order of siblings."""
        order = exp.Order(expressions=keys) if keys else None
        number = _padded(exp.Window(this=exp.RowNumber(), order=order))
        columns = (
            [exp.Column(this=exp.Star(), table=_identifier(self._name))] if self._table is not None else []
        )
        made = exp.Select(expressions=[*columns, _alias(number, _NUMBER)])
        if self._table is not None:
            made.set("from_", exp.From(this=self._table))
        return made

    def _roots(self) -> exp.Select:
        name = self._name or _CHILD
        way = exp.DPipe(this=exp.Literal.string("/"), expression=_column(_NUMBER, name))
        made = exp.Select(
            expressions=[
                exp.Column(this=exp.Star(), table=_identifier(name)),
                _alias(exp.Literal.number(1), _LEVEL),
                _alias(way, _WAY),
                *(_alias(root, column) for column, root, _ in self._made.values()),
            ],
            from_=exp.From(this=_table(_ROWS, name)),
        )
        if self._start is not None:
            made.set("where", exp.Where(this=self._start))
        return made

    def _children(self) -> exp.Select:
        level = exp.Add(this=_column(_LEVEL, _PARENT), expression=exp.Literal.number(1))
        before = exp.DPipe(this=_column(_WAY, _PARENT), expression=exp.Literal.string("/"))
        way: exp.Expr = exp.DPipe(this=before, expression=_column(_NUMBER, _CHILD))
        if not self._nocycle and self._connect.find(exp.Prior) is not None:
            again = exp.Not(this=self._is_new(_PARENT))
            told = exp.Literal.string("CONNECT BY comes back to a row that is on the way; NOCYCLE ends there")
            way = exp.Anonymous(this="DWKIT:CHECKED", expressions=[way, again, told])
        return exp.Select(
            expressions=[
                exp.Column(this=exp.Star(), table=_identifier(_CHILD)),
                _alias(level, _LEVEL),
                _alias(way, _WAY),
                *(_alias(child, column) for column, _, child in self._made.values()),
            ],
            from_=exp.From(this=_table(_TREE, _PARENT)),
            joins=[exp.Join(this=_table(_ROWS, _CHILD), on=self._condition(_PARENT))],
        )

    def _condition(self, parent: str) -> exp.Expr:
        """Return what makes a row a child of a parent that is called so."""
        condition = exp.paren(self._moved(self._connect, _CHILD, parent))
        if not self._nocycle:
            return condition
        return exp.and_(condition, self._is_new(parent))

    def _is_new(self, parent: str) -> exp.Expr:
        """Return whether a child is not on the way to its parent."""
        place = exp.StrPosition(this=_column(_WAY, parent), substr=_column(_NUMBER, _CHILD))
        return exp.EQ(this=place, expression=exp.Literal.number(0))

    # -- names --------------------------------------------------------------------------------

    def _moved(self, node: exp.Expr, own: str, parent: str, *, level: bool = True) -> exp.Expr:
        """Return an expression whose columns are those of a row, those of PRIOR those of its parent."""

        def change(one: exp.Expr) -> exp.Expr:
            if isinstance(one, exp.Prior):
                return self._of(one.this.copy(), parent)
            if isinstance(one, exp.Column) and not isinstance(one.this, exp.Star):
                if level and self._is_pseudo(one, "level"):
                    return exp.paren(exp.Add(this=_column(_LEVEL, parent), expression=exp.Literal.number(1)))
                return self._of(one, own)
            return one

        return _outermost(node.copy(), (exp.Prior, exp.Column), change)

    def _of(self, node: exp.Expr, name: str) -> exp.Expr:
        """Return an expression with the columns of the table under another name of it."""

        def change(one: exp.Expr) -> exp.Expr:
            if self._is_pseudo(one, "level"):
                return _column(_LEVEL, name)
            table = one.args.get("table")
            if isinstance(one.this, exp.Identifier) and (
                table is None or table.name.lower() == self._name.lower()
            ):
                return exp.Column(this=one.this.copy(), table=_identifier(name))
            return one

        return _outermost(node, (exp.Column,), change)

    def _is_pseudo(self, node: exp.Expr, name: str) -> bool:
        return isinstance(node, exp.Column) and len(node.parts) == 1 and node.name.lower() == name

    def _sibling(self, key: exp.Expr) -> exp.Expr:
        """Return a key of ORDER SIBLINGS BY, which may be the alias of an expression of the rows."""
        named = {e.alias.lower(): e.this for e in self._select.expressions if isinstance(e, exp.Alias)}
        plain = key.this
        if isinstance(plain, exp.Column) and len(plain.parts) == 1 and plain.name.lower() in named:
            key.set("this", named[plain.name.lower()].copy())
        odd = key.find(exp.Prior, exp.ConnectByRoot, exp.Query, exp.Anonymous)
        if odd is not None or any(self._is_pseudo(c, p) for c in key.find_all(exp.Column) for p in _PSEUDO):
            raise self._context.refuse("ORDER SIBLINGS BY of what depends on the hierarchy", key)
        return key

    def _replace_pseudo(self, clause: exp.Expr) -> None:
        """Write the tree's own columns for LEVEL, PRIOR x, CONNECT_BY_ROOT x, SYS_CONNECT_BY_PATH() and the like, in place."""
        for one in list(clause.find_all(exp.Column, exp.Prior, exp.ConnectByRoot, exp.Anonymous)):
            if one.find_ancestor(exp.Prior, exp.ConnectByRoot) is not None:
                continue
            made = self._stands_for(one)
            if made is not None:
                one.replace(exp.alias_(made, one.name.lower()) if one.parent is self._select else made)

    def _stands_for(self, one: exp.Expr) -> exp.Expr | None:
        if self._is_pseudo(one, "level"):
            return _column(_LEVEL)
        if self._is_pseudo(one, "connect_by_isleaf"):
            inner = exp.Select(
                expressions=[exp.Literal.number(1)], from_=exp.From(this=_table(_ROWS, _CHILD)),
                where=exp.Where(this=self._condition(self._name or _TREE)),
            )  # fmt: skip
            zero, leaf = exp.Literal.number(0), exp.Literal.number(1)
            return exp.Case(ifs=[exp.If(this=exp.Exists(this=inner), true=zero)], default=leaf)
        if self._is_pseudo(one, "connect_by_iscycle"):
            raise self._context.refuse("CONNECT_BY_ISCYCLE", one)
        if isinstance(one, exp.Prior):
            nothing = exp.Case(
                ifs=[exp.If(this=exp.false(), true=self._of(one.this.copy(), self._name or _CHILD))]
            )
            return self._column_for(one, nothing, self._of(one.this.copy(), _PARENT))
        if isinstance(one, exp.ConnectByRoot):
            return self._column_for(one, self._of(one.this.copy(), self._name or _CHILD), None)
        if isinstance(one, exp.Anonymous) and str(one.this).upper() == "SYS_CONNECT_BY_PATH":
            if len(one.expressions) != 2:
                raise self._context.error("SYS_CONNECT_BY_PATH wants an expression and a text", one)
            value, sign = one.expressions

            def step(name: str) -> exp.Expr:
                return exp.DPipe(
                    this=sign.copy(), expression=exp.cast(self._of(value.copy(), name), "varchar")
                )

            return self._column_for(one, step(self._name or _CHILD), step(_CHILD), adds=True)
        return None

    def _column_for(
        self, node: exp.Expr, root: exp.Expr, child: exp.Expr | None, *, adds: bool = False
    ) -> exp.Expr:
        """Return the column of the tree that stands for a node: of a child without an expression it is that of its parent."""
        if node not in self._made:
            column = f"dwkit:made{len(self._made)}"
            of_parent = _column(column, _PARENT)
            if child is None:
                child = of_parent
            elif adds:
                child = exp.DPipe(this=of_parent, expression=exp.paren(child))
            self._made[node.copy()] = (column, root, child)
        return _column(self._made[node][0])

    def _hide_columns(self) -> None:
        """Leave the tree's own columns out of ``*``.

        Raises:
            SqlError: there are no others.
        """
        hidden = [_NUMBER, _LEVEL, _WAY, *(c for c, _, _ in self._made.values())]
        for one in self._select.expressions:
            star = one.this if isinstance(one, exp.Column) else one
            if isinstance(star, exp.Star) and self._table is None:
                raise self._context.refuse("* of a query without a table", one)
            if isinstance(star, exp.Star):
                star.set("except_", [*(star.args.get("except_") or ()), *map(_identifier, hidden)])


def _outermost(
    node: exp.Expr, kinds: tuple[type[exp.Expr], ...], change: Callable[[exp.Expr], exp.Expr]
) -> exp.Expr:
    """Return a tree in which the outermost nodes of some kinds are changed, not those in subqueries."""
    if isinstance(node, kinds):
        return change(node)
    for one in list(node.walk(prune=lambda n: isinstance(n, (*kinds, exp.Query)))):
        if one is not node and isinstance(one, kinds):
            one.replace(change(one))
    return node


def _identifier(name: str) -> exp.Identifier:
    return exp.to_identifier(name, quoted=True)


def _column(name: str, table: str = "") -> exp.Column:
    return exp.Column(this=_identifier(name), table=_identifier(table) if table else None)


def _table(name: str, alias: str) -> exp.Table:
    return exp.Table(this=_identifier(name), alias=exp.TableAlias(this=_identifier(alias)))


def _alias(node: exp.Expr, name: str) -> exp.Expr:
    return exp.Alias(this=node, alias=_identifier(name))


def _cte(name: str, query: exp.Expr) -> exp.CTE:
    return exp.CTE(this=query, alias=exp.TableAlias(this=_identifier(name)))


def _padded(number: exp.Expr) -> exp.Expr:
    """Return a number as a text that sorts as the number does."""
    text, digits = exp.cast(number, "varchar"), exp.Literal.number(_DIGITS)
    return exp.Pad(this=text, expression=digits, fill_pattern=exp.Literal.string("0"), is_left=True)
