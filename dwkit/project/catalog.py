"""The tables of all layers: their names, their frames, and SQL over them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dwkit.errors import NotFoundError, UsageError
from dwkit.model.header import Model
from dwkit.model.ids import time_of
from dwkit.model.names import LAYERS
from dwkit.model.statistics import TableStatistics

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from dwkit.project.project import Project

__all__ = ["Catalog"]


class Catalog:
    """All tables of one project.

    Args:
        project: the project; its ledger says which batches, parts and versions there are.
    """

    def __init__(self, project: Project) -> None:
        self._project = project

    # -- names --------------------------------------------------------------------------------

    def names(self) -> set[str]:
        """Return ``layer.table`` of every table that has rows or a model that would make them."""
        ledger, layout = self._project.ledger, self._project.layout
        found = {f"lake.{name}" for name in ledger.datasets()}
        found |= {f"staging.{name}" for name in ledger.staged_datasets()}
        found |= {f"{v.layer}.{v.name}" for v in ledger.versions()}
        for layer in ("warehouse", "marts"):
            folder = layout.root / layer
            if folder.is_dir():
                found |= {f"{layer}.{p.name}" for p in folder.iterdir() if (p / "_delta_log").is_dir()}
        return found

    def find(self, text: str) -> str:
        """Return the ``layer.table`` that a person's text names.

        Raises:
            NotFoundError: nothing has that name.
        """
        known = self.names()
        schema, _, name = text.rpartition(".")
        if schema and schema not in LAYERS:
            raise NotFoundError("layer", schema, LAYERS)
        for one in [text] if schema else [f"{layer}.{name}" for layer in reversed(LAYERS)]:
            if one in known:
                return one
        models = {k for k in self._project.models if k == text or k.endswith(f".{text}")}
        if models:
            key = models.pop()
            verb = {"staging": "stage", "warehouse": "load", "marts": "mart"}[key.split(".", 1)[0]]
            raise NotFoundError("rows", key, hint=f"dwkit {verb} {key.split('.', 1)[1]} makes them")
        raise NotFoundError("table", text, known)

    # -- frames -------------------------------------------------------------------------------

    def scan(self, name: str, as_of: datetime | int | None = None) -> pl.LazyFrame:
        """Return the rows of ``layer.table``, or of a file that a model names, not yet read.

        Args:
            as_of: a version of a Delta table, or an instant (UTC when it has no zone); files are read
                as they are.

        Raises:
            NotFoundError: there is no such table or file, or was none then.
            UsageError: the layer keeps no such versions.
            DataError: its files are missing or damaged.
        """
        layer, _, table = name.partition(".")
        if layer not in LAYERS or "/" in name:
            return self.scan_file(name, cwd=self._project.root)
        if isinstance(as_of, datetime) and as_of.tzinfo is None:
            as_of = as_of.replace(tzinfo=UTC)
        ledger, layout = self._project.ledger, self._project.layout
        if layer == "lake":
            return self._scan_lake(table, as_of)
        if layer == "staging":
            if as_of is not None:
                raise UsageError(
                    f"{name} keeps no earlier versions", hint=f"lake.{table} as of a time, or without --as-of"
                )
            return self._scan_staging(table)
        version = ledger.version(layer, table)
        if version is not None and version.kind == "view":
            if isinstance(as_of, int):
                raise UsageError(
                    f"{name} is a view, whose rows have no versions of their own",
                    hint="name a time, such as 2026-01-31T12:00",
                )
            return self._scan_view(table, as_of)
        from dwkit.storage.delta import Table

        delta = Table(layout.table(layer, table))
        if not delta.exists:
            raise NotFoundError("table", name, self.names())
        return delta.scan(as_of)

    def _scan_lake(self, table: str, as_of: datetime | int | None) -> pl.LazyFrame:
        from dwkit.storage.tables import scan_batches

        ledger = self._project.ledger
        batches = ledger.batches(table)
        if not batches:
            raise NotFoundError("dataset", f"lake.{table}", {f"lake.{name}" for name in ledger.datasets()})
        if isinstance(as_of, int):
            raise UsageError(
                f"lake.{table} has batches, no numbered versions",
                hint="name a time, such as 2026-01-31T12:00; dwkit history lake." + table,
            )
        if as_of is not None:
            batches = [b for b in batches if b.created_at <= as_of]
            if not batches:
                raise UsageError(
                    f"lake.{table} had no batch at {as_of:%Y-%m-%d %H:%M:%S}",
                    hint=f"dwkit history lake.{table} shows since when there is one",
                )
        return scan_batches(self._project.layout, batches)

    def _scan_staging(self, table: str) -> pl.LazyFrame:
        from dwkit.storage.tables import scan_parts

        parts = [p for p in self._project.ledger.parts(table) if not p.purged_at]
        if not parts:
            purged = self._project.ledger.parts(table)
            hint = (
                f"dwkit stage {table} --force brings them back from the lake"
                if purged
                else f"dwkit stage {table}"
            )
            raise NotFoundError("staged rows of dataset", table, hint=hint)
        return scan_parts(self._project.layout, parts)

    def _scan_view(self, table: str, as_of: datetime | int | None) -> pl.LazyFrame:
        from dwkit.marts import view_model

        model = view_model(self._project.layout, table)
        return self.model_frame(model, as_of=as_of)

    def scan_file(self, path: str, *, cwd: Path | None = None) -> pl.LazyFrame:
        """Return the typed rows of a file of any kind that `ingest` reads.

        Args:
            cwd: what a relative path starts from: the project for a model's SQL, the working directory
                (None) for what a person types.

        Raises:
            ReachError: there is no such file.
            DataError: it cannot be read, or holds more than one table.
        """
        from dwkit.project.files import scan_file

        return scan_file(path, cwd=cwd)

    def statistics(self, name: str, as_of: datetime | int | None = None) -> TableStatistics | None:
        """Return what is known of a ``layer.table`` that there is, without opening its data files."""
        layer, _, table = name.partition(".")
        ledger = self._project.ledger
        if layer in ("lake", "staging"):
            from dwkit.tables.known import rows_in

            return TableStatistics(rows_in(name, ledger)) if as_of is None else None
        version = ledger.version(layer, table)
        if version is not None and version.kind == "view":
            return None
        from dwkit.storage.delta import Table

        return Table(self._project.layout.root / layer / table).statistics(as_of)

    # -- SQL ----------------------------------------------------------------------------------

    def query(
        self,
        sql: str,
        *,
        dialect: str | None = None,
        params: Mapping[str, object] | None = None,
        as_of: datetime | int | None = None,
        place: str = "",
        cwd: Path | None = None,
    ) -> pl.LazyFrame:
        """Return the rows of a query (see `Project.query`)."""
        from dwkit.project.scratch import Sources
        from dwkit.sql import parse, to_lazy

        dialect = dialect or self._project.config.dialect
        parsed = parse(sql, dialect, params=params)
        sources = Sources(self._project, as_of=as_of, place=place, cwd=cwd)
        refs = {ref.key: ref for ref in parsed.tables}
        tables = {key: sources.frame(ref) for key, ref in refs.items()}
        return to_lazy(parsed, tables, dialect, statistics=lambda key: sources.statistics(refs[key]))

    def model_frame(self, model: Model, as_of: datetime | int | None = None) -> pl.LazyFrame:
        """Return the rows that a model's SQL gives now."""
        dialect = model.header.dialect or None
        root = self._project.root
        return self.query(model.sql, dialect=dialect, as_of=as_of, place=model.path, cwd=root)

    def fingerprint(self, name: str) -> str:
        """Return a text that changes when the rows of ``layer.table`` or of a file may have changed."""
        from dwkit.tables.inputs import fingerprint_of

        return fingerprint_of(name, layout=self._project.layout, ledger=self._project.ledger)

    # -- listing ------------------------------------------------------------------------------

    def listing(self, layer: str | None = None) -> list[dict[str, Any]]:
        """Return one record for each table: name, layer, kind, rows, bytes, updated_at and more.

        Raises:
            UsageError: there is no such layer.
        """
        if layer is not None and layer not in LAYERS:
            raise NotFoundError("layer", layer, LAYERS)
        records: dict[tuple[str, str], dict[str, Any]] = {}
        ledger = self._project.ledger
        for batch in ledger.batches():
            one = _record(records, "lake", batch.dataset, "objects" if batch.format == "object" else "raw")
            one["rows"] += batch.rows
            one["bytes"] += batch.bytes_out
            one["pieces"] += 1
            one["updated_at"] = max(one["updated_at"], _stamp(batch.id))
        for part in ledger.parts():
            one = _record(records, "staging", part.dataset, "staged")
            if not part.purged_at:
                one["rows"] += part.rows_out
                one["bytes"] += part.bytes
                one["pieces"] += 1
            one["updated_at"] = max(one["updated_at"], _stamp(part.id))
        for version in ledger.versions():
            one = _record(records, version.layer, version.name, version.kind)
            view = version.kind == "view"
            one |= {
                "rows": None if view else version.rows,
                "bytes": version.bytes,
                "pieces": version.version + 1,
            }
            one["updated_at"] = version.created_at
        order = {name: n for n, name in enumerate(LAYERS)}
        found = sorted(records.values(), key=lambda r: (order[r["layer"]], r["name"]))
        return [r for r in found if layer in (None, r["layer"])]


def _record(
    records: dict[tuple[str, str], dict[str, Any]], layer: str, name: str, kind: str
) -> dict[str, Any]:
    return records.setdefault(
        (layer, name),
        {"name": name, "layer": layer, "kind": kind, "rows": 0, "bytes": 0, "pieces": 0, "updated_at": ""},
    )


def _stamp(ident: str) -> str:
    return time_of(ident).isoformat(timespec="milliseconds").replace("+00:00", "Z")
