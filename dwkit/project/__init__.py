"""A project: opens storage and ledger, wires the four steps, builds the graph."""

from dwkit.project.project import Project, create, open_project

__all__ = ["Project", "create", "open_project"]
