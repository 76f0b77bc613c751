"""Where the columns of a query come from, for what depends on more than the type that a column is held as."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import polars as pl
from sqlglot import exp

__all__ = ["Origin"]


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """Where a column comes from.

    Attributes:
        nodes: expressions whose common type it has.
        of: gives where the columns in these come from, None where that is not known.
        dtypes: the types that these columns are held as.
        arrow: for a column of a table, gives the name of its type of Arrow, None where the table does not know it.
        mixed: text beside a number makes text of both.
    """

    nodes: tuple[exp.Expr, ...] = ()
    of: Callable[[str], Origin | None] = field(default=lambda _: None, repr=False)
    dtypes: Mapping[str, pl.DataType] = field(default_factory=dict, repr=False)
    arrow: Callable[[], str | None] | None = field(default=None, repr=False)
    mixed: bool = False
