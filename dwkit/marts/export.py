"""Marts as files for other programs; the suffix says how."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import polars as pl

from dwkit.errors import DataError, DwkitError, ReachError, UsageError, did_you_mean
from dwkit.marts import sheets, sqlite
from dwkit.storage import cells
from dwkit.storage.aside import commit_file

__all__ = ["FORMATS", "Exported", "export"]

_SQLITE = "sqlite:///"
_COMPRESSED = {".gz": "gzip", ".zst": "zstd"}
_MARKDOWN = {"\\": "\\\\", "|": "\\|", "*": "\\*", "`": "\\`", "<": "&lt;", "\r": "", "\n": "<br>"}


@dataclass(frozen=True)
class Exported:
    """A file that was written: its path, rows and bytes."""

    path: Path
    rows: int
    bytes: int


def export(frame: pl.LazyFrame, target: str | Path, *, name: str = "data") -> Exported:
    """Write a frame to a file, in the format that its suffix names.

    ``csv``, ``tsv``, ``json``, ``ndjson``, ``md`` (each also with ``.gz`` or ``.zst`` after it),
    ``parquet``, ``arrow``, ``xlsx``, ``sqlite``; ``sqlite:///FILE`` needs no suffix. Rows go through in batches, except for ``xlsx``. The
    file appears when it is complete; one that is there is replaced. In a SQLite database that is there
    only the table is replaced.

    Args:
        name: table in the database, sheet in the workbook.

    Raises:
        UsageError: the suffix names no format, or the rows do not fit it.
        MissingExtraError: ``xlsx`` without the library for it.
        ReachError: the file cannot be written.
        DataError: the frame cannot be computed.
    """
    path, kind, compression = _understood(str(target))
    if path.is_dir():
        raise UsageError(f"{path} is a folder", hint=f"{path / name}.csv")
    if kind == "sqlite" and path.exists():
        rows = _guarded(path, lambda: sqlite.write(frame, path, name))
        return Exported(path, rows, path.stat().st_size)
    aside = path.with_name(f".{path.name}.{os.getpid()}")

    def write() -> int:
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind in _TEXTS:
            return _text(frame, aside, kind, compression)
        return _BINARY[kind](frame, aside, name)

    try:
        rows = _guarded(path, write)
        commit_file(aside, path)
    finally:
        with suppress(OSError):
            aside.unlink()
    return Exported(path, rows, path.stat().st_size)


def _understood(target: str) -> tuple[Path, str, str]:
    """Return path, format and compression of a target."""
    if target.startswith(_SQLITE):
        return Path(target.removeprefix(_SQLITE)), "sqlite", ""
    if "://" in target:
        raise UsageError(
            f"{target!r} is no file to export to",
            hint=f"{_SQLITE}FILE, or a file with a suffix: {', '.join(FORMATS)}",
        )
    path = Path(target)
    suffix, compression = path.suffix.lower(), ""
    if suffix in _COMPRESSED:
        compression, suffix = _COMPRESSED[suffix], Path(path.stem).suffix.lower()
    kind = FORMATS.get(suffix.removeprefix("."))
    if kind is None:
        shown = suffix or path.name
        raise UsageError(
            f"cannot export to {path.name}: {shown!r} is no format", hint=did_you_mean(shown, FORMATS)
        )
    if compression and kind not in _TEXTS:
        raise UsageError(f"{path.name}: {suffix} files are not compressed", hint=str(path.with_suffix("")))
    return path, kind, compression


def _guarded(path: Path, write: Callable[[], int]) -> int:
    try:
        return write()
    except DwkitError:
        raise
    except pl.exceptions.PolarsError as error:
        raise DataError(str(error).strip().split("\n\n")[0]) from error
    except OSError as error:
        raise ReachError(f"cannot write {path}: {error.strerror or error}") from error


def _batches(frame: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    return iter(frame.collect_batches(maintain_order=True, lazy=True, engine="streaming"))


# -- text -----------------------------------------------------------------------------------------


def _text(frame: pl.LazyFrame, path: Path, kind: str, compression: str) -> int:
    import pyarrow as pa

    with path.open("wb") as raw:
        if not compression:
            return _TEXTS[kind](frame, raw)
        with pa.CompressedOutputStream(raw, compression) as stream:
            return _TEXTS[kind](frame, stream)


def _csv(frame: pl.LazyFrame, out: IO[bytes]) -> int:
    return _separated(frame, out, ",")


def _tsv(frame: pl.LazyFrame, out: IO[bytes]) -> int:
    return _separated(frame, out, "\t")


def _separated(frame: pl.LazyFrame, out: IO[bytes], separator: str) -> int:
    schema = frame.collect_schema()
    own = (pl.String, pl.Boolean, pl.Date, pl.Decimal, pl.Null)
    texts = [
        cells.as_text(pl.col(n), t).alias(n)
        for n, t in schema.items()
        if not (isinstance(t, own) or t.is_numeric())
    ]
    out.write(pl.DataFrame(schema=schema.names()).write_csv(separator=separator).encode())
    rows = 0
    for batch in _batches(frame.with_columns(texts)):
        out.write(batch.write_csv(include_header=False, separator=separator).encode())
        rows += batch.height
    return rows


def _ndjson(frame: pl.LazyFrame, out: IO[bytes]) -> int:
    return _lines(frame, cells.json_rows(frame.collect_schema()), out)


def _json(frame: pl.LazyFrame, out: IO[bytes]) -> int:
    rows = 0
    for batch in _batches(frame.select(cells.json_rows(frame.collect_schema()).alias("line"))):
        if batch.height:
            text = batch.write_csv(include_header=False, quote_style="never", line_terminator=",\n ")
            out.write(((",\n " if rows else "[") + text.removesuffix(",\n ")).encode())
            rows += batch.height
    out.write(b"]\n" if rows else b"[]\n")
    return rows


def _markdown(frame: pl.LazyFrame, out: IO[bytes]) -> int:
    schema, table = frame.collect_schema(), str.maketrans(_MARKDOWN)
    rule = ["---:" if cells.is_number(t) else "---" for t in schema.values()]
    for line in ([n.translate(table) for n in schema], rule):
        out.write(("| " + " | ".join(line) + " |\n").encode())
    pieces: list[pl.Expr] = [pl.lit("|")]
    for name, dtype in schema.items():
        text = cells.as_text(pl.col(name), dtype).str.replace_many(list(_MARKDOWN), list(_MARKDOWN.values()))
        pieces += [pl.lit(" "), text.fill_null(""), pl.lit(" |")]
    return _lines(frame, pl.concat_str(pieces), out)


def _lines(frame: pl.LazyFrame, line: pl.Expr, out: IO[bytes]) -> int:
    rows = 0
    for batch in _batches(frame.select(line.alias("line"))):
        out.write(batch.write_csv(include_header=False, quote_style="never").encode())
        rows += batch.height
    return rows


# -- binary ---------------------------------------------------------------------------------------


def _parquet(frame: pl.LazyFrame, path: Path, _name: str) -> int:
    # Into an open file: given a path, the engine would make the file even after an error was raised.
    with path.open("wb") as out:
        frame.sink_parquet(out, arrow_schema=_plain_arrow(frame), compression="zstd", engine="streaming")
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)


def _arrow(frame: pl.LazyFrame, path: Path, _name: str) -> int:
    import pyarrow as pa

    rows, schema = 0, _plain_arrow(frame)
    with pa.ipc.new_file(path, schema) as writer:
        for batch in _batches(frame):
            writer.write_table(batch.to_arrow(compat_level=pl.CompatLevel.oldest()).cast(schema))
            rows += batch.height
    return rows


def _plain_arrow(frame: pl.LazyFrame) -> Any:
    return pl.DataFrame(schema=frame.collect_schema()).to_arrow(compat_level=pl.CompatLevel.oldest()).schema


_TEXTS: dict[str, Callable[[pl.LazyFrame, IO[bytes]], int]] = {
    "csv": _csv,
    "tsv": _tsv,
    "json": _json,
    "ndjson": _ndjson,
    "md": _markdown,
}
_BINARY: dict[str, Callable[[pl.LazyFrame, Path, str], int]] = {
    "parquet": _parquet,
    "arrow": _arrow,
    "xlsx": sheets.write,
    "sqlite": sqlite.write,
}
FORMATS = {
    "csv": "csv", "tsv": "tsv", "json": "json", "ndjson": "ndjson", "jsonl": "ndjson", "md": "md",
    "parquet": "parquet", "arrow": "arrow", "ipc": "arrow", "feather": "arrow", "xlsx": "xlsx",
    "sqlite": "sqlite", "sqlite3": "sqlite", "db": "sqlite",
}  # fmt: skip
"""Suffix -> format."""
