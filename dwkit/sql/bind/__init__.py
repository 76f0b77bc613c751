"""From a parsed query to a plan."""

from dwkit.sql.bind.context import Context
from dwkit.sql.bind.query import Bound, QueryBinder

__all__ = ["Bound", "Context", "QueryBinder"]
