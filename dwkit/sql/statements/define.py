"""From the words of CREATE TABLE and ALTER TABLE to columns, keys and checks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import polars as pl
from sqlglot import exp

from dwkit.sql.functions.arrow_typeof import arrow_type
from dwkit.sql.statements.catalog import Check, Column, ForeignKey, Key, Table
from dwkit.sql.statements.run import Run, quoted
from dwkit.sql.types import from_sql, shown

_JSON = (exp.DataType.Type.JSON, exp.DataType.Type.JSONB)

__all__ = ["Definition", "column_of", "define", "kind_of"]

_NOT_HELD = frozenset(
    {"snowflake", "redshift", "bigquery", "spark", "spark2", "databricks", "hive", "athena"}
)
"""Dialects whose keys are remarks to the planner: rows that break them are taken."""
_ANY_LENGTH = frozenset({"duckdb", "sqlite"})
"""Dialects in which the length of VARCHAR(n) is a remark."""
_REMARKS = (
    exp.CommentColumnConstraint, exp.EncodeColumnConstraint, exp.CharacterSetColumnConstraint,
    exp.TitleColumnConstraint, exp.IndexColumnConstraint,
)  # fmt: skip
_TEXT = exp.DataType.build("TEXT")


@dataclass
class Definition:
    """What a statement says about a table, gathered."""

    columns: list[Column] = field(default_factory=list)
    keys: list[Key] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    foreign: list[ForeignKey] = field(default_factory=list)
    following: dict[str, int] = field(default_factory=dict)

    def table(self, run: Run, name: str) -> Table:
        """Return the table, without rows."""
        schema = {c.name: c.dtype for c in self.columns}
        return Table(
            name, tuple(self.columns), pl.DataFrame(schema=schema), tuple(self.keys), tuple(self.checks),
            tuple(self.foreign), self.following, run.text, run.dialect,
        )  # fmt: skip


def define(run: Run, parts: list[exp.Expr]) -> Definition:
    """Gather what stands in the parentheses of CREATE TABLE.

    Raises:
        SqlError: a type or a constraint that there is not, a column twice, a key over a column that is not there.
    """
    made = Definition()
    for part in parts:
        if isinstance(part, exp.ColumnDef):
            if any(c.name.lower() == part.name.lower() for c in made.columns):
                raise run.error(f"column {part.name!r} is there twice", part)
            made.columns.append(column_of(run, part, made))
    for part in parts:
        if not isinstance(part, exp.ColumnDef):
            constraint(run, part, made)
    for key in (k for k in made.keys if k.primary and run.dialect != "sqlite"):
        made.columns = [replace(c, not_null=True) if c.name in key.columns else c for c in made.columns]
    if len([k for k in made.keys if k.primary]) > 1:
        raise run.error("a table has one PRIMARY KEY")
    return made


def kind_of(
    run: Run, kind: exp.DataType | None, place: exp.Expr
) -> tuple[exp.DataType, pl.DataType, int | None]:
    """Return a declared type as one to cast to, as a Polars type, and the greatest length of its text.

    Raises:
        SqlError: there is no such type.
    """
    if kind is None and run.dialect == "sqlite":
        raise run.refuse("a column without a type", place)
    dtype = from_sql(kind, run.dialect) if kind is not None else None
    if kind is None or dtype is None:
        name = kind.sql(dialect=run.dialect) if kind is not None else ""
        raise run.error(
            f"there is no type {name}", place, "for instance BIGINT, DECIMAL(10,2), VARCHAR, DATE, TIMESTAMP"
        )
    length = None
    if isinstance(dtype, pl.String):
        digits = [e.name for e in kind.expressions if e.name.isdigit()]
        length = int(digits[0]) if digits and run.dialect not in _ANY_LENGTH else None
        if kind.this != exp.DataType.Type.UUID or run.dialect not in ("duckdb", "postgres"):
            kind = _TEXT.copy()  # a cast to VARCHAR(3) would cut off what an assignment must refuse
    return kind, dtype, length


def column_of(run: Run, node: exp.ColumnDef, made: Definition) -> Column:
    """Return a column as it is declared; its keys and checks are added to the definition.

    Raises:
        SqlError: a type or a constraint that there is not.
    """
    declared: exp.DataType | None = node.args.get("kind") or _generated_kind(run, node, made)
    kind, dtype, length = kind_of(run, declared, node)
    assert declared is not None
    json = declared.this in _JSON
    arrow = (arrow_type(declared) if run.dialect == "datafusion" else None) or ""
    column = Column(node.name, kind, dtype, length=length, json=json, arrow=arrow)
    if declared.this in (
        exp.DataType.Type.SERIAL,
        exp.DataType.Type.BIGSERIAL,
        exp.DataType.Type.SMALLSERIAL,
    ):
        column = _identity(run, column, None, made)
        column = replace(column, kind=exp.DataType.build(shown(dtype), dialect="duckdb"))
    if declared.this == exp.DataType.Type.ENUM:
        labels = [e.name for e in declared.expressions]
        if labels != sorted(labels):
            raise run.refuse(
                "an ENUM whose labels are not in the order of their letters, as a text is sorted,", node
            )
        allowed = exp.In(this=quoted(node.name), expressions=[e.copy() for e in declared.expressions])
        made.checks.append(Check(allowed, allowed.sql(dialect=run.dialect)))
    for one in node.args.get("constraints") or ():
        name = one.text("this")
        what = one.args["kind"] if isinstance(one, exp.ColumnConstraint) else one
        column = _with_constraint(run, column, what, name, made)
    integer_key = declared.this == exp.DataType.Type.INT and any(
        k.primary and k.columns == (node.name,) for k in made.keys
    )
    if run.dialect == "sqlite" and integer_key and column.step is None:
        column = _identity(run, column, None, made)  # SQLite numbers the rows of an INTEGER PRIMARY KEY
    return column


def _generated_kind(run: Run, node: exp.ColumnDef, made: Definition) -> exp.DataType | None:
    """Return the type of a generated column without one: that of its expression over the columns before it."""
    for one in node.args.get("constraints") or ():
        what = one.args.get("kind")
        if isinstance(what, exp.ComputedColumnConstraint) and made.columns:
            table = made.table(run, "this")
            dtype = run.over(table, table.data, [what.this]).dtypes[0]
            return exp.DataType.build(shown(dtype), dialect="duckdb")
    return None


def _with_constraint(run: Run, column: Column, what: exp.Expr, name: str, made: Definition) -> Column:
    match what:
        case exp.NotNullColumnConstraint():
            return replace(column, not_null=not what.args.get("allow_null"))
        case exp.DefaultColumnConstraint():
            return replace(column, default=what.this)
        case exp.PrimaryKeyColumnConstraint() | exp.UniqueColumnConstraint():
            primary = isinstance(what, exp.PrimaryKeyColumnConstraint)
            if _held(run, what):
                made.keys.append(Key((column.name,), primary, name))
            return replace(column, not_null=column.not_null or (primary and run.dialect != "sqlite"))
        case exp.CheckColumnConstraint():
            made.checks.append(Check(what.this, what.this.sql(dialect=run.dialect), name))
        case exp.Reference():
            _foreign(run, (column.name,), what, name, made)
        case exp.GeneratedAsIdentityColumnConstraint() if what.args.get("expression"):
            return replace(column, generated=what.expression)
        case exp.GeneratedAsIdentityColumnConstraint() | exp.AutoIncrementColumnConstraint():
            return _identity(run, column, what, made)
        case exp.ComputedColumnConstraint():
            return replace(column, generated=what.this)
        case exp.CollateColumnConstraint() if what.name.lower() not in (
            "binary",
            "c",
            "posix",
            "utf8_binary",
        ):
            raise run.refuse(f"COLLATE {what.name}", what)
        case exp.CollateColumnConstraint():
            pass
        case _ if isinstance(what, _REMARKS):
            pass
        case _:
            raise run.refuse(what.sql(dialect=run.dialect) or type(what).__name__, what)
    return column


def constraint(run: Run, part: exp.Expr, made: Definition, name: str = "") -> None:
    """Add a constraint of the whole table to a definition.

    Raises:
        SqlError: there is no such constraint, or it names a column that is not there.
    """
    match part:
        case exp.Constraint():
            for one in part.expressions:
                constraint(run, one, made, part.name)
        case exp.PrimaryKey():
            if _held(run, part):
                made.keys.append(Key(_columns(run, part.expressions, made), primary=True, name=name))
        case exp.UniqueColumnConstraint():
            if _held(run, part):
                named = part.this.name if isinstance(part.this, exp.Schema) else ""
                made.keys.append(Key(_columns(run, part.this.expressions, made), name=name or named))
        case exp.CheckColumnConstraint():
            made.checks.append(Check(part.this, part.this.sql(dialect=run.dialect), name))
        case exp.ForeignKey():
            own = _columns(run, part.expressions, made)
            _foreign(run, own, part.args["reference"], name, made)
        case _ if isinstance(part, _REMARKS):
            pass
        case _:
            raise run.refuse(part.sql(dialect=run.dialect), part)


def _held(run: Run, node: exp.Expr) -> bool:
    options = " ".join(str(o).upper() for o in node.args.get("options") or ())
    return run.dialect not in _NOT_HELD and "NOT ENFORCED" not in options


def _columns(run: Run, nodes: list[exp.Expr], made: Definition) -> tuple[str, ...]:
    known = {c.name.lower(): c.name for c in made.columns}
    found = []
    for node in nodes:
        if node.name.lower() not in known:
            raise run.error(f"no column {node.name!r} in this table", node)
        found.append(known[node.name.lower()])
    return tuple(found)


def _foreign(run: Run, own: tuple[str, ...], reference: exp.Expr, name: str, made: Definition) -> None:
    if not _held(run, reference):
        return
    for option in map(str, reference.args.get("options") or ()):
        if any(word in option.upper() for word in ("CASCADE", "SET NULL", "SET DEFAULT")):
            raise run.refuse(option.upper(), reference, "delete the rows that refer to others first")
    target = reference.this
    table = target.this if isinstance(target, exp.Schema) else target
    key, found = run.table(table, verb="REFERENCES")
    if isinstance(target, exp.Schema):
        other = tuple(run.column(found, e) for e in target.expressions)
    else:
        other = next((k.columns for k in found.keys if k.primary), ())
    if len(other) != len(own) or not any(set(k.columns) == set(other) for k in found.keys):
        shown_other = ", ".join(other) or found.name
        raise run.error(
            f"{shown_other} is no key of {found.name}", table, "PRIMARY KEY or UNIQUE makes it one"
        )
    made.foreign.append(ForeignKey(own, key, other, name))


def _identity(run: Run, column: Column, what: exp.Expr | None, made: Definition) -> Column:
    if not column.dtype.is_integer() and not isinstance(column.dtype, pl.Decimal):
        raise run.error(f"{column.name} is {shown(column.dtype)}, only an integer counts up", what)
    start, step = (int(what.text(k) or 1) if what is not None else 1 for k in ("start", "increment"))
    made.following[column.name] = start
    return replace(column, step=step)
