"""How long staged rows outlive their load."""

from __future__ import annotations

import re

from dwkit.errors import UsageError

__all__ = ["parse_policy"]

_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def parse_policy(policy: str) -> float | None:
    """Return the age in seconds at which loaded parts go; None: never.

    Args:
        policy: ``keep``, ``loaded`` (at once), or an age such as ``7d``, ``12h``, ``30m``, ``2w``.

    Raises:
        UsageError: it is none of these.
    """
    if policy == "keep":
        return None
    if policy == "loaded":
        return 0.0
    found = re.fullmatch(r"(\d+)\s*([mhdw])", policy.strip())
    if found is None:
        raise UsageError(f"{policy!r} is no retention", hint="keep, loaded, or an age such as 7d or 12h")
    return int(found[1]) * _UNITS[found[2]]
