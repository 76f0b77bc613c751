"""Runs and their steps, as the ledger records them."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Run", "Seen", "Step", "StepState"]

StepState = Literal["running", "done", "skipped", "failed", "blocked", "interrupted"]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """How far a step has come: rows, and bytes of ``total``; 0 where they are not known."""

    source: str
    rows: int
    bytes: int = 0
    total: int = 0


class Step(msgspec.Struct, kw_only=True):
    """One step of a run: a layer's verb on one node. Durations in seconds; times are UTC ISO 8601."""

    run: str
    seq: int
    verb: str
    node: str
    state: StepState
    started_at: str
    seconds: float = 0.0
    rows_in: int = 0
    rows_out: int = 0
    quarantined: int = 0
    bytes_out: int = 0
    digest: str = ""
    why: str = ""
    error: str = ""


class Run(msgspec.Struct, kw_only=True):
    """One command that changed something."""

    id: str
    command: str
    started_at: str
    state: Literal["running", "done", "failed", "interrupted"]
    finished_at: str = ""
    exit_code: int | None = None
    pid: int = 0
    steps: int = 0
    rows_out: int = 0
    quarantined: int = 0
