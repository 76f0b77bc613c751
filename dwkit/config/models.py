"""Model files: SQL with an optional TOML header in its first comment."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from dwkit.config.decode import decode, line_of, parse_toml
from dwkit.errors import ConfigError, UsageError
from dwkit.model.canonical import canonical
from dwkit.model.header import Header, Model
from dwkit.model.names import check_dialect, check_name

__all__ = ["load_models", "model_text", "parse_model"]

_FOLDERS: dict[str, Literal["staging", "warehouse", "marts"]] = {
    "staging": "staging",
    "warehouse": "warehouse",
    "marts": "marts",
}
_HEADER = re.compile(r"\A\s*/\*\s*dwkit\b(?P<toml>.*?)\*/", re.DOTALL)
_FOR: dict[str, tuple[str, ...]] = {
    "key": ("dimension", "fact", "incremental"),
    "scd": ("dimension",),
    "updated_at": ("dimension",),
    "surrogate_key": ("dimension", "date_dimension"),
    "event_time": ("fact",),
    "dimensions": ("fact",),
    "start": ("date_dimension",),
    "end": ("date_dimension",),
    "watermark": ("incremental",),
    "lookback": ("incremental",),
}
"""The kinds that have a key of the header, where not all have."""
_KINDS = {
    "staging": ("table",),
    "warehouse": ("dimension", "date_dimension", "fact", "table"),
    "marts": ("table", "view", "incremental"),
}


def load_models(folder: Path) -> dict[str, Model]:
    """Read all model files below ``models/``; the result maps ``layer.name`` to its model.

    A mart may lie in a folder of its team: ``marts/sales/orders.sql`` is ``marts.orders`` of team sales.

    Raises:
        ConfigError: a header, a name or a kind is wrong, or two files have one name.
    """
    models: dict[str, Model] = {}
    for name, layer in _FOLDERS.items():
        for path in sorted((folder / name).rglob("*.sql")):
            model = parse_model(path, layer, folder.parent)
            key = f"{layer}.{model.name}"
            if key in models:
                raise ConfigError(f"{key} is made by {models[key].path} as well", place=model.path)
            models[key] = model
    return models


def parse_model(path: Path, layer: Literal["staging", "warehouse", "marts"], root: Path) -> Model:
    """Read one model file.

    Raises:
        ConfigError: the header or the name is wrong.
    """
    shown = path.relative_to(root).as_posix()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", place=shown) from None
    try:
        name = check_name(path.stem, "model")
    except UsageError as error:
        raise ConfigError(error.message, place=shown, hint=error.hint) from None
    found = _HEADER.match(text)
    header, first = Header(), 1
    if found:
        toml, first = found["toml"], text[: found.start("toml")].count("\n") + 1
        header = decode(
            parse_toml(toml, shown, first_line=first), Header, text=toml, file=shown, first_line=first
        )
    # The header's lines stay as blank lines, so that places in SQL errors are those of the file.
    sql = "\n" * text[: found.end()].count("\n") + text[found.end() :] if found else text
    team = path.parent.name if layer == "marts" and path.parent.name != "marts" else ""
    model = Model(layer=layer, name=name, header=header, sql=sql if sql.strip() else "", path=shown)
    if team and not header.team:
        import msgspec

        model = msgspec.structs.replace(model, header=msgspec.structs.replace(header, team=team))
    try:
        check_model(model)
    except ConfigError as error:
        line = f":{line_of(found['toml'], error.keys) + first - 1}" if found and error.keys else ""
        raise error.below([], f"{shown}{line}") from None
    return model


def check_model(model: Model) -> None:
    """Check that the header fits the layer and has what its kind needs.

    Raises:
        ConfigError: it does not; its ``keys`` say where.
    """
    header, kind = model.header, model.kind
    if kind not in _KINDS[model.layer]:
        raise ConfigError(
            f"kind {kind!r} does not belong in {model.layer}",
            keys=["kind"],
            hint=f"one of {', '.join(_KINDS[model.layer])}",
        )
    for key in canonical(header):
        if kind not in _FOR.get(key, (kind,)):
            raise ConfigError(f"not for a {kind}", keys=[key], hint=f"for a {' or '.join(_FOR[key])}")
    if header.dialect:
        try:
            check_dialect(header.dialect)
        except UsageError as error:
            raise ConfigError(error.message, keys=["dialect"], hint=error.hint) from None
    for name, column in header.columns.items():
        if column.scd is not None and kind != "dimension":
            raise ConfigError(f"not for a {kind}", keys=["columns", name, "scd"], hint="for a dimension")
        if column.pii and (model.layer == "staging" or kind in ("view", "date_dimension")):
            raise ConfigError(
                f"a {'staging step' if model.layer == 'staging' else kind} hides no values",
                keys=["columns", name, "pii"],
                hint="say it in the warehouse table or the mart that keeps the column",
            )
    if kind == "dimension" and not header.key:
        hint = 'key = ["customer_id"] in the header, or --key'
        raise ConfigError("a dimension needs its natural key", hint=hint)
    if kind == "dimension" and header.scd not in (0, 1, 2):
        raise ConfigError(f"{header.scd} is not among the types 0, 1 and 2", keys=["scd"])
    if kind == "date_dimension" and not (header.start and header.end):
        raise ConfigError("a date dimension needs start and end", hint='start = "2025-01-01"')
    if kind != "date_dimension" and not model.sql:
        raise ConfigError("the file has no SQL")


def model_text(model: Model) -> str:
    """Return the text of the model file that holds this model."""
    import tomlkit

    header = canonical(model.header)
    body = model.sql.strip() + "\n" if model.sql.strip() else ""
    return (f"/* dwkit\n{tomlkit.dumps(header)}*/\n" if header else "") + body
