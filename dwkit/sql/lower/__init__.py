"""From a plan to a lazy frame."""

from dwkit.sql.lower.nodes import lowered

__all__ = ["lowered"]
