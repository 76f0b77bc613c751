"""Upkeep of Delta tables: going back to a version, fewer and larger files, removing what nothing reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from deltalake import CommitProperties, PostCommitHookProperties
from deltalake.exceptions import CommitFailedError, DeltaError

from dwkit.errors import ConflictError, DataError
from dwkit.storage.delta import Table

__all__ = ["Compacted", "compact", "restore", "vacuum"]

_TARGET = 256 * 1024 * 1024
_HOOKS = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)

Compacted = tuple[int, int]
"""Files that were replaced, files that replaced them."""


def restore(table: Table, version: int, facts: Mapping[str, object]) -> int:
    """Make the rows of ``version`` the newest ones by a new commit; return its version.

    Raises:
        NotFoundError: there is no such version.
        DataError: a file of that version was vacuumed away.
        ConflictError: another writer committed meanwhile.
    """
    missing = [f for f in table.files(version) if not (table.path / f).is_file()]
    if missing:
        raise DataError(
            f"version {version} of {table.path.name} cannot be restored: {len(missing)} of its files were vacuumed away",
            hint=f"dwkit history {table.path.name}",
        )
    try:
        table.open().restore(version, commit_properties=_properties(facts), post_commithook_properties=_HOOKS)
    except CommitFailedError as error:
        raise ConflictError(
            f"{table.path.name} was written by another process: {error}", hint="type it again"
        ) from error
    except DeltaError as error:
        raise DataError(f"{table.path.name}: {error}", hint=f"dwkit history {table.path.name}") from error
    return table.open().version()


def compact(table: Table, facts: Mapping[str, object]) -> Compacted:
    """Put small files together into files of about 256 MB; no row changes.

    Raises:
        ConflictError: another writer committed meanwhile.
    """
    try:
        done = table.open().optimize.compact(
            target_size=_TARGET, commit_properties=_properties(facts), post_commithook_properties=_HOOKS
        )
    except CommitFailedError as error:
        raise ConflictError(
            f"{table.path.name} was written by another process: {error}", hint="type it again"
        ) from error
    return int(done["numFilesRemoved"]), int(done["numFilesAdded"])


def vacuum(table: Table, keep: timedelta, *, dry_run: bool = False) -> list[str]:
    """Remove data files that no version younger than ``keep`` reads; return them, relative to the table.

    Versions that need a removed file can be read and restored no more. Files of loads that were killed
    before their commit go too.
    """
    handle = table.open()
    hours = int(keep.total_seconds() // 3600)
    removed = handle.vacuum(hours, dry_run=dry_run, enforce_retention_duration=False, full=True)
    return [Path(f).name for f in removed]


def _properties(facts: Mapping[str, object]) -> CommitProperties:
    return CommitProperties(custom_metadata={"dwkit": json.dumps(dict(facts))}, max_commit_retries=0)
