"""Keys: the columns that are unique and never missing, preferably such as are named like a key."""

from __future__ import annotations

import itertools
import re

import polars as pl

from dwkit.model.contract import Contract
from dwkit.model.types import parse_type
from dwkit.staging.unique import repeated

__all__ = ["suggest_key"]

_NAMED = re.compile(r"(?i)(^|_|[a-z])(id|key|code|no|nr|num|number|uuid|guid|sku|isbn|ean)$")
_PART = re.compile(r"(?i)(^|_)(line|line_?no|seq|position|pos|month|date|day|year|version)($|_)")
_TYPES = (
    "string",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "date",
    "decimal",
)
_PAIR_ROWS = 1_000_000
_SAMPLE = 20_000


def suggest_key(
    typed: pl.LazyFrame, contract: Contract, *, dataset: str = "", rows: int | None = None
) -> tuple[list[str], list[str]]:
    """Look for the key of typed rows; uniqueness is judged within each ``_batch``.

    Args:
        typed: the contract's columns, with or without ``_batch``.
        rows: number of rows, where known.

    Returns:
        The key, empty where nothing is convincing; and notes.
    """
    names = typed.collect_schema().names()
    within = ["_batch"] if "_batch" in names else []
    if rows is None:
        rows = int(typed.select(pl.len()).collect(engine="streaming").item())
    if rows < 2:
        return [], []
    columns = [c for c, r in contract.columns.items() if parse_type(r.type).name in _TYPES and c in names]
    columns = [
        c for c in columns if not contract.columns[c].type.startswith("decimal") or _whole(contract, c)
    ]
    if not columns:
        return [], []
    sample = typed.select(*columns, *within).head(_SAMPLE).collect(engine="streaming")
    present = [c for c in columns if not sample[c].null_count()]
    single = [c for c in present if not _repeats(sample, [*within, c])]
    named = [c for c in single if _NAMED.search(c)]
    for column in _unlike(typed, named, within, rows)[:4]:
        if repeated(typed, [*within, column], rows) == 0:
            return _told([column], columns, dataset)
    notes = _nearly(typed, present, within, rows, dataset)
    if rows <= _PAIR_ROWS and not notes:
        parts = [c for c in present if _NAMED.search(c) or _PART.search(c)][:6]
        for pair in itertools.combinations(parts, 2):
            if not _repeats(sample, [*within, *pair]) and repeated(typed, [*within, *pair], rows) == 0:
                return _told(list(pair), columns, dataset)
    first = columns[:1]
    unnamed = not notes and single[:1] == first and first[0] not in named
    if unnamed and _unlike(typed, first, within, rows) and repeated(typed, [*within, *first], rows) == 0:
        return _told(first, columns, dataset)
    return [], notes


def _whole(contract: Contract, column: str) -> bool:
    return parse_type(contract.columns[column].type).scale == 0


def _repeats(sample: pl.DataFrame, columns: list[str]) -> bool:
    return bool(sample.select(pl.struct(columns).is_duplicated().any()).item())


def _unlike(typed: pl.LazyFrame, columns: list[str], within: list[str], rows: int) -> list[str]:
    """Drop the columns whose estimated number of distinct values is far from the number of rows."""
    if not columns or rows <= _SAMPLE:
        return columns
    counts = typed.select(
        *(pl.col(c).null_count().alias(f"null:{c}") for c in columns),
        *(pl.struct(*within, c).hash().approx_n_unique().alias(c) for c in columns),
    ).collect(engine="streaming")
    return [c for c in columns if not counts[f"null:{c}"][0] and counts[c][0] > rows * 0.9]


def _nearly(typed: pl.LazyFrame, present: list[str], within: list[str], rows: int, dataset: str) -> list[str]:
    """Say of the first column, where it is named like a key, that a few of its values repeat."""
    column = present[0] if present and _NAMED.search(present[0]) else None
    if column is None or rows > _PAIR_ROWS:
        return []
    again = repeated(typed, [*within, column], rows)
    if again > rows * 0.05:
        return []
    table = f"[datasets.{dataset or 'NAME'}]"
    text = f"{column}: {again:,} of {rows:,} rows repeat a value of it; if it is the key, set "
    return [text + f'key = ["{column}"] in {table}, with dedupe = {{}} to keep the last row of each']


def _told(key: list[str], columns: list[str], dataset: str) -> tuple[list[str], list[str]]:
    shown = ", ".join(f'"{c}"' for c in key)
    if all(_NAMED.search(c) or _PART.search(c) for c in key) and columns.index(key[0]) <= 1:
        return key, [f"key = [{shown}]: unique in every batch and never missing"]
    text = f"{', '.join(key)}: unique in every batch and never missing; if it is the key, set "
    return [], [text + f"key = [{shown}] in [datasets.{dataset or 'NAME'}]"]
