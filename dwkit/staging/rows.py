"""The raw rows of one lake batch, as they stand after what people decided about them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from dwkit.errors import UsageError
from dwkit.ledger.ledger import Decision
from dwkit.model.batch import Batch
from dwkit.model.contract import Rules
from dwkit.staging.cast import caster, jsonable
from dwkit.staging.check import FAILURE
from dwkit.storage.layout import Layout
from dwkit.storage.tables import scan_batches, scan_malformed
from dwkit.storage.types import from_polars

__all__ = ["HELD_SCHEMA", "Decisions", "as_type", "data_columns", "raw_json", "raw_rows"]

HELD_SCHEMA: dict[str, pl.DataType] = {
    "_batch": pl.String(),
    "_row": pl.Int64(),
    "failures": pl.List(FAILURE),
    "raw": pl.String(),
}
"""Columns of a quarantine file; ``raw`` is the raw row as a JSON object, after its fixes."""


@dataclass(frozen=True)
class Decisions:
    """What people decided about the rows of one batch.

    ``rank`` numbers the fixed rows in the order of their fixes: of rows with one key, an untouched
    row comes before a fixed one, so that staging from the lake again ends as the replays did.
    """

    fixes: Mapping[int, Mapping[str, str | None]] = field(default_factory=dict)
    discarded: frozenset[int] = frozenset()
    rank: Mapping[int, int] = field(default_factory=dict)

    @staticmethod
    def of(decisions: Iterable[Decision]) -> Decisions:
        """Take those of one batch."""
        mine = sorted(decisions, key=lambda r: (r.made_at, r.row))
        fixed = [r for r in mine if r.action == "fix"]
        return Decisions(
            fixes={r.row: r.changes for r in fixed},
            discarded=frozenset(r.row for r in mine if r.action == "discard"),
            rank={r.row: i for i, r in enumerate(fixed, 1)},
        )


def data_columns(schema: Mapping[str, pl.DataType]) -> list[str]:
    """Return the raw columns: all but ``_batch`` and ``_row``."""
    return [n for n in schema if n not in ("_batch", "_row")]


def raw_rows(
    layout: Layout, batch: Batch, decided: Decisions, rows: Sequence[int] | None = None
) -> pl.LazyFrame:
    """Scan the raw rows of a batch with their fixes; malformed records come in once they are fixed.

    Args:
        rows: only these rows (by ``_row``), where not None.

    Raises:
        DataError: a file of the batch is missing.
        UsageError: a fix is not of its column's type.
    """
    lake, fixes = scan_batches(layout, [batch]), decided.fixes
    if rows is not None:
        wanted = set(rows)
        lake = lake.filter(pl.col("_row").is_in(list(rows)))
        fixes = {r: c for r, c in fixes.items() if r in wanted}
    if not fixes:
        return lake
    schema = lake.collect_schema()
    columns = data_columns(schema)
    changed = [c for c in columns if any(c in change for change in fixes.values())]
    fixed = lake.with_columns(_patched(c, schema[c], fixes) for c in changed)
    if not batch.malformed:
        return fixed
    bad = scan_malformed(layout, [batch]).filter(pl.col("_row").is_in(list(fixes))).select("_row").collect()
    mended = [r for r in bad["_row"].to_list() if fixes[r]]
    if not mended:
        return fixed
    new = {c: as_type(c, [fixes[r].get(c) for r in mended], schema[c]) for c in columns}
    extra = pl.DataFrame(new | {"_batch": [batch.id] * len(mended), "_row": mended}).select(schema.names())
    return pl.concat([fixed, extra.lazy().cast(schema)])


def _patched(column: str, dtype: pl.DataType, fixes: Mapping[int, Mapping[str, str | None]]) -> pl.Expr:
    mine = {r: c[column] for r, c in fixes.items() if column in c}
    values = as_type(column, list(mine.values()), dtype)
    rows = list(mine)
    if dtype.is_nested():
        made = pl.col(column)
        for row, value in zip(rows, range(len(rows)), strict=True):
            made = pl.when(pl.col("_row") == row).then(pl.lit(values[value : value + 1])).otherwise(made)
        return made.alias(column)
    new = pl.col("_row").replace_strict(
        pl.Series(rows, dtype=pl.Int64), values, default=None, return_dtype=dtype
    )
    return pl.when(pl.col("_row").is_in(rows)).then(new).otherwise(pl.col(column)).alias(column)


def as_type(column: str, texts: Sequence[str | None], dtype: pl.DataType) -> pl.Series:
    """Return texts as values of a raw column's type.

    Raises:
        UsageError: a text is not of the type.
    """
    given = pl.Series(column, texts, dtype=pl.String)
    if isinstance(dtype, pl.String):
        return given
    kind = str(from_polars(dtype))
    made = caster(Rules(type=kind))(given)
    wrong = given.filter(made.is_null() & given.is_not_null())
    if len(wrong):
        raise UsageError(f"{column}: {wrong[0]!r} is no {kind}, which the raw column is")
    return made.cast(dtype)


def raw_json(columns: Sequence[str], schema: Mapping[str, pl.DataType]) -> pl.Expr:
    """Return the expression of ``raw``: the raw columns as a JSON object."""
    fields = [
        (
            pl.col(c).dt.to_string("iso")
            if isinstance(schema[c], pl.Duration)
            else jsonable(pl.col(c), schema[c])
        ).alias(c)
        for c in columns
    ]
    return pl.struct(fields).struct.json_encode().alias("raw")
