"""Names of datasets, tables and marts, and of the nodes of the graph."""

from __future__ import annotations

import re
import unicodedata
import zlib
from pathlib import PurePath
from typing import Literal, NamedTuple

from dwkit.errors import UsageError

__all__ = ["LAYERS", "Layer", "Node", "check_name", "suggest_name"]

Layer = Literal["lake", "staging", "warehouse", "marts"]
LAYERS: tuple[Layer, ...] = ("lake", "staging", "warehouse", "marts")

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


class Node(NamedTuple):
    """A table of a layer: a node of the graph and of lineage."""

    layer: Layer
    name: str

    def __str__(self) -> str:
        return f"{self.layer}.{self.name}"


def check_name(name: str, kind: str = "dataset") -> str:
    """Return ``name`` if it can name a folder, a table and a SQL identifier without quotes.

    Raises:
        UsageError: it cannot; the hint is the nearest name that can.
    """
    if _NAME.fullmatch(name):
        return name
    raise UsageError(
        f"{name!r} cannot name a {kind}: use lower-case letters, digits and '_', not starting with a digit",
        hint=f"for instance {suggest_name(name)!r}",
    )


def suggest_name(text: str) -> str:
    """Return a valid name made from a file name or any other text.

    A trailing date or number is what tells deliveries of one dataset apart, so
    ``orders_2026-01.csv.gz`` and ``orders_2026-02.csv.gz`` both give ``orders``. Accents are dropped;
    a text in another script gives ``data_`` and its checksum, so that two of them are two datasets.
    """
    stem = PurePath(text.replace("\\", "/")).name
    while "." in stem.strip("."):
        stem = stem.rsplit(".", 1)[0]
    plain = unicodedata.normalize("NFKD", stem).replace("ß", "ss")
    plain = "".join(c for c in plain if not unicodedata.combining(c)).lower()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    short = re.sub(r"(_?\d{4}(_?\d{2}){0,2}(_?\d{2,6})?|_\d+)$", "", name).strip("_")
    if re.search(r"[^\W\d_]", plain) and not re.search(r"[a-z]", name):
        foreign = re.sub(r"[\d\W_]+$", "", plain)
        return f"data_{zlib.crc32(foreign.encode()):08x}"
    name = (short or name or "data")[:60]
    return name if not name[0].isdigit() else f"t_{name}"
