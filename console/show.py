"""A whole conversation, drawn from its events alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult

from console import symbols
from console.event_lines import event_line
from console.race_fold import fold_all
from console.race_lanes import Lane, lanes
from console.race_model import CallRace, TurnRace
from console.race_render import Canvas, header, turn_panel
from console.timeline import Timeline, compressed
from schemas.event import Event


class _Conversation:
    def __init__(self, call: CallRace) -> None:
        self._call = call

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        canvas = Canvas(options.max_width, console.size.height, options.ascii_only)
        call = self._call
        yield Group(*header(call, call.call_id, _last_s(call), canvas))
        for line in _notes(call):
            yield canvas.text((line, "yellow"))
        for turn in call.turns:
            ended_s = turn.ended_at_s or _last_s(call)
            began_s = call.began_at_s or turn.opened_at_s
            place = f"+{turn.zero_s - began_s:.1f} s · events {turn.seq_from}-{turn.seq_to}"
            yield canvas.text((place, "bright_black"))
            yield turn_panel(
                turn, ended_s, canvas, timeline=turn_timeline(turn, canvas._replace(width=canvas.width - 4))
            )
        if call.ended:
            yield canvas.text((f"call over: {call.ended.replace('_', ' ')}", "bold"))


def render_call(events: Sequence[Event]) -> RenderableType:
    """``events``: the effective events of one conversation, in order. Moments are the owner's ``accepted_at``."""
    return _Conversation(fold_all(events))


def event_lines(events: Sequence[Event]) -> Iterator[str]:
    """One line an event, as long as it is, for grep and for eyes; ms count from the call's first event."""
    for event in events:
        yield event_line(event, (event.accepted_at_us - events[0].accepted_at_us) / 1000)


def turn_timeline(turn: TurnRace, canvas: Canvas) -> Timeline:
    """Spans all that the turn's lanes show; idle stretches are cut."""
    return compressed(_moments(lanes(turn)), max(1, canvas.bar_columns))


def _moments(drawn: Sequence[Lane]) -> Iterator[float]:
    yield 0.0
    for lane in drawn:
        yield from (at_ms for at_ms in (lane.begin_ms, lane.at_ms) if at_ms is not None)


def _notes(call: CallRace) -> list[str]:
    """What wasn't usual about this call."""
    notes = []
    if call.takes > 1:
        notes.append(f"{symbols.WARNING} {call.takes} gateways held this call, one after the other")
    if call.owner_changes:
        notes.append(f"{symbols.WARNING} the log's owner changed {call.owner_changes} times")
    if call.dead_letters:
        notes.append(f"{symbols.WARNING} {call.dead_letters} facts could not be read: see the dead letters")
    return notes


def _last_s(call: CallRace) -> float:
    if call.ended_at_s is not None:
        return call.ended_at_s
    return max((turn.ended_at_s or turn.opened_at_s for turn in call.turns), default=call.began_at_s or 0.0)
