"""Names of datasets, tables and marts, and of the nodes of the graph."""

from __future__ import annotations

import re
import unicodedata
import zlib
from pathlib import PurePath
from typing import Literal

from dwkit.errors import UsageError, did_you_mean

__all__ = ["DIALECTS", "LAYERS", "Layer", "check_dialect", "check_name", "suggest_name"]

Layer = Literal["lake", "staging", "warehouse", "marts"]
LAYERS: tuple[Layer, ...] = ("lake", "staging", "warehouse", "marts")

DIALECTS = (
    "athena", "bigquery", "clickhouse", "databricks", "datafusion", "dax", "doris", "dremio", "drill", "druid", "duckdb",
    "dune", "exasol", "fabric", "hive", "materialize", "mysql", "oracle", "postgres", "presto", "prql",
    "redshift", "risingwave", "snowflake", "solr", "spark", "spark2", "sqlite", "starrocks", "tableau",
    "teradata", "trino", "tsql",
)  # fmt: skip
"""The SQL dialects that sqlglot reads, and DataFusion's; named here so that a slip is found without it."""

_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def check_dialect(name: str) -> str:
    """Return the name of a SQL dialect.

    Raises:
        UsageError: there is none of this name; the hint is the nearest one.
    """
    if name not in DIALECTS:
        raise UsageError(f"no SQL dialect {name!r}", hint=did_you_mean(name, DIALECTS))
    return name


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
