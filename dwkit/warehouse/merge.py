"""A dimension while units are applied to it: what is touched is held in memory, the rest stays on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import polars as pl

from dwkit.tables.units import Unit
from dwkit.warehouse.dimension import (
    AT,
    Rules,
    histories,
    instant,
    numbered,
    observations,
    observed,
    one_per_instant,
)
from dwkit.warehouse.keys import unknown_member

__all__ = ["DimensionChange", "Merge"]

Frame = Callable[[Unit], pl.LazyFrame]


@dataclass(frozen=True)
class DimensionChange:
    """What applying units changed.

    Attributes:
        opened: versions that are new, with all columns of the table.
        replaced: versions there were, as they are now: closed, overwritten or moved.
        removed: surrogate keys of versions that are no more (a correction made them equal to the one
            before).
    """

    opened: pl.DataFrame
    replaced: pl.DataFrame
    removed: pl.DataFrame

    @property
    def gone(self) -> pl.DataFrame:
        """Surrogate keys of the rows that must leave the files they are in."""
        return pl.concat([self.replaced.select(self.removed.columns), self.removed])


class Merge:
    """A dimension to which units are applied one by one.

    Args:
        rules: how it keeps history; its schema holds all columns of the table as it will be.
        base: the table's rows, with the columns of ``rules.table_schema``; None for a new table.
        units: all units of the driving input, in order.
        applied: ids of the units that the table holds.
        highest: the highest surrogate key ever given; keys of versions that are no more are not given again.
        frame: gives the rows of a unit, with the columns of ``rules.schema`` and provenance.
    """

    def __init__(
        self,
        rules: Rules,
        base: pl.LazyFrame | None,
        *,
        units: Iterable[Unit],
        applied: Iterable[str],
        frame: Frame,
        highest: int = 0,
    ) -> None:
        self._rules = rules
        self._frame = frame
        self._units = list(units)
        self._order = {unit.id: n for n, unit in enumerate(self._units)}
        self._applied = {u for u in applied if u in self._order}
        empty = pl.DataFrame(schema=rules.table_schema)
        self._base = base.filter(pl.col(rules.surrogate) >= 0) if base is not None else None
        self._stored_unknown = empty
        self.highest = highest
        """The highest surrogate key given so far."""
        if base is not None:
            self._stored_unknown = base.filter(pl.col(rules.surrogate) < 0).collect(engine="streaming")
            stored = base.select(pl.col(rules.surrogate).max()).collect(engine="streaming").item()
            self.highest = max(highest, stored or 0)
        self._first_new = self.highest + 1
        self._pulled = empty
        """Rows of the base whose keys were touched, as they were."""
        self._touched = empty
        """All versions of the keys touched so far, as they are now."""

    # -- applying -----------------------------------------------------------------------------

    def apply(self, unit: Unit) -> None:
        """Apply one more unit.

        Raises:
            CheckError: its rows contradict each other, or lack a key or a date.
        """
        rules, order = self._rules, self._order[unit.id]
        rows = observed(self._frame(unit), rules, unit.at, order)
        if self._base is None and self._touched.is_empty():
            found = rows.collect(engine="streaming")
        else:
            keys = self._changed_keys(rows, unit)
            # NULL keys come along, to be refused.
            told = self._frame(unit).join(keys.lazy(), on=list(rules.key), how="semi", nulls_equal=True)
            found = observed(told, rules, unit.at, order).collect(engine="streaming")
        found = one_per_instant(found, rules)
        if found.height:
            self._splice(found, unit)
        self._applied.add(unit.id)

    def _changed_keys(self, rows: pl.LazyFrame, unit: Unit) -> pl.DataFrame:
        """Return the keys of which a unit says something that the table does not hold."""
        rules, key = self._rules, list(self._rules.key)
        if rules.of_type("original") and self._out_of_order(unit):
            # An original is not in the row hash, and this unit may hold it.
            return rows.select(key).unique().collect(engine="streaming")
        held = [pl.col("row_hash").alias("dwkit:hash")]
        same = pl.col("row_hash") == pl.col("dwkit:hash")
        if rules.updated_at:
            held.append(self._last_seen().alias("dwkit:seen"))
            same &= pl.col(AT) == pl.col("dwkit:seen")
        elif rules.versioned:
            held.append(pl.col("valid_from").alias("dwkit:since"))
            same &= pl.col(AT) >= pl.col("dwkit:since")
        index = self._versions()
        if rules.versioned:
            index = index.filter(pl.col("is_current"))
        return (
            rows.select(*key, "row_hash", AT)
            .join(index.select(*key, *held), on=key, how="left")
            .filter(~same.fill_null(value=False))
            .select(key)
            .unique()
            .collect(engine="streaming")
        )

    def _versions(self) -> pl.LazyFrame:
        """Return all versions as they are now, on disk and in memory."""
        touched = self._touched.lazy()
        if self._base is None:
            return touched
        if self._touched.is_empty():
            return self._base
        keys = self._touched.select(self._rules.key).unique().lazy()
        return pl.concat([self._base.join(keys, on=list(self._rules.key), how="anti"), touched])

    def _last_seen(self) -> pl.Expr:
        return instant(self._rules.updated_at, self._rules.schema[self._rules.updated_at])

    def _splice(self, rows: pl.DataFrame, unit: Unit) -> None:
        """Compute the histories of the keys in ``rows`` anew, with what ``rows`` say of them."""
        rules, key = self._rules, list(self._rules.key)
        keys = rows.select(key).unique()
        existing = self._pull(keys)
        if self._out_of_order(unit) and existing.height:
            # At one instant the later unit stands, and versions do not say which unit they are of.
            said = [rows, *self._said_by(keys, unit, since=None, columns=rows.columns)]
        else:
            said = [observations(existing, rules).select(rows.columns), rows]
            late = self._late(rows, existing, unit)
            if late.height:
                said += self._said_by(
                    late.select(key).unique(), unit, since=late[AT].min(), columns=rows.columns
                )
        versions = numbered(histories(pl.concat(said), rules), existing, rules, self.highest)
        self.highest = max(self.highest, versions[rules.surrogate].max() or 0)  # type: ignore[assignment]
        self._touched = pl.concat([self._touched.join(keys, on=key, how="anti"), versions])

    def _pull(self, keys: pl.DataFrame) -> pl.DataFrame:
        """Return the versions of some keys, taking those that are still on disk into memory."""
        key = list(self._rules.key)
        if self._base is not None:
            fresh = keys.join(self._touched, on=key, how="anti")
            if fresh.height:
                pulled = self._base.join(fresh.lazy(), on=key, how="semi").collect(engine="streaming")
                self._pulled = pl.concat([self._pulled, pulled])
                self._touched = pl.concat([self._touched, pulled])
        return self._touched.join(keys, on=key, how="semi")

    # -- what comes late ----------------------------------------------------------------------

    def _late(self, rows: pl.DataFrame, existing: pl.DataFrame, unit: Unit) -> pl.DataFrame:
        """Return the observations that the table's versions cannot tell the consequences of.

        A version stands for every time at which its values were seen, of which the table keeps the
        first and, with ``updated_at``, the last one. Whoever says something else of a time between
        splits it, and only the units themselves know at which sighting the old values were back.
        """
        rules, key = self._rules, list(self._rules.key)
        if existing.is_empty():
            return rows.clear()
        before = [u for u in self._units if u.id in self._applied]
        if not rules.versioned:
            if rules.updated_at or unit.at >= max(u.at for u in before):
                return rows.clear()
            return rows.join(existing, on=key, how="semi")
        if rules.updated_at:
            until = self._last_seen()
        else:
            horizon = pl.lit(max(u.at for u in before), dtype=pl.Datetime("us"))
            until = pl.when(pl.col("is_current")).then(horizon).otherwise(pl.col("valid_to"))
        since = pl.col("valid_from")
        spans = existing.select(
            *key, since.alias(AT), since.alias("dwkit:since"), until.alias("dwkit:until"), "row_hash"
        )
        inside = rows.sort(AT).join_asof(
            spans.rename({"row_hash": "dwkit:hash"}).sort(AT), on=AT, by=key, check_sortedness=False
        )
        at, last = pl.col(AT), pl.col("dwkit:until")
        between = at < last
        if rules.updated_at:
            # In the place of the last sighting: the one before it is not known, if there was any.
            between |= (at == last) & (last > pl.col("dwkit:since"))
        return inside.filter(between & (pl.col("row_hash") != pl.col("dwkit:hash"))).select(rows.columns)

    def _out_of_order(self, unit: Unit) -> bool:
        return any(self._order[u] > self._order[unit.id] for u in self._applied)

    def _said_by(
        self, keys: pl.DataFrame, unit: Unit, *, since: object, columns: list[str]
    ) -> list[pl.DataFrame]:
        """Return what the units applied so far said of some keys.

        Args:
            since: leave out units that spoke before this instant; None for all.
        """
        rules, key = self._rules, list(self._rules.key)
        said = []
        for other in self._units:
            if other.id not in self._applied or other.id == unit.id:
                continue
            # Without updated_at all rows of a unit have its time; what came before is in the table.
            if not rules.updated_at and since is not None and other.at < since:  # type: ignore[operator]
                continue
            told = self._frame(other).join(keys.lazy(), on=key, how="semi")
            found = observed(told, rules, other.at, self._order[other.id]).collect(engine="streaming")
            said.append(one_per_instant(found.select(columns), rules))
        return said

    # -- the outcome --------------------------------------------------------------------------

    def change(self) -> DimensionChange:
        """Return what all applied units changed."""
        rules, name = self._rules, self._rules.surrogate
        opened = self._touched.filter(pl.col(name) >= self._first_new)
        kept = self._touched.filter(pl.col(name) < self._first_new)
        was = self._pulled
        unknown = unknown_member(rules.table_schema, name, rules.key, rules.tracked)
        if self._stored_unknown.is_empty():
            opened = pl.concat([unknown, opened])
        else:
            kept, was = pl.concat([kept, unknown]), pl.concat([was, self._stored_unknown])
        before = was.select(
            name, *(pl.col(c).alias(f"dwkit:was:{c}") for c in rules.table_schema if c != name)
        )
        both = kept.join(before, on=name, how="left", maintain_order="left")
        differs = pl.any_horizontal(
            pl.col(c).ne_missing(pl.col(f"dwkit:was:{c}")) for c in rules.table_schema if c != name
        )
        replaced = both.filter(differs).select(rules.table_schema.keys())
        removed = was.select(name).join(kept, on=name, how="anti")
        return DimensionChange(opened, replaced, removed)
