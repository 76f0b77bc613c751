"""Every error a user can see, in one tree.

    DwkitError                 exit 1   data or check failed
    ├── DataError              exit 1   a file, a row or a value cannot be taken as it is
    ├── CheckError             exit 1   a rule, a threshold or a test did not hold
    ├── UsageError             exit 2   the command line, ``dwkit.toml`` or a model is wrong
    │   ├── ConfigError        exit 2   ``dwkit.toml`` or a model header, with file and line
    │   ├── NotFoundError      exit 2   a name that nothing answers to, with the nearest ones
    │   ├── SqlError           exit 2   SQL that does not parse, bind or lower
    │   └── MissingExtraError  exit 2   an optional library is not installed
    ├── ReachError             exit 3   a source or a target is out of reach
    └── ConflictError          exit 4   another writer was there; safe to retry

An error says what is wrong (``message``) and the next thing to type (``hint``).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

__all__ = [
    "CheckError",
    "ConfigError",
    "ConflictError",
    "DataError",
    "DwkitError",
    "MissingExtraError",
    "NotFoundError",
    "ReachError",
    "SqlError",
    "UsageError",
    "did_you_mean",
]


class DwkitError(Exception):
    """Base of all errors that dwkit raises on purpose.

    Args:
        message: what is wrong, naming file, line, column and value where there are any.
        hint: the next command to type or the next thing to change; may be empty.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class DataError(DwkitError):
    """A file, a row or a value cannot be taken as it is."""


class CheckError(DwkitError):
    """A rule, a quarantine threshold or a test did not hold."""


class UsageError(DwkitError):
    """The command line, the configuration or a model is wrong."""

    exit_code = 2


class ConfigError(UsageError):
    """``dwkit.toml`` or a model header is wrong.

    Args:
        place: ``file:line``.
        keys: where only the keys are known, those that lead to what is wrong; who knows the file finds the
            line.
    """

    def __init__(self, message: str, *, place: str = "", keys: Sequence[str] = (), hint: str = "") -> None:
        self.reason = message
        message = f"{'.'.join(keys)}: {message}" if keys else message
        super().__init__(f"{place}: {message}" if place else message, hint=hint)
        self.place = place
        self.keys = tuple(keys)

    def below(self, keys: Sequence[str], place: str = "") -> ConfigError:
        """Return the same error with the keys that lead there, and its place where that is known."""
        return ConfigError(self.reason, place=place, keys=[*keys, *self.keys], hint=self.hint)


class NotFoundError(UsageError):
    """A name that nothing answers to.

    Args:
        kind: what was looked for, such as ``"dataset"``.
        name: the name as the user typed it.
        known: the names there are; the nearest become the suggestion.
        hint: overrides the suggestion.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str] = (), *, hint: str = "") -> None:
        known = sorted(known)
        super().__init__(f"no {kind} named {name!r}", hint=hint or did_you_mean(name, known))
        self.kind = kind
        self.name = name
        self.known = known


class SqlError(UsageError):
    """SQL that does not parse, bind or lower; the message shows the place in the text."""


class MissingExtraError(UsageError):
    """An optional library is not installed; the hint is the install command."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an extra that is not installed", hint=f"pip install 'dwkit[{extra}]'")


class ReachError(DwkitError):
    """A source or a target is out of reach: missing file, refused connection."""

    exit_code = 3


class ConflictError(DwkitError):
    """Another writer was there; nothing was changed and the command can be typed again."""

    exit_code = 4


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'x'?``, else the known names, else an empty string."""
    known = list(known)
    lowered = {k.lower(): k for k in known}
    if "." not in name:  # a table may be named without its layer
        lowered = {k.lower().rpartition(".")[2]: k for k in known} | lowered
    near = difflib.get_close_matches(name.lower(), lowered, n=1, cutoff=0.6)
    if near:
        return f"did you mean {lowered[near[0]]!r}?"
    if not known:
        return ""
    shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    return f"there are: {shown}"
