"""Contracts: the columns, types, keys and rules that a staged dataset must meet."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from dwkit.errors import ConfigError, UsageError, did_you_mean
from dwkit.model.canonical import digest_of
from dwkit.model.types import parse_type

__all__ = ["Contract", "Dedupe", "Drift", "DriftPolicy", "Limit", "Rules", "parse_limit"]

DriftPolicy = Literal["evolve", "ignore", "quarantine", "fail"]


_DIRECTIVE = re.compile(
    r"%(?:[-_0]?[YCyqmbBhdeaAwuUWGgVjDxFvHkIlPpMSfRTXrZzcstn+%]|\.f|\.?[369]f|:{1,3}z|#z)"
)
"""Those of chrono, which reads dates and times."""


class Rules(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One column of a contract: how it is cleansed, its type, and the rules it must hold.

    Cleansing goes in the order of the fields: ``source`` (rename), ``split``, ``trim``, ``case``,
    ``replace``, ``null_values``; then the type; then ``default`` for what is NULL; then the rules.
    """

    type: str = "string"
    source: str = ""
    """Name of the raw column, when the staged one has another name; ``a.b`` takes a field of a struct."""
    split: str = ""
    """Separator: the column is one piece of ``source``, split there; ``part`` says which (from 1)."""
    part: int = 1
    trim: bool = False
    case: Literal["", "lower", "upper", "title"] = ""
    replace: dict[str, str] = {}
    """Whole values and what stands in their place."""
    null_values: list[str] = []
    """Texts that mean NULL. Empty text does by itself for every type but ``string``."""
    format: str = ""
    """strftime format of a date or timestamp; empty means ISO 8601."""
    decimal_comma: bool = False
    true_values: list[str] = []
    false_values: list[str] = []
    default: str | None = None
    not_null: bool = False
    unique: bool = False
    accepted_values: list[str] = []
    pattern: str = ""
    """Regular expression that the whole text must match."""
    range: tuple[str | int | float | None, str | int | float | None] | None = None
    """Lowest and highest value, both included; ``null``-able ends are written as ``""``."""
    length: tuple[int, int] | None = None
    references: str = ""
    """``layer.table.column`` (or ``dataset.column`` of staging) in which every value must be found."""
    description: str = ""

    def check(self) -> None:
        """Check what can be told without looking at values.

        Raises:
            ConfigError: the type or the format is none, or a number is out of its bounds.
        """
        try:
            parse_type(self.type)
        except UsageError as error:
            raise ConfigError(error.message, keys=["type"], hint=error.hint) from None
        wrong = _DIRECTIVE.sub("", self.format)
        if self.format and ("%" in wrong or wrong == self.format):
            at = wrong[wrong.find("%") :][:2] if "%" in wrong else ""
            said = f"{at!r} is no directive of strftime" if at else f"{self.format!r} has no % directive"
            raise ConfigError(said, keys=["format"], hint='for instance "%d.%m.%Y" or "%Y-%m-%d %H:%M:%S"')
        if self.part < 1:
            raise ConfigError("the parts are counted from 1", keys=["part"])
        if self.length is not None and not 0 <= self.length[0] <= self.length[1]:
            raise ConfigError(
                "the least comes first, then the most", keys=["length"], hint="length = [1, 20]"
            )


class Dedupe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of the rows with one key, keep the one with the latest ``latest_by`` (else the last row)."""

    latest_by: str = ""


class Drift(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What happens when a batch's columns differ from the contract's."""

    new_column: DriftPolicy = "evolve"
    missing_column: DriftPolicy = "evolve"
    widened_type: DriftPolicy = "evolve"
    narrowed_type: DriftPolicy = "ignore"


class Expression(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A named SQL condition over the columns of one row; rows where it is false are quarantined."""

    sql: str
    name: str = ""


class Contract(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every staged row of one dataset holds to."""

    columns: dict[str, Rules]
    key: list[str] = []
    dedupe: Dedupe | None = None
    drift: Drift = Drift()
    expressions: list[Expression] = []
    quarantine_limit: str = ""
    """Most rows of a batch that may be quarantined: ``"100"`` rows or ``"5%"``; empty: no limit."""

    @property
    def digest(self) -> str:
        """SHA-256 over all that changes what staging makes of a batch; descriptions and the limit do not."""
        columns = {n: msgspec.structs.replace(r, description="") for n, r in self.columns.items()}
        same = msgspec.structs.replace(self, columns=columns, quarantine_limit="")
        return digest_of(same)

    def check(self) -> None:
        """Check the columns, and references between parts of the contract.

        Raises:
            ConfigError: a column's rules are wrong, a key or dedupe column that the contract lacks, a key
                that names a column twice, dedupe without a key, or a limit that is none.
        """
        for name, rules in self.columns.items():
            try:
                rules.check()
            except ConfigError as error:
                raise error.below(["columns", name]) from None
        latest = [self.dedupe.latest_by] if self.dedupe and self.dedupe.latest_by else []
        named = [("key", n) for n in self.key] + [("dedupe", n) for n in latest]
        for part, name in named:
            if name not in self.columns:
                hint = did_you_mean(name, self.columns)
                raise ConfigError(
                    f"column {name!r} is not among the contract's columns", keys=[part], hint=hint
                )
        if len(set(self.key)) < len(self.key):
            raise ConfigError("a column is named twice", keys=["key"])
        if self.dedupe is not None and not self.key:
            hint = f'key = ["{next(iter(self.columns), "id")}"]'
            raise ConfigError("there is no key by which rows are the same", keys=["dedupe"], hint=hint)
        try:
            parse_limit(self.quarantine_limit)
        except UsageError as error:
            raise ConfigError(error.message, keys=["quarantine_limit"], hint=error.hint) from None


class Limit(msgspec.Struct, frozen=True):
    """A threshold in rows or as a share of the rows."""

    rows: int | None = None
    share: float | None = None

    def passed(self, quarantined: int, rows: int) -> bool:
        """Tell whether ``quarantined`` of ``rows`` is more than the limit."""
        if self.rows is not None:
            return quarantined > self.rows
        return self.share is not None and rows > 0 and quarantined / rows > self.share


def parse_limit(text: str) -> Limit:
    """Parse ``"100"``, ``"5%"`` or ``""``.

    Raises:
        UsageError: it is neither.
    """
    if not text:
        return Limit()
    if not re.fullmatch(r"\s*(\d+|\d+(\.\d+)?\s*%)\s*", text):
        raise UsageError(f"{text!r} is neither a number of rows nor a share", hint='"100" or "5%"')
    value = float(text.strip().removesuffix("%"))
    return Limit(share=value / 100) if text.strip().endswith("%") else Limit(rows=int(value))
