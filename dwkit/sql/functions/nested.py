"""Lists, structs and JSON."""

from __future__ import annotations

from dwkit.sql.functions.call import Functions

__all__ = ["NESTED"]

NESTED: Functions = {}
