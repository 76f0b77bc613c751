"""Excel and OpenDocument workbooks: every sheet is a table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from dwkit.errors import DataError, MissingExtraError, NotFoundError
from dwkit.lake.sources.columnar import typed
from dwkit.lake.sources.extract import Extract, Source, Table
from dwkit.lake.sources.text import binary_reason

__all__ = ["read_sheets"]


def read_sheets(source: Source, path: Path) -> Iterator[Extract]:
    """Yield the sheets of a workbook that have rows; types come from all cells of a column.

    A column of several types is text. One sheet at a time is in memory.

    Args:
        path: the workbook.

    Raises:
        DataError: it is no workbook, damaged, or without rows.
        NotFoundError: it has no sheet of the name that was asked for.
        MissingExtraError: fastexcel is not installed.
    """
    try:
        import fastexcel
    except ImportError:
        raise MissingExtraError("reading Excel and ODS files", "excel") from None
    with path.open("rb") as handle:
        start = handle.read(4096)
    if not start.startswith((b"PK", b"\xd0\xcf\x11\xe0")):
        guess = " it looks like text: --as csv" if binary_reason(start) is None else ""
        raise DataError(f"{source.name} is no workbook", hint=guess.strip() or "--as names what it is")
    try:
        book: Any = fastexcel.read_excel(str(path))
        names: list[str] = list(book.sheet_names)
    except BaseException as error:
        raise _damaged(source, error) from None
    wanted = source.options.sheet
    if wanted is not None:
        if wanted not in names:
            raise NotFoundError(f"sheet in {source.name}", wanted, names)
        names = [wanted]
    found = 0
    for name in names:
        part = source.part(name if len(book.sheet_names) > 1 else "")
        try:
            frame = _loaded(book, name, part)
        except DataError:
            raise
        except BaseException as error:
            raise _damaged(part, error) from None
        if not frame.width:
            source.note(f"sheet {name!r} is empty")
            continue
        found += 1
        rows = frame.height
        spooled = part.scratch("sheet.parquet")
        _spool(frame, spooled)
        del frame
        table = Table(typed(part, pl.scan_parquet(spooled, glob=False), "workbook"))
        yield Extract(
            part.with_options(sheet=name),
            "excel",
            table,
            suggested_name=name if len(names) > 1 else source.stem,
            approx_rows=rows,
        )
    if not found:
        raise DataError(f"{source.name} is empty: no sheet has rows", hint="there is nothing to ingest")


def _loaded(book: Any, name: str, source: Source) -> pl.DataFrame:
    options = source.options
    header = options.header is not False
    arguments: dict[str, Any] = {
        "header_row": (options.skip_rows or 0) if header else None,
        "schema_sample_rows": None,  # all of them
        "skip_whitespace_tail_rows": True,
    }
    if not header and options.skip_rows:
        arguments["skip_rows"] = options.skip_rows
    sheet = book.load_sheet(name, **arguments)
    frame: pl.DataFrame = sheet.to_polars()
    renamed = {c: f"column_{n}" for n, c in enumerate(frame.columns, 1) if c.startswith("__UNNAMED__")}
    if options.columns is not None:
        renamed |= dict(zip(frame.columns, options.columns, strict=False))
    if frame.width and not frame.height and all(c.startswith("__UNNAMED__") for c in frame.columns):
        return pl.DataFrame()
    return frame.rename(renamed).with_columns(*_plainer(frame.rename(renamed)))


def _plainer(frame: pl.DataFrame) -> Iterator[pl.Expr]:
    """Workbooks know neither whole numbers nor dates without a time; columns of nothing else become such."""
    for name, dtype in frame.schema.items():
        column = frame[name].drop_nulls()
        if (
            dtype == pl.Float64
            and len(column)
            and ((column == column.round()) & (column.abs() < 2**53)).all()
        ):
            yield pl.col(name).cast(pl.Int64)
        elif isinstance(dtype, pl.Datetime) and len(column) and (column == column.dt.truncate("1d")).all():
            yield pl.col(name).cast(pl.Date)


def _spool(frame: pl.DataFrame, path: Path) -> None:
    frame.write_parquet(path, compression="lz4")


def _damaged(source: Source, error: BaseException) -> Exception:
    if isinstance(error, (KeyboardInterrupt, SystemExit, MemoryError)):
        raise error
    text = str(error).split("\n", 1)[0]
    locked = "password" in text.lower() or "encrypted" in text.lower()
    return DataError(
        f"{source.name} cannot be read: {text}",
        hint="save it without a password" if locked else "open and save it again, or export the sheet as CSV",
    )
