"""MERGE: target and source are matched once; each WHEN then takes the pairs or rows that no WHEN before it took."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
from sqlglot import exp

from dwkit.errors import DataError
from dwkit.sql.statements.assign import assigned, fitted, generated, is_default, new_rows
from dwkit.sql.statements.catalog import Table
from dwkit.sql.statements.change import ROW, replaced, settings
from dwkit.sql.statements.constraints import checked
from dwkit.sql.statements.run import Done, Result, Run, internal, quoted

__all__ = ["merge"]

_SOURCE = "__new"
_PAIR = "__pair"


@dataclass(frozen=True)
class _Sides:
    """Target and source of a MERGE, and what the statement calls them."""

    table: Table
    name: str
    target: pl.DataFrame
    called: str
    source: pl.DataFrame


def merge(run: Run) -> Done:
    """Run a MERGE.

    Raises:
        SqlError: there is no such table or column, or a WHEN does what it cannot.
        DataError: a row would be changed twice, a value does not fit or breaks a constraint.
    """
    tree = run.tree
    assert isinstance(tree, exp.Merge)
    if tree.args.get("returning"):
        raise run.refuse("RETURNING of a MERGE", tree.args["returning"])
    key, table = run.table(tree.this, verb="MERGE")
    sides = _sides(run, tree, table)
    pairs = _pairs(run, tree, sides)
    updates: list[pl.DataFrame] = []
    deleted: list[pl.Series] = []
    inserts: list[pl.DataFrame] = []
    numbers = {
        "pairs": pairs,
        "target": _left(sides.target, ROW, pairs),
        "source": _left(sides.source, _SOURCE, pairs),
    }
    for when in tree.args["whens"].expressions:
        over = "pairs" if when.args.get("matched") else "target" if when.args.get("source") else "source"
        taken, numbers[over] = _taken(run, sides, over, numbers[over], when)
        then = when.args["then"]
        word = then.name.upper() if isinstance(then, exp.Var) else type(then).__name__.upper()
        if word == "INSERT" and over == "source":
            inserts.append(_inserted(run, sides, taken, then))
        elif word == "UPDATE" and over != "source":
            updates.append(_changed(run, sides, over, taken, then))
        elif word == "DELETE" and over != "source":
            deleted.append(taken[ROW])
        elif word not in ("DO NOTHING", "NOTHING"):
            raise run.error(f"{word} is not possible in this WHEN", when)
    return _applied(run, key, table, updates, deleted, inserts)


def _sides(run: Run, tree: exp.Merge, table: Table) -> _Sides:
    using = tree.args["using"].copy()
    called = using.alias_or_name or "source"
    select = exp.Select(expressions=[exp.Star()], from_=exp.From(this=using))
    if tree.args.get("with_"):
        select.set("with_", tree.args["with_"].copy())
    source = run.rows(select).with_row_index(_SOURCE)
    return _Sides(table, tree.this.alias_or_name, table.data.with_row_index(ROW), called, source)


def _pairs(run: Run, tree: exp.Merge, sides: _Sides) -> pl.DataFrame:
    """Return the numbers of target and source rows that match."""
    on: exp.Expr = tree.args["on"]
    using = tree.args.get("using_cond")
    if using:
        on = exp.and_(*(
            exp.EQ(this=quoted(run.column(sides.table, c), sides.name), expression=exp.column(c.name, table=sides.called))
            for c in using
        ), copy=False)  # fmt: skip
    select = exp.Select(
        expressions=[
            exp.alias_(quoted(ROW, sides.name), ROW, quoted=True),
            exp.alias_(quoted(_SOURCE, sides.called), _SOURCE, quoted=True),
        ],
        from_=exp.From(this=internal("__target", sides.name)),
        joins=[exp.Join(this=internal("__source", sides.called), on=on.copy())],
    )
    return run.rows(select, {"__target": sides.target, "__source": sides.source})


def _left(rows: pl.DataFrame, number: str, pairs: pl.DataFrame) -> pl.DataFrame:
    return rows.select(number).join(pairs, on=number, how="anti", maintain_order="left")


def _given(sides: _Sides, over: str, numbers: pl.DataFrame) -> tuple[exp.Select, dict[str, pl.DataFrame]]:
    """Return a query without expressions over some pairs, target rows or source rows, and its tables."""
    given: dict[str, pl.DataFrame] = {}
    if over != "source":
        rows = sides.target.drop(ROW)[numbers[ROW]]
        given["__target"] = pl.concat([numbers, rows], how="horizontal").with_row_index(_PAIR)
    if over != "target":
        rows = sides.source.drop(_SOURCE)[numbers[_SOURCE]]
        own = numbers.select(_SOURCE)
        given["__source"] = pl.concat([own, rows], how="horizontal").with_row_index(_PAIR)
    if over != "pairs":
        name, table = (sides.name, "__target") if over == "target" else (sides.called, "__source")
        return exp.Select(from_=exp.From(this=internal(table, name))), given
    given["__target"] = given["__target"].drop(_SOURCE)
    on = exp.EQ(this=quoted(_PAIR, sides.name), expression=quoted(_PAIR, sides.called))
    select = exp.Select(
        from_=exp.From(this=internal("__target", sides.name)),
        joins=[exp.Join(this=internal("__source", sides.called), on=on)],
    )
    return select, given


def _taken(
    run: Run, sides: _Sides, over: str, numbers: pl.DataFrame, when: exp.Expr
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Divide pairs or rows into those that a WHEN takes and those that it leaves."""
    condition = when.args.get("condition")
    if condition is None:
        return numbers, numbers.clear()
    select, given = _given(sides, over, numbers)
    select.set("where", exp.Where(this=condition.copy()))
    place = quoted(_PAIR, sides.called if over == "source" else sides.name)
    select.set("expressions", [exp.alias_(place, _PAIR, quoted=True)])
    found = run.rows(select, given)
    numbered = numbers.with_row_index(_PAIR)
    taken = numbered.join(found, on=_PAIR, how="semi", maintain_order="left").drop(_PAIR)
    return taken, numbered.join(found, on=_PAIR, how="anti", maintain_order="left").drop(_PAIR)


def _changed(run: Run, sides: _Sides, over: str, taken: pl.DataFrame, then: exp.Expr) -> pl.DataFrame:
    """Return the new values of target rows, with their numbers."""
    assignments = then.args.get("expressions") or []
    if not assignments or isinstance(assignments[0], exp.Star):  # UPDATE SET *: columns of the same name
        assignments = [
            exp.EQ(this=quoted(name), expression=quoted(other, sides.called))
            for name, other in _same(run, sides, over)
        ]
    columns, expressions = settings(run, sides.table, assignments)
    select, given = _given(sides, over, taken)
    select.set("expressions", [
        exp.alias_(quoted(ROW, sides.name), ROW, quoted=True),
        *(exp.alias_(e, c, quoted=True) for c, e in zip(columns, expressions, strict=True)),
    ])  # fmt: skip
    return fitted(run, sides.table, run.rows(select, given))


def _same(run: Run, sides: _Sides, over: str) -> list[tuple[str, str]]:
    """Return columns of the target with the name of the source's column that is called the same."""
    if over == "target":
        raise run.error("there is no source row in WHEN NOT MATCHED BY SOURCE")
    names = {c.lower(): c for c in sides.source.columns if c != _SOURCE}
    found = [(n, names[n.lower()]) for n in sides.table.names if n.lower() in names]
    if run.dialect in ("databricks", "spark") and len(found) < len(sides.table.names):
        missing = next(n for n in sides.table.names if n.lower() not in names)
        raise run.error(f"the source has no column {missing!r}", hint="name the columns")
    return found


def _inserted(run: Run, sides: _Sides, taken: pl.DataFrame, then: exp.Expr) -> pl.DataFrame:
    """Return the values of new rows by column; columns that get their default are not there."""
    listed, values = then.args.get("this"), then.args.get("expression")
    table = sides.table
    by_name = isinstance(listed, exp.Star) or values is None or isinstance(values, exp.Var)
    if values is None and isinstance(listed, exp.Tuple) and all(map(is_default, listed.expressions)):
        return pl.DataFrame(height=taken.height)  # INSERT DEFAULT VALUES
    if by_name:  # INSERT *, INSERT BY NAME, INSERT ROW
        named = _same(run, sides, "source")
        columns, expressions = [n for n, _ in named], [quoted(o, sides.called) for _, o in named]
    else:
        columns = [run.column(table, e) for e in listed.expressions] if listed is not None else table.names
        given_values = list(values.expressions) if isinstance(values, exp.Tuple) else [then.expression]
        if len(columns) != len(given_values):
            raise run.error(f"{len(given_values)} values for {len(columns)} columns", then)
        expressions = [v.copy() for v in given_values]
    select, given = _given(sides, "source", taken)
    items = []
    for name, value in zip(columns, expressions, strict=True):
        column = table.column(name)
        assert column is not None
        if not is_default(value):
            items.append(exp.alias_(assigned(value, column), name, quoted=True))
    select.set("expressions", items or [exp.alias_(exp.Literal.number(1), "__none")])
    return (
        run.rows(select, given).drop("__none", strict=False) if items else pl.DataFrame(height=taken.height)
    )


def _applied(
    run: Run,
    key: str,
    table: Table,
    updates: list[pl.DataFrame],
    deleted: list[pl.Series],
    inserts: list[pl.DataFrame],
) -> Done:
    touched = pl.concat(
        [u[ROW].unique() for u in updates]
        + [d.unique() for d in deleted]
        + [pl.Series(ROW, [], dtype=pl.UInt32)]
    )
    if touched.is_duplicated().any() or any(d.is_duplicated().any() for d in deleted):
        raise DataError(f"{table.name}: a row would be changed twice; several rows of the source match it")
    data, fresh = table.data, []
    for changes in updates:
        data, changed = replaced(table.with_rows(data), changes)
        fresh.append(generated(run, table, changed))
    data = generated(run, table, data)
    gone = pl.concat([*deleted, pl.Series(ROW, [], dtype=pl.UInt32)])
    data = data.with_row_index(ROW).filter(~pl.col(ROW).is_in(gone.implode())).drop(ROW)
    rows = len(touched)
    for source in inserts:
        table, added = new_rows(run, table, source)
        data = data.vstack(added)
        fresh.append(added)
        rows += added.height
    made = table.with_rows(data)
    checked(run, made, pl.concat(fresh) if fresh else made.data.clear())
    return Done(run.catalog.with_object(key, made), Result("MERGE", rows=rows))
