"""How DataFusion's suite writes down Spark's functions: with its own literals and names, not with Spark's."""

from __future__ import annotations

import re

__all__ = ["fields", "spelled"]

_EXACT = ("format_string", "xxhash64")
"""Functions that are about the types of their arguments."""
_FIELD = re.compile(r"(?<=[{ ])c(\d+):")


def spelled(sql: str, function: str) -> str:
    """Write DataFusion's SQL as Spark's: a backslash is a sign as others, 1 a BIGINT, 1.5 a DOUBLE.

    Args:
        function: what the file is about.
    """
    # MAP takes two lists there, keys and values in turn in Spark.
    sql = re.sub(r"\bmap\s*(?=\()", "map_from_arrays", sql.replace("\\", "\\\\"), flags=re.IGNORECASE)
    sql = re.sub(r"'((?:[^']|'')*)'", lambda found: "'" + found[1].replace("''", "\\'") + "'", sql)
    sql = re.sub(r"\bcolumn(\d)\b", r"col\1", sql)  # what VALUES calls its columns
    if function not in _EXACT:
        return sql
    pieces = re.split(r"('(?:[^'\\]|\\.)*')", sql)
    for place in range(0, len(pieces), 2):
        pieces[place] = re.sub(r"(?<![\w.])(\d+\.\d+(?:[eE][+-]?\d+)?)(?![\w.])", r"\1D", pieces[place])
        if function == "xxhash64":
            pieces[place] = re.sub(
                r"(?<![\w.])(\d{1,18}|9223372036854775807)(?![\w.])", r"\1L", pieces[place]
            )
    return "".join(pieces)


def fields(line: str) -> str:
    """Return an expected line with Spark's names for the fields of a struct without names: col1, not c0."""
    return _FIELD.sub(lambda found: f"col{int(found[1]) + 1}:", line)
