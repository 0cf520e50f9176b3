"""A process that was started without some of its three standard streams gets empty ones: the next file that it opens would take
their place, and what a library prints would end up in that file."""

from __future__ import annotations

import os
import sys


def open_missing() -> None:
    for descriptor, mode in enumerate(("r", "w", "w")):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
            setattr(sys, ("stdin", "stdout", "stderr")[descriptor], os.fdopen(descriptor, mode, closefd=False))
