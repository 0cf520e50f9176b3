"""Ctrl-C in the middle of an import: whoever pressed it wants to know what stands now, and how to go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from console.failures import FailedError


@contextmanager
def told_when_broken_off() -> Iterator[None]:
    """Raises ``FailedError`` for a ``KeyboardInterrupt``."""
    try:
        yield
    except KeyboardInterrupt:
        raise FailedError(
            "broken off. What was taken until then stands, and nothing else was changed: the same import again adds the rest"
        ) from None
