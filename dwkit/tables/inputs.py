"""What is known of a model's inputs without reading their rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from dwkit.errors import ReachError
from dwkit.ledger import Ledger
from dwkit.model.batch import Part
from dwkit.storage.layout import Layout
from dwkit.storage.paths import expand
from dwkit.tables.plan import missing_parts

__all__ = ["fingerprint_of", "missing_inputs"]


def fingerprint_of(name: str, *, layout: Layout, ledger: Ledger) -> str:
    """Return a text that changes when the rows of an input may have changed.

    Parts and their digests for staging, batches for the lake, the version of a table, what a view is
    made of, names, sizes and times of the files that a path, a folder or a glob stands for.
    """
    layer, _, table = name.partition(".")
    if layer == "staging":
        return _digest(f"{p.id}:{p.digest}" for p in ledger.parts(table))
    if layer == "lake":
        return _digest(b.id for b in ledger.batches(table))
    if layer in ("warehouse", "marts"):
        version = ledger.version(layer, table)
        if version is None:
            return ""
        if version.kind == "view":
            of = [fingerprint_of(i, layout=layout, ledger=ledger) for i in sorted(version.inputs)]
            return _digest([version.model, *of])
        return str(version.version)
    try:
        stats = [(path, path.stat()) for path in expand(name, layout.root)]
    except (ReachError, OSError):
        # What is not there, or vanishes meanwhile, is found out by whoever reads it.
        return ""
    return _digest(f"{path}:{stat.st_size}:{stat.st_mtime_ns}" for path, stat in stats)


def missing_inputs(names: Iterable[str], *, layout: Layout, ledger: Ledger) -> list[Part]:
    """Return the purged parts of those inputs that are datasets of the staging area."""
    datasets = [n.removeprefix("staging.") for n in names if n.startswith("staging.")]
    return [p for d in datasets for p in missing_parts(ledger.parts(d), layout)]


def _digest(pieces: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(pieces).encode()).hexdigest()[:16]
