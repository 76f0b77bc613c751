"""The rows that were held back: what is wrong with them, and what people decide about them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import polars as pl

from dwkit.errors import DataError, NotFoundError, UsageError
from dwkit.ledger import Ledger
from dwkit.ledger.ledger import Decision
from dwkit.ledger.runs import now
from dwkit.model.contract import Contract
from dwkit.staging.check import FAILURE
from dwkit.staging.commit import replayed_rows
from dwkit.staging.decisions import record
from dwkit.staging.rows import HELD_SCHEMA, as_type
from dwkit.staging.source import in_order
from dwkit.storage.aside import commit_file, scratch
from dwkit.storage.layout import Layout
from dwkit.storage.locks import writing
from dwkit.storage.types import to_polars

__all__ = ["Choice", "discard", "export", "fix", "fix_file", "held_rows", "quarantined", "recount"]

_OWN = ("_batch", "_row", "_state", "_column", "_rule", "_value", "_message", "_raw")


@dataclass(frozen=True)
class Choice:
    """Which held-back rows are meant: by address, or by a SQL condition; without either, all of them.

    Args:
        rows: pairs of a batch id, or the beginning of one, and a row number.
        where: condition over the raw columns (all text) and ``_batch``, ``_row``, ``_state``,
            ``_column``, ``_rule``, ``_value``, ``_message`` (those of the first failure).
    """

    rows: Sequence[tuple[str, int]] | None = None
    where: str = ""


def quarantined(
    layout: Layout, ledger: Ledger, dataset: str | None = None, *, exploded: bool = True
) -> pl.LazyFrame:
    """Return the held-back rows of one dataset, or of all.

    Args:
        exploded: one row for each failure, with ``column``, ``rule``, ``value``, ``message``; else one
            row for each held-back row, with the list ``failures``.

    Returns:
        ``dataset``, ``_batch``, ``_row``, ``state`` (``open``, ``fixed`` and waiting for a replay, or
        ``discarded``), the failures, and ``raw``, the raw row as JSON.
    """
    datasets = sorted({p.dataset for p in ledger.parts()}) if dataset is None else [dataset]
    frames = [_held(layout, ledger, name) for name in datasets]
    empty = pl.LazyFrame(schema=HELD_SCHEMA | {"dataset": pl.String(), "state": pl.String()})
    found = pl.concat([f.select("dataset", *HELD_SCHEMA, "state") for f in (empty, *frames)])
    found = found.select("dataset", "_batch", "_row", "state", "failures", "raw")
    if not exploded:
        return found
    flat = found.explode("failures", empty_as_null=True).unnest("failures")
    return flat.select("dataset", "_batch", "_row", "state", *(f.name for f in FAILURE.fields), "raw")


def _held(layout: Layout, ledger: Ledger, dataset: str) -> pl.LazyFrame:
    frames = []
    for batch, parts in in_order(ledger.parts(dataset)).items():
        path = layout.quarantine(dataset, batch)
        if not path.is_file():
            continue
        frame = pl.scan_parquet(path, glob=False).cast(pl.Schema(HELD_SCHEMA))
        # A kill can come after rows were replayed and before they were taken out of here.
        gone = [rows for p in parts[1:] if (rows := replayed_rows(layout, p)) is not None]
        if gone:
            frame = frame.filter(~pl.col("_row").is_in(pl.concat(gone).implode()))
        frames.append(frame)
    made = pl.concat(frames) if frames else pl.LazyFrame(schema=HELD_SCHEMA)
    decided = ledger.decisions(dataset)
    states = pl.LazyFrame(
        {
            "_batch": [r.batch for r in decided],
            "_row": [r.row for r in decided],
            "state": ["fixed" if r.action == "fix" else "discarded" for r in decided],
        },
        schema={"_batch": pl.String(), "_row": pl.Int64(), "state": pl.String()},
    )
    joined = made.join(states, on=["_batch", "_row"], how="left", maintain_order="left")
    return joined.with_columns(pl.lit(dataset).alias("dataset"), pl.col("state").fill_null("open"))


def held_rows(layout: Layout, ledger: Ledger, dataset: str) -> pl.DataFrame:
    """Return the held-back rows with their raw columns as text, after the fixes made so far.

    Returns:
        One row each: ``_batch``, ``_row``, ``_state``; ``_column``, ``_rule``, ``_value`` and
        ``_message`` of the first failure; ``_raw``, the text of a malformed record; the raw columns.
    """
    columns = list(_raw_types(ledger, dataset))
    first = pl.col("failures").list.first()
    own = [first.struct.field(f.name).alias(f"_{f.name}") for f in FAILURE.fields]
    raw = [_field(c).alias(c) for c in ("_raw", *columns)]
    held = quarantined(layout, ledger, dataset, exploded=False).with_columns(pl.col("state").alias("_state"))
    made = held.select("_batch", "_row", "_state", *own, *raw).collect()
    return _with_fixes(made, ledger.decisions(dataset), columns)


def _with_fixes(rows: pl.DataFrame, decided: Sequence[Decision], columns: Sequence[str]) -> pl.DataFrame:
    fixed = [r for r in decided if r.action == "fix" and r.changes]
    for column in columns:
        mine = [r for r in fixed if column in r.changes]
        if not mine:
            continue
        given = pl.DataFrame(
            {
                "_batch": [r.batch for r in mine],
                "_row": [r.row for r in mine],
                "new": [r.changes[column] for r in mine],
            },
            schema={"_batch": pl.String(), "_row": pl.Int64(), "new": pl.String()},
        ).with_columns(pl.lit(True).alias("given"))
        joined = rows.join(given, on=["_batch", "_row"], how="left", maintain_order="left")
        value = pl.when(pl.col("given")).then("new").otherwise(column).alias(column)
        rows = joined.with_columns(value).drop("new", "given")
    return rows


def _field(name: str) -> pl.Expr:
    return pl.col("raw").str.json_path_match(f"$[{json.dumps(name)}]")


def _raw_types(ledger: Ledger, dataset: str) -> dict[str, str]:
    """Raw columns of the batches that the dataset's parts come from, with their types."""
    wanted = {p.batch for p in ledger.parts(dataset)}
    found: dict[str, str] = {}
    for batch in ledger.batches():
        if batch.id in wanted:
            found = found | dict(batch.columns)
    return {c: t for c, t in found.items() if c not in _OWN}


def _chosen(layout: Layout, ledger: Ledger, dataset: str, choice: Choice, dialect: str) -> pl.DataFrame:
    rows = held_rows(layout, ledger, dataset)
    if not rows.height:
        raise NotFoundError("held-back rows in dataset", dataset, hint="dwkit quarantine list")
    if choice.where:
        from dwkit.sql import condition

        rows = rows.filter(condition(choice.where, dict(rows.schema), dialect))
    if choice.rows is None:
        return rows
    picked = []
    for batch, row in choice.rows:
        found = rows.filter(pl.col("_batch").str.starts_with(batch) & (pl.col("_row") == row))
        if found.height != 1:
            what = f"row {row} of batch {batch}" if batch else f"row {row}"
            several = (
                f"{found.height} held-back rows are {what}" if found.height else f"{what} is not held back"
            )
            raise UsageError(several, hint=f"dwkit quarantine show {dataset}")
        picked.append(found)
    return pl.concat(picked) if picked else rows.clear()


def fix(
    dataset: str,
    changes: Mapping[str, str | None],
    *,
    layout: Layout,
    ledger: Ledger,
    run: str,
    choice: Choice,
    contract: Contract | None = None,
    dialect: str = "duckdb",
) -> int:
    """Record new values for columns of held-back rows; a replay then tries them.

    Args:
        changes: raw column (or staged one, where a contract is given) -> its new text, None for NULL.

    Returns:
        The number of rows.

    Raises:
        NotFoundError: no rows are held back, or there is no such column.
        UsageError: a row is not held back, or a value is not of the raw column's type.
    """
    wanted = _raw_names(dataset, changes, ledger, contract)
    rows = _chosen(layout, ledger, dataset, choice, dialect)
    picked = rows.select("_batch", "_row").rows()
    return _decide(dataset, dict.fromkeys(picked, wanted), layout, ledger, run)


def discard(
    dataset: str, *, layout: Layout, ledger: Ledger, run: str, choice: Choice, dialect: str = "duckdb"
) -> int:
    """Record that held-back rows are not wanted; they stay in the lake, and in the quarantine as discarded.

    Raises:
        NotFoundError: no rows are held back.
        UsageError: a row is not held back.
    """
    rows = _chosen(layout, ledger, dataset, choice, dialect)
    made_at = now()
    with writing(layout.locks, f"staging.{dataset}"):
        record(
            [
                Decision(dataset=dataset, batch=b, row=r, action="discard", run=run, made_at=made_at)
                for b, r in rows.select("_batch", "_row").iter_rows()
            ],
            layout=layout,
            ledger=ledger,
        )
        recount(layout, ledger, dataset, rows["_batch"].unique().to_list())
    return rows.height


def export(dataset: str, path: Path, *, layout: Layout, ledger: Ledger) -> int:
    """Write the held-back rows that are not discarded as CSV, to be mended by hand and given to `fix_file`.

    It begins with a byte order mark, without which Excel takes UTF-8 for the machine's own encoding.

    Returns:
        The number of rows.
    """
    rows = held_rows(layout, ledger, dataset).filter(pl.col("_state") != "discarded").drop("_state")
    with scratch(layout.scratch) as folder:
        made = folder / "export.csv"
        rows.write_csv(made, include_bom=True)
        if (
            path.parent.resolve() == folder.parent.resolve()
            or path.parent.stat().st_dev == folder.stat().st_dev
        ):
            commit_file(made, path)
        else:
            path.write_bytes(made.read_bytes())
    return rows.height


def fix_file(dataset: str, path: Path, *, layout: Layout, ledger: Ledger, run: str) -> int:
    """Record as fixes the cells that differ in an edited CSV file as `export` writes it.

    Spreadsheets may save it with semicolons or tabs, and in UTF-16.

    Returns:
        The number of rows with a fix.

    Raises:
        UsageError: the file is not such a file, or a row or a column in it is none of the held-back ones.
    """
    edited = _edited(path)
    if not {"_batch", "_row"} <= set(edited.columns):
        raise UsageError(f"{path} lacks _batch and _row", hint=f"dwkit quarantine export {dataset} {path}")
    current = held_rows(layout, ledger, dataset)
    columns = [c for c in current.columns if c not in _OWN and c in edited.columns]
    strange = [c for c in edited.columns if c not in _OWN and c not in columns]
    if strange:
        raise NotFoundError(f"raw column of {dataset}", strange[0], [*columns, *_raw_types(ledger, dataset)])
    rows = edited.with_columns(pl.col("_row").cast(pl.Int64, strict=False)).with_row_index("line", offset=2)
    joined = rows.join(current, on=["_batch", "_row"], how="left", suffix=":was", maintain_order="left")
    lost = rows.join(current, on=["_batch", "_row"], how="anti")
    if lost.height:
        raise UsageError(
            f"{path.name}:{lost['line'][0]}: this row is not held back",
            hint=f"dwkit quarantine show {dataset}",
        )
    wanted: dict[tuple[str, int], dict[str, str | None]] = {}
    for column in columns:
        changed = joined.filter(pl.col(column).fill_null("") != pl.col(f"{column}:was").fill_null(""))
        for batch, row, text in changed.select("_batch", "_row", column).iter_rows():
            wanted.setdefault((batch, row), {})[column] = text or None
    return _decide(dataset, wanted, layout, ledger, run)


def _edited(path: Path) -> pl.DataFrame:
    """Read what a spreadsheet saved, all as text.

    Raises:
        DataError: it cannot be read.
    """
    try:
        data = path.read_bytes()
        text = data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DataError(f"{path}:{line}: not UTF-8", hint="save it as CSV UTF-8") from None
    head = text.partition("\n")[0]
    mark = max(",;\t", key=head.count)
    try:
        return pl.read_csv(text.encode(), separator=mark, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{path} cannot be read as CSV: {reason}") from None


def _decide(
    dataset: str,
    wanted: Mapping[tuple[str, int], Mapping[str, str | None]],
    layout: Layout,
    ledger: Ledger,
    run: str,
) -> int:
    types = {b.id: b.columns for b in ledger.batches()}
    texts: dict[tuple[str, str], list[str | None]] = {}
    for (batch, _), changes in wanted.items():
        for column, text in changes.items():
            if column in types[batch]:
                texts.setdefault((column, types[batch][column]), []).append(text)
    for (column, kind), given in texts.items():
        as_type(column, given, to_polars(kind))
    before = {(r.batch, r.row): r for r in ledger.decisions(dataset)}
    made_at, made = now(), []
    for (batch, row), changes in wanted.items():
        old = before.get((batch, row))
        kept = old.changes if old is not None and old.action == "fix" else {}
        made.append(
            Decision(
                dataset=dataset,
                batch=batch,
                row=row,
                action="fix",
                changes={**kept, **changes},
                run=run,
                made_at=made_at,
            )
        )
    with writing(layout.locks, f"staging.{dataset}"):
        record(made, layout=layout, ledger=ledger)
        recount(layout, ledger, dataset, {b for b, _ in wanted})
    return len(made)


def _raw_names(
    dataset: str, changes: Mapping[str, str | None], ledger: Ledger, contract: Contract | None
) -> dict[str, str | None]:
    known = _raw_types(ledger, dataset)
    made = {}
    for name, text in changes.items():
        source = name
        if name not in known and contract is not None and name in contract.columns:
            source = contract.columns[name].source or name
        if source not in known:
            raise NotFoundError(f"raw column of {dataset}", name, known)
        made[source] = text
    return made


def recount(layout: Layout, ledger: Ledger, dataset: str, batches: Sequence[str] | set[str]) -> None:
    """Enter in the ledger how many rows of batches are held back and not discarded."""
    open_rows = quarantined(layout, ledger, dataset, exploded=False).filter(pl.col("state") != "discarded")
    counts = dict(open_rows.group_by("_batch").len().collect().iter_rows())
    for batch, parts in in_order(ledger.parts(dataset)).items():
        if batch in batches and parts[0].quarantined != counts.get(batch, 0):
            ledger.add_part(msgspec.structs.replace(parts[0], quarantined=counts.get(batch, 0)))
