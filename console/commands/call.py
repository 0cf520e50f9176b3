"""``ledgerline call``: the agent answers one call."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from rich.console import Console

from console.call_session import MakeView, Reported, View, hold_call, losses
from console.callers import Caller, choose_caller
from console.failures import FailedError, UsageError
from console.output import print_json
from console.settings import Settings, load_settings
from console.stopping import stopping
from console.unsent_code import told_of_codes
from schemas.facts import SubjectAuthenticated

SPEEDS = ("real", "max")
LEVELS = ("known", "verified", "stepped_up")


def run(
    *,
    wavs: list[Path],
    script: Path | None,
    mic: bool,
    echo_cancellation: bool,
    speed: str,
    behaviour: Path | None,
    signed_in: str | None,
    level: str,
    data: Path | None,
    log: str | None,
    as_json: bool,
) -> int:
    if speed not in SPEEDS:
        raise UsageError(f"--speed is {' or '.join(SPEEDS)}, not {speed!r}")
    if mic and speed == "max":
        raise UsageError("--mic is a person, who speaks in real time: leave out --speed max")
    caller = choose_caller(wavs, script, mic=mic, echo_cancellation=echo_cancellation)
    settings = load_settings(data, log)
    if behaviour:
        settings.behaviour = behaviour
    subject = _subject(settings, signed_in, level)
    return present(settings, caller, subject, speed=speed, as_json=as_json)


def _subject(settings: Settings, customer_id: str | None, level: str) -> SubjectAuthenticated | None:
    if level not in LEVELS:
        raise UsageError(f"--level is {', '.join(LEVELS)}, not {level!r}")
    if customer_id is None:
        return None
    from console.signed_in import signed_in

    return signed_in(settings, customer_id, level)


def present(
    settings: Settings, caller: Caller, subject: SubjectAuthenticated | None = None, *, speed: str, as_json: bool
) -> int:
    """Holds the call, shows it, prints its report. Raises ``UsageError`` for vendors on a virtual clock."""
    if speed == "max" and (vendors := settings.vendors()):
        switches = " ".join(f"LEDGERLINE_{part.upper()}__PROVIDER=local" for part in vendors)
        raise UsageError(
            f"--speed max is a virtual clock, which no vendor keeps: leave it out, or use local parts ({switches})"
        )
    if speed == "max" and settings.log.kafka():
        raise UsageError("--speed max is a virtual clock, which no broker keeps: leave it out, or use --log sqlite")
    reported = hold(lambda make_view: hold_call(settings, caller, make_view, subject), speed=speed, as_json=as_json)
    if as_json:
        print_json(reported.report)
    else:
        tell(reported, settings)
    return tell_losses(reported)


def hold(call: Callable[[MakeView | None], Coroutine[Any, Any, Reported]], *, speed: str, as_json: bool) -> Reported:
    """Runs the call, and shows it while it happens unless its report is wanted as JSON."""
    make_view = None if as_json else _view
    held = _until_stopped(call(make_view))
    if speed == "max":
        from simulation.virtual_loop import run_virtual

        return run_virtual(held)
    import uvloop

    return uvloop.run(held) if make_view is None else asyncio.run(held)


def tell_losses(reported: Reported) -> int:
    """The exit code of a call whose report was printed."""
    for loss in losses(reported.made):
        print(f"ledgerline: {loss}", file=sys.stderr)
    if told := told_of_codes(reported.events, reported.made.media):
        print(f"ledgerline: {told}", file=sys.stderr)
    return 1 if reported.made.log_failure else 0


async def _until_stopped(call: Coroutine[Any, Any, Reported]) -> Reported:
    """Ctrl-C, SIGTERM and a terminal that goes away end the call as a caller who hangs up does: it is closed on the log.
    Raises ``FailedError``."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(call)
    stopped: list[str] = []

    def stop(name: str) -> None:
        stopped.append(name)
        task.cancel()

    numbers = stopping()
    for number in numbers:
        loop.add_signal_handler(number, stop, number.name)
    try:
        return await task
    except asyncio.CancelledError:
        if not stopped:
            raise
        raise FailedError(f"stopped by {stopped[0]}") from None
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


def _view(title: str, providers: tuple[str, ...]) -> View:
    from console.live import RaceView

    return RaceView(title, providers, Console())


def tell(reported: Reported, settings: Settings) -> None:
    """What a person sees after a call."""
    from console.call_summary import summary

    usual = load_settings()
    data = ("--data", str(settings.data)) if settings.data != usual.data else ()
    log = ("--log", settings.log.url) if settings.log.url != usual.log.url else ()
    Console().print(summary(reported.report, (*data, *log)))
