"""Frames as Excel workbooks: types kept where Excel has them, a frozen header, a filter."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import polars as pl

from dwkit.errors import DataError, MissingExtraError, UsageError
from dwkit.storage import cells

__all__ = ["write"]

_ROWS, _COLUMNS, _CHARACTERS = 1_048_575, 16_384, 32_767
_EXACT = 10**15
"""Excel's numbers have 15 digits; larger integers are written as text, so that no key changes."""


def write(frame: pl.LazyFrame, path: Path, name: str) -> int:
    """Write a frame as the one sheet of a workbook and return its rows.

    Integers and decimals of more than 15 digits, days before 1900, durations, bytes and nested values
    become text; times with a zone become UTC.

    Raises:
        MissingExtraError: xlsxwriter is not installed.
        UsageError: there are more rows or columns than a sheet holds.
        DataError: a text is longer than a cell holds.
    """
    try:
        import xlsxwriter
    except ImportError:
        raise MissingExtraError("exporting to xlsx", "excel") from None
    schema = frame.collect_schema()
    if len(schema) > _COLUMNS:
        raise UsageError(
            f"{len(schema)} columns: a sheet holds {_COLUMNS}", hint="export to .csv or .parquet"
        )
    rows = frame.head(_ROWS + 1).collect(engine="streaming")
    if rows.height > _ROWS:
        raise UsageError(f"more than {_ROWS} rows: a sheet holds no more", hint="export to .csv or .parquet")
    rows = rows.with_columns(_fitting(rows[n]) for n in schema)
    for column, dtype in rows.schema.items():
        if dtype == pl.String() and (rows[column].str.len_chars().max() or 0) > _CHARACTERS:  # type: ignore[operator]
            raise DataError(
                f"column {column!r} has a text of more than {_CHARACTERS} characters, which no cell of Excel holds",
                hint="export to .csv or .parquet",
            )
    options = {"strings_to_formulas": False, "strings_to_urls": False, "nan_inf_to_errors": True}
    with xlsxwriter.Workbook(str(path), options) as book:
        rows.write_excel(
            book,
            worksheet=_sheet(name),
            autofilter=True,
            freeze_panes=(1, 0),
            header_format={"bold": True},
            table_style="Table Style Light 1",
            dtype_formats={pl.Date: "yyyy-mm-dd", pl.Datetime: "yyyy-mm-dd hh:mm:ss"},
            float_precision=6,
            column_widths=None,
        )
    return rows.height


def _sheet(name: str) -> str:
    return re.sub(r"[\[\]:*?/\\]", "_", name)[:31] or "data"


def _fitting(column: pl.Series) -> pl.Series:
    dtype = column.dtype
    text = (
        pl.select(cells.as_text(pl.lit(column), dtype)).to_series().alias(column.name)
        if _odd(dtype)
        else None
    )
    if text is not None:
        return text
    if isinstance(dtype, pl.Datetime):
        plain = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if dtype.time_zone else column
        return plain.cast(pl.String) if _before_1900(plain.dt.date()) else plain
    if isinstance(dtype, pl.Date):
        return column.cast(pl.String) if _before_1900(column) else column
    if dtype.is_integer() or isinstance(dtype, pl.Decimal):
        top = column.cast(pl.Float64).abs().max()
        scale = dtype.scale if isinstance(dtype, pl.Decimal) else 0
        return column.cast(pl.String) if top is not None and float(top) * 10**scale >= _EXACT else column  # type: ignore[arg-type]
    return column


def _odd(dtype: pl.DataType) -> bool:
    return dtype.is_nested() or isinstance(dtype, (pl.Binary, pl.Duration, pl.Categorical, pl.Enum))


def _before_1900(days: pl.Series) -> bool:
    first = days.min()
    return isinstance(first, date) and first < date(1900, 1, 1)
