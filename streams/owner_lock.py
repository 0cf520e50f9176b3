"""Only one process owns an embedded log."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from streams.ports import OwnerRefusedError


class OwnerLock:
    """Only one process owns an embedded log; the lock goes with the process, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Raises ``OwnerRefusedError``."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode(errors="replace").strip()
            os.close(descriptor)
            raise OwnerRefusedError(
                f"another process{f' (pid {holder})' if holder else ''} owns this log: wait for its call to end, "
                f"or choose another directory with --data"
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
