"""How processes that share a file hear of each other's commits at once: a datagram socket each, found by the file.

To look for commits every few ms costs a process more than to take a whole turn's facts. So whoever committed rings, and
whoever follows listens. A bell is a hint and carries nothing: that it can't be had (another user, another machine's
container, no such sockets) or isn't heard costs time and nothing else, for who listens looks now and then by itself.

The sockets lie in the directory for temporary files, since a path to one may have 107 bytes at most, and since a data
directory should hold what can be copied.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# A directory that changed within it may change again without a newer time, for clocks of files tick every 10 ms at most: it
# is read again.
_SETTLED_NS = 50_000_000
_RING = b"\0"


class Doorbell:
    """``shared``: the file; it exists."""

    def __init__(self, shared: Path) -> None:
        self._folder = _folder(shared)
        self._ringing: socket.socket | None = None
        self._own = ""  # the name of the socket that is listened on
        self._others: list[str] = []
        self._listed_ns = -1

    @contextmanager
    def listening(self, heard: Callable[[], None]) -> Iterator[bool]:
        """Within the running event loop. Yields whether there is a bell to be heard."""
        bell = self._hung()
        if bell is None:
            yield False
            return
        loop, path = asyncio.get_running_loop(), os.path.join(self._folder or "", self._own)

        def rung() -> None:
            with suppress(BlockingIOError):
                while bell.recv(len(_RING)):
                    pass
            heard()

        loop.add_reader(bell.fileno(), rung)
        try:
            yield True
        finally:
            loop.remove_reader(bell.fileno())
            bell.close()
            self._own = ""
            with suppress(OSError):
                os.unlink(path)
                os.rmdir(self._folder or "")  # the last who listened; else it isn't empty

    def ring(self) -> None:
        """Tells everyone else who listens. Never blocks, never fails."""
        if self._folder is None:
            return
        self._look_who_listens()
        if not self._others:
            return
        if self._ringing is None:
            self._ringing = _datagrams()
        for name in self._others:
            path = os.path.join(self._folder, name)
            try:
                self._ringing.sendto(_RING, path)
            except BlockingIOError:
                pass  # it has bells enough to hear
            except ConnectionRefusedError:  # its process died
                with suppress(OSError):
                    os.unlink(path)
            except OSError:
                pass  # it went, or may not be rung: it looks by itself

    def close(self) -> None:
        if self._ringing:
            self._ringing.close()
            self._ringing = None

    def _hung(self) -> socket.socket | None:
        if self._folder is None:
            return None
        bell, name = _datagrams(), f"{os.getpid()}-{secrets.token_hex(4)}"
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            bell.bind(os.path.join(self._folder, name))
        except OSError:
            bell.close()
            return None
        self._own = name
        return bell

    def _look_who_listens(self) -> None:
        assert self._folder is not None
        try:
            changed_ns = os.stat(self._folder).st_mtime_ns
            if changed_ns != self._listed_ns or time.time_ns() - changed_ns < _SETTLED_NS:
                self._others = [name for name in os.listdir(self._folder) if name != self._own]
                self._listed_ns = changed_ns
        except OSError:  # somebody tidied up
            self._others = []


def _folder(shared: Path) -> str | None:
    """Where the sockets for ``shared`` lie, its own user's alone; None where there can be none."""
    if not hasattr(socket, "AF_UNIX"):
        return None
    try:
        file = shared.stat()
        ours = Path(tempfile.gettempdir(), f"ledgerline-{os.getuid()}")
        ours.mkdir(mode=0o700, exist_ok=True)
        found = ours.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            return None
    except OSError:
        return None
    return str(ours / f"{file.st_dev:x}-{file.st_ino:x}")


def _datagrams() -> socket.socket:
    datagrams = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    datagrams.setblocking(False)
    return datagrams
