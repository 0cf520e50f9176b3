"""A server in the foreground: started, kept until it is told to stop, and taken down again."""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Protocol

from servers.child import StartFailedError, lives
from servers.jars import JarsMissingError
from servers.ports import is_free, usual_or_free

ROOT = Path(".ledgerline/servers")
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # the last: its terminal goes away


class Server(Protocol):
    @property
    def running(self) -> bool: ...

    @property
    def logs(self) -> str:
        """Where its output goes, for messages."""
        ...

    def start(self) -> None: ...

    def stop(self, *, at_once: bool = False) -> None: ...


def arguments(name: str, description: str, *, directory: str, usual_port: int) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=description)
    parser.add_argument("--data", type=Path, default=ROOT / directory, help="directory of its data and its log")
    parser.add_argument("--port", type=int, help=f"default: {usual_port} if it is free, else a free one; 0: a free one")
    parser.add_argument("--while-pid", type=int, help="stop when this process is gone")
    parser.add_argument("--throw-away", action="store_true", help="remove the directory when it stops")
    return parser


def port_of(parser: argparse.ArgumentParser, told: argparse.Namespace, usual_port: int) -> int | None:
    """None: any that is free. Ends the program where the port that was asked for is taken."""
    if told.port and not is_free(told.port):
        parser.error(f"--port {told.port}: somebody listens there already")
    return usual_or_free(told.port, usual_port)


def run(
    server: Server, told: argparse.Namespace, announce: Callable[[], str], look_after: Callable[[], None] = lambda: None
) -> int:
    """``announce``: what to print once it answers. ``look_after``: called again and again while it runs. Exit code: 0 when
    it was told to stop, 1 when it failed."""
    for number in _STOPPING:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup has it
            signal.signal(number, _stop_by_signal)
    try:
        _keep_out_of_git(ROOT)
        with alone_over(told.data):
            return _served(server, told, announce, look_after)
    except (StartFailedError, JarsMissingError) as error:
        print(f"ledgerline: {error}", file=sys.stderr)
        return 1


@contextmanager
def alone_over(directory: Path) -> Iterator[None]:
    """Two servers never run over one directory: the second would change files that the first has mapped, and end it. The
    lock goes with the process, however it ends. Raises ``StartFailedError``."""
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / "server.lock", "a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.seek(0)
            raise StartFailedError(
                f"another server runs over {directory} ({held.read() or 'it is starting'}): use that one, or name another "
                "directory with --data"
            ) from None
        held.truncate(0)
        held.write(f"process {os.getpid()}")
        held.flush()
        yield


def _served(
    server: Server, told: argparse.Namespace, announce: Callable[[], str], look_after: Callable[[], None]
) -> int:
    try:
        server.start()
        print(announce(), flush=True)
        return _stay(server, told.while_pid, look_after)
    finally:
        server.stop(at_once=told.throw_away)
        if told.throw_away:
            shutil.rmtree(told.data, ignore_errors=True)


def _stop_by_signal(number: int, frame: FrameType | None) -> None:
    """Ends the program by its ``finally``; what comes while it stops is no news."""
    for again in _STOPPING:
        signal.signal(again, signal.SIG_IGN)
    raise SystemExit(0)


def _stay(server: Server, while_pid: int | None, look_after: Callable[[], None]) -> int:
    while server.running:
        look_after()
        if while_pid is not None and not lives(while_pid):
            return 0
        time.sleep(0.2)
    raise StartFailedError(f"the server ended; its log: {server.logs}")


def _keep_out_of_git(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / ".gitignore").write_text("*\n")
