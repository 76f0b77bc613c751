"""``python -m dwkit``."""

from __future__ import annotations

import sys

from dwkit.cli import main

if __name__ == "__main__":
    sys.exit(main())
