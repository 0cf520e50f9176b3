"""The signals that ask a command to end in good order."""

from __future__ import annotations

import signal


def stopping() -> tuple[signal.Signals, ...]:
    """Ctrl-C, SIGTERM and a terminal that goes away; not the last where ``nohup`` keeps the command."""
    told = (signal.SIGINT, signal.SIGTERM)
    return told if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (*told, signal.SIGHUP)
