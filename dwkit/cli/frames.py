"""Frames on stdout: computed batch by batch, so that memory is bounded by the batches under way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import IO, TYPE_CHECKING, cast

import polars as pl

from dwkit.cli import plain
from dwkit.cli.output import Emitted, Target, write_table
from dwkit.cli.table import Column
from dwkit.errors import DataError
from dwkit.storage import cells

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["from_rows", "write_frame"]

_LONGEST = 1_000  # characters of a cell that a table may look at

# Nodes of a plan that reads files and computes nothing across rows, and what may stand in them.
_READS = re.compile(
    r"SELECT \[|Parquet SCAN |PROJECT |ESTIMATED ROWS|simple π|DF \[|UNION|PLAN \d+:|END UNION"
)
_HARMLESS = re.compile(r"\.(alias|cast|strict_cast)\(")
_COMPUTES = re.compile(r"\.\w+\(|\blen\(\)|\bcount\(\)")


def write_frame(
    frame: pl.LazyFrame, fmt: str, target: Target, *, title: str = "", shown: int = 0
) -> tuple[Emitted, list[str]]:
    """Write a frame in a format.

    Args:
        shown: rows of a table to show, 0 for all.

    Returns:
        Rows and columns, and the names of the columns that a table had no room for.

    Raises:
        DataError: the frame cannot be computed.
        BrokenPipeError: the reader of stdout has gone.
    """
    try:
        schema = frame.collect_schema()
        left_out: list[str] = []
        match fmt:
            case "table":
                rows, left_out = _table(frame, schema, target, title, shown)
            case "csv":
                rows = _csv(frame, schema, target)
            case "json":
                rows = _json(frame, schema, target)
            case "ndjson":
                rows = _lines(frame, cells.json_rows(schema), target.json)
            case "md":
                rows = _markdown(frame, schema, target)
            case "parquet":
                rows = _parquet(_portable(frame), target)
            case "arrow":
                rows = _arrow(_portable(frame), target)
            case _:
                raise ValueError(fmt)
    except (pl.exceptions.PolarsError, OSError) as error:
        if target.broken:  # libraries wrap it in errors of their own
            raise target.broken from None
        if isinstance(error, OSError):
            raise
        from dwkit.sql.failure import explained

        raise explained(error) from error
    return Emitted(rows, len(schema)), left_out


def from_rows(rows: Sequence[Mapping[str, object]], names: Sequence[str]) -> pl.LazyFrame:
    """Make a frame of plain rows; what fits no type of its column makes the column text."""
    made = {}
    for name in names:
        values = [row.get(name) for row in rows]
        try:
            made[name] = pl.Series(name, values, strict=True)
        except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
            made[name] = pl.Series(name, [plain.as_text(v) for v in values], dtype=pl.String)
        if made[name].dtype in (pl.Null, pl.Object):
            made[name] = pl.Series(name, [plain.as_text(v) for v in values], dtype=pl.String)
    return pl.LazyFrame(made)


def _batches(frame: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    return iter(frame.collect_batches(maintain_order=True, lazy=True, engine="streaming"))


def _csv(frame: pl.LazyFrame, schema: pl.Schema, target: Target) -> int:
    # What polars writes into CSV exactly as as_text does is left to it, for speed.
    own = (pl.String, pl.Boolean, pl.Date, pl.Decimal, pl.Null)
    texts = [
        cells.as_text(pl.col(name), dtype).alias(name)
        for name, dtype in schema.items()
        if not (isinstance(dtype, own) or dtype.is_numeric())
    ]
    target.text(plain.csv_line(list(schema)))
    rows = 0
    for batch in _batches(frame.with_columns(texts)):
        target.text(batch.write_csv(include_header=False))
        rows += batch.height
    return rows


def _lines(frame: pl.LazyFrame, line: pl.Expr, write: Callable[[str], None]) -> int:
    rows = 0
    for batch in _batches(frame.select(line.alias("line"))):
        write(batch.write_csv(include_header=False, quote_style="never"))
        rows += batch.height
    return rows


def _json(frame: pl.LazyFrame, schema: pl.Schema, target: Target) -> int:
    rows = 0
    for batch in _batches(frame.select(cells.json_rows(schema).alias("line"))):
        if batch.height:
            text = batch.write_csv(include_header=False, quote_style="never", line_terminator=",\n ")
            target.json((",\n " if rows else "[") + text.removesuffix(",\n "))
            rows += batch.height
    target.json("]\n" if rows else "[]\n")
    return rows


def _markdown(frame: pl.LazyFrame, schema: pl.Schema, target: Target) -> int:
    target.text(plain.md_line(list(schema)))
    target.text("| " + " | ".join("---:" if cells.is_number(d) else "---" for d in schema.values()) + " |\n")
    pieces = [
        cells.as_text(pl.col(name), dtype).str.replace_many(plain.MD_FROM, plain.MD_TO).fill_null("")
        for name, dtype in schema.items()
    ]
    between = [pl.lit("| "), *([pl.lit(" | ")] * (len(pieces) - 1))]
    line = pl.concat_str(*chain.from_iterable(zip(between, pieces, strict=True)), pl.lit(" |"))
    return _lines(frame, line, target.text)


def _parquet(frame: pl.LazyFrame, target: Target) -> int:
    rows = 0
    schema = frame.collect_schema()

    def counted(batch: pl.DataFrame) -> pl.DataFrame:
        nonlocal rows
        rows += batch.height
        return batch

    frame.map_batches(counted, streamable=True, schema=schema).sink_parquet(
        cast("IO[bytes]", target), arrow_schema=_arrow_schema(schema), engine="streaming"
    )
    return rows


def _arrow(frame: pl.LazyFrame, target: Target) -> int:
    import pyarrow as pa

    rows = 0
    wanted = _arrow_schema(frame.collect_schema())
    with pa.ipc.new_stream(pa.PythonFile(target, mode="w"), wanted) as writer:
        for batch in _batches(frame):
            writer.write_table(batch.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(wanted))
            rows += batch.height
    return rows


def _arrow_schema(schema: pl.Schema) -> pa.Schema:
    """Return Arrow's types without string views, which older readers refuse."""
    import pyarrow as pa

    fields = []
    for name, dtype in schema.items():
        try:
            empty = pl.DataFrame(schema={name: dtype}).to_arrow(compat_level=pl.CompatLevel.oldest())
        except pa.ArrowException:
            raise DataError(
                f"Arrow has no type for column {name!r}, {dtype}", hint="cast it, or --format csv"
            ) from None
        fields.append(empty.schema.field(0))
    return pa.schema(fields)


def _portable(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Cast what only polars can read: 128-bit integers become decimals."""
    wide = [n for n, dtype in frame.collect_schema().items() if dtype in (pl.Int128, pl.UInt128)]
    return frame.with_columns(pl.col(wide).cast(pl.Decimal(38, 0))) if wide else frame


def _table(
    frame: pl.LazyFrame, schema: pl.Schema, target: Target, title: str, shown: int
) -> tuple[int, list[str]]:
    head, tail, rows = _all(frame) if not shown else _ends(frame, schema, shown)
    texts = [
        cells.as_text(pl.col(name), dtype).str.slice(0, _LONGEST).alias(name)
        for name, dtype in schema.items()
    ]
    columns = [
        Column(name, number=cells.is_number(dtype), whole=dtype.is_temporal())
        for name, dtype in schema.items()
    ]
    left_out = write_table(target, columns, head.select(texts).rows(), tail.select(texts).rows(), title=title)
    return rows, left_out


def _all(frame: pl.LazyFrame) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    everything = frame.collect(engine="streaming")
    return everything, everything.head(0), everything.height


def _ends(frame: pl.LazyFrame, schema: pl.Schema, shown: int) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Return the first and last rows and how many there are; all in the first when they are few."""
    first, last = (shown + 1) // 2, shown // 2
    if _only_reads(frame):
        # Each end and the count come from the files' own statistics, however large they are.
        rows = frame.select(pl.len()).collect().item()
        head = frame.head(shown).collect(engine="streaming")
        tail = frame.tail(last).collect(engine="streaming") if rows > shown else head.head(0)
    else:
        head = tail = pl.DataFrame(schema=schema)
        rows = 0
        for batch in _batches(frame):
            if head.height < shown:
                head = pl.concat([head, batch.head(shown - head.height)])
            tail = pl.concat([tail, batch.tail(last)]).tail(last)
            rows += batch.height
    return (head, head.head(0), rows) if rows <= shown else (head.head(first), tail, rows)


def _only_reads(frame: pl.LazyFrame) -> bool:
    """Say whether the plan is nothing but files, columns and casts, so that its ends cost nothing to find."""
    return all(
        _READS.match(line.strip()) and not _COMPUTES.search(_HARMLESS.sub("", line))
        for line in frame.explain().splitlines()
    )
