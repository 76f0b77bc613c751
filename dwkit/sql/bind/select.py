"""Binds one SELECT, clause by clause in the order in which SQL does them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl
from sqlglot import exp

from dwkit.sql.bind import grouping, join_marks, lateral_views, rownum, sources, stars, windows
from dwkit.sql.bind.conditions import conjuncts, split
from dwkit.sql.bind.expressions import Stage
from dwkit.sql.bind.names import Field
from dwkit.sql.bind.order import is_all, limited, ordinal, sort_key
from dwkit.sql.bind.resolve import resolve
from dwkit.sql.bind.subqueries import SemiJoin
from dwkit.sql.bind.unnesting import EXPANDING, after_windows, unnested
from dwkit.sql.optimise.thin import made_distinct
from dwkit.sql.plan import Distinct, Filter, OneRow, Plan, Project, Sort
from dwkit.sql.trees import has_query
from dwkit.sql.value import Value
from dwkit.sql.window import SortKey

if TYPE_CHECKING:
    from dwkit.sql.bind.query import Bound, QueryBinder

__all__ = ["SelectBinder"]

_REFUSED = {
    "match": "MATCH_RECOGNIZE", "distribute": "DISTRIBUTE BY", "sort": "SORT BY",
    "cluster": "CLUSTER BY", "locks": "FOR UPDATE", "into": "SELECT INTO", "prewhere": "PREWHERE",
    "settings": "SETTINGS", "format": "FORMAT", "for_": "FOR JSON and FOR XML",
}  # fmt: skip


@dataclass
class Item:
    """A column of the SELECT list: its name and what it is made of."""

    name: str
    node: exp.Expr


class SelectBinder:
    """Binds one SELECT.

    Args:
        binder: of the level that it stands on.
        node: a copy that may be changed.
    """

    def __init__(self, binder: QueryBinder, node: exp.Select) -> None:
        self._binder = binder
        self._context = binder.context
        self._node = node

    def bind(self) -> Bound:
        """Bind it.

        Raises:
            SqlError: a name that nothing has, a construct that cannot be answered exactly.
        """
        from dwkit.sql.bind.query import Bound

        node = self._node
        for key, name in _REFUSED.items():
            if node.args.get(key):
                raise self._context.refuse(name, node)
        join_marks.spell_out(self._context, node)
        if node.args.get("connect"):
            from dwkit.sql.bind.hierarchy import hierarchy

            return hierarchy(self._binder, node)
        if self._context.dialect == "oracle":
            rownum.spell_out(self._context, node)
        lateral_views.spell_out(self._context, node)
        source = sources.bind_from(self._binder, node)
        if node.args.get("sample") is not None:
            source.sample(node.args["sample"])
        self._scope = source.scope
        self._items = [
            Item(name, one)
            for e in node.expressions
            for name, one in stars.expanded(e, self._scope, self._context, self._binder)
        ]
        self._name_items()
        self._aliases = self._known_aliases()
        self._resolve()
        stage = Stage(self._context, self._binder, self._scope, OneRow(), "WHERE")
        self._filter(stage, source)
        late = after_windows(self._context, self._node, [i.node for i in self._items])
        if not late:
            self._unnested(stage, grouped=False)
        stage = self._grouped(stage)
        self._unnested(stage, grouped=True)
        stage = self._windowed(stage)
        self._restrict(stage, "qualify", "QUALIFY")
        if late:
            self._unnested(stage, grouped=False)
        plan, fields = self._ordered(stage)
        return Bound(plan, fields)

    # -- names --------------------------------------------------------------------------------

    def _name_items(self) -> None:
        taken: set[str] = set()
        for item in self._items:
            if not item.name:
                item.name = _inner_name(item.node, self._context.dialect) or _written(
                    item.node, self._context.dialect
                )
                while item.name in taken:
                    item.name += "_1"
            taken.add(item.name)

    def _known_aliases(self) -> dict[str, exp.Expr]:
        found: dict[str, exp.Expr] = {}
        for item in self._items:
            if "id" not in item.node.meta and item.name:
                found.setdefault(item.name.lower(), item.node)
        return found

    def _resolve(self) -> None:
        """Give all names of all clauses their ids; aliases stand for what they name."""
        scope, context = self._scope, self._context
        before: dict[str, exp.Expr] = {}
        for item in self._items:
            item.node = resolve(item.node, scope, context, before)
            self._aliases[item.name.lower()] = item.node
            before[item.name.lower()] = item.node
        for clause in ("where", "having", "qualify"):
            one = self._node.args.get(clause)
            if one is not None:
                one.set("this", resolve(one.this, scope, context, self._aliases))
        windows.resolve_named(self._node, lambda n: resolve(n, scope, context, self._aliases))
        order = self._node.args.get("order")
        for key in order.expressions if order is not None else ():
            inner = key.this.this if isinstance(key.this, exp.Collate) else key.this
            number = ordinal(inner)
            if inner is not key.this and number is not None and 1 <= number <= len(self._items):
                inner.replace(self._items[number - 1].node.copy())
            elif number is None and not self._is_all(key.this):
                plain = isinstance(inner, exp.Column)
                key.set("this", resolve(key.this, scope, context, self._aliases, aliases_first=plain))

    def _is_all(self, node: exp.Expr) -> bool:
        return is_all(node) and not self._scope.find(node.name) and "all" not in self._aliases

    # -- rows ---------------------------------------------------------------------------------

    def _filter(self, stage: Stage, source: sources.Source) -> None:
        where = self._node.args.get("where")
        parts = list(split(where.this)) if where is not None else []
        plain: list[exp.Expr] = []
        late: list[exp.Expr] = []
        for part in parts:
            (late if has_query(part) else plain).append(part)
        found = source.restricted(stage, late)
        stage.plan = source.assembled(conjuncts(stage, plain))
        for part in source.late:
            filter_by(stage, part)
        for part, semi_join in found:
            filter_by(stage, part, semi_join)

    def _restrict(self, stage: Stage, clause: str, name: str) -> None:
        one = self._node.args.get(clause)
        if one is None:
            return
        stage.clause = name
        for part in split(one.this):
            filter_by(stage, part)

    def _unnested(self, stage: Stage, *, grouped: bool) -> None:
        """A list-expanding function in the SELECT list gives a row for each element, a struct its fields."""
        if not self._context.may_have(*EXPANDING):
            return
        nodes = [i.node for i in self._items if not isinstance(i.node, exp.Query)]
        structs = unnested(stage, nodes, grouped=grouped)
        if structs:
            self._items = [
                Item(f"{item.name}.{name}" if item.node in structs else item.name, node)
                for item in self._items
                for name, node in structs.get(item.node, {"": item.node}).items()
            ]

    def _grouped(self, stage: Stage) -> Stage:
        having = self._node.args.get("having")
        others = [having.this] if having is not None else []
        order = self._node.args.get("order")
        keys = [k.this for k in order.expressions] if order is not None else []
        qualify = self._node.args.get("qualify")
        later = [*others, *keys, *([qualify.this] if qualify is not None else [])]
        made = grouping.grouped(
            stage, self._node, [(i.name, i.node) for i in self._items], later, self._aliases
        )
        if made is None:
            if having is not None:
                raise self._context.error("HAVING without GROUP BY or an aggregate", having)
            return stage
        self._restrict(made, "having", "HAVING")
        return made

    def _windowed(self, stage: Stage) -> Stage:
        nodes = [i.node for i in self._items]
        qualify = self._node.args.get("qualify")
        if qualify is not None:
            nodes.append(qualify.this)
        order = self._node.args.get("order")
        nodes += [k.this for k in order.expressions] if order is not None else []
        windows.bind_windows(stage, nodes)
        return stage

    # -- result -------------------------------------------------------------------------------

    def _ordered(self, stage: Stage) -> tuple[Plan, tuple[Field, ...]]:
        stage.clause = "SELECT"
        self._values = values = [self._output(stage.bind(item.node)) for item in self._items]
        ids: list[str] = []
        made: dict[str, Value] = {}
        for item, value in zip(self._items, values, strict=True):
            ident = _own_id(value)
            if ident is None or ident in made:
                ident = self._context.made(item.name, value)
                self._context.note_origin(ident, item.node)
            made[ident] = value
            ids.append(ident)
        fields = tuple(
            Field(i.name, n, self._table_of(i.node)) for i, n in zip(self._items, ids, strict=True)
        )
        distinct = self._node.args.get("distinct")
        order = self._node.args.get("order")
        limit, offset = self._node.args.get("limit"), self._node.args.get("offset")
        if distinct is None:
            keys = self._keys(stage, order)
            plan: Plan = stage.plan
            if keys:
                hidden, keys = self._hidden(keys, made)
                plan = Sort(Project(plan, {**made, **hidden}), keys)
                plan = limited(stage, plan, limit, offset, keys)
                return (Project(plan, {i: self._context.column(i) for i in made}) if hidden else plan), fields
            return limited(stage, Project(plan, made), limit, offset, keys), fields
        if distinct.args.get("on") is not None:
            return self._distinct_on(stage, distinct.args["on"], made), fields
        project = Project(stage.plan, made)
        plan = made_distinct(self._context, project)
        keys = self._keys_of_distinct(stage, order, made)
        if keys:
            plan = Sort(plan, keys)
        return limited(stage, plan, limit, offset, keys), fields

    def _table_of(self, node: exp.Expr) -> str:
        """Return the name of the table that an item of the SELECT list is a plain column of."""
        if self._context.dialect != "datafusion" or not isinstance(node, exp.Column):
            return ""
        return self._scope.table_of(node.meta.get("id", ""))

    def _output(self, value: Value) -> Value:
        """Return a value of the SELECT list as the dialect shows it: MySQL and SQLite have 1 and 0 for true and false."""
        if (
            isinstance(value.dtype, pl.Boolean)
            and self._context.dialect in ("mysql", "sqlite")
            and _own_id(value) is None
        ):
            return value.as_(value.expr.cast(pl.Int64), pl.Int64())
        return value

    def _keys(self, stage: Stage, order: exp.Expr | None) -> tuple[SortKey, ...]:
        """Bind ORDER BY over what the SELECT list is made of; what is there as well is not computed again."""
        stage.clause = "ORDER BY"
        keys: list[SortKey] = []
        nodes = [_bare(i.node) for i in self._items] if order is not None else []
        made = dict(zip(nodes, self._values, strict=False))
        for ordered in order.expressions if order is not None else ():
            node = ordered.this
            number = ordinal(node)
            if number is not None:
                if not 1 <= number <= len(self._items):
                    raise self._context.error(
                        f"ORDER BY {number}: there are {len(self._items)} columns", node
                    )
                keys.append(sort_key(stage, ordered, self._values[number - 1]))
            elif self._is_all(node):
                keys += [sort_key(stage, ordered, value) for value in self._values]
            else:
                value = made.get(_bare(node))
                keys.append(sort_key(stage, ordered, value or self._output(stage.bind(node))))
        return tuple(k for k in keys if not k.value.is_constant)

    def _hidden(
        self, keys: tuple[SortKey, ...], made: dict[str, Value]
    ) -> tuple[dict[str, Value], tuple[SortKey, ...]]:
        """Return the keys over columns of the result, and the columns that it needs more for them."""
        hidden: dict[str, Value] = {}
        moved: list[SortKey] = []
        for key in keys:
            ident = next((i for i, v in made.items() if v.expr.meta.eq(key.value.expr)), None)
            if ident is None:
                own = _own_id(key.value)
                ident = (
                    own
                    if own is not None and own not in made
                    else self._context.made("dwkit:order", key.value)
                )
                hidden[ident] = key.value
            moved.append(SortKey(self._context.column(ident), key.descending, key.nulls_last))
        return hidden, tuple(moved)

    def _keys_of_distinct(
        self, stage: Stage, order: exp.Expr | None, made: dict[str, Value]
    ) -> tuple[SortKey, ...]:
        hidden, keys = self._hidden(self._keys(stage, order), made)
        for key in keys:
            if key.value.refs & hidden.keys():
                assert order is not None
                raise self._context.error("with DISTINCT, ORDER BY wants columns of the SELECT list", order)
        return keys

    def _distinct_on(self, stage: Stage, on: exp.Expr, made: dict[str, Value]) -> Plan:
        nodes = on.expressions if isinstance(on, exp.Tuple) else [on.unnest()]
        if not nodes:
            raise self._context.error("DISTINCT ON wants an expression", on)
        columns: dict[str, Value] = {}
        chosen: list[str] = []
        for node in nodes:
            number = ordinal(node)
            if number is not None and number <= len(self._items):
                value = self._values[number - 1]
            else:
                plain = isinstance(node, exp.Column)  # which is a column of the result first, as of ORDER BY
                value = stage.bind(
                    resolve(node, self._scope, self._context, self._aliases, aliases_first=plain)
                )
            ident = self._context.made("dwkit:on", value)
            columns[ident] = value
            chosen.append(ident)
        order = self._node.args.get("order")
        hidden, keys = self._hidden(self._keys(stage, order), made)
        plan: Plan = Project(stage.plan, {**made, **hidden, **columns})
        if keys:
            plan = Sort(plan, keys)
        plan = Distinct(plan, tuple(chosen))
        if keys:
            plan = Sort(plan, keys)
        plan = limited(stage, plan, self._node.args.get("limit"), self._node.args.get("offset"), keys)
        return Project(plan, {i: self._context.column(i) for i in made})


def filter_by(stage: Stage, node: exp.Expr, found: SemiJoin | None = None) -> None:
    """Filter the plan of a stage by one conjunct, which may have subqueries.

    Args:
        found: what it is as a semi join, where it was bound before.
    """
    if has_query(node) and stage.query.filtered(stage, node, found):
        return
    conditions = conjuncts(stage, [node])
    stage.plan = Filter(stage.plan, tuple(conditions))


def _bare(node: exp.Expr) -> exp.Expr:
    """Return an expression without parentheses around it."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def _own_id(value: Value) -> str | None:
    """Return the id of the column that a value is as it is."""
    if len(value.refs) != 1:
        return None
    ident = next(iter(value.refs))
    return ident if value.expr.meta.is_column() else None


_NAMED_INSIDE = frozenset({"postgres", "datafusion"})
"""A subquery for a value is called as its column there."""


def _inner_name(node: exp.Expr, dialect: str) -> str:
    """Return the name of the column of a subquery that stands for a value, empty for all else."""
    plain = node.unnest() if isinstance(node, exp.Subquery) and dialect in _NAMED_INSIDE else None
    items = plain.expressions if isinstance(plain, exp.Select) else []
    named = len(items) == 1 and isinstance(items[0], (exp.Alias, exp.Column)) and not items[0].is_star
    return items[0].alias_or_name if named else ""


def _written(node: exp.Expr, dialect: str) -> str:
    """Return the text of an expression, which is its name where it has no other."""
    try:
        return node.sql(dialect=dialect, comments=False).lower()
    except (TypeError, AttributeError, LookupError, ValueError):
        return node.key  # sqlglot cannot write every function without its arguments
