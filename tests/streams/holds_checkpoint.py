"""``holds_checkpoint.py WAL-INDEX``: locks what a process that runs a checkpoint locks, says so, and lets go when told to.

The byte is WAL_CKPT_LOCK of SQLite's WAL-index (https://www.sqlite.org/walformat.html, "WAL Locks").
"""

from __future__ import annotations

import fcntl
import sys

CHECKPOINT_BYTE = 121

with open(sys.argv[1], "r+b") as index:
    fcntl.lockf(index, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, CHECKPOINT_BYTE)
    print("held", flush=True)
    sys.stdin.readline()
    fcntl.lockf(index, fcntl.LOCK_UN, 1, CHECKPOINT_BYTE)
    print("free", flush=True)
    sys.stdin.readline()
