"""Shows a call's race while it runs: a live screen on a terminal, one line an event anywhere else.

The screen is redrawn by rich's own thread from immutable values, so drawing never holds up the event loop's work: the
loop only swaps a reference.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.text import Text

from console import symbols
from console.event_lines import event_line, is_routine
from console.parts_in_use import parts_in_use
from console.race_fold import fold
from console.race_model import CallRace
from console.race_render import Canvas, frame, overview
from schemas.event import Event

FRAMES_PER_SECOND = 8


class RaceView:
    """``providers`` name what is in use before the first event does. Moments are seconds on the event loop's clock."""

    def __init__(self, title: str, providers: Sequence[str], console: Console) -> None:
        self._title, self._console = title, console
        self._call = CallRace(providers=tuple(providers))
        self._last: tuple[float, float] | None = None  # the newest event's moment, and the wall's monotonic clock then
        self._over = False
        self._live: Live | None = None

    @property
    def call(self) -> CallRace:
        return self._call

    def __enter__(self) -> RaceView:
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(
                self,
                console=self._console,
                refresh_per_second=FRAMES_PER_SECOND,
                transient=False,
                vertical_overflow="crop",
            )
            self._live.start()
        else:
            parts = parts_in_use(self._call.providers)
            for line in filter(
                None, (f"ledgerline · {self._title}", parts.warning, " · ".join(parts.parts), parts.note)
            ):
                self._print_line(line)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over = True
        if self._live:
            self._live.stop()
            self._live = None

    def event(self, event: Event, now_s: float) -> None:
        """An event of this call, as it was read from the log at ``now_s``."""
        self._call = fold(self._call, event, now_s)
        self._last = (now_s, time.monotonic())
        if self._live is None and not is_routine(event):
            began_s = self._call.began_at_s
            self._print_line(event_line(event, 0.0 if began_s is None else (now_s - began_s) * 1000))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        canvas = Canvas(options.max_width, console.size.height, options.ascii_only)
        draw = overview if self._over else frame
        yield draw(self._call, self._title, self._now_s(), canvas)

    def _now_s(self) -> float:
        """The event loop's clock, carried on from the newest event: the drawing thread can't ask the loop."""
        if self._last is None:
            return 0.0
        read_at_s, monotonic_s = self._last
        return read_at_s + (time.monotonic() - monotonic_s)

    def _print_line(self, line: str) -> None:
        ascii_only = self._console.options.ascii_only
        self._console.print(Text(symbols.spelt(line, ascii_only=ascii_only)), soft_wrap=True)
