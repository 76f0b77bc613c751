"""Schema drift: what happens when a batch's columns differ from the contract's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
import polars as pl

from dwkit.errors import CheckError, did_you_mean
from dwkit.model.batch import Batch
from dwkit.model.contract import Contract, Rules
from dwkit.model.types import ColumnType, parse_type
from dwkit.staging.candidates import CANDIDATES, Candidate, Digits, digits
from dwkit.staging.check import plan_columns
from dwkit.staging.cleanse import source_column, source_of
from dwkit.staging.infer import infer
from dwkit.staging.rows import data_columns
from dwkit.storage.types import from_polars

__all__ = ["Drifted", "common_type", "compare", "widened_by_values"]

_ENOUGH = 100_000
"""Values that do not fit, of which a wider type is told."""

_INT_DIGITS = {
    "int8": 3,
    "int16": 5,
    "int32": 10,
    "int64": 19,
    "uint8": 3,
    "uint16": 5,
    "uint32": 10,
    "uint64": 20,
}


@dataclass
class Drifted:
    """How a batch differs, after the policies: the contract that results, and what holds rows back."""

    contract: Contract
    new_columns: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def compare(
    contract: Contract, rows: pl.LazyFrame, batch: Batch, *, others: Sequence[Batch] = (), evolve: bool = True
) -> Drifted:
    """Compare the columns of a batch with the contract's, and do what the policies say.

    Args:
        rows: the batch's raw rows, or what the SQL step made of them.
        others: all batches of the dataset: a type is narrowed only where all of them have it.
        evolve: whether the contract may change; else ``evolve`` is ``ignore``.

    Raises:
        CheckError: a policy is ``fail``.
    """
    schema = rows.collect_schema()
    drifted = Drifted(contract)
    _new_columns(drifted, rows, schema, batch, evolve)
    for name, rules in contract.columns.items():
        found = source_column(source_of(name, rules), schema)
        if found is None:
            _missing(drifted, name, rules, data_columns(schema), batch, others)
        elif not isinstance(found[1], (pl.String, pl.Null)) and not rules.split:
            _typed(drifted, name, rules, from_polars(found[1]), batch, others, evolve)
    return drifted


def _new_columns(
    drifted: Drifted, rows: pl.LazyFrame, schema: Mapping[str, pl.DataType], batch: Batch, evolve: bool
) -> None:
    used = {source_of(n, r) for n, r in drifted.contract.columns.items()}
    used |= {u.partition(".")[0] for u in used if u not in schema}
    # A raw column whose name was given to another one is left out on purpose.
    new = [c for c in data_columns(schema) if c not in used and c not in drifted.contract.columns]
    if not new:
        return
    shown = f"{_which(batch)} has {_named(new)} that the contract lacks"
    policy = drifted.contract.drift.new_column
    if policy == "fail":
        raise _failed(shown, batch, "new_column")
    if policy == "quarantine":
        drifted.new_columns = new
        drifted.notes.append(f"{shown}: rows with a value there are quarantined")
    elif policy == "evolve" and evolve:
        more, notes = infer(rows.select(new), dataset=batch.dataset, rows=batch.rows, key=False)
        columns = dict(drifted.contract.columns) | dict(more.columns)
        drifted.contract = msgspec.structs.replace(drifted.contract, columns=columns)
        types = ", ".join(f"{c} {r.type}" for c, r in more.columns.items())
        drifted.notes += [f"{shown}: the contract has it now ({types})", *notes]
    else:
        drifted.notes.append(f"{shown}: ignored")


def _missing(
    drifted: Drifted,
    name: str,
    rules: Rules,
    have: Sequence[str],
    batch: Batch,
    others: Sequence[Batch],
) -> None:
    policy = drifted.contract.drift.missing_column
    source = source_of(name, rules)
    shown = f"{_which(batch)} lacks the column {source!r}"
    if policy == "fail":
        raise _failed(shown, batch, "missing_column")
    if policy == "quarantine":
        drifted.absent.append(f"the column {source!r} is missing")
        drifted.notes.append(f"{shown}: its rows are quarantined")
    elif policy == "evolve" and any(b.id < batch.id and source in b.columns for b in others):
        # A batch from before the column came is no news.
        filled = "NULL" if rules.default is None else repr(rules.default)
        drifted.notes.append(f"{shown}: {name} is {filled} there")
    elif policy == "evolve" and rules.default is None and others and not _ever(source, others):
        hint = did_you_mean(source, have)
        drifted.notes.append(f"no batch has a column {source!r}: {name} is NULL everywhere; {hint}")


def _ever(source: str, batches: Sequence[Batch]) -> bool:
    return any(source in b.columns or source.partition(".")[0] in b.columns for b in batches)


def _typed(
    drifted: Drifted,
    name: str,
    rules: Rules,
    have: ColumnType,
    batch: Batch,
    others: Sequence[Batch],
    evolve: bool,
) -> None:
    want = parse_type(rules.type)
    if str(have) == str(want):
        return
    both = common_type(have, want)
    if both is None or str(both) == str(have) == "string":
        return
    narrowed = str(both) == str(want)
    if not narrowed and have.name not in ("list", "struct"):
        # The values decide: 19.99 as a float is a decimal(9,2) too.
        return
    policy = drifted.contract.drift.narrowed_type if narrowed else drifted.contract.drift.widened_type
    shown = f"{_which(batch)} has {name} as {have}, the contract as {want}"
    if policy == "fail":
        raise _failed(shown, batch, "narrowed_type" if narrowed else "widened_type")
    if policy == "quarantine":
        drifted.absent.append(f"{name} came as {have}, not as {want}")
        drifted.notes.append(f"{shown}: its rows are quarantined")
    elif policy == "evolve" and evolve:
        target = both
        if narrowed:
            source = source_of(name, rules)
            if any(b.columns.get(source) != str(have) for b in others):
                drifted.notes.append(f"{shown}: other batches need {want}, which stays")
                return
            target = have
        columns = dict(drifted.contract.columns)
        columns[name] = msgspec.structs.replace(rules, type=str(target))
        drifted.contract = msgspec.structs.replace(drifted.contract, columns=columns)
        drifted.notes.append(f"{shown}: the contract says {target} now")
    elif not narrowed:
        drifted.notes.append(f"{shown}: values that do not fit are quarantined")


def common_type(left: ColumnType, right: ColumnType) -> ColumnType | None:
    """Return the narrowest type that holds the values of both, None when there is none."""
    if str(left) == str(right) or right.name == "null":
        return left
    if left.name == "null":
        return right
    if "string" in (left.name, right.name):
        return ColumnType("string")
    if left.element is not None and right.element is not None:
        element = common_type(left.element, right.element)
        return ColumnType("list", element=element) if element else None
    if left.name == right.name == "struct":
        return _common_struct(left, right)
    names = {left.name, right.name}
    if names <= {"date", "timestamp"}:
        return ColumnType("timestamp")
    if names <= _INT_DIGITS.keys():
        return _common_int(left.name, right.name)
    if names <= _INT_DIGITS.keys() | {"decimal"}:
        both = Digits()
        for one in (left, right):
            both.add(Digits(_INT_DIGITS.get(one.name, one.precision - one.scale), one.scale))
        # What no decimal holds is held back rather than kept as something like it.
        return parse_type(both.type or f"decimal(38,{both.scale})")
    if names <= _INT_DIGITS.keys() | {"decimal", "float32", "float64"}:
        return ColumnType("float64")
    return None


def _common_int(left: str, right: str) -> ColumnType:
    bits = [int(n.lstrip("uint")) for n in (left, right)]
    if left[0] == right[0]:
        return ColumnType(("uint" if left[0] == "u" else "int") + str(max(bits)))
    signed = [b * 2 if n[0] == "u" else b for n, b in zip((left, right), bits, strict=True)]
    return ColumnType(f"int{max(signed)}") if max(signed) <= 64 else ColumnType("decimal", 38, 0)


def _common_struct(left: ColumnType, right: ColumnType) -> ColumnType | None:
    fields = dict(left.fields)
    for name, kind in right.fields:
        both = common_type(fields[name], kind) if name in fields else kind
        if both is None:
            return None
        fields[name] = both
    return ColumnType("struct", fields=tuple(fields.items()))


def widened_by_values(contract: Contract, rows: pl.LazyFrame, columns: Sequence[str]) -> dict[str, Rules]:
    """Return the wider rules of columns whose values do not fit their type, where most fit a wider one.

    Args:
        columns: columns of which some values are not of their type.
    """
    # Only the types matter here, and references were not looked up.
    bare = {n: msgspec.structs.replace(contract.columns[n], references="") for n in columns}
    plans = plan_columns(Contract(columns=bare), rows.collect_schema(), {})
    wrong: dict[str, list[pl.Series]] = {p.name: [] for p in plans}

    def collect(frame: pl.DataFrame) -> pl.DataFrame:
        for plan in plans:
            cleansed = plan.cleansed(frame)
            found = cleansed.filter(plan.cast(cleansed).is_null() & cleansed.is_not_null())
            if len(found) and sum(map(len, wrong[plan.name])) < _ENOUGH:
                wrong[plan.name].append(found)
        return frame.clear()

    rows.map_batches(collect, streamable=True).collect(engine="streaming")
    made = {}
    for plan in plans:
        if not wrong[plan.name]:
            continue
        values = pl.concat(wrong[plan.name])
        if isinstance(values.dtype, pl.String):
            wider = _wider(plan.rules, values)
        else:
            both = common_type(from_polars(values.dtype), parse_type(plan.rules.type))
            wider = str(both) if both is not None and both.name != "string" else None
        if wider is not None and wider != plan.rules.type:
            made[plan.name] = msgspec.structs.replace(contract.columns[plan.name], type=wider)
    return made


def _wider(rules: Rules, wrong: pl.Series) -> str | None:
    have = parse_type(rules.type)
    decimal = _candidate("decimal", comma=rules.decimal_comma)
    if have.name in _INT_DIGITS or have.name == "decimal":
        fits = decimal.fits(wrong)
        if fits.sum() * 2 >= len(wrong):
            point = "," if rules.decimal_comma else "."
            good = wrong.filter(fits)
            seen = digits(good.str.replace_all(".", "", literal=True) if rules.decimal_comma else good, point)
            wider = common_type(have, parse_type(seen.type)) if seen.type else None
            return str(wider) if wider is not None else None
        if _candidate("float64").fits(wrong).sum() * 2 >= len(wrong):
            return "float64"
    if (
        have.name == "date"
        and not rules.format
        and _candidate("timestamp").fits(wrong).sum() * 2 >= len(wrong)
    ):
        return "timestamp"
    return None


def _candidate(label: str, *, comma: bool = False) -> Candidate:
    return next(
        c for c in CANDIDATES if c.label == label and c.rules.decimal_comma == comma and not c.rules.format
    )


def _which(batch: Batch) -> str:
    return f"batch {batch.id[:13]} ({batch.source})"


def _named(columns: Sequence[str]) -> str:
    shown = ", ".join(repr(c) for c in columns)
    return f"a column {shown}" if len(columns) == 1 else f"columns {shown}"


def _failed(what: str, batch: Batch, policy: str) -> CheckError:
    return CheckError(
        f'{batch.dataset}: {what}, and drift.{policy} is "fail"',
        hint=f'set drift = {{ {policy} = "evolve" }} in [datasets.{batch.dataset}] to take it as it is',
    )
