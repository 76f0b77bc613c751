"""What a reader hands over: one table of a source, and the records of it that are no rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import polars as pl

from dwkit.errors import DataError, DwkitError, ReachError
from dwkit.model.source import ReadOptions

__all__ = ["MALFORMED_SCHEMA", "Extract", "Malformed", "Source", "Stream", "Table", "unique_names"]

T = TypeVar("T")

MALFORMED_SCHEMA: dict[str, pl.DataType] = {
    "_row": pl.Int64(),
    "line": pl.Int64(),
    "raw": pl.String(),
    "reason": pl.String(),
}
"""Columns of the records that are no rows."""

OWN_COLUMNS = ("_batch", "_row")

_FLUSH_ROWS, _FLUSH_BYTES = 20_000, 16 << 20


@dataclass(frozen=True)
class Source:
    """A file that is being read.

    Args:
        path: the bytes; for a packed source, where they were unpacked.
        name: what the user calls it, in messages; with the member for archives.
        stem: the file's own name, which datasets are named after; empty for standard input.
        member: which table of the file this is; empty if it holds one.
        workdir: scratch folder that the caller removes.
        notes: what a person should know about how it was read; readers append.
    """

    path: Path
    name: str
    stem: str
    options: ReadOptions
    workdir: Path
    member: str = ""
    notes: list[str] = field(default_factory=list)

    def part(self, member: str) -> Source:
        """Return the same source for one of its tables, with notes of its own."""
        return replace(self, member=_joined(self.member, member), notes=list(self.notes))

    def with_options(self, **changes: Any) -> Source:
        """Return the same source with some options changed."""
        return replace(self, options=msgspec.structs.replace(self.options, **changes))

    def scratch(self, suffix: str) -> Path:
        """Return a path in the scratch folder that nothing has yet."""
        taken = sum(1 for _ in self.workdir.iterdir())
        while (path := self.workdir / f"{taken:05d}-{suffix}").exists():
            taken += 1
        return path

    def note(self, text: str) -> None:
        """Add a note once."""
        if text not in self.notes:
            self.notes.append(text)


def _joined(outer: str, inner: str) -> str:
    return f"{outer}#{inner}" if outer else inner


class Malformed:
    """Records that are no rows, spooled to Parquet so that any number of them fits.

    Args:
        source: whose records they are.
        advice: the option to type if most of a source ends up here.
    """

    def __init__(self, source: Source, advice: str) -> None:
        self._source = source
        self._advice = advice
        self._buffer: list[tuple[int, int | None, str, str]] = []
        self._bytes = 0
        self._files: list[Path] = []
        self.count = 0
        self.first: tuple[int, int | None, str, str] | None = None

    def add(self, row: int, line: int | None, raw: str, reason: str) -> None:
        """Add a record: its number in the source, its line, its text, what is wrong with it."""
        record = (row, line, raw, reason)
        self.first = self.first or record
        self.count += 1
        self._buffer.append(record)
        self._bytes += len(raw)
        if len(self._buffer) >= _FLUSH_ROWS or self._bytes >= _FLUSH_BYTES:
            self._flush()

    def add_many(self, records: Iterable[tuple[int, int | None, str, str]]) -> None:
        """Add records, as `add` does."""
        for row, line, raw, reason in records:
            self.add(row, line, raw, reason)

    def check(self, total: int) -> None:
        """Refuse a source most of whose ``total`` records are no rows: it was misread as a whole.

        Raises:
            DataError: more than half are malformed.
        """
        if self.first is not None and 2 * self.count > total:
            row, line, raw, reason = self.first
            place = f"line {line}" if line is not None else f"record {row}"
            shown = raw if len(raw) <= 80 else raw[:77] + "..."
            raise DataError(
                f"{self._source.name}: {self.count} of {total} records cannot be read; the first is {place}: "
                f"{reason}: {shown!r}",
                hint=self._advice,
            )

    def frame(self) -> pl.LazyFrame | None:
        """Return the records with the columns of `MALFORMED_SCHEMA`, None if there are none."""
        self._flush()
        return pl.scan_parquet(self._files, glob=False) if self._files else None

    def clear(self) -> None:
        """Forget all records, before a source is read again in another way."""
        self._buffer, self._bytes, self._files, self.count, self.first = [], 0, [], 0, None

    def _flush(self) -> None:
        if self._buffer:
            path = self._source.scratch("malformed.parquet")
            pl.DataFrame(self._buffer, schema=MALFORMED_SCHEMA, orient="row").write_parquet(path)
            self._files.append(path)
            self._buffer, self._bytes = [], 0


class Table:
    """How the rows of one table are read; readers that may have to change their mind override `again`.

    Args:
        rows: the raw columns and ``_row``.
        malformed: where the records that are no rows went.
    """

    def __init__(self, rows: pl.LazyFrame | None = None, malformed: Malformed | None = None) -> None:
        self._rows = rows
        self._malformed = malformed
        self.failure: DwkitError | None = None

    def rows(self) -> pl.LazyFrame:
        """Return the rows as far as it is known how to read them."""
        assert self._rows is not None
        return self._rows

    def again(self, error: Exception | None) -> bool:
        """Say after an attempt whether the rows must be read again, in the way `rows` gives now.

        Args:
            error: what the attempt failed with, None if it went through.

        Raises:
            DataError: the attempt shows that the source cannot be read.
        """
        del error
        return False

    def malformed(self) -> pl.LazyFrame | None:
        """Return the records that are no rows, None if there are none."""
        return self._malformed.frame() if self._malformed is not None else None


class Stream(Table):
    """A table whose rows a generator makes, read in a stream.

    Args:
        schema: of every frame the generator makes.
        batches: starts the generator; called once for each time the rows are read.
        name: shown in query plans.
        then: what is done with the rows before they are handed over.
        malformed: where the records that are no rows went.
    """

    def __init__(
        self,
        schema: pl.Schema,
        batches: Callable[[], Iterator[pl.DataFrame]],
        *,
        name: str,
        then: Callable[[pl.LazyFrame], pl.LazyFrame] | None = None,
        malformed: Malformed | None = None,
    ) -> None:
        from polars.io.plugins import register_io_source

        self._batches = batches
        frame = register_io_source(self._read, schema=schema, explain_name=name)
        super().__init__(then(frame) if then is not None else frame, malformed)

    def _read(
        self, columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _size: int | None
    ) -> Iterator[pl.DataFrame]:
        left = n_rows
        try:
            for batch in self._batches():
                frame = batch.select(columns) if columns is not None else batch
                if predicate is not None:
                    frame = frame.filter(predicate)
                if left is not None:
                    frame = frame.head(left)
                    left -= frame.height
                yield frame
                if left is not None and left <= 0:
                    return
        except DwkitError as error:
            self.failure = error  # Polars wraps what comes out of a generator
            raise


class Extract:
    """One table of a source.

    Attributes:
        member: which table of the source: sheet, SQLite table, archive member; empty if there is one.
        suggested_name: file name or table name that a dataset may be named after; may be empty.
        format: a name of `dwkit.model.source.FORMATS`.
        options: all that was detected and chosen, enough to read it so again.
        approx_rows: rows as far as they are known beforehand.
        files: for objects, the file of each row, in order.
    """

    def __init__(
        self,
        source: Source,
        kind: str,
        table: Table,
        *,
        suggested_name: str | None = None,
        options: ReadOptions | None = None,
        approx_rows: int | None = None,
        files: Sequence[Path] = (),
    ) -> None:
        self._source = source
        self._table = table
        self.member = source.member
        self.suggested_name = source.stem if suggested_name is None else suggested_name
        self.format = kind
        self._options = options or source.options
        self.approx_rows = approx_rows
        self.files = tuple(files)

    @property
    def options(self) -> ReadOptions:
        """The options as they were detected."""
        return msgspec.structs.replace(self._options, format=self.format)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know; complete once the rows have been written."""
        return tuple(self._source.notes)

    @property
    def rows(self) -> pl.LazyFrame:
        """The raw columns and ``_row`` (Int64, from 1). Collect it through `write` to have it checked."""
        return self._table.rows()

    def write(self, use: Callable[[pl.LazyFrame], T]) -> T:
        """Call ``use(rows)`` and return what it returns, with every record accounted for.

        The rows are read in the fastest way first; if that turns out not to do (a ragged row, a byte
        in another encoding), ``use`` is called again with the same table, read with more care. So
        ``use`` must start afresh at each call.

        Raises:
            DataError: the source cannot be read, or most of its records cannot.
        """
        for _ in range(4):
            error: Exception | None = None
            try:
                result = use(self._table.rows())
            except (pl.exceptions.PolarsError, OSError) as caught:
                error = caught
            except pl.exceptions.PanicException as caught:  # no Exception: bytes that Polars took on trust
                error = pl.exceptions.ComputeError(str(caught))
            if self._table.failure is not None:
                raise self._table.failure from error
            if self._table.again(error):
                continue
            if error is None:
                return result
            raise self._explained(error) from error
        raise DataError(f"{self._source.name} cannot be read", hint="dwkit ingest FILE --as-objects")

    def _explained(self, error: Exception) -> DwkitError:
        if isinstance(error, OSError):
            return ReachError(f"{self._source.name}: {error.strerror or error}")
        text = str(error).split("\n", 1)[0]
        typed = self.format in ("parquet", "arrow", "avro", "excel", "sqlite")
        hint = (
            "get the file again" if typed else "dwkit ingest --help lists the options that say how it is read"
        )
        return DataError(f"{self._source.name} cannot be read: {text}", hint=hint)

    def malformed(self) -> pl.LazyFrame | None:
        """Return the records that are no rows (`MALFORMED_SCHEMA`), None if there are none.

        Ask after the rows have been written.
        """
        return self._table.malformed()


def unique_names(source: Source, names: Sequence[str]) -> list[str]:
    """Return names for columns: none empty, none twice (whatever the case), none of dwkit's own."""
    made: list[str] = []
    taken = {n.lower() for n in OWN_COLUMNS}
    plain = {n.lower() for n in names}
    for place, name in enumerate(names, 1):
        base = name or f"column_{place}"
        if name.lower() in OWN_COLUMNS:
            base = f"{name}_source"
            source.note(f"column {name!r} is named {base!r}: dwkit keeps that name for itself")
        wanted, number = base, 2
        while wanted.lower() in taken or (wanted != name and wanted.lower() in plain):
            wanted, number = f"{base}_{number}", number + 1
        if name and wanted != base:
            source.note(f"column {place} is named {wanted!r}: {name!r} is there already")
        taken.add(wanted.lower())
        made.append(wanted)
    return made
