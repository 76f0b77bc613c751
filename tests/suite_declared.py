"""Answers that are known to differ from what a suite expects, and why, from `suite_declared.txt`.

A line of that file is ``KIND FILE:LINE[,LINE...] WHY``. The kinds:

    declared  a difference of a dialect; WHY begins with its construct in `dwkit.sql.functions.differences`, then a colon
    engine    the engine, or the suite, is at odds with its manual, with Spark whose functions it has, or with its query
    order     the rows, or which of them, depend on an order that the query leaves open
"""

from __future__ import annotations

from pathlib import Path

from dwkit.sql.functions.differences import DIFFERENCES

__all__ = ["declared"]

_FILE = Path(__file__).with_name("suite_declared.txt")
_KINDS = ("declared", "engine", "order")


def declared(path: Path = _FILE) -> dict[str, str]:
    """Return the kind and the reason of each place that is known, by ``FILE:LINE``.

    Raises:
        ValueError: a line is none, names a place twice, or a construct that is no declared difference.
    """
    constructs = {d.construct for d in DIFFERENCES}
    found: dict[str, str] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        kind, places, why = line.split(maxsplit=2)
        if kind not in _KINDS:
            raise ValueError(f"{path.name}:{number}: there is no kind {kind!r}")
        if kind == "declared" and why.partition(": ")[0] not in constructs:
            raise ValueError(f"{path.name}:{number}: {why.partition(': ')[0]!r} is no declared difference")
        name, _, lines = places.rpartition(":")
        for one in lines.split(","):
            place = f"{name}:{one}"
            if place in found:
                raise ValueError(f"{path.name}:{number}: {place} is there twice")
            found[place] = f"{kind}: {why}"
    return found
