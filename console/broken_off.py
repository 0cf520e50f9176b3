"""Ctrl-C or SIGTERM in the middle of an import: whoever sent it wants to know what stands now, and how to go on."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from console.failures import FailedError
from console.stopping import stopping


@contextmanager
def told_when_broken_off() -> Iterator[None]:
    """Raises ``FailedError`` where Ctrl-C, SIGTERM or a terminal that goes away ends what is inside."""
    try:
        with ExitStack() as former:
            for number in set(stopping()) - {signal.SIGINT}:
                former.callback(signal.signal, number, signal.getsignal(number))
                signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))  # which asyncio ends tasks on
            yield
    except KeyboardInterrupt:
        raise FailedError(
            "broken off. What was taken until then stands, and nothing else was changed: the same import again adds the rest"
        ) from None
