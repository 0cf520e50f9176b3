"""What is printed after a call: its turns in a table, where the recording is, and how to look deeper."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from console import symbols
from console.own_name import own_name
from projections.call_report import CallReport
from projections.speculation_price import SpeculationPrice
from projections.turn_report import TurnReport

INTENT_FROM_WIDTH = 96  # on a narrower screen the figures matter more
HELD_STYLE, REPLY_STYLE, NOTE_STYLE = "yellow", "bold cyan", "bright_black"


def summary(report: CallReport, options: Sequence[str] = ()) -> RenderableType:
    """Drawn in the signs that the console it is printed on has. ``options``: what leads another command to the same log."""
    return _Summary(report, "".join(f" {shlex.quote(option)}" for option in options))


class _Summary:
    def __init__(self, report: CallReport, options: str) -> None:
        self._report, self._options = report, options

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield _drawn(
            self._report,
            self._options,
            with_intent=options.max_width >= INTENT_FROM_WIDTH,
            ascii_only=options.ascii_only,
        )


def _drawn(report: CallReport, log_options: str, *, with_intent: bool, ascii_only: bool) -> RenderableType:
    def text(words: str, style: str = "") -> Text:
        return Text(symbols.spelt(words, ascii_only=ascii_only), style)

    table = Table(box=box.ASCII if ascii_only else box.SIMPLE_HEAD, pad_edge=False, header_style="bold", expand=False)
    table.add_column("turn", no_wrap=True)
    table.add_column("heard", min_width=24)
    if with_intent:
        table.add_column("intent", no_wrap=True)
    table.add_column("outcome", no_wrap=True)
    for column in ("held", "first\nsound", "first\nreply"):
        table.add_column(column, justify="right", no_wrap=True)
    for turn in report.turns:
        latency = turn.latency_ms
        table.add_row(
            text(turn.turn_id),
            text(f"“{turn.heard}”" if turn.heard else "-"),
            *([text(turn.intent or "-")] if with_intent else []),
            text(_outcome(turn)),
            text(f"{turn.held}×" if turn.held else "-", HELD_STYLE if turn.held else NOTE_STYLE),
            text(_ms(latency.first_sound)),
            text(_ms(latency.first_reply), REPLY_STYLE),
        )
    note = "ms from the true end of the caller's speech where it is known; a hold is a sound, never a reply"
    return Group(
        table,
        text(note, NOTE_STYLE),
        text(_price(report.speculation), NOTE_STYLE),
        text(""),
        *(_line(*pair, text(":  " if pair[0] else "   ")) for pair in _deeper(report, log_options)),
    )


def _deeper(report: CallReport, log_options: str) -> list[tuple[str, str]]:
    call = report.call_id
    pairs = (
        [("hear it", f"{report.recording}"), ("", "caller on the left, agent on the right")] if report.recording else []
    )
    return [
        *pairs,
        ("every turn", f"{own_name()} show {call}{log_options}"),
        ("every event", f"{own_name()} show {call} --events{log_options}"),
        ("decide again", f"{own_name()} replay {call}{log_options}"),
        ("prove the log", f"{own_name()} verify{log_options}"),
    ]


def _line(name: str, value: str, colon: Text) -> Text:
    line = Text(overflow="fold")
    return line.append(f"{name:>13}", NOTE_STYLE).append_text(colon).append(value)


def _outcome(turn: TurnReport) -> str:
    cut = f"{', cut off' if turn.interrupted else ''}{', cut in' if turn.cut_in else ''}"
    cut += ", cut short" if turn.cut_short else ""
    return f"{turn.outcome or 'open'}{cut}"


def _price(price: SpeculationPrice) -> str:
    return (
        f"{price.eager_ends} eager ends of turn, {price.wrong} wrong; {price.wasted_calls} of {price.answer_calls} model "
        f"calls for an answer wasted on them; {price.wasted_renderings} renderings never played"
    )


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} ms"
