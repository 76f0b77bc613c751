"""Tests that a model's header states, run on the rows before they are committed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from dwkit.errors import CheckError, ConfigError, did_you_mean
from dwkit.model.header import Model
from dwkit.sql import to_lazy

__all__ = ["TestResult", "check_table", "require"]

_KNOWN = ("not_null", "unique", "unique_current", "accepted:", "min:", "max:")


@dataclass(frozen=True)
class TestResult:
    """How one test came out.

    Attributes:
        test: as the header writes it.
        column: empty for a condition over the whole row.
        failures: rows that fail; for ``unique`` the rows beyond the first of each value.
        example: a value or row that fails, as text.
    """

    __test__ = False

    test: str
    column: str
    failures: int
    example: str = ""

    @property
    def passed(self) -> bool:
        """Whether every row held."""
        return self.failures == 0


@dataclass(frozen=True)
class _Test:
    text: str
    column: str
    failures: pl.Expr
    examples: Callable[[pl.LazyFrame], pl.LazyFrame]


def check_table(model: Model, frame: pl.LazyFrame, dialect: str) -> list[TestResult]:
    """Run the tests of a model's header over a table.

    NULLs pass every test but ``not_null``; a condition that is NULL holds, as in a CHECK of SQL. The
    unknown member of a dimension is left out.

    Args:
        frame: the table's rows.

    Raises:
        ConfigError: a test, or the column it is for, does not exist.
        SqlError: a condition does not parse or names a column that there is not.
    """
    schema = frame.collect_schema()
    if model.is_dimension and model.surrogate_key in schema:
        frame = frame.filter(pl.col(model.surrogate_key) >= 0)
    tests = [
        _parsed(text, column, schema, model)
        for column, header in model.header.columns.items()
        for text in header.tests
    ]
    results = []
    if tests:
        counts = frame.select(t.failures.alias(str(n)) for n, t in enumerate(tests)).collect(
            engine="streaming"
        )
        for n, test in enumerate(tests):
            failures = int(counts[str(n)][0] or 0)
            example = _first(test.examples(frame)) if failures else ""
            results.append(TestResult(test.text, test.column, failures, example))
    for condition in model.header.tests:
        failing = to_lazy(
            f"SELECT * FROM t WHERE NOT ({condition})", {"t": frame}, model.header.dialect or dialect
        )
        failures = int(failing.select(pl.len()).collect(engine="streaming").item())
        results.append(TestResult(condition, "", failures, _first(failing) if failures else ""))
    return results


def require(model: Model, results: Iterable[TestResult]) -> None:
    """Raise the first failure there is.

    Raises:
        CheckError: a test failed; the message names test, column, rows and an example.
    """
    failed = [r for r in results if not r.passed]
    if not failed:
        return
    first = failed[0]
    what = f"column {first.column}: {first.test}" if first.column else first.test
    more = f" ({len(failed) - 1} more tests failed)" if len(failed) > 1 else ""
    raise CheckError(
        f"{model.layer}.{model.name}: {what} fails for {first.failures} rows, for instance {first.example}{more};"
        " nothing was committed",
        hint=f"the tests are in {model.path}" if model.path else "",
    )


def _parsed(text: str, column: str, schema: pl.Schema, model: Model) -> _Test:
    place = model.path or f"{model.layer}.{model.name}"
    if column not in schema:
        raise ConfigError(f"columns.{column}: no such column", place=place, hint=did_you_mean(column, schema))
    word, _, argument = text.partition(":")
    value, dtype = pl.col(column), schema[column]
    if word == "not_null":
        bad = value.is_null()
    elif word in ("unique", "unique_current"):
        current = word == "unique_current" and "is_current" in schema
        counted = (value.filter(pl.col("is_current")) if current else value).drop_nulls()
        return _Test(
            text, column, counted.len() - counted.n_unique(), lambda f: _repeated(f, column, current)
        )
    elif word == "accepted":
        bad = ~value.cast(pl.String).is_in([v.strip() for v in argument.split(",")])
    elif word in ("min", "max"):
        try:
            bound = pl.select(_bound(argument, dtype)).item()
        except (pl.exceptions.PolarsError, ValueError):
            raise ConfigError(
                f"columns.{column}: {text!r}: {argument!r} is no {dtype.base_type().__name__}", place=place
            ) from None
        bad = value < bound if word == "min" else value > bound
    else:
        raise ConfigError(f"columns.{column}: no test {text!r}", place=place, hint=did_you_mean(text, _KNOWN))
    return _Test(text, column, bad.sum(), lambda f: f.filter(bad))


def _bound(text: str, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Date):
        return pl.lit(date.fromisoformat(text))
    if isinstance(dtype, pl.Datetime):
        return pl.lit(datetime.fromisoformat(text)).dt.replace_time_zone(dtype.time_zone)
    return pl.lit(text).cast(dtype)


def _repeated(frame: pl.LazyFrame, column: str, current: bool) -> pl.LazyFrame:
    if current:
        frame = frame.filter(pl.col("is_current"))
    counted = frame.select(column).drop_nulls().group_by(column).len("times")
    return counted.filter(pl.col("times") > 1).sort(column)


def _first(frame: pl.LazyFrame) -> str:
    found = frame.head(1).collect(engine="streaming")
    if found.is_empty():
        return "none"
    row = {k: v for k, v in found.row(0, named=True).items() if v is not None}
    shown = ", ".join(f"{k} = {v!r}" if isinstance(v, str) else f"{k} = {v}" for k, v in row.items())
    return shown if len(shown) < 300 else shown[:297] + "..."
