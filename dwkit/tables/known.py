"""How many rows the inputs of SQL have, by the ledger."""

from __future__ import annotations

from dwkit.ledger import Ledger

__all__ = ["rows_in"]


def rows_in(name: str, ledger: Ledger) -> int:
    """Return the rows of an input as far as the ledger knows them."""
    layer, _, table = name.partition(".")
    if layer == "staging":
        return sum(p.rows_out for p in ledger.parts(table))
    if layer == "lake":
        return sum(b.rows for b in ledger.batches(table))
    version = ledger.version(layer, table) if layer in ("warehouse", "marts") else None
    return version.rows if version else 0
