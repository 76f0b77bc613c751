"""SQL of any dialect over Polars frames: parse, bind, rewrite, lower. Knows no files and no tables but those given.

`to_lazy` is the one way in for queries, `Session` for scripts that make and change tables of their own,
`condition` for the rules of a contract.
"""

from dwkit.sql.compile import to_lazy
from dwkit.sql.condition import condition
from dwkit.sql.lineage import column_lineage, edges
from dwkit.sql.query import Query, TableRef, parse
from dwkit.sql.session import Files, Held, Result, Saving, Session, Store
from dwkit.sql.translate import Translation, translate

__all__ = [
    "Files",
    "Held",
    "Query",
    "Result",
    "Saving",
    "Session",
    "Store",
    "TableRef",
    "Translation",
    "column_lineage",
    "condition",
    "edges",
    "parse",
    "to_lazy",
    "translate",
]
