"""Marts: queries over any layer, kept as tables, views or incrementally, and exported to files."""

from dwkit.marts.build import MartResult, build_mart
from dwkit.marts.export import export
from dwkit.marts.views import view_model
from dwkit.tables.plan import PartsNeeded

__all__ = ["MartResult", "PartsNeeded", "build_mart", "export", "view_model"]
