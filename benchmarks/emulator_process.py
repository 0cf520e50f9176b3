"""The vendors' emulator in a process of its own, so that its CPU isn't ours. Also what that process runs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from emulators.config import EmulatorConfig
from emulators.run import serve

KEY = "benchmark"
_STOP_S = 5.0


class EmulatorNotStartedError(RuntimeError):
    """The emulator's process ended before it listened."""


@contextmanager
def emulator(config: EmulatorConfig, *, core: int | None = None) -> Iterator[str]:
    """Yields the base URL. ``core``: the only one that it may use. Raises ``EmulatorNotStartedError``."""
    command = [sys.executable, "-m", __name__]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if core is not None:
        os.sched_setaffinity(process.pid, {core})
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(config.model_dump_json() + "\n")
        process.stdin.flush()
        url = process.stdout.readline().strip()
        if not url:
            raise EmulatorNotStartedError(f"the emulator ended with code {process.wait(_STOP_S)}")
        yield url
    finally:
        process.terminate()
        process.wait(_STOP_S)
        process.stdin.close()
        process.stdout.close()


if __name__ == "__main__":
    serve(
        EmulatorConfig.model_validate_json(sys.stdin.readline()),
        started=lambda url: print(url, flush=True),
    )
