"""Where everything of a project lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dwkit.model.names import Layer

__all__ = ["Layout"]


@dataclass(frozen=True)
class Layout:
    """Paths of one project folder.

    Args:
        root: the project folder, absolute.
    """

    root: Path

    @property
    def config(self) -> Path:
        """``dwkit.toml``."""
        return self.root / "dwkit.toml"

    @property
    def models(self) -> Path:
        """Folder of the model files."""
        return self.root / "models"

    @property
    def state(self) -> Path:
        """Folder of what is dwkit's own: ledger, locks, scratch."""
        return self.root / ".dwkit"

    @property
    def ledger(self) -> Path:
        """The ledger's SQLite file."""
        return self.state / "ledger.db"

    @property
    def scratch(self) -> Path:
        """Folder for data written aside; on the same file system as the layers, so that rename is atomic."""
        return self.state / "scratch"

    @property
    def locks(self) -> Path:
        """Folder of the lock files."""
        return self.state / "locks"

    def dataset(self, name: str) -> Path:
        """Folder of a dataset in the lake."""
        return self.root / "lake" / name

    def batch(self, dataset: str, batch: str) -> Path:
        """Folder of one batch in the lake."""
        return self.dataset(dataset) / f"batch={batch}"

    def decisions(self, dataset: str) -> Path:
        """Folder of what people decided about quarantined rows of a dataset in the lake."""
        return self.dataset(dataset) / "decisions"

    def staged(self, dataset: str) -> Path:
        """Folder of a dataset in the staging area."""
        return self.root / "staging" / dataset

    def part(self, dataset: str, part: str) -> Path:
        """File of one staged part."""
        return self.staged(dataset) / f"{part}.parquet"

    def quarantine(self, dataset: str, batch: str) -> Path:
        """File of the rows of one batch that were held back."""
        return self.staged(dataset) / "quarantine" / f"{batch}.parquet"

    def table(self, layer: Layer, name: str) -> Path:
        """Folder of a Delta table."""
        return self.root / layer / name
