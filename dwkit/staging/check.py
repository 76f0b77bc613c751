"""The rules of a contract, checked over a whole batch of rows at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from dwkit.errors import ConfigError
from dwkit.model.contract import Contract, Rules
from dwkit.staging.cast import Cast, as_text, caster
from dwkit.staging.cleanse import cleanser, source_column, source_of
from dwkit.storage.types import to_polars

__all__ = ["FAILURE", "Check", "Checked", "Failing", "Plan", "bad_type", "failures", "plan_columns"]

FAILURE = pl.Struct(
    {"column": pl.String(), "rule": pl.String(), "value": pl.String(), "message": pl.String()}
)
"""What is said of one failed rule of one row."""

_SHOWN = 500
"""Characters of a value that a failure shows; the raw row has all of it."""


@dataclass(frozen=True)
class Check:
    """One rule of one column: ``failing`` maps typed values to True where the rule does not hold.

    NULL holds to every rule but ``not_null``.
    """

    column: str
    rule: str
    message: str
    failing: Callable[[pl.Series], pl.Series]


@dataclass(frozen=True)
class Failing:
    """Where a rule did not hold: a mask over the rows, and what was found there."""

    column: str
    rule: str
    message: str
    mask: pl.Series
    values: pl.Series | None


@dataclass(frozen=True)
class Checked:
    """A column after cleansing, typing and its rules."""

    values: pl.Series
    failing: Sequence[Failing] = ()


@dataclass(frozen=True)
class Plan:
    """All that is done to one column, made once and used on every batch of rows.

    ``source`` is None when the raw data lacks the column: then it is its default, or NULL.
    """

    name: str
    rules: Rules
    dtype: pl.DataType
    source: pl.Expr | None
    cleanse: Cast
    cast: Cast
    default: pl.Series | None = None
    checks: Sequence[Check] = field(default_factory=tuple)

    def cleansed(self, rows: pl.DataFrame) -> pl.Series:
        """Return the column's cleansed values, before typing."""
        if self.source is None:
            return pl.Series(self.name, [None], dtype=self.dtype).new_from_index(0, rows.height)
        raw = rows.select(self.source).to_series()
        return self.cleanse(raw).alias(self.name)

    def apply(self, rows: pl.DataFrame) -> Checked:
        """Return the typed column and where it breaks its rules."""
        cleansed = self.cleansed(rows)
        values = self.cast(cleansed)
        found: list[Failing] = []
        if values.null_count() > cleansed.null_count():
            mask = values.is_null() & cleansed.is_not_null()
            found.append(Failing(self.name, "type", bad_type(self.rules), mask, cleansed))
        if self.default is not None and values.null_count():
            filled = pl.col(self.name).fill_null(pl.lit(self.default).first())
            values = values.alias(self.name).to_frame().select(filled).to_series()
        for check in self.checks:
            mask = check.failing(values)
            if found and check.rule == "not_null":
                # A value of another type is there, if only as text.
                mask &= ~found[0].mask
            if mask.any():
                shown = None if check.rule == "not_null" else values
                found.append(Failing(self.name, check.rule, check.message, mask.fill_null(False), shown))
        return Checked(values, found)


def bad_type(rules: Rules) -> str:
    """Return what is said of a value that is not of the type."""
    return f"is no {rules.type}" + (f" in the format {rules.format}" if rules.format else "")


def plan_columns(
    contract: Contract, schema: Mapping[str, pl.DataType], references: Mapping[str, pl.Series]
) -> list[Plan]:
    """Return the plan of each column of the contract, for raw data of this schema.

    Args:
        references: for each ``references`` of the contract, the values found there, sorted.

    Raises:
        ConfigError: a rule cannot be applied to its column's type.
    """
    plans = []
    for name, rules in contract.columns.items():
        found = source_column(source_of(name, rules), schema)
        dtype, cast = to_polars(rules.type), caster(rules)
        default = None
        if rules.default is not None:
            default = cast(pl.Series(name, [rules.default], dtype=pl.String))
            if default.null_count():
                raise ConfigError(f"{rules.default!r} {bad_type(rules)}", keys=["columns", name, "default"])
        plans.append(
            Plan(
                name,
                rules,
                dtype,
                found[0] if found else None,
                cleanser(rules),
                cast,
                default,
                _checks(name, rules, dtype, cast, references, in_key=name in contract.key),
            )
        )
    return plans


def _checks(
    name: str,
    rules: Rules,
    dtype: pl.DataType,
    cast: Cast,
    references: Mapping[str, pl.Series],
    *,
    in_key: bool,
) -> list[Check]:
    made = []
    if rules.not_null or in_key:
        message = "is missing" if rules.not_null else "is missing, and is part of the key"
        made.append(Check(name, "not_null", message, lambda s: s.is_null()))
    if rules.accepted_values:
        accepted = _texts(name, "accepted_values", rules.accepted_values, rules, cast)
        shown = ", ".join(rules.accepted_values[:8]) + (", ..." if len(rules.accepted_values) > 8 else "")
        made.append(
            Check(name, "accepted_values", f"is none of {shown}", lambda s: ~s.is_in(accepted.implode()))
        )
    if rules.pattern:
        made.append(_pattern(name, rules.pattern))
    if rules.range is not None:
        made += _range(name, rules, cast)
    if rules.length is not None:
        made.append(_length(name, rules.length, dtype))
    if rules.references:
        known = references[rules.references]
        made.append(Check(name, "references", f"is not in {rules.references}", lambda s: ~_found(s, known)))
    return made


def _texts(name: str, rule: str, texts: Sequence[str], rules: Rules, cast: Cast) -> pl.Series:
    values = cast(pl.Series(name, list(texts), dtype=pl.String))
    if values.null_count():
        wrong = texts[values.is_null().arg_true()[0]]
        raise ConfigError(f"{wrong!r} {bad_type(rules)}", keys=["columns", name, rule])
    return values


def _pattern(name: str, pattern: str) -> Check:
    whole = f"^(?:{pattern})$"
    try:
        pl.Series([""]).str.contains(whole)
    except pl.exceptions.PolarsError as error:
        reason = str(error).split("error: ")[-1].split("\n")[0]
        raise ConfigError(
            f"{pattern!r} cannot be used: {reason}",
            keys=["columns", name, "pattern"],
            hint="the syntax is that of Rust's regex: no look-around, no back-references",
        ) from None
    return Check(name, "pattern", f"does not match {pattern}", lambda s: ~as_text(s).str.contains(whole))


def _range(name: str, rules: Rules, cast: Cast) -> list[Check]:
    low, high = ["" if end is None else str(end) for end in rules.range or ("", "")]
    ends = _texts(name, "range", [end for end in (low, high) if end], rules, cast)
    if low and high and ends[0] > ends[1]:
        raise ConfigError("the lowest value comes first, then the highest", keys=["columns", name, "range"])
    bottom, top = ends.head(1), ends.tail(1)
    made = []
    if low:
        made.append(Check(name, "range", f"is less than {low}", lambda s: s < bottom))
    if high:
        made.append(Check(name, "range", f"is more than {high}", lambda s: s > top))
    return made


def _length(name: str, ends: tuple[int, int], dtype: pl.DataType) -> Check:
    low, high = ends

    def failing(values: pl.Series) -> pl.Series:
        length = values.list.len() if isinstance(dtype, pl.List) else as_text(values).str.len_chars()
        return ~length.is_between(low, high)

    what = "elements" if isinstance(dtype, pl.List) else "characters"
    return Check(name, "length", f"has not {low} to {high} {what}", failing)


def _found(values: pl.Series, known: pl.Series) -> pl.Series:
    """Tell for each value whether the sorted ``known`` has it; NULL for NULL.

    A binary search per value: ``is_in`` would hash all of ``known`` for every batch of rows.
    """
    if values.dtype != known.dtype:
        values, known = as_text(values), as_text(known).sort()
    if not len(known):
        return pl.select(pl.when(values.is_not_null()).then(False)).to_series()
    at = known.search_sorted(values).clip(0, len(known) - 1)
    return known.gather(at) == values


def failures(failing: Sequence[Failing], rows: pl.Series) -> pl.DataFrame:
    """Return the failures of the rows at positions ``rows``.

    Returns:
        One row for each position, in order: ``failures`` List(Struct{column, rule, value, message}).
    """
    pieces = []
    for one in failing:
        at = one.mask.gather(rows).arg_true()
        if not len(at):
            continue
        text = pl.Series("value", [None], dtype=pl.String).new_from_index(0, len(at))
        if one.values is not None:
            text = as_text(one.values.gather(rows.gather(at))).alias("value")
        marks = [pl.lit(one.column).alias("column"), pl.lit(one.rule).alias("rule")]
        pieces.append(
            pl.DataFrame({"at": at, "value": text}).select(
                "at", *marks, _cut("value"), pl.lit(one.message).alias("message")
            )
        )
    every = pl.DataFrame({"at": pl.int_range(rows.len(), dtype=pl.UInt32, eager=True)})
    if not pieces:
        return every.select(pl.lit([], dtype=pl.List(FAILURE)).alias("failures"))
    fields = pl.struct("column", "rule", "value", "message").alias("failures")
    found = pl.concat(pieces).group_by("at", maintain_order=True).agg(fields)
    return every.join(found, on="at", how="left", maintain_order="left").select(
        pl.col("failures").fill_null([])
    )


def _cut(name: str) -> pl.Expr:
    whole = pl.col(name)
    return (
        pl.when(whole.str.len_bytes() > _SHOWN * 4)
        .then(whole.str.head(_SHOWN) + "...")
        .otherwise(whole)
        .alias(name)
    )
