"""Model headers: what the TOML in the first comment of a model file says."""

from __future__ import annotations

from typing import Literal

import msgspec

from dwkit.model.canonical import digest_of

__all__ = ["ColumnHeader", "Header", "Kind", "Lookup", "Model"]

Kind = Literal["dimension", "date_dimension", "fact", "table", "view", "incremental"]


class Lookup(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How a fact finds the surrogate key of a dimension row.

    ``on`` are the fact's columns that hold the dimension's natural key, in the order of its key;
    ``at`` is the column with the event's time (the fact's ``event_time`` when empty).
    """

    table: str
    on: list[str]
    at: str = ""
    drop: bool = False
    """Leave the natural key columns out of the fact."""


class ColumnHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a header says of one column."""

    tests: list[str] = []
    """``not_null``, ``unique``, ``unique_current``, ``accepted:a,b``, ``min:0``, ``max:9``."""
    scd: int | None = None
    """SCD type of this column, when it differs from the table's."""
    description: str = ""
    pii: Literal["", "hash"] = ""
    """``hash`` keeps the SHA-256 of a personal value instead of the value: equal values stay equal."""


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The header of a model; every key can be given as a flag of the verb too."""

    kind: Kind | None = None
    key: list[str] = []
    """Natural key of a dimension, grain of a fact, upsert key of an incremental mart."""
    scd: int = 1
    updated_at: str = ""
    """Column that says since when a dimension row is valid; empty: the batch's ingest time."""
    surrogate_key: str = ""
    event_time: str = ""
    """Column of a fact that says when its event happened; dimensions are looked up as of then."""
    dimensions: dict[str, Lookup] = {}
    """Surrogate key column of the fact -> the dimension it points at."""
    start: str = ""
    end: str = ""
    """First and last day of a date dimension."""
    watermark: str = ""
    """Column of an incremental mart by which new rows are told from old ones."""
    lookback: str = ""
    """How far before the watermark an incremental mart looks again: ``3d``, ``12h``, ``100``."""
    team: str = ""
    tags: list[str] = []
    description: str = ""
    dialect: str = ""
    tests: list[str] = []
    """SQL conditions that hold for every row."""
    columns: dict[str, ColumnHeader] = {}


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model: its name, layer, header and SQL (empty for a generated table)."""

    layer: Literal["staging", "warehouse", "marts"]
    name: str
    header: Header
    sql: str = ""
    path: str = ""
    """Path of the model file relative to the project; empty when flags made the model."""

    @property
    def kind(self) -> Kind:
        """The header's kind, else what the layer and the name say."""
        if self.header.kind:
            return self.header.kind
        if self.layer == "warehouse":
            return "dimension" if self.name.startswith("dim_") else "fact"
        return "table"

    @property
    def is_dimension(self) -> bool:
        """Whether the table has a surrogate key and an unknown member."""
        return self.kind in ("dimension", "date_dimension")

    @property
    def surrogate_key(self) -> str:
        """Name of a dimension's surrogate key: the header's, else ``customer_key`` for ``dim_customer``."""
        if self.header.surrogate_key:
            return self.header.surrogate_key
        return "date_key" if self.kind == "date_dimension" else f"{self.name.removeprefix('dim_')}_key"

    @property
    def digest(self) -> str:
        """SHA-256 over what changes the table's rows: descriptions, tags and tests do not."""
        columns = {
            n: ColumnHeader(scd=c.scd, pii=c.pii)
            for n, c in self.header.columns.items()
            if c.scd is not None or c.pii
        }
        rows = msgspec.structs.replace(
            self.header, kind=self.kind, columns=columns, description="", tags=[], team="", tests=[]
        )
        return digest_of(rows, self.sql.strip())
