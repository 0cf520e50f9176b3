"""How a person calls this program again from where they are."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path


def own_name() -> str:
    """``ledgerline`` where the shell finds it, else the path that was run, as seen from the working directory."""
    if shutil.which("ledgerline"):
        return "ledgerline"
    run = Path(sys.argv[0])
    return os.path.relpath(run) if run.name == "ledgerline" else "ledgerline"
