"""A server as a child process: its output goes to a log, and it ends with the process that started it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0
_PR_SET_PDEATHSIG = 1  # prctl(2)

# The kernel's signal comes when the *thread* ends that started the child, so all of them are started by one that stays.
_SPAWNER = ThreadPoolExecutor(1, "spawner")


class StartFailedError(Exception):
    """The server didn't start. The message names its log."""


class Child:
    """``name``: what messages call it. ``log``: its output, begun anew by each start."""

    def __init__(self, name: str, log: Path) -> None:
        self.name, self.log = name, log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """None while it doesn't run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, command: Sequence[str]) -> None:
        """Returns at once: ``wait`` for it to answer."""
        self._process = _SPAWNER.submit(_spawn, command, self.log).result()

    def wait(self, answers: Callable[[], bool]) -> None:
        """Returns when ``answers``; then it may be used. Raises ``StartFailedError``; then it doesn't run."""
        until = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < until:
            if not self.running:
                raise StartFailedError(f"{self.name} ended while it started; its log: {self.log}")
            if answers():
                return
            time.sleep(0.05)
        self.kill()
        raise StartFailedError(f"{self.name} didn't answer within {START_TIMEOUT_S:.0f} s; its log: {self.log}")

    def pause(self) -> None:
        """SIGSTOP: it does nothing, and its connections stay."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL: it puts nothing in order."""
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()

    def ask_to_stop(self) -> None:
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)  # who is paused hears nothing

    def stop(self) -> None:
        """Asks it to stop and waits; kills it where it doesn't."""
        self.ask_to_stop()
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _signal(self, number: int) -> None:
        if self._process:
            self._process.send_signal(number)


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _spawn(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            start_new_session=True,  # Ctrl-C is ours to handle: the server is asked to stop, then awaited
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )


def _die_with_parent() -> None:
    """In the child: the kernel ends it when the process that started it is gone, however that ended."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
