"""Slowly changing dimensions of types 0, 1 and 2 (Kimball, chapter 5), as functions on frames.

What a source says of a key at an instant is an observation. The history of a key is a function of its
observations alone: sorted by time, equal neighbours collapse, each version ends where the next one
begins. A table of type 1 is the same with no column that opens versions, so that each key has one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from dwkit.errors import CheckError, UsageError, did_you_mean
from dwkit.model.header import Model
from dwkit.tables.units import BEGIN, PROVENANCE
from dwkit.warehouse.keys import END, row_hash, surrogates

__all__ = ["AT", "Rules", "histories", "numbered", "observations", "observed", "rules_of"]

AT, ORDER = "dwkit:at", "dwkit:order"
INSTANT = pl.Datetime("us")
VALIDITY: dict[str, pl.DataType] = {"valid_from": INSTANT, "valid_to": INSTANT, "is_current": pl.Boolean()}
_MADE = (*VALIDITY, "row_hash")


@dataclass(frozen=True)
class Rules:
    """How one dimension keeps history.

    Attributes:
        name: ``warehouse.dim_x``, for messages.
        key: natural key.
        surrogate: name of the surrogate key.
        types: attribute -> what a change of it does: ``original`` (type 0, the first value stays),
            ``overwrite`` (type 1, in all versions), ``version`` (type 2), ``touch`` (opens no version;
            the version shows its latest value: the ``updated_at`` column).
        updated_at: column that dates observations; empty: the batch's ingest time does.
        versioned: whether keys have versions with a validity.
        schema: types of key and attributes, in the order of the table.
    """

    name: str
    key: tuple[str, ...]
    surrogate: str
    types: Mapping[str, Literal["original", "overwrite", "version", "touch"]]
    updated_at: str
    versioned: bool
    schema: Mapping[str, pl.DataType] = field(repr=False)

    @property
    def table_schema(self) -> dict[str, pl.DataType]:
        """Columns of the table."""
        return {
            self.surrogate: pl.Int64(),
            **self.schema,
            **(VALIDITY if self.versioned else {}),
            "row_hash": pl.Int64(),
            **PROVENANCE,
        }

    @property
    def tracked(self) -> list[str]:
        """Attributes that the row hash covers."""
        return [n for n, kind in self.types.items() if kind in ("overwrite", "version")]

    def of_type(self, kind: str) -> list[str]:
        """Return the attributes of one type."""
        return [n for n, k in self.types.items() if k == kind]


def rules_of(model: Model, schema: Mapping[str, pl.DataType]) -> Rules:
    """Return the rules for a model whose SQL gives these columns.

    Raises:
        UsageError: a column that the header names is not there, or one is there that dwkit makes.
    """
    header, name = model.header, f"{model.layer}.{model.name}"
    place = f"{model.path}: " if model.path else f"{name}: "
    columns = {n: t for n, t in schema.items() if n not in PROVENANCE}
    for wanted in (*header.key, *header.columns, *([header.updated_at] if header.updated_at else ())):
        if wanted not in columns and wanted not in (model.surrogate_key, *_MADE):
            raise UsageError(f"{place}no column {wanted!r}", hint=did_you_mean(wanted, columns))
    for made in (model.surrogate_key, *_MADE):
        if made in columns:
            raise UsageError(
                f"{place}the SQL gives a column {made!r}, which a dimension has of its own",
                hint=f"select it AS another name, such as source_{made}",
            )
    kinds: dict[int, Literal["original", "overwrite", "version"]] = {
        0: "original",
        1: "overwrite",
        2: "version",
    }
    types: dict[str, Literal["original", "overwrite", "version", "touch"]] = {}
    for column in columns:
        own = header.columns[column].scd if column in header.columns else None
        if column in header.key:
            continue
        scd = header.scd if own is None else own
        if scd not in kinds:
            raise UsageError(f"{place}columns.{column}.scd = {scd} is not among the types 0, 1 and 2")
        types[column] = kinds[scd]
    versioned = header.scd == 2 or "version" in types.values()
    if header.updated_at:
        if header.updated_at in header.key:
            raise UsageError(
                f"{place}updated_at = {header.updated_at!r} is in the key", hint="leave it out of the key"
            )
        _check_instant(columns[header.updated_at], header.updated_at, place)
        types[header.updated_at] = "touch" if versioned else "overwrite"
    ordered = {n: columns[n] for n in (*header.key, *types)}
    return Rules(name, tuple(header.key), model.surrogate_key, types, header.updated_at, versioned, ordered)


def _check_instant(dtype: pl.DataType, column: str, place: str) -> None:
    if not isinstance(dtype, (pl.Date, pl.Datetime)):
        raise UsageError(
            f"{place}updated_at = {column!r} is {dtype.base_type().__name__}, neither a date nor a timestamp",
            hint="cast it in the SQL, or give it the type timestamp in the contract",
        )


def instant(column: str, dtype: pl.DataType) -> pl.Expr:
    """Return a date or timestamp as naive UTC microseconds."""
    value = pl.col(column)
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        value = value.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return value.cast(INSTANT)


def _from_instant(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Datetime) and dtype.time_zone:
        return value.dt.replace_time_zone("UTC").dt.convert_time_zone(dtype.time_zone)
    return value.cast(dtype)


def observed(frame: pl.LazyFrame, rules: Rules, at: object, order: int) -> pl.LazyFrame:
    """Return a unit's rows as observations: key, attributes, provenance, row hash, time and order.

    Args:
        frame: the rows, with the columns of ``rules.schema`` and `PROVENANCE`.
        at: the instant of rows that no column dates.
        order: position of the unit: of two observations of one key at one instant, the one of the
            later unit stands.
    """
    dated = pl.lit(at, dtype=INSTANT)
    if rules.updated_at:
        dated = instant(rules.updated_at, rules.schema[rules.updated_at])
    return frame.select(
        *rules.schema,
        *PROVENANCE,
        row_hash({n: rules.schema[n] for n in rules.tracked}).alias("row_hash"),
        dated.alias(AT),
        pl.lit(order, dtype=pl.Int32).alias(ORDER),
    )


def observations(versions: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return what versions of a table say as observations that yield to those of any unit.

    A version whose ``updated_at`` is later than its beginning was observed twice at least: at both.
    """
    columns = [*rules.schema, *PROVENANCE, "row_hash"]
    low = pl.lit(-1, dtype=pl.Int32).alias(ORDER)
    if rules.updated_at:
        last = instant(rules.updated_at, rules.schema[rules.updated_at])
        if not rules.versioned:
            return versions.select(*columns, last.alias(AT), low)
        first = _from_instant(pl.col("valid_from"), rules.schema[rules.updated_at]).alias(rules.updated_at)
        opened = versions.with_columns(first).select(*columns, pl.col("valid_from").alias(AT), low)
        seen = versions.filter(last > pl.col("valid_from")).select(*columns, last.alias(AT), low)
        return pl.concat([opened, seen])
    begin = pl.col("valid_from") if rules.versioned else pl.lit(BEGIN, dtype=INSTANT)
    return versions.select(*columns, begin.alias(AT), low)


def one_per_instant(rows: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return the observations of one unit with those said twice said once.

    Raises:
        CheckError: two rows of one key at one instant differ, a key is NULL, or a date is missing.
    """
    for column in rules.key:
        if rows[column].null_count():
            raise CheckError(
                f"{rules.name}: {rows[column].null_count()} rows have no {column}, which is its natural key",
                hint=f"not_null = true for {column} in the contract puts such rows in quarantine",
            )
    if rows[AT].null_count():
        bad = rows.filter(pl.col(AT).is_null())
        raise CheckError(
            f"{rules.name}: {bad.height} rows have no {rules.updated_at}, for instance {_shown(bad, rules.key)}",
            hint=f"not_null = true for {rules.updated_at} in the contract puts such rows in quarantine",
        )
    moment = [*rules.key, AT]
    repeated = pl.struct(moment).is_duplicated()
    twice = rows.filter(repeated)
    if twice.is_empty():
        return rows
    said = twice.with_columns(row_hash({n: rules.schema[n] for n in rules.types}).alias("dwkit:said"))
    distinct = said.unique([*moment, "dwkit:said"])
    clash = distinct.filter(pl.struct(moment).is_duplicated()).sort(moment)
    if clash.height:
        when = (
            "in one batch"
            if not rules.updated_at
            else f"with {rules.updated_at} = {clash[rules.updated_at][0]}"
        )
        raise CheckError(
            f"{rules.name}: {clash.select(rules.key).unique().height} keys have rows that differ {when}, "
            f"for instance {_shown(clash, rules.key)}",
            hint="dedupe in the contract keeps one of them; updated_at says which is the later one",
        )
    once = twice.sort(*moment, "_batch", "_row", nulls_last=True).unique(moment, keep="first")
    return pl.concat([rows.filter(~repeated), once])


def _shown(rows: pl.DataFrame, key: Sequence[str]) -> str:
    return ", ".join(f"{k} = {rows[k][0]!r}" for k in key)


def histories(rows: pl.DataFrame, rules: Rules) -> pl.DataFrame:
    """Return the versions that observations make, sorted by key and time, without surrogate keys.

    Args:
        rows: all observations of each key in it, in any order.
    """
    key = list(rules.key)
    wanted = [n for n in rules.table_schema if n != rules.surrogate]
    rows = rows.sort(*key, AT, ORDER, maintain_order=True).with_columns(
        (~_unchanged(key)).alias("dwkit:first")
    )
    if rows["dwkit:first"].all():
        # Every key was observed once, as in the first load of a snapshot.
        return (_with_validity(rows) if rules.versioned else rows).select(wanted)
    everything = rows.with_columns(pl.col("dwkit:first").cum_sum().alias("dwkit:group"))
    again = ~pl.col("dwkit:first") & _unchanged([AT])
    rows = rows.filter(~again.shift(-1, fill_value=False)).with_columns(
        (~_unchanged(key)).alias("dwkit:first")
    )
    versioned = rules.of_type("version")
    opens = pl.col("dwkit:first") | ~_unchanged(versioned) if versioned else pl.col("dwkit:first")
    rows = rows.with_columns(opens.alias("dwkit:opens")).with_columns(
        pl.col("dwkit:first").cum_sum().alias("dwkit:group"),
        pl.col("dwkit:first").shift(-1, fill_value=True).alias("dwkit:last"),
        pl.col("dwkit:opens").shift(-1, fill_value=True).alias("dwkit:closes"),
    )
    versions, closing = rows.filter("dwkit:opens"), rows.filter("dwkit:closes")
    taken = [closing[n] for n in rules.of_type("touch")]
    group = (versions["dwkit:group"] - 1).cast(pl.UInt32)
    latest = rows.filter("dwkit:last")
    overwritten = rules.of_type("overwrite") + ([] if rules.versioned else list(PROVENANCE))
    taken += [latest[n].gather(group) for n in overwritten]
    if rules.of_type("original"):
        # With validity, what was true first is the original; without it, what was loaded first.
        earliest = everything.filter("dwkit:first")
        if not rules.versioned:
            earliest = everything.sort("dwkit:group", ORDER, AT).unique(
                "dwkit:group", keep="first", maintain_order=True
            )
        taken += [earliest[n].gather(group) for n in rules.of_type("original")]
    versions = versions.with_columns(taken).with_columns(
        row_hash({n: rules.schema[n] for n in rules.tracked}).alias("row_hash")
    )
    return (_with_validity(versions) if rules.versioned else versions).select(wanted)


def _with_validity(versions: pl.DataFrame) -> pl.DataFrame:
    current = pl.col("dwkit:first").shift(-1, fill_value=True)
    return versions.with_columns(
        pl.col(AT).alias("valid_from"),
        pl.when(current).then(pl.lit(END, dtype=INSTANT)).otherwise(pl.col(AT).shift(-1)).alias("valid_to"),
        current.alias("is_current"),
    )


def _unchanged(columns: Iterable[str]) -> pl.Expr:
    """Whether the row has the values of the row before it; NULLs are equal."""
    return pl.all_horizontal(pl.col(c).eq_missing(pl.col(c).shift(1)) for c in columns) & (
        pl.int_range(pl.len()) > 0
    )


def numbered(versions: pl.DataFrame, existing: pl.DataFrame, rules: Rules, highest: int) -> pl.DataFrame:
    """Return versions with surrogate keys: kept where a version existed, the next free ones elsewhere.

    A version is the one that existed in its place: of the same key, beginning within its validity (the
    earliest one, if there are several).

    Args:
        versions: what `histories` gave.
        existing: the versions there were of the same keys, with their surrogate keys.
        highest: the highest surrogate key in use.
    """
    key, name = list(rules.key), rules.surrogate
    if existing.is_empty():
        versions = versions.with_columns(pl.lit(None, dtype=pl.Int64).alias(name))
    elif not rules.versioned:
        versions = versions.join(existing.select(*key, name), on=key, how="left", maintain_order="left")
    else:
        place = versions.select(*key, "valid_from", pl.col("valid_from").alias("dwkit:place")).sort(
            "valid_from"
        )
        kept = (
            existing.select(*key, "valid_from", name)
            .sort("valid_from")
            .join_asof(place, on="valid_from", by=key, check_sortedness=False)
            .unique([*key, "dwkit:place"], keep="first", maintain_order=True)
            .select(*key, "dwkit:place", name)
        )
        versions = versions.join(
            kept,
            left_on=[*key, "valid_from"],
            right_on=[*key, "dwkit:place"],
            how="left",
            maintain_order="left",
        )
    return surrogates(versions, name, highest).select(rules.table_schema.keys())
