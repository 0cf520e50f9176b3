"""How far a long command has come, on stderr: one line that is written over on a terminal, a few lines elsewhere."""

from __future__ import annotations

import sys
import time

ON_TERMINAL_S = 0.2
ELSEWHERE_S = 10.0


class Progress:
    """``with`` it. Call it with (done, of how many), as often as you like. What is over quickly says nothing."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._is_terminal = sys.stderr.isatty()
        self._every_s = ON_TERMINAL_S if self._is_terminal else ELSEWHERE_S
        self._told_at_s = time.monotonic()
        self._is_told = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_told and self._is_terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def __call__(self, done: int, of: int) -> None:
        if time.monotonic() - self._told_at_s < self._every_s:
            return
        self._told_at_s, self._is_told = time.monotonic(), True
        line = f"{self._what}: {done:,} of {of:,} ({100 * done // max(of, 1)} %)"
        sys.stderr.write(f"\r\x1b[K{line}" if self._is_terminal else f"{line}\n")
        sys.stderr.flush()
