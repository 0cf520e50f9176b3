"""Room for a test that needs the machine to itself, among the workers of one run.

What callers hear within a second, while three brokers lose their leader, can't be told on cores that other tests are using.
Such a test bears ``@pytest.mark.alone``.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def room(shared: Path, *, alone: bool) -> Iterator[None]:
    """``shared``: a directory of the run. Waits until nobody is alone, or, to be ``alone``, until everybody has left.

    Who waits to be alone stands at the door meanwhile, so that nobody else enters.
    """
    with (shared / "door.lock").open("w") as door, (shared / "room.lock").open("w") as inside:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(inside, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        yield
