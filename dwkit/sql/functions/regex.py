"""Regular expressions."""

from __future__ import annotations

from dwkit.sql.functions.call import Functions

__all__ = ["REGEX"]

REGEX: Functions = {}
