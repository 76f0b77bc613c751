"""What names mean: the tables of a FROM, their columns, and those of the queries around it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from dwkit.errors import did_you_mean

__all__ = ["INTERNAL", "CorrelatedError", "Field", "Relation", "Scope", "nearest"]

INTERNAL = "__"
"""How the names of tables and columns begin that a statement makes for its own use."""


def nearest(name: str, known: Sequence[str]) -> str:
    """Return the nearest of the names that a user knows."""
    return did_you_mean(name, dict.fromkeys(n for n in known if not n.startswith(INTERNAL)))


class CorrelatedError(Exception):
    """A query that was to be bound by itself names a column of a query around it."""


class Field(NamedTuple):
    """A column as it is called, and its id.

    Attributes:
        table: of a column of a subquery, the table that it is a column of there.
    """

    name: str
    id: str
    table: str = ""


@dataclass(eq=False)
class Relation:
    """A table of a FROM.

    Attributes:
        name: its alias, or the last part of its name.
        fields: its columns in order.
        shown: what the user calls it, with its schema.
        hidden: it can be named, but ``*`` leaves it out (the right side of a semi join has no relation).
    """

    name: str
    fields: tuple[Field, ...]
    shown: str = ""

    def find(self, name: str) -> list[Field]:
        """Return the columns of a name: exactly so, else but for letter case."""
        alike = self.by_name.get(name.lower(), [])
        return [f for f in alike if f.name == name] or alike

    @cached_property
    def by_name(self) -> dict[str, list[Field]]:
        """Its columns by their names in lower case."""
        found: dict[str, list[Field]] = defaultdict(list)
        for one in self.fields:
            found[one.name.lower()].append(one)
        return found


@dataclass
class Scope:
    """The tables of one FROM.

    Attributes:
        relations: in the order of the text.
        merged: for the columns of USING and NATURAL joins, by lower-case name: the one field that stands for all.
        parent: scope of the query around it.
        outer: ids of the parent's columns (or of its parents') that were found for names here.
        apart: a query inside it is bound by itself, and may not name its columns.
    """

    relations: list[Relation] = field(default_factory=list)
    merged: dict[str, Field] = field(default_factory=dict)
    covered: set[str] = field(default_factory=set)
    """Ids that a merged column stands for."""
    first: list[Field] = field(default_factory=list)
    """Merged columns that ``*`` puts before all others, as the standard does."""
    parent: Scope | None = None
    outer: set[str] = field(default_factory=set)
    apart: bool = False

    def find(self, name: str) -> list[Field]:
        """Return the columns of a name in all tables of this FROM."""
        lowered = name.lower()
        found = [f for r in self.relations if lowered in r.by_name for f in r.find(name)]
        merged = self.merged.get(lowered)
        return found if merged is None else [merged, *(f for f in found if f.id not in self.covered)]

    def relation(self, name: str) -> Relation | None:
        """Return the table of a name, exactly or but for letter case."""
        exact = next((r for r in self.relations if r.name == name), None)
        return exact or next((r for r in self.relations if r.name.lower() == name.lower()), None)

    def inherited(self, table: str, name: str) -> list[Field]:
        """Return the columns of a name that a subquery without a name has of a table inside it."""
        fields = (f for r in self.relations for f in r.find(name))
        return [f for f in fields if f.table.lower() == table.lower()]

    def table_of(self, ident: str) -> str:
        """Return the name of the table that a column is of, empty where there is none."""
        for relation in self.relations:
            found = next((f for f in relation.fields if f.id == ident), None)
            if found is not None:
                return found.table or relation.name
        return ""

    def starred_fields(self) -> Iterator[Field]:
        """Return what ``*`` stands for: a merged column once, where it is first met."""
        seen: set[str] = set()
        once = {f.id for f in (*self.first, *self.merged.values())}  # others may be one value under two names
        for one in (*self.first, *(f for r in self.relations for f in r.fields)):
            plain = self.merged[one.name.lower()] if one.id in self.covered else one
            if plain.id not in seen or plain.id not in once:
                seen.add(plain.id)
                yield plain

    def hint(self, name: str, aliases: Sequence[str] = ()) -> str:
        """Return the nearest name that there is."""
        return nearest(name, [*(f.name for r in self.relations for f in r.fields), *aliases])

    @property
    def shown(self) -> str:
        """What the user calls its tables."""
        return " and ".join(r.shown or r.name for r in self.relations) or "a query without FROM"
