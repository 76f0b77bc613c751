"""Types of JSON records: learnt from all of them, at the speed of msgspec.

A `Shape` holds which kinds of values were seen at a place. It becomes a msgspec type that accepts
exactly what it has seen, so that whole blocks are checked in C; only a record that does not fit is
walked in Python, and widens the shape.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import polars as pl

__all__ = ["Plan", "Shape", "fitted"]

WIDE = 2**53  # whole numbers beyond it do not fit a float
INT64 = 2**63
MAX_FIELDS = 500
MAX_DEPTH = 40

_NEVER = Annotated[int, msgspec.Meta(gt=0, lt=0)]  # what no value is
_UNNAMEABLE = re.compile(r'[\\"\x00-\x1f]')


class Shape:
    """The kinds of values seen at one place of the records.

    A place where kinds disagree is text: strings as they are, other values as their JSON text.
    Whole numbers and fractions together are Float64 if every whole number survives it.
    """

    __slots__ = ("big", "bool", "fields", "float", "int", "item", "opaque", "text", "wide")

    def __init__(self) -> None:
        self.bool = self.int = self.wide = self.big = self.float = self.text = self.opaque = False
        self.fields: dict[str, Shape] | None = None
        self.item: Shape | None = None

    def learn(self, value: object, depth: int = 0) -> None:
        """Widen the shape so that it holds a decoded value."""
        if value is None or self.opaque:
            return
        if value is True or value is False:
            self.bool = True
        elif isinstance(value, str):
            self.text = True
        elif isinstance(value, int):
            self.int = True
            self.wide |= not -WIDE <= value <= WIDE
            self.big |= not -INT64 <= value < INT64
        elif isinstance(value, float):
            self.float = True
        elif depth >= MAX_DEPTH:
            self.opaque = True
        elif isinstance(value, dict):
            fields = self.fields = {} if self.fields is None else self.fields
            for key, inner in value.items():
                if key not in fields:
                    fields[key] = Shape()
                fields[key].learn(inner, depth + 1)
            # An object with ever new keys is a mapping; as columns it would be unbounded.
            self.opaque = depth > 0 and len(fields) > MAX_FIELDS
        elif isinstance(value, list):
            self.item = Shape() if self.item is None else self.item
            for inner in value:
                self.item.learn(inner, depth + 1)

    @property
    def kinds(self) -> list[str]:
        """The kinds seen, in words."""
        seen = {
            "boolean": self.bool,
            "number": self.int or self.float,
            "string": self.text,
            "object": self.fields is not None,
            "array": self.item is not None,
        }
        return [word for word, there in seen.items() if there]

    @property
    def mixed(self) -> bool:
        """Whether the values are kept as text because nothing else holds them all."""
        return self.opaque or len(self.kinds) > 1 or self.big or (self.float and self.wide)

    def dtype(self) -> pl.DataType:
        """Return the Polars type that holds every value seen."""
        if self.mixed or self.text:
            return pl.String()
        if self.bool:
            return pl.Boolean()
        if self.float:
            return pl.Float64()
        if self.int:
            return pl.Int64()
        if self.fields:
            return pl.Struct({name: shape.dtype() for name, shape in self.fields.items()})
        if self.item is not None:
            return pl.List(self.item.dtype())
        return pl.String()  # nothing but nulls and empty objects

    def record(self) -> Any:
        """Return the msgspec type of a whole record: as `checker`, but never null."""
        kind = _struct(self.fields or {})
        return _NEVER if kind is None else kind

    def checker(self) -> Any:
        """Return a msgspec type that accepts what the shape holds and refuses what would widen it."""
        if self.mixed:
            return msgspec.Raw  # text in any case, whatever comes
        if self.bool:
            return bool | None
        if self.text:
            return str | None
        if self.float or self.int:
            least, most = (-INT64, INT64 - 1) if self.wide else (-WIDE, WIDE)
            whole: Any = Annotated[int, msgspec.Meta(ge=least, le=most)]
            return whole | float | None if self.float else whole | None
        if self.fields is not None:
            kind = _struct(self.fields)
            return kind if kind is None else kind | None
        if self.item is not None:
            inner: Any = self.item.checker()
            return list[inner] | None
        return None

    def places(self, name: str = "") -> Iterator[tuple[str, Shape]]:
        """Yield every place that is kept as text because its kinds disagree, with its dotted name."""
        if self.mixed:
            yield name, self
        elif self.fields:
            for key, inner in self.fields.items():
                yield from inner.places(f"{name}.{key}" if name else key)
        elif self.item is not None:
            yield from self.item.places(f"{name}[]")

    def plan(self) -> Plan:
        """Return where a record must be rewritten so that `dtype` holds it: see `fitted`."""
        if self.mixed or self.fields == {} or not self.kinds:
            return "text"
        if self.fields:
            plans = {name: shape.plan() for name, shape in self.fields.items()}
            return {name: plan for name, plan in plans.items() if plan is not None} or None
        if self.item is not None:
            item = self.item.plan()
            return None if item is None else [item]
        return None


Plan = str | dict[str, "Plan"] | list["Plan"] | None
"""``text`` where a value is kept as text; a mapping or a list where it holds such; None elsewhere."""

_FIELDS: Any = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS: Any = msgspec.json.Decoder(list[msgspec.Raw])


def fitted(value: msgspec.Raw, plan: Plan) -> Any:
    """Return a value, to be encoded, with all that is kept as text made text: its very JSON text."""
    if plan is None:
        return value
    text = bytes(value)
    if text == b"null":
        return value
    if plan == "text":
        return value if text.startswith(b'"') else text.decode()
    if isinstance(plan, list):
        return [fitted(item, plan[0]) for item in _ITEMS.decode(text)]
    assert isinstance(plan, dict)
    fields = _FIELDS.decode(text)
    for name, inner in plan.items():
        if name in fields:
            fields[name] = fitted(fields[name], inner)
    return fields


def _struct(fields: dict[str, Shape]) -> Any:
    if any(_UNNAMEABLE.search(name) for name in fields):
        return None  # msgspec cannot name such a field: every record is walked
    places = []
    for number, shape in enumerate(fields.values()):
        kind: Any = shape.checker()
        places.append(
            (f"f{number}", (type(None) if kind is None else kind) | msgspec.UnsetType, msgspec.UNSET)
        )
    return msgspec.defstruct(
        "Record",
        places,
        rename={f"f{number}": name for number, name in enumerate(fields)},
        forbid_unknown_fields=True,
        gc=False,
    )
