"""What people decided about quarantined rows, kept in the lake beside the rows that it is about.

The files are the truth: ``lake/<dataset>/decisions/<id>.json`` holds what one command decided, and the
ledger is their index, which `adopt_decisions` makes whole again.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from dwkit.errors import DataError
from dwkit.ledger import Ledger
from dwkit.ledger.ledger import Decision
from dwkit.model.ids import new_id
from dwkit.storage.aside import commit_text
from dwkit.storage.layout import Layout

__all__ = ["adopt_decisions", "record"]


def record(decisions: Sequence[Decision], *, layout: Layout, ledger: Ledger) -> None:
    """Keep what one command decided: the file first, then the ledger's entries.

    Args:
        decisions: on rows of one dataset of the lake.
    """
    if not decisions:
        return
    homes = {b.id: b.dataset for b in ledger.batches()}
    path = layout.decisions(homes[decisions[0].batch]) / f"{new_id()}.json"
    commit_text(msgspec.json.format(msgspec.json.encode(decisions), indent=1).decode(), path)
    ledger.decide(decisions)


def adopt_decisions(layout: Layout, ledger: Ledger, dataset: str) -> int:
    """Enter in the ledger what was decided about rows of a dataset of the lake and not entered.

    That happens when a process is killed between the two, or when the ledger was lost.

    Returns:
        How many decisions were entered.

    Raises:
        DataError: a file cannot be read.
    """
    folder = layout.decisions(dataset)
    newest: dict[tuple[str, str, int], Decision] = {}
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        try:
            found = msgspec.json.decode(path.read_bytes(), type=list[Decision])
        except (OSError, msgspec.MsgspecError) as error:
            raise DataError(f"{path} cannot be read: {error}", hint="dwkit doctor") from None
        newest |= {(d.dataset, d.batch, d.row): d for d in found}
    known = {
        (d.dataset, d.batch, d.row): d
        for name in {d.dataset for d in newest.values()}
        for d in ledger.decisions(name)
    }
    missing = [d for key, d in newest.items() if key not in known or known[key].made_at < d.made_at]
    if missing:
        ledger.decide(missing)
    return len(missing)
