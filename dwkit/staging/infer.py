"""Inference: the narrowest type that every value of a column has.

A sample only narrows down what a column may be; the proof is made over all rows, by the same pass
that writes them typed (`Inference.prove`). Columns whose proof fails are looked at once more on
their own (`Inference.refine`).
"""

from __future__ import annotations

import functools
import operator
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
import polars as pl

from dwkit.model.contract import Contract, Rules
from dwkit.staging.candidates import CANDIDATES, TOKENS, Candidate, Digits, codes, digits, overlong
from dwkit.staging.cast import Cast, caster
from dwkit.staging.suggest import suggest_key
from dwkit.storage.types import from_polars, to_polars

__all__ = ["Inference", "infer", "typed"]

_SAMPLE_ROWS = 20_000
_SAMPLE_BYTES = 64 * 1024 * 1024
_NEARLY = 0.95
_LONGEST = 100
"""Characters of a value by which its shape is told."""
_OWN = ("_batch", "_row")
_UNCLEAR = "decimal?"
"""A decimal whose comma may stand between thousands."""


def infer(
    frame: pl.LazyFrame, *, dataset: str = "", rows: int | None = None, key: bool = True
) -> tuple[Contract, list[str]]:
    """Infer the contract of raw rows.

    Args:
        frame: raw columns, with or without ``_batch`` and ``_row``; uniqueness is judged by ``_batch``.
        dataset: name of the dataset, for the notes.
        rows: number of rows where known: then the sample is taken from all over the frame.
        key: look for a key too.

    Returns:
        The contract, and notes for a person: columns that are nearly of a type, formats that cannot
        be told apart, keys.
    """
    inference = _proven(frame, dataset, rows)
    contract = inference.contract()
    if not key:
        return contract, inference.notes
    made = frame.map_batches(inference.prove, schema=inference.schema(frame), streamable=True)
    found, notes = suggest_key(made, contract, dataset=dataset, rows=rows)
    return msgspec.structs.replace(contract, key=found), inference.notes + notes


def typed(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return raw rows with the types that all of their values have."""
    inference = _proven(frame, "", None)
    return frame.map_batches(inference.prove, schema=inference.schema(frame), streamable=True)


def _proven(frame: pl.LazyFrame, dataset: str, rows: int | None) -> Inference:
    inference = Inference(frame, dataset=dataset, rows=rows)
    proven = False
    while not proven:
        inference.start()
        schema = inference.schema(frame)
        proof = frame.map_batches(lambda rows: inference.prove(rows).clear(), schema=schema, streamable=True)
        proof.collect(engine="streaming")
        proven = inference.settle(frame)
    return inference


@dataclass
class _Guess:
    """What one column is held to be, and what was seen of it in this pass over all rows."""

    name: str
    dtype: pl.DataType
    rules: Rules
    cast: Cast
    failed: int = 0
    tokens: set[str] = field(default_factory=set)
    unknown: bool = False
    """The sample had no value at all."""
    doubtful: bool = False
    """The sample cannot decide: all rows must be looked at first."""
    final: bool = False
    """Decided over all rows."""
    plausible: Sequence[Candidate] = CANDIDATES
    """What it may be still, in the order of preference."""

    @property
    def is_text(self) -> bool:
        return isinstance(self.dtype, pl.String)

    def take(self, rules: Rules) -> None:
        self.rules, self.cast, self.unknown = rules, caster(rules), False


@dataclass
class _Tally:
    """How one candidate fares over all rows of a column."""

    failed: int = 0
    examples: list[str] = field(default_factory=list)
    digits: Digits = field(default_factory=Digits)
    words: set[str] = field(default_factory=set)
    clear: bool = False
    """A comma was seen that can only be a decimal comma."""


class Inference:
    """The types of the columns of raw rows.

    The caller makes passes over all rows until the types hold: `start`, `prove` on every batch of
    rows, `settle`.

    Args:
        frame: raw columns; ``_batch`` and ``_row`` are left alone.
    """

    def __init__(self, frame: pl.LazyFrame, *, dataset: str = "", rows: int | None = None) -> None:
        self.dataset = dataset
        self.notes: list[str] = []
        self._lock = threading.Lock()
        schema = {n: d for n, d in frame.collect_schema().items() if n not in _OWN}
        self._guesses: dict[str, _Guess] = {}
        texts = [n for n, d in schema.items() if isinstance(d, pl.String)]
        sample = _sample(frame.select(texts), rows) if texts else pl.DataFrame()
        for name, dtype in schema.items():
            rules = Rules(type=str(from_polars(dtype)))
            guess = self._guesses[name] = _Guess(name, dtype, rules, caster(rules))
            if guess.is_text:
                _first_guess(guess, sample[name])
        doubtful = [g for g in self._guesses.values() if g.doubtful]
        if doubtful:
            self._refine(frame, doubtful)

    def schema(self, frame: pl.LazyFrame) -> dict[str, pl.DataType]:
        """Polars types as they are held to be now, with the frame's ``_batch`` and ``_row``."""
        have = frame.collect_schema()
        own = {n: have[n] for n in _OWN if n in have}
        return {n: to_polars(g.rules.type) for n, g in self._guesses.items()} | own

    def start(self) -> None:
        """Begin a pass over all rows."""
        for guess in self._guesses.values():
            guess.failed = 0
            guess.tokens = set()

    def prove(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the rows typed, counting the values that are not of the type. Safe between threads."""
        typed = [self._prove(guess, rows[guess.name]) for guess in self._guesses.values()]
        return pl.DataFrame([*typed, *(rows[n] for n in _OWN if n in rows.columns)])

    def settle(self, frame: pl.LazyFrame) -> bool:
        """After a pass: tell whether every value was of its type.

        Where not, the columns at fault are decided over all rows, for another pass.
        """
        failed = [g for g in self._guesses.values() if g.failed]
        for guess in failed:
            if guess.final:
                guess.take(Rules())
        again = [g for g in failed if not g.final]
        if again:
            self._refine(frame, again)
        return not failed

    def contract(self) -> Contract:
        """Return the columns with their types, as a contract."""
        return Contract(columns={n: self._rules(g) for n, g in self._guesses.items()})

    def _rules(self, guess: _Guess) -> Rules:
        nulls = sorted(guess.tokens) if guess.rules.type != "string" else []
        return msgspec.structs.replace(guess.rules, null_values=nulls)

    def _prove(self, guess: _Guess, raw: pl.Series) -> pl.Series:
        if not guess.is_text:
            return guess.cast(raw)
        empty = raw == ""
        if empty.any():
            raw = _without(raw, empty)
        made = guess.cast(raw)
        wrong = raw.is_not_null() if guess.unknown else _wrong(guess, raw, made)
        tokens: list[str] = []
        failed = 0
        if wrong is not None and wrong.any():
            values = raw.filter(wrong)
            known = values.is_in(TOKENS)
            tokens, failed = values.filter(known).unique().to_list(), int((~known).sum())
            if not guess.unknown:
                made = _without(made, wrong)
        with self._lock:
            guess.failed += failed
            guess.tokens.update(tokens)
        return made

    # -- deciding over all rows ---------------------------------------------------------------

    def _refine(self, frame: pl.LazyFrame, guesses: Sequence[_Guess]) -> None:
        tallies = {g.name: [_Tally() for _ in g.plausible] for g in guesses}
        plausible = {g.name: g.plausible for g in guesses}
        seen = dict.fromkeys(tallies, 0)

        def count(rows: pl.DataFrame) -> pl.DataFrame:
            for name in rows.columns:
                values = _counted(rows[name])
                total = int(values["n"].sum())
                # What fails for most rows will not be chosen, nor named in a note.
                found = [
                    (t, _tally(c, values))
                    for c, t in zip(plausible[name], tallies[name], strict=True)
                    if t.failed <= 50_000 + seen[name] // 2
                ]
                with self._lock:
                    seen[name] += total
                    for tally, one in found:
                        _add(tally, one)
            return rows.clear()

        narrow = frame.select(g.name for g in guesses)
        narrow.map_batches(count, streamable=True).collect(engine="streaming")
        for guess in guesses:
            guess.final, guess.doubtful = True, False
            guess.take(Rules())
            if seen[guess.name]:
                self._decide(guess, tallies[guess.name], seen[guess.name])

    def _decide(self, guess: _Guess, tallies: Sequence[_Tally], seen: int) -> None:
        pairs = [(c, t, _settled(c, t, guess.name)) for c, t in zip(guess.plausible, tallies, strict=True)]
        fitting = [(c, rules) for c, t, rules in pairs if t.failed == 0 and rules is not None]
        if fitting:
            first, rules = fitting[0]
            rival = _rival(first, [c for c, _ in fitting])
            if rival is not None:
                both = f"{first.rules.format} and {rival.rules.format}"
                self._note(guess.name, f"every value fits both {both}", first.rules)
            elif rules.type == _UNCLEAR:
                self._note(
                    guess.name,
                    "the comma may be a decimal comma or stand between thousands",
                    msgspec.structs.replace(rules, type="decimal(18,3)"),
                )
            else:
                guess.take(rules)
            return
        near = [
            (t.failed, i) for i, (c, t, rules) in enumerate(pairs) if rules is not None and not c.likely_name
        ]
        failed, at = min(near, default=(seen, 0))
        if failed <= seen * (1 - _NEARLY):
            candidate, tally, near_rules = pairs[at]
            shown = ", ".join(repr(v[:40]) for v in tally.examples) + (", ..." if failed > 3 else "")
            text = f"{failed:,} of {seen:,} values {'is' if failed == 1 else 'are'} no {candidate.label} ({shown})"
            self._note(guess.name, text, near_rules or candidate.rules, "to quarantine those rows")

    def _note(self, column: str, text: str, rules: Rules, why: str = "") -> None:
        keys = [f'type = "{rules.type}"']
        keys += [f'format = "{rules.format}"'] if rules.format else []
        keys += ["decimal_comma = true"] if rules.decimal_comma else []
        place = f"[datasets.{self.dataset or 'NAME'}.columns.{_quoted(column)}]"
        self.notes.append(f"{column}: {text}; set {', '.join(keys)} in {place}" + (f" {why}" if why else ""))


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else '"' + name.replace('"', '\\"') + '"'


def _rival(first: Candidate, fitting: Sequence[Candidate]) -> Candidate | None:
    """The candidate that reads day and month the other way round, if it fits as well."""
    style = first.rules.format
    if "%d" not in style or "%m" not in style:
        return None
    swapped = style.replace("%d", "%?").replace("%m", "%d").replace("%?", "%m")
    return next((c for c in fitting if c.rules.format == swapped), None)


def _sample(frame: pl.LazyFrame, rows: int | None) -> pl.DataFrame:
    """The first rows, and some from all over the frame where that is cheap."""
    first = frame.head(1_000).collect(engine="streaming")
    width = max(1, int(first.estimated_size()) // max(1, first.height))
    wanted = max(1_000, min(_SAMPLE_ROWS, _SAMPLE_BYTES // width))
    if first.height < 1_000 or wanted <= 1_000:
        return first
    if rows is None or rows <= wanted:
        return frame.head(wanted).collect(engine="streaming")
    pieces = [frame.head(wanted // 2)]
    pieces += [frame.slice(rows * i // 6, wanted // 10) for i in range(1, 6)]
    return pl.concat([piece.collect(engine="streaming") for piece in pieces])


def _counted(values: pl.Series) -> pl.DataFrame:
    """Distinct values that are neither missing nor spellings of a missing one, with their rows ``n``."""
    values = values.alias("x").drop_nulls()
    return values.value_counts(name="n").filter((pl.col("x") != "") & ~pl.col("x").is_in(TOKENS))


def _first_guess(guess: _Guess, sample: pl.Series) -> None:
    """Take the first candidate that all of the sample fits; say where that decides nothing yet."""
    values = _counted(sample)
    if not values.height:
        guess.unknown = True
        return
    total = int(values["n"].sum())
    few = values.head(50)
    # No date is longer; on a text of megabytes the shapes would go back and forth without end.
    texts, half = few.to_series(0).str.head(_LONGEST).to_list(), few["n"].sum() / 2
    some = [c for c in CANDIDATES if c.resembles(texts) and _tally(c, few).failed <= half]
    tallies = [(c, _tally(c, values)) for c in some]
    near = [(c, t) for c, t in tallies if t.failed <= total * (1 - _NEARLY) * 2]
    guess.plausible = [c for c, _ in near]
    fitting = [(c, rules) for c, t in near if not t.failed and (rules := _settled(c, t, guess.name))]
    if not fitting:
        guess.doubtful, guess.final = bool(near), not near
        return
    first, rules = fitting[0]
    if rules.type == _UNCLEAR or _rival(first, [c for c, _ in fitting]) is not None:
        guess.doubtful = True
    else:
        guess.take(rules)


def _tally(candidate: Candidate, counted: pl.DataFrame) -> _Tally:
    """Judge distinct values (first column) with their numbers of rows (``n``)."""
    values = counted.to_series(0)
    fits = candidate.fits(values)
    # The lowest ones, for batches of rows come in any order.
    wrong = sorted(values.filter(~fits).drop_nulls().bottom_k(3).to_list())
    tally = _Tally(failed=int(counted["n"].filter(~fits).sum()), examples=wrong)
    if candidate.label == "decimal":
        good = values.filter(fits)
        comma = candidate.rules.decimal_comma
        tally.digits = digits(
            good.str.replace_all(".", "", literal=True) if comma else good, "," if comma else "."
        )
        tally.clear = comma and bool(
            (good.str.contains(",") & ~good.str.contains(r"^-?[1-9]\d{0,2},\d{3}$")).any()
        )
    elif candidate.label == "boolean":
        tally.words = set(values.filter(fits).str.to_lowercase().unique().to_list())
    elif candidate.likely_name:
        tally.words = set(values.filter(fits).head(20).to_list())
    return tally


def _add(total: _Tally, one: _Tally) -> None:
    total.failed += one.failed
    total.examples = sorted(total.examples + one.examples)[:3]
    total.digits.add(one.digits)
    if len(total.words) < 50:
        total.words |= one.words
    total.clear |= one.clear


def _settled(candidate: Candidate, tally: _Tally, name: str) -> Rules | None:
    """Return the rules that the candidate comes to, or None when what was seen speaks against it."""
    if candidate.label == "boolean":
        letters = tally.words <= {"t", "f", "y", "n"}
        if letters and not (tally.words >= {"t", "f"} or tally.words >= {"y", "n"}):
            return None
    if candidate.likely_name and not re.search(candidate.likely_name, name) and len(tally.words) < 10:
        return None
    if candidate.label == "decimal":
        if not tally.digits.type or (candidate.rules.decimal_comma and not tally.digits.scale):
            return None
        kind = _UNCLEAR if candidate.rules.decimal_comma and not tally.clear else tally.digits.type
        return msgspec.structs.replace(candidate.rules, type=kind)
    return candidate.rules


def _wrong(guess: _Guess, raw: pl.Series, made: pl.Series) -> pl.Series | None:
    """Mask of the values that are not of the guessed type, None when there are none."""
    kind = guess.rules.type
    masks = []
    if made.null_count() > raw.null_count():
        masks.append(made.is_null() & raw.is_not_null())
    if kind == "int64" or kind.startswith("decimal") or kind == "float64":
        texts = raw.str.replace(",", ".", literal=True) if guess.rules.decimal_comma else raw
        masks += [code] if (code := codes(texts)) is not None else []
    if kind == "float64":
        masks += [nan] if (nan := made.is_nan().fill_null(False)).any() else []
        masks += [long] if (long := overlong(raw)) is not None else []
    return functools.reduce(operator.or_, masks) if masks else None


def _without(values: pl.Series, gone: pl.Series) -> pl.Series:
    frame = pl.DataFrame({"x": values, "gone": gone})
    return frame.select(pl.when(~pl.col("gone")).then("x")).to_series().alias(values.name)
