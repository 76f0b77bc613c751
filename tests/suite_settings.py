"""Settings of a session in a suite, and which of them change what SQL means."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from logic import Record

__all__ = ["DATAFUSION", "OTHER", "marked", "setting_of"]

OTHER = "/* other settings: "
"""What queries begin with that run under settings that a session here does not have."""

_SETTING = re.compile(
    r"\s*(?:--[^\n]*\n\s*)*(?P<verb>set|reset|pragma)\s+(?:(?:session|local|global)\s+)?(?P<name>time\s+zone|[\w.]+)\s*(?:=|\bto\b)?\s*(?P<value>[^;]*);?\s*",
    re.IGNORECASE,
)
_ALIASES = {"datafusion.execution.time_zone": "timezone", "time zone": "timezone"}
DATAFUSION = {
    "timezone": {"utc", "+00", "+00:00", "+0000"},
    "datafusion.sql_parser.default_null_ordering": {"nulls_max"},
    "datafusion.sql_parser.parse_float_as_decimal": {"false"},
    "datafusion.sql_parser.enable_ident_normalization": {"true"},
    "datafusion.catalog.default_catalog": {"datafusion"},
    "datafusion.catalog.default_schema": {"public"},
    "datafusion.spark.map_key_dedup_policy": {"exception"},
}
"""The settings that change what a query means, and their values here; for `marked`. A grammar only says what can be written."""

_MADE = re.compile(r"\s*(create|drop)\s+(?:external\s+)?(?:table|view)\s+(?:if\s+\w+\s+\w*\s*)?(\w+)", re.IGNORECASE)  # fmt: skip


def setting_of(sql: str) -> tuple[str, str] | None:
    """Return name and value of what a statement sets, the value empty for RESET; None for other statements."""
    found = _SETTING.fullmatch(sql)
    if found is None:
        return None
    name = " ".join(found["name"].lower().split())
    value = "" if found["verb"].lower() == "reset" else found["value"].strip().strip("'\"").lower()
    return _ALIASES.get(name, name), value


def marked(
    records: Iterable[Record],
    usual: Mapping[str, Collection[str]],
    touches: Callable[[str, str], bool] = lambda *_: True,
) -> Iterator[Record]:
    """Mark queries under other settings than the usual ones, and those that read a table made under others.

    Args:
        usual: the settings that change what a query means, and their values here.
        touches: whether a setting can change what a text means.
    """
    changed: dict[str, str] = {}
    tables: set[str] = set()
    for record in records:
        setting = setting_of(record.sql) if "error" not in record.words else None
        if setting is not None and setting[0] in usual:
            name, value = setting
            changed.pop(name, None)
            if value and value not in usual[name]:
                changed[name] = value
        touching = [f"{n} = {v}" for n, v in changed.items() if touches(n, record.sql)]
        made = _MADE.match(record.sql)
        if made is not None:
            (tables.add if touching and made[1].lower() == "create" else tables.discard)(made[2].lower())
        other = bool(touching) or not tables.isdisjoint(re.findall(r"\w+", record.sql.lower()))
        other = other and record.kind == "query"
        yield replace(record, sql=f"{OTHER}{', '.join(touching)} */ {record.sql}") if other else record
