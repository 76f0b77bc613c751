"""Files as tables, as DataFusion has them: what CREATE EXTERNAL TABLE reads, what COPY and INSERT write."""

from __future__ import annotations

import csv
import glob
import gzip
import io
import re
import urllib.parse
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from dwkit.sql.functions.cast import cast
from dwkit.sql.types import unified
from dwkit.sql.value import Value

__all__ = ["External", "kind_of", "options_of", "write_files"]

_KINDS = ("parquet", "csv", "json", "arrow", "avro")
_NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"


@dataclass
class External:
    """A table over the files at a place, looked for anew each time it is read.

    Attributes:
        declared: columns and their types, None where the files say.
        partitions: columns that stand in the names of folders; None to look for any.
        columns: how they were declared.
        stream: whether it takes more rows at the end of its file.
        settings: of the session, as they are when it is read.
    """

    path: Path
    kind: str
    declared: dict[str, pl.DataType] | None = None
    partitions: list[str] | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    columns: str = ""
    stream: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    _cache: tuple[object, pl.DataFrame] | None = None

    def frame(self) -> pl.LazyFrame:
        """Return the rows."""
        deep = self.settings.get("datafusion.execution.listing_table_ignore_subdirectory") == "false"
        files = found(self.path, self.kind, deep=deep)
        state = [(f, f.stat().st_mtime_ns, f.stat().st_size) for f in files]
        if self._cache is None or self._cache[0] != state:
            data = _read_files(self.path, files, self.kind, self.declared, self.partitions, self.options)
            self._cache = (state, data)
        return self._cache[1].lazy()

    def write(self, data: pl.DataFrame, *, anew: bool = False) -> None:
        """Add rows as a file; instead of the others where they are written anew."""
        for old in found(self.path, self.kind) if anew else []:
            old.unlink()
        if self.path.is_file():
            data = pl.concat([self.frame().collect(), data.select(self.frame().collect_schema().names())])
        folders = [p for p in self.partitions or [] if p in data.columns]
        write_files(data, self.path, self.kind, self.options, folders, self.declared)


def options_of(text: str) -> dict[str, str]:
    """Return what stands in the parentheses of OPTIONS, by name in lower case without ``format.``."""
    pairs = re.findall(r"('[^']*'|[\w.]+)\s+(E?'(?:[^']|'')*'|[\w()]+)", text)
    made = {}
    for name, given in pairs:
        escaped = given[1:].replace("\\r", "\r").replace("\\n", "\n").replace("\\t", "\t")
        value = escaped if given.startswith("E'") else given
        plain = value[1:-1].replace("''", "'") if value.startswith("'") else value
        made[name.strip("'").lower().removeprefix("format.")] = plain
    return made


def kind_of(path: Path) -> str:
    """Return the format that the name of a file tells."""
    parts = [s.lstrip(".").lower() for s in path.suffixes]
    return next((k for k in _KINDS for p in parts if p.startswith(k) or p == f"nd{k}"), "csv")


def found(path: Path, kind: str, *, deep: bool = False) -> list[Path]:
    """Return the files at a place that are of a kind, in the order of their names.

    Args:
        deep: look into folders below, too, whose names are no values of partitions.
    """
    if re.search(r"[*?\[]", str(path)):
        if deep:
            path = path.parent / "**" / path.name
        return sorted(Path(p) for p in glob.glob(str(path), recursive=True) if Path(p).is_file())  # noqa: PTH207
    if not path.is_dir():
        return [path] if path.is_file() else []
    inside = (p for p in path.rglob("*") if p.is_file() and not p.name.startswith((".", "_")))
    near = (p for p in inside if deep or all("=" in part for part in p.relative_to(path).parts[:-1]))
    return sorted(p for p in near if kind in "".join(p.suffixes).lower())


# -- reading --------------------------------------------------------------------------------------


def _read_files(
    root: Path,
    files: Iterable[Path],
    kind: str,
    declared: Mapping[str, pl.DataType] | None,
    partitions: list[str] | None,
    options: Mapping[str, str],
) -> pl.DataFrame:
    """Read files as one table.

    Raises:
        FileNotFoundError: there are none, and nothing says which columns the table has.
    """
    files = [f for f in files if f.stat().st_size]
    folders = [_folders(root, f) for f in files]
    if partitions is None:
        below = [f for f in folders if f]
        partitions = list(below[0]) if below and all(f.keys() == below[0].keys() for f in below) else []
    if partitions:
        files = [f for f, values in zip(files, folders, strict=True) if values]
        folders = [f for f in folders if f]
    named = {n: t for n, t in (declared or {}).items() if n not in partitions} if declared else None
    if named is None and not files:
        raise FileNotFoundError(root)
    frames = [_read(f, kind, list(named) if named is not None else None, options) for f in files]
    schema = dict(named) if named is not None else _merged(frames)
    made = [
        _adapted(frame, schema).with_columns(
            _as(pl.lit(values[p], dtype=pl.String), pl.String(), (declared or {}).get(p, pl.String())).alias(
                p
            )
            for p in partitions
        )
        for frame, values in zip(frames, folders, strict=True)
    ]
    types = {**schema, **{p: (declared or {}).get(p, pl.String()) for p in partitions}}
    return pl.concat(made) if made else pl.DataFrame(schema=types)


def _folders(root: Path, file: Path) -> dict[str, str | None]:
    """Return the values in the names of the folders above a file."""
    parts = file.relative_to(root).parts[:-1] if root.is_dir() else file.parts[:-1]
    pairs = (urllib.parse.unquote(p).partition("=") for p in parts if "=" in p)
    return {name: None if value == _NULL_PARTITION else value for name, _, value in pairs}


def _read(file: Path, kind: str, names: list[str] | None, options: Mapping[str, str]) -> pl.DataFrame:
    if kind == "csv":
        return _read_csv(file, names, options)
    data = _bytes(file)
    if kind == "json":
        lines = options.get("newline_delimited", "true").lower() == "true"
        frame = (
            pl.read_ndjson(data, infer_schema_length=None)
            if lines
            else pl.read_json(data, infer_schema_length=None)
        )
    elif kind == "arrow":
        frame = _read_arrow(data)
    elif kind == "avro":
        frame = _read_avro(data)
    else:
        frame = _read_parquet(data)
    if options.get("binary_as_string", "").lower() == "true":
        frame = frame.with_columns(pl.col(pl.Binary).cast(pl.String))
    return frame


def _read_parquet(data: bytes) -> pl.DataFrame:
    from pyarrow import parquet

    frame = pl.read_parquet(data)
    schema = parquet.ParquetFile(io.BytesIO(data)).schema
    old = [
        c.name
        for c in map(schema.column, range(len(schema)))
        if c.physical_type == "INT96" and c.name in frame.columns
    ]
    if old:
        exact = parquet.read_table(io.BytesIO(data), columns=old, coerce_int96_timestamp_unit="us")
        if not frame.select(pl.col(old).cast(pl.Datetime("us"))).equals(pl.DataFrame(exact)):
            raise NotImplementedError("times of INT96 that nanoseconds do not reach")
    return frame


def _read_arrow(data: bytes) -> pl.DataFrame:
    import pyarrow as pa

    opened = pa.ipc.open_file if data.startswith(b"ARROW1") else pa.ipc.open_stream
    frame = pl.from_arrow(opened(data).read_all())
    assert isinstance(frame, pl.DataFrame)
    return frame


def _read_avro(data: bytes) -> pl.DataFrame:
    with suppress(pl.exceptions.PolarsError):
        return pl.read_avro(io.BytesIO(data))
    import fastavro

    reader = fastavro.reader(io.BytesIO(data))
    return pl.DataFrame(list(reader), infer_schema_length=None)


def _bytes(file: Path) -> bytes:
    data = file.read_bytes()
    return gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data


def _read_csv(file: Path, names: list[str] | None, options: Mapping[str, str]) -> pl.DataFrame:
    """Read a CSV file: all of it text where the columns are declared."""
    if "escape" in options and options["escape"] == options.get("quote", '"'):
        raise NotImplementedError("an escape that is the quote")
    header = options.get("has_header", "true").lower() == "true"
    text = _bytes(file).decode()
    odd = options.keys() & {
        "quote",
        "escape",
        "terminator",
        "comment",
        "newlines_in_values",
        "truncated_rows",
    }
    if not odd:
        frame = pl.read_csv(
            io.StringIO(text), has_header=header, separator=options.get("delimiter", ","), infer_schema=names is None,
            infer_schema_length=None, try_parse_dates=names is None, truncate_ragged_lines=True,
        )  # fmt: skip
    else:
        frame = _odd_csv(text, header=header, options=options)
    if names is not None:
        frame = frame.rename(dict(zip(frame.columns, names, strict=False)))
    elif frame.is_empty():
        frame = frame.cast(pl.Null())
    null = options.get("null_regex")
    if null is not None:
        texts = pl.col(pl.String)
        frame = frame.with_columns(pl.when(~texts.str.contains(f"^(?:{null})$")).then(texts).name.keep())
    return frame


def _odd_csv(text: str, *, header: bool, options: Mapping[str, str]) -> pl.DataFrame:
    comment = options.get("comment")
    ending = options.get("terminator", "\n")
    lines = [line + "\n" for line in text.split(ending) if not (comment and line.startswith(comment))]
    if lines and not lines[-1].strip():
        lines.pop()
    rows = list(csv.reader(
        lines, delimiter=options.get("delimiter", ","), quotechar=options.get("quote", '"'),
        escapechar=options.get("escape"), doublequote=options.get("double_quote", "true").lower() == "true",
    ))  # fmt: skip
    width = max(map(len, rows), default=0)
    names = rows.pop(0) if header and rows else [f"column_{n}" for n in range(1, width + 1)]
    filled = [[v or None for v in row] + [None] * (width - len(row)) for row in rows]
    return pl.DataFrame(filled, schema=dict.fromkeys(names, pl.String), orient="row")


def _merged(frames: list[pl.DataFrame]) -> dict[str, pl.DataType]:
    schema: dict[str, pl.DataType] = {}
    for frame in frames:
        for name, dtype in frame.schema.items():
            schema[name] = _both(schema[name], dtype) if name in schema else dtype
    return schema


def _both(a: pl.DataType, b: pl.DataType) -> pl.DataType:
    if isinstance(a, pl.Struct) and isinstance(b, pl.Struct):
        fields = {f.name: f.dtype for f in a.fields}
        for one in b.fields:
            fields[one.name] = _both(fields[one.name], one.dtype) if one.name in fields else one.dtype
        return pl.Struct(fields)
    if isinstance(a, pl.List) and isinstance(b, pl.List):
        return pl.List(_both(a.inner, b.inner))
    return unified((a, b)) or a


def _adapted(frame: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return a frame with the columns of a table: those that it lacks are NULL."""
    there = frame.schema
    return frame.select(
        (_as(pl.col(n), there[n], t) if n in there else pl.lit(None, dtype=t)).alias(n)
        for n, t in schema.items()
    )


def _as(expr: pl.Expr, given: pl.DataType, wanted: pl.DataType) -> pl.Expr:
    if given == wanted:
        return expr
    if isinstance(given, pl.Struct) and isinstance(wanted, pl.Struct):
        there = {f.name: f.dtype for f in given.fields}
        fields = [
            (_as(expr.struct.field(f.name), there[f.name], f.dtype) if f.name in there else pl.lit(None, dtype=f.dtype))
            .alias(f.name)
            for f in wanted.fields
        ]  # fmt: skip
        return pl.when(expr.is_not_null()).then(pl.struct(fields))
    if isinstance(given, pl.List) and isinstance(wanted, pl.List):
        return expr.list.eval(_as(pl.element(), given.inner, wanted.inner))
    made = cast(Value(expr, given), wanted, "datafusion")
    return made.expr if made is not None else expr.cast(wanted)


# -- writing --------------------------------------------------------------------------------------


def write_files(
    data: pl.DataFrame,
    path: Path,
    kind: str,
    options: Mapping[str, str],
    partitions: list[str],
    declared: Mapping[str, pl.DataType] | None = None,
) -> None:
    """Write rows as a file; in a folder where the path is none of a file, in folders where there are partitions."""
    kept = options.get("execution.keep_partition_by_columns", "false") == "true"
    if declared is not None:
        data = data.select(list(declared))
    for values, part in data.group_by(partitions, maintain_order=True) if partitions else [((), data)]:
        folder = path
        for name, value in zip(partitions, values, strict=True):
            shown = _NULL_PARTITION if value is None else urllib.parse.quote(str(value), safe=" :-.")
            folder /= f"{name}={shown}"
        target = folder
        if partitions or not path.suffix or path.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
            target = folder / f"part-{len(list(folder.iterdir()))}.{kind}"
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(part if kept else part.drop(partitions), target, kind, options)


def _write(data: pl.DataFrame, path: Path, kind: str, options: Mapping[str, str]) -> None:
    if kind == "parquet":
        data.write_parquet(path)
    elif kind == "arrow":
        data.write_ipc(path)
    else:
        text = io.BytesIO()
        if kind == "json":
            data.write_ndjson(text)
            written = text.getvalue()
        else:
            written = _csv_text(data, options).encode()
        packed = "gz" in options.get("compression", "").lower()
        path.write_bytes(gzip.compress(written) if packed else written)


def _csv_text(data: pl.DataFrame, options: Mapping[str, str]) -> str:
    header = options.get("has_header", "true").lower() == "true"
    separator, quote = options.get("delimiter", ","), options.get("quote", '"')
    doubled = options.get("double_quote", "true").lower() == "true"
    style = options.get("quote_style", "necessary").lower().replace("nonnumeric", "non_numeric")
    texts = pl.col(pl.String)
    if options.get("ignore_leading_whitespace") == "true":
        data = data.with_columns(texts.str.strip_chars_start())
    if options.get("ignore_trailing_whitespace") == "true":
        data = data.with_columns(texts.str.strip_chars_end())
    if doubled:
        return data.write_csv(include_header=header, separator=separator, quote_char=quote, quote_style=style)  # type: ignore[arg-type]
    out = io.StringIO()
    writer = csv.writer(
        out, delimiter=separator, quotechar=quote, doublequote=False, escapechar=options.get("escape", "\\"),
        lineterminator="\n",
    )  # fmt: skip
    writer.writerows([data.columns] if header else [])
    writer.writerows(data.rows())
    return out.getvalue()
