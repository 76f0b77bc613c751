"""Incremental marts: what is at or after the watermark, less the look-back, is computed again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import polars as pl

from dwkit.errors import CheckError, ConfigError, UsageError, did_you_mean
from dwkit.ledger import Ledger
from dwkit.model.header import Model
from dwkit.storage.delta import Table, rows_of
from dwkit.storage.layout import Layout
from dwkit.storage.types import fitted, unified
from dwkit.tables.inputs import missing_inputs
from dwkit.tables.known import rows_in
from dwkit.tables.plan import Fingerprint, PartsNeeded, own_version
from dwkit.tables.publish import Change, publish
from dwkit.tables.query import ModelQuery, Scan
from dwkit.tables.refresh import Refreshed, changed_why, inputs_of

__all__ = ["parse_lookback", "refresh_incremental"]

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_lookback(text: str) -> timedelta | float:
    """Parse ``3d``, ``12h``, ``30m``, ``90s``, ``2w`` (a span of time) or ``100`` (a number).

    Raises:
        UsageError: it is neither.
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdw]?)\s*", text or "0")
    if not found:
        raise UsageError(f"lookback = {text!r} is neither a span of time nor a number", hint="3d, 12h or 100")
    number = float(found[1])
    if not found[2]:
        return int(number) if number.is_integer() else number
    return timedelta(**{_UNITS[found[2]]: number})


def refresh_incremental(
    model: Model,
    *,
    layout: Layout,
    ledger: Ledger,
    run: str,
    dialect: str,
    scan: Scan,
    fingerprint: Fingerprint,
    force: bool = False,
) -> Refreshed:
    """Compute the rows from the watermark on, and put them in the place of those there were.

    The watermark is the highest value of the header's ``watermark`` column in the mart; rows at or above
    it less ``lookback`` are computed again. With a ``key`` they replace the rows of the same key,
    without one all rows of that range. The first build, and one after the SQL changed, takes everything.

    Raises:
        ConfigError: the header lacks ``watermark``.
        UsageError: a column that the header names is missing, or the look-back does not fit its type.
        CheckError: a row has no watermark, two new rows have one key, or a test of the header failed.
        PartsNeeded: staged parts that were purged are needed.
    """
    place, header = model.path or f"marts.{model.name}", model.header
    if not header.watermark:
        raise ConfigError(
            "an incremental mart needs a watermark", place=place, hint='watermark = "order_date"'
        )
    lookback = parse_lookback(header.lookback)
    query = ModelQuery(model, dialect=dialect, ledger=ledger)
    inputs = inputs_of(query, fingerprint)
    base, known = own_version(model, layout=layout, ledger=ledger)
    why = changed_why(model, known, inputs, force=force)
    if not why:
        assert known is not None
        return Refreshed("nothing", "up to date", known.version, rows_total=known.rows)
    anew = known is None or force or known.model != model.digest
    gone = missing_inputs(inputs, layout=layout, ledger=ledger)
    if gone:
        raise PartsNeeded(f"marts.{model.name}", why, gone)
    table = Table(layout.table("marts", model.name))
    frame = query.all(scan)
    schema = dict(frame.collect_schema())
    for column in (header.watermark, *header.key):
        if column not in schema:
            raise UsageError(f"{place}: no column {column!r}", hint=did_you_mean(column, schema))
    if anew or base is None:
        change = _whole(model, table, frame, schema, base)
    else:
        change = _since(model, table, frame, schema, base, lookback)
    version = publish(
        model,
        change,
        layout=layout,
        ledger=ledger,
        run=run,
        dialect=dialect,
        base=base,
        parts={},
        inputs=inputs,
    )
    read = sum(rows_in(n, ledger) for n in inputs)
    return Refreshed(change.mode, why, version.version, read, change.rows, version.rows)


def _whole(
    model: Model, table: Table, frame: pl.LazyFrame, schema: Mapping[str, Any], base: int | None
) -> Change:
    adds = table.write(frame)
    try:
        _check(model, table.scan_files([a.path for a in adds], schema))
    except CheckError:
        table.discard(adds)
        raise
    return Change("rebuild", adds, schema, overwrite=base is not None, rows=rows_of(adds))


def _since(
    model: Model,
    table: Table,
    frame: pl.LazyFrame,
    schema: dict[str, pl.DataType],
    base: int,
    lookback: timedelta | float,
) -> Change:
    column, key = pl.col(model.header.watermark), list(model.header.key)
    held = dict(table.scan(base).collect_schema())
    wanted = unified([held, schema])
    start = _start(model, table.scan(base), held[model.header.watermark], lookback)
    # Rows without a watermark come along, to be refused: no later build would find them.
    new = frame if start is None else frame.filter(column.is_null() | (column >= start))
    written = table.write(fitted(new, wanted))
    rows = table.scan_files([a.path for a in written], wanted)
    try:
        _check(model, rows)
    except CheckError:
        table.discard(written)
        raise
    if key:
        keys = rows.select(key).collect(engine="streaming")
        rewrite = table.holding(keys, key, base)
    else:
        rewrite = [] if start is None else _files_from(table, base, held, column >= start)
    widened = any(wanted[c] != t for c, t in held.items())
    if widened:
        rewrite = table.files(base)
    adds = []
    if rewrite:
        kept = table.scan_files(rewrite, held)
        if key:
            kept = kept.join(keys.lazy(), on=key, how="anti", nulls_equal=True)
        elif start is not None:
            kept = kept.filter(column < start)
        adds = table.write(fitted(kept, wanted))
    return Change(
        mode="merge" if rewrite else "append",
        adds=[*adds, *written],
        schema=wanted,
        removes=() if widened else rewrite,
        overwrite=widened,
        rows=rows_of(written),
    )


def _start(model: Model, held: pl.LazyFrame, dtype: pl.DataType, lookback: timedelta | float) -> Any:
    """Return the watermark less the look-back; None when the mart is empty."""
    of_time = isinstance(dtype, (pl.Date, pl.Datetime))
    if isinstance(lookback, timedelta) != of_time and lookback:
        kind = dtype.base_type().__name__
        raise UsageError(
            f"lookback = {model.header.lookback!r} does not fit the watermark {model.header.watermark!r}, a {kind}",
            hint="a span of time such as 3d" if of_time else "a number such as 100",
        )
    if not of_time and not dtype.is_numeric() and lookback:
        raise UsageError(
            f"the watermark {model.header.watermark!r} is text, from which nothing can be taken back"
        )
    highest = held.select(pl.col(model.header.watermark).max().alias("w"))
    back = pl.lit(lookback) if lookback else None
    start = highest if back is None else highest.select(pl.col("w") - back)
    value = start.collect(engine="streaming")
    return None if value["w"][0] is None else pl.lit(value["w"][0], dtype=value.schema["w"])


def _files_from(table: Table, base: int, held: Mapping[str, pl.DataType], wanted: pl.Expr) -> list[str]:
    rows = table.scan_files(table.files(base), held, paths_as="dwkit:file")
    return sorted(
        rows.filter(wanted).select(pl.col("dwkit:file").unique()).collect(engine="streaming")["dwkit:file"]
    )


def _check(model: Model, rows: pl.LazyFrame) -> None:
    """Check that new rows have a watermark and a key of their own."""
    name, key = f"marts.{model.name}", list(model.header.key)
    empty = int(rows.select(pl.col(model.header.watermark).null_count()).collect(engine="streaming").item())
    if empty:
        raise CheckError(
            f"{name}: {empty} rows have no {model.header.watermark}, so that no later build would find them",
            hint=f"WHERE {model.header.watermark} IS NOT NULL, or another watermark",
        )
    if not key:
        return
    twice = rows.group_by(key).len("rows").filter(pl.col("rows") > 1).collect(engine="streaming")
    if twice.height:
        first = twice.sort(key).row(0, named=True)
        shown = ", ".join(f"{k} = {first[k]!r}" for k in key)
        raise CheckError(
            f"{name}: the key {', '.join(key)} is not unique: {twice.height} keys come more than once, for instance {shown}",
            hint="add the columns that tell the rows apart to key, or group by the key",
        )
