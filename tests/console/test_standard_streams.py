"""Whoever starts a process without standard streams (a daemon, cron) gets no trace, and no file takes their place."""

from __future__ import annotations

import subprocess
import sys

_LOOK = """
import os
from console.standard_streams import open_missing
open_missing()
print("nobody reads this")
with open(os.__file__, "rb") as file:
    os._exit(7 if file.fileno() > 2 else 1)
"""


def test_missing_streams_are_empty_ones_and_no_file_takes_their_place() -> None:
    started = subprocess.run(
        ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", _LOOK], timeout=60, check=False
    )
    assert started.returncode == 7
