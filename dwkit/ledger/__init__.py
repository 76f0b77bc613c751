"""The ledger: every batch, part, run, step, table version, repair and lineage edge, in SQLite.

The stored files are the truth of the lake, the warehouse and the marts; the ledger is their index
and the record of who did what when.
"""

from dwkit.ledger.ledger import Ledger
from dwkit.ledger.runs import RunRecorder, StepRecorder

__all__ = ["Ledger", "RunRecorder", "StepRecorder"]
