"""One plain form of a struct, whatever way it was made: what equals a default is left out."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

__all__ = ["canonical", "digest_of"]


def canonical(value: Any) -> Any:
    """Return dicts, lists and scalars, without the fields that equal their defaults.

    msgspec's own ``omit_defaults`` goes by identity, so that a value which was read from a file would
    stay where the same value written in code is left out.
    """
    if isinstance(value, msgspec.Struct):
        made = {}
        for field in msgspec.structs.fields(type(value)):
            own = getattr(value, field.name)
            default = field.default
            if default is msgspec.NODEFAULT and field.default_factory is not msgspec.NODEFAULT:
                default = field.default_factory()
            if own != default:
                made[field.encode_name] = canonical(own)
        return made
    if isinstance(value, dict):
        return {k: canonical(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [canonical(v) for v in value]
    return value


def digest_of(*values: Any) -> str:
    """Return the SHA-256 of values in their plain form."""
    return hashlib.sha256(msgspec.json.encode([canonical(v) for v in values])).hexdigest()
