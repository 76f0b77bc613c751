"""Where a person's own small things are kept, such as what was typed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

__all__ = ["state_folder"]


def state_folder() -> Path:
    """Return the folder: ``XDG_STATE_HOME``, on Windows ``LOCALAPPDATA``, else ``~/.local/state``; it need not exist."""
    told = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_STATE_HOME", "")
    base = Path(told) if told and Path(told).is_absolute() else Path.home() / ".local" / "state"
    return base / "dwkit"
