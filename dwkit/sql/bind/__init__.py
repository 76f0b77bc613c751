"""From a parsed query to a plan."""

from dwkit.sql.bind.context import ArrowOf, Context
from dwkit.sql.bind.expressions import Stage
from dwkit.sql.bind.names import Scope
from dwkit.sql.bind.query import Bound, QueryBinder

__all__ = ["ArrowOf", "Bound", "Context", "QueryBinder", "Scope", "Stage"]
