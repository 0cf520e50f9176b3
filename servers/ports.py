"""Ports of loopback."""

from __future__ import annotations

import random
import socket
from collections.abc import Collection

HOST = "127.0.0.1"
_PORTS = range(20_000, 30_000)


def free_port(but: Collection[int] = ()) -> int:
    """One that nobody listens on, and none of ``but``.

    Below the range that the kernel gives to outgoing connections: one of those could take it before the server does, or
    while the server is down.
    """
    ports = random.sample(_PORTS, 100)
    return next(port for port in ports if port not in but and is_free(port))


def free_ports(count: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        found.append(free_port(found))
    return found


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def usual_or_free(asked: int | None, usual: int) -> int | None:
    """What ``--port`` means. ``asked``: None for ``usual`` if it is free; 0 for a free one. None: any that is free."""
    if asked is None:
        return usual if is_free(usual) else None
    return asked or None


def listens(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False
