"""Contracts: the columns, types, keys and rules that a staged dataset must meet."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from dwkit.model.canonical import digest_of
from dwkit.model.types import parse_type

__all__ = ["Contract", "Dedupe", "Drift", "DriftPolicy", "Limit", "Rules", "parse_limit"]

DriftPolicy = Literal["evolve", "ignore", "quarantine", "fail"]


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
        """Check the type and the pattern.

        Raises:
            UsageError: the type is none.
            ValueError: the pattern does not compile.
        """
        parse_type(self.type)
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"pattern: {error}") from error


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
        """Check types and references between parts of the contract.

        Raises:
            UsageError: a type that is none.
            ValueError: a key or dedupe column that the contract lacks, dedupe without a key, a limit
                that is none, or a pattern that does not compile.
        """
        for rules in self.columns.values():
            rules.check()
        latest = [self.dedupe.latest_by] if self.dedupe and self.dedupe.latest_by else []
        for name in (*self.key, *latest):
            if name not in self.columns:
                raise ValueError(f"key: column {name!r} is not among the contract's columns")
        if self.dedupe is not None and not self.key:
            raise ValueError("dedupe: the contract has no key by which rows are the same")
        parse_limit(self.quarantine_limit)


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
        ValueError: it is neither.
    """
    if not text:
        return Limit()
    if not re.fullmatch(r"\s*(\d+|\d+(\.\d+)?\s*%)\s*", text):
        raise ValueError(f"quarantine_limit: {text!r} is neither rows (100) nor a share (5%)")
    value = float(text.strip().removesuffix("%"))
    return Limit(share=value / 100) if text.strip().endswith("%") else Limit(rows=int(value))
