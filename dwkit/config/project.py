"""``dwkit.toml``: project, retention, datasets with their sources and contracts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from dwkit.config.decode import decode, parse_toml
from dwkit.errors import ConfigError, UsageError
from dwkit.model.contract import Contract, Dedupe, Drift, Expression, Rules
from dwkit.model.names import check_name
from dwkit.model.source import ReadOptions

__all__ = ["Dataset", "ProjectConfig", "Retention", "load_config"]


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long staged rows stay after every table that reads them has loaded them.

    ``staging`` is ``keep``, ``loaded`` (at once), or an age such as ``7d`` or ``12h``.
    """

    staging: str = "7d"


class Dataset(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One dataset: where it comes from, how it is read, and its contract."""

    source: list[str] | str = []
    read: ReadOptions = ReadOptions()
    key: list[str] = []
    dedupe: Dedupe | None = None
    drift: Drift = Drift()
    expressions: list[Expression] = []
    quarantine_limit: str = ""
    columns: dict[str, Rules] = {}
    description: str = ""
    owner: str = ""
    tags: list[str] = []

    @property
    def sources(self) -> list[str]:
        """The sources as a list."""
        return [self.source] if isinstance(self.source, str) else self.source

    @property
    def contract(self) -> Contract | None:
        """The contract; without columns before the first stage has inferred them, None when nothing is said."""
        made = Contract(
            columns=self.columns,
            key=self.key,
            dedupe=self.dedupe,
            drift=self.drift,
            expressions=self.expressions,
            quarantine_limit=self.quarantine_limit,
        )
        return None if made == Contract(columns={}) else made

    def check(self) -> None:
        """Check the parts of the contract against each other (see `Contract.check`)."""
        if self.contract is not None and self.columns:
            self.contract.check()


class _Top(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    name: str = ""
    dialect: str = "duckdb"
    retention: Retention = Retention()
    datasets: dict[str, Any] = {}


class ProjectConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of ``dwkit.toml``."""

    name: str
    dialect: str
    retention: Retention
    datasets: dict[str, Dataset]


def load_config(path: Path) -> ProjectConfig:
    """Read ``dwkit.toml``.

    Raises:
        ConfigError: it is wrong, with file, line, key and the nearest right one.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", place=str(path)) from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"not UTF-8: {error}", place=str(path)) from None
    top = decode(parse_toml(text, path.name), _Top, text=text, file=path.name)
    datasets = {}
    for name, value in top.datasets.items():
        where = ["datasets", name]
        try:
            check_name(name)
        except UsageError as error:
            raise ConfigError(error.message, place=path.name, hint=error.hint) from None
        if isinstance(value, dict) and isinstance(value.get("columns"), dict):
            # One by one, so that an error can name the column.
            for column, rules in value["columns"].items():
                decode(rules, Rules, text=text, file=path.name, path=[*where, "columns", column])
        datasets[name] = decode(value, Dataset, text=text, file=path.name, path=where)
    return ProjectConfig(
        name=top.name or path.parent.name, dialect=top.dialect, retention=top.retention, datasets=datasets
    )
