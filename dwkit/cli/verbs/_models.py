"""Models described by flags instead of a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from dwkit.config.models import check_model, load_models, model_text
from dwkit.errors import ConfigError, UsageError
from dwkit.model.header import Header, Lookup, Model
from dwkit.model.names import check_name
from dwkit.project import Project
from dwkit.project.run import states

__all__ = ["from_flags", "keep", "selected"]

_LOOKUP = re.compile(r"(?P<fk>\w+)=(?:warehouse\.)?(?P<table>\w+):(?P<on>\w+(?:,\w+)*)(?:@(?P<at>\w+))?")
_HEADER = (
    "kind",
    "key",
    "scd",
    "updated_at",
    "surrogate_key",
    "event_time",
    "watermark",
    "lookback",
    "tests",
    "dialect",
)


def from_flags(
    project: Project, layer: Literal["warehouse", "marts"], names: tuple[str, ...], flags: Mapping[str, Any]
) -> Model | None:
    """Enter the model that the flags describe among the project's models; None when no flag does.

    Flags override what a model file of that name says.

    Raises:
        UsageError: flags for several tables or for none, or a flag that is none.
    """
    given = {k: v for k, v in flags.items() if v not in (None, (), [], False)}
    if not given:
        for name in names:
            short = name.removeprefix(f"{layer}.")
            if f"{layer}.{short}" not in project.models and not any(c in short for c in "*?[+:"):
                verb = "load" if layer == "warehouse" else "mart"
                how = (
                    "--from staging.X --kind dimension|fact" if layer == "warehouse" else '--sql "select ..."'
                )
                known = {m.name for m in project.models.values() if m.layer == layer}
                if not any(short in k for k in known):
                    raise UsageError(
                        f"no model models/{layer}/{short}.sql",
                        hint=f"write it, or describe it with flags: dwkit {verb} {short} {how}",
                    )
        return None
    if len(names) != 1:
        raise UsageError("flags describe one table", hint="name one table, or write model files")
    name = check_name(names[0].removeprefix(f"{layer}."), "table")
    old = project.models.get(f"{layer}.{name}")
    header = old.header if old else Header()
    changes: dict[str, Any] = {k: given[k] for k in _HEADER if k in given}
    if "dimensions" in given:
        changes["dimensions"] = dict(header.dimensions) | dict(_lookup(text) for text in given["dimensions"])
    sql = given.get("sql") or (
        f"SELECT * FROM {given['source']}" if "source" in given else old.sql if old else ""
    )
    try:
        header = msgspec.convert(msgspec.to_builtins(header) | msgspec.to_builtins(changes), Header)
    except msgspec.ValidationError as error:
        raise UsageError(f"the flags make no model: {error}") from None
    if not sql and header.kind != "date_dimension":
        raise UsageError(
            f"{layer}.{name} has no SQL", hint="--from TABLE or --sql TEXT says where its rows come from"
        )
    same = old is not None and (header, sql) == (old.header, old.sql)
    model = Model(layer=layer, name=name, header=header, sql=sql, path=old.path if old and same else "")
    try:
        check_model(model)
    except ConfigError as error:
        raise error.below([], model.path or f"{layer}.{name}") from None
    project.models[f"{layer}.{name}"] = model
    return model


def selected(project: Project, layer: str, names: tuple[str, ...]) -> list[str]:
    """Return the models of a layer that names and selectors stand for, in dependency order; all without one."""
    wanted = []
    for name in names or ("*",):
        core = name.strip("+")
        full = core if ":" in core or core.startswith(f"{layer}.") else f"{layer}.{core}"
        wanted.append(name.replace(core, full, 1))
    if not names and not any(m.layer == layer for m in project.models.values()):
        return []
    chosen = project.graph.select(wanted, states(project))
    return [n for n in chosen if n in project.models and n.startswith(f"{layer}.")]


def keep(project: Project, model: Model) -> str:
    """Write a model file, in place of the one there is; return its path relative to the project."""
    from dwkit.storage.aside import commit_text

    there = load_models(project.layout.models).get(f"{model.layer}.{model.name}")
    path = project.layout.models / model.layer / f"{model.name}.sql"
    if there is not None:
        path = project.root / there.path
        if model.header.team == path.parent.name:
            # The folder says so already.
            model = msgspec.structs.replace(model, header=msgspec.structs.replace(model.header, team=""))
    commit_text(model_text(model), path)
    return path.relative_to(project.root).as_posix()


def _lookup(text: str) -> tuple[str, Lookup]:
    found = _LOOKUP.fullmatch(text.replace(" ", ""))
    if not found:
        raise UsageError(f"{text!r} is no lookup", hint="--dimension customer_key=dim_customer:customer_id")
    return found["fk"], Lookup(table=found["table"], on=found["on"].split(","), at=found["at"] or "")
