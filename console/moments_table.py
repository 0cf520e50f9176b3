"""The moments of a call as a table: which turn, when, and what happened; what didn't happen is said as plainly."""

from __future__ import annotations

from collections.abc import Mapping

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from console import symbols
from projections.moments import Moment, MomentKind

NAMES = {
    MomentKind.SPECULATION: "a speculation paid off",
    MomentKind.HEDGE: "a hedge won",
    MomentKind.GUARDRAIL: "a guardrail blocked",
    MomentKind.HOLD: "a hold",
    MomentKind.BARGE_IN: "a barge-in",
    MomentKind.BACKCHANNEL: "a backchannel",
    MomentKind.STEP_UP: "a step-up",
}
MISSING_STYLE, TURN_STYLE = "bold red", "cyan"


def moments_table(moments: Mapping[MomentKind, Moment]) -> RenderableType:
    """Drawn in the signs that the console it is printed on has."""
    return _Drawn(moments)


def missing(moments: Mapping[MomentKind, Moment]) -> tuple[str, ...]:
    return tuple(name for kind, name in NAMES.items() if kind not in moments)


class _Drawn:
    def __init__(self, moments: Mapping[MomentKind, Moment]) -> None:
        self._moments = moments

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        def text(words: str, style: str = "") -> Text:
            return Text(symbols.spelt(words, ascii_only=options.ascii_only), style)

        table = Table(box=box.ASCII if options.ascii_only else box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
        table.add_column("the race, from the log", no_wrap=True)
        table.add_column("turn", no_wrap=True)
        table.add_column("ms", justify="right", no_wrap=True)
        table.add_column("")
        for kind, name in NAMES.items():
            moment = self._moments.get(kind)
            if moment is None:
                table.add_row(text(name, MISSING_STYLE), text("-"), text("-"), text("didn't happen", MISSING_STYLE))
            else:
                table.add_row(
                    text(name), text(moment.turn_id, TURN_STYLE), text(f"{moment.ms:,.0f}"), text(moment.told)
                )
        yield table
        yield text("ms of that turn, from the end of the caller's speech", "bright_black")
