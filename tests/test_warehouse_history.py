"""Histories of dimensions, against a naive account in plain Python."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from uuid import UUID

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dwkit.errors import CheckError
from dwkit.tables.units import Unit
from dwkit.warehouse.dimension import Rules
from dwkit.warehouse.merge import Merge

DAY0 = datetime(2025, 1, 1)
FOREVER = datetime(9999, 12, 31)
KEYS = ("a", "b", "c")


def day(n: int) -> datetime:
    return DAY0 + timedelta(days=n)


def ident(n: int, at: int = 0) -> str:
    """An id of the instant ``day(at)``; a higher ``n`` sorts later within it."""
    milliseconds = int((day(at) - datetime(1970, 1, 1)).total_seconds() * 1000)
    return str(UUID(int=(milliseconds << 80) | (7 << 76) | (2 << 62) | n))


SCHEMA = {"k": pl.String(), "two": pl.String(), "one": pl.String(), "zero": pl.String()}
TYPES = {"two": "version", "one": "overwrite", "zero": "original"}


def rules(*, versioned: bool, dated: bool) -> Rules:
    types = dict(TYPES) if versioned else {**TYPES, "two": "overwrite"}
    schema = dict(SCHEMA)
    if dated:
        types["t"] = "touch" if versioned else "overwrite"
        schema["t"] = pl.Datetime("us")
    return Rules("warehouse.dim", ("k",), "dim_key", types, "t" if dated else "", versioned, schema)


def unit(number: int, at: int, rows: list[dict]) -> Unit:
    """A part; ``number`` is its place in the order of ids."""
    schema = {**SCHEMA, "t": pl.Datetime("us"), "_batch": pl.String(), "_row": pl.Int64()}
    batch = ident(number, at)
    frame = pl.DataFrame(
        [{**r, "_batch": batch, "_row": n} for n, r in enumerate(rows, 1)], schema=schema, orient="row"
    )
    return Unit(f"{number:04d}", "d", batch, len(rows), frame.lazy)


class Stored:
    """A table as it would lie on disk, with units applied to it in any number of loads."""

    def __init__(self, how: Rules, units: list[Unit]) -> None:
        self.rules, self.units = how, units
        self.table: pl.DataFrame | None = None
        self.applied: list[str] = []
        self.highest = 0

    def load(self, *units: Unit) -> None:
        names = [*self.rules.schema, "_batch", "_row"]
        merge = Merge(
            self.rules,
            None if self.table is None else self.table.lazy(),
            units=self.units,
            applied=self.applied,
            frame=lambda u: u.read().select(names),
            highest=self.highest,
        )
        for one in units:
            merge.apply(one)
            self.applied.append(one.id)
        change, self.highest = merge.change(), merge.highest
        kept = [] if self.table is None else [self.table.join(change.gone, on="dim_key", how="anti")]
        self.table = pl.concat([*kept, change.opened, change.replaced])

    def versions(self, *, keys: bool = False) -> list[dict]:
        assert self.table is not None
        rows = self.table.filter(pl.col("dim_key") > 0)
        if not keys:
            rows = rows.drop("dim_key")
        by = ["k", "valid_from"] if self.rules.versioned else ["k"]
        return rows.sort(by).to_dicts()


def expected(how: Rules, units: list[Unit]) -> list[tuple]:
    """The versions that observations make, by the book and slowly."""
    said: dict[str, dict[datetime, tuple[int, dict]]] = {}
    zero: dict[str, tuple] = {}
    for order, one in enumerate(units):
        for row in one.read().collect().to_dicts():
            at = row["t"] if how.updated_at else one.at
            held = said.setdefault(row["k"], {})
            zero[row["k"]] = min(
                zero.get(row["k"], (at, order, row["zero"])), (at, order, row["zero"]), key=lambda z: z[:2]
            )
            if at not in held or held[at][0] <= order:
                held[at] = (order, row)
    found = []
    for key in sorted(said):
        times = sorted(said[key])
        rows = [said[key][t][1] for t in times]
        if not how.versioned:
            found.append((key, rows[-1]["two"], rows[-1]["one"]))
            continue
        starts = [0] + [n for n in range(1, len(rows)) if rows[n]["two"] != rows[n - 1]["two"]]
        for place, n in enumerate(starts):
            until = times[starts[place + 1]] if place + 1 < len(starts) else FOREVER
            found.append((key, rows[n]["two"], rows[-1]["one"], zero[key][2], times[n], until))
    return found


def told(stored: Stored) -> list[tuple]:
    if stored.rules.versioned:
        names = ("k", "two", "one", "zero", "valid_from", "valid_to")
    else:
        names = ("k", "two", "one")
    return [tuple(row[n] for n in names) for row in stored.versions()]


@st.composite
def deliveries(draw: st.DrawFn, *, dated: bool) -> list[Unit]:
    """A few parts; without dates each key comes once in a part, with dates once at an instant."""
    texts = st.sampled_from(["x", "y", None])
    units = []
    for number in range(draw(st.integers(1, 4))):
        moments = draw(
            st.lists(
                st.tuples(st.sampled_from(KEYS), st.integers(0, 5) if dated else st.just(0)),
                unique=True,
                max_size=5,
            )
        )
        rows = [
            {
                "k": k,
                "two": draw(texts),
                "one": draw(texts),
                "zero": draw(texts),
                "t": day(t) if dated else None,
            }
            for k, t in moments
        ]
        # Without dates a part speaks of its batch's time: later parts may belong to earlier batches.
        units.append(unit(number, draw(st.integers(0, 5)), rows))
    return units


@pytest.mark.parametrize("versioned", [True, False])
@pytest.mark.parametrize("dated", [True, False])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_order_of_loading_gives_the_history_of_the_observations(
    versioned: bool, dated: bool, data: st.DataObject
) -> None:
    how = rules(versioned=versioned, dated=dated)
    units = data.draw(deliveries(dated=dated))
    arrival = data.draw(st.permutations(units))
    together, apart = Stored(how, units), Stored(how, units)
    together.load(*units)
    for one in arrival:
        apart.load(one)
    wanted = expected(how, units)
    assert told(together) == wanted
    assert told(apart) == wanted


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_one_by_one_gives_the_same_rows_as_together(data: st.DataObject) -> None:
    how = rules(versioned=data.draw(st.booleans()), dated=data.draw(st.booleans()))
    units = data.draw(deliveries(dated=bool(how.updated_at)))
    together, apart = Stored(how, units), Stored(how, units)
    together.load(*units)
    for one in units:
        apart.load(one)
    assert apart.versions(keys=True) == together.versions(keys=True)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_surrogate_keys_stay_and_intervals_partition_time(data: st.DataObject) -> None:
    how = rules(versioned=True, dated=data.draw(st.booleans()))
    units = data.draw(deliveries(dated=bool(how.updated_at)))
    stored, before = Stored(how, units), {}
    for one in data.draw(st.permutations(units)):
        stored.load(one)
        rows = stored.versions(keys=True)
        now = {(r["k"], r["valid_from"]): r["dim_key"] for r in rows}
        assert len(set(now.values())) == len(rows)
        assert all(now[version] == key for version, key in before.items() if version in now)
        before = now
        for key in {r["k"] for r in rows}:
            mine = [r for r in rows if r["k"] == key]
            assert [r["is_current"] for r in mine] == [False] * (len(mine) - 1) + [True]
            assert mine[-1]["valid_to"] == FOREVER
            assert all(a["valid_to"] == b["valid_from"] for a, b in itertools.pairwise(mine))
            assert all(r["valid_from"] < r["valid_to"] for r in mine)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_the_last_part_said_again_changes_nothing(data: st.DataObject) -> None:
    how = rules(versioned=data.draw(st.booleans()), dated=data.draw(st.booleans()))
    units = data.draw(deliveries(dated=bool(how.updated_at)))
    last = units[-1]
    again = Unit("9999", "d", last.batch, last.rows, last.read)
    stored = Stored(how, [*units, again])
    stored.load(*units)
    once = told(stored)
    stored.load(again)
    assert told(stored) == once


def row(k: str, two: str | None = "x", t: int = 0) -> dict:
    return {"k": k, "two": two, "one": "o", "zero": "z", "t": day(t)}


def test_versions_of_one_key_in_one_part() -> None:
    only = unit(0, 0, [row("a", "z", 5), row("a", "x", 1), row("a", "y", 3), row("a", "y", 4)])
    stored = Stored(rules(versioned=True, dated=True), [only])
    stored.load(only)
    assert [(r["two"], r["valid_from"], r["valid_to"]) for r in stored.versions()] == [
        ("x", day(1), day(3)),
        ("y", day(3), day(5)),
        ("z", day(5), FOREVER),
    ]


def test_a_late_change_between_two_sightings_brings_the_old_values_back() -> None:
    first = unit(0, 0, [row("a", "x", 1), row("a", "x", 3), row("a", "x", 5)])
    late = unit(1, 1, [row("a", "y", 2)])
    stored = Stored(rules(versioned=True, dated=True), [first, late])
    stored.load(first)
    assert len(stored.versions()) == 1
    stored.load(late)
    assert [(r["two"], r["valid_from"], r["valid_to"]) for r in stored.versions()] == [
        ("x", day(1), day(2)),
        ("y", day(2), day(3)),
        ("x", day(3), FOREVER),
    ]


def test_identical_rows_collapse_and_different_ones_at_one_instant_are_refused() -> None:
    how = rules(versioned=True, dated=True)
    twice = unit(0, 0, [row("a", "x", 1), row("a", "x", 1)])
    stored = Stored(how, [twice])
    stored.load(twice)
    assert [(r["k"], r["_row"]) for r in stored.versions()] == [("a", 1)]
    clash = unit(0, 0, [row("a", "x", 1), row("b", "x", 1), row("b", "y", 1)])
    with pytest.raises(CheckError, match=r"k = 'b'") as refused:
        Stored(how, [clash]).load(clash)
    assert "t = 2025-01-02" in refused.value.message


def test_a_clash_with_an_unchanged_row_is_refused() -> None:
    how = rules(versioned=True, dated=False)
    first = unit(0, 0, [row("a", "x")])
    second = unit(1, 1, [row("a", "x"), row("a", "y")])
    stored = Stored(how, [first, second])
    stored.load(first)
    with pytest.raises(CheckError, match="differ in one batch, for instance k = 'a'"):
        stored.load(second)


@pytest.mark.parametrize("held", [True, False])
def test_missing_keys_and_dates_are_refused(held: bool) -> None:
    how = rules(versioned=True, dated=True)
    first = unit(0, 0, [row("a")])
    keyless = unit(1, 1, [row("b"), {**row("b"), "k": None}])
    dateless = unit(2, 1, [{**row("b"), "t": None}])
    stored = Stored(how, [first, keyless, dateless])
    if held:
        stored.load(first)
    with pytest.raises(CheckError, match="1 rows have no k, which is its natural key"):
        stored.load(keyless)
    with pytest.raises(CheckError, match="1 rows have no t, for instance k = 'b'"):
        stored.load(dateless)
