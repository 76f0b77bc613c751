"""The tests that models declare, run on the tables as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from dwkit.errors import DwkitError

if TYPE_CHECKING:
    from dwkit.project.project import Project

__all__ = ["run_tests"]


def run_tests(project: Project, chosen: Sequence[str]) -> list[dict[str, Any]]:
    """Return one record for each test: table, test, state (``passed``, ``failed``, ``error``), failures, example."""
    from dwkit.warehouse import check_table

    records: list[dict[str, Any]] = []
    for name in chosen:
        model = project.graph.nodes[name].model
        if model is None or model.layer == "staging":
            continue
        if not model.header.tests and not any(c.tests for c in model.header.columns.values()):
            continue
        try:
            results = check_table(model, project.catalog.scan(name), project.config.dialect)
        except DwkitError as error:
            records.append(
                {"table": name, "test": "", "state": "error", "failures": None, "example": error.message}
            )
            continue
        for result in results:
            records.append(
                {
                    "table": name,
                    "test": result.test,
                    "state": "passed" if result.failures == 0 else "failed",
                    "failures": result.failures,
                    "example": result.example,
                }
            )
    return records
