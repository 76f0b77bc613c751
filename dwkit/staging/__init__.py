"""Stage: the lake's batches, typed by a contract, checked, and the rows that fail held back."""

from dwkit.staging.decisions import adopt_decisions
from dwkit.staging.infer import infer, typed
from dwkit.staging.quarantine import Choice, discard, export, fix, fix_file, held_rows, quarantined
from dwkit.staging.replay import ReplayResult, replay
from dwkit.staging.retention import purge
from dwkit.staging.stage import StageResult, pending, stage_dataset

__all__ = [
    "Choice",
    "ReplayResult",
    "StageResult",
    "adopt_decisions",
    "discard",
    "export",
    "fix",
    "fix_file",
    "held_rows",
    "infer",
    "pending",
    "purge",
    "quarantined",
    "replay",
    "stage_dataset",
    "typed",
]
