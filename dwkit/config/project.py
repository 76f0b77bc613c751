"""``dwkit.toml``: project, retention, datasets with their sources and contracts."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path
from typing import Any

import msgspec

from dwkit.config.decode import decode, line_of, parse_toml
from dwkit.errors import ConfigError, UsageError
from dwkit.model.contract import Contract, Dedupe, Drift, Expression, Rules
from dwkit.model.names import check_dialect, check_name
from dwkit.model.retention import parse_policy
from dwkit.model.source import ReadOptions

__all__ = ["Dataset", "ProjectConfig", "Retention", "load_config", "placed", "with_texts"]


_TEXTS = ("accepted_values", "default", "replace", "null_values", "true_values", "false_values")


class Retention(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long staged rows stay after every table that reads them has loaded them.

    ``staging`` is ``keep``, ``loaded`` (at once), or an age such as ``7d`` or ``12h``.
    """

    staging: str = "7d"

    def check(self) -> None:
        """Check the policy.

        Raises:
            ConfigError: it is none.
        """
        try:
            parse_policy(self.staging)
        except UsageError as error:
            raise ConfigError(error.message, keys=["staging"], hint=error.hint) from None


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

    def check(self) -> None:
        try:
            check_dialect(self.dialect)
        except UsageError as error:
            raise ConfigError(error.message, keys=["dialect"], hint=error.hint) from None
        try:
            self.retention.check()
        except ConfigError as error:
            raise error.below(["retention"]) from None


class ProjectConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of ``dwkit.toml``."""

    name: str
    dialect: str
    retention: Retention
    datasets: dict[str, Dataset]


def _columns(columns: dict[str, Any], text: str, file: str, where: list[str]) -> dict[str, Any]:
    """Check columns one by one, so that an error can name the column."""
    made = {}
    for name, rules in columns.items():
        if isinstance(rules, str):
            place = f"{file}:{line_of(text, [*where, name])}"
            said = f"{'.'.join([*where, name])}: expected table, got string"
            raise ConfigError(said, place=place, hint=f'{name} = {{ type = "{rules}" }}')
        made[name] = with_texts(rules)
        decode(made[name], Rules, text=text, file=file, path=[*where, name])
    return made


def with_texts(rules: Any) -> Any:
    """Return a column's rules with numbers, booleans and dates as the texts that rules compare with."""
    if not isinstance(rules, dict):
        return rules
    made = {k: _text(v) if k in _TEXTS else v for k, v in rules.items()}
    if isinstance(made.get("range"), list):
        made["range"] = [_text(v) if isinstance(v, (date, time)) else v for v in made["range"]]
    return made


def _text(value: Any) -> Any:
    if isinstance(value, list):
        return [_text(v) for v in value]
    if isinstance(value, dict):
        return {k: _text(v) for k, v in value.items()}
    return str(value).lower() if isinstance(value, bool) else str(value)


def placed(error: ConfigError, path: Path, dataset: str) -> ConfigError:
    """Return an error in the contract of a dataset with the line of ``dwkit.toml`` that it is about."""
    where = ["datasets", dataset]
    line = line_of(path.read_text(encoding="utf-8-sig"), [*where, *error.keys])
    return error.below(where, f"{path.name}:{line}")


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
        place = f"{path.name}:{line_of(text, where)}"
        try:
            check_name(name)
        except UsageError as error:
            raise ConfigError(error.message, place=place, hint=error.hint) from None
        if isinstance(value, dict):
            limit = value.get("quarantine_limit")
            if isinstance(limit, int) and not isinstance(limit, bool):
                value["quarantine_limit"] = str(limit)
            if "read" in value:
                decode(value["read"], ReadOptions, text=text, file=path.name, path=[*where, "read"])
            if isinstance(value.get("columns"), dict):
                value["columns"] = _columns(value["columns"], text, path.name, [*where, "columns"])
        datasets[name] = decode(value, Dataset, text=text, file=path.name, path=where)
    return ProjectConfig(
        name=top.name or path.parent.name, dialect=top.dialect, retention=top.retention, datasets=datasets
    )
