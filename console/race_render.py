"""Draws a call's race as lines of text, for a given width and height. Reads without colour: every tone has its sign."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from console import symbols
from console.parts_in_use import parts_in_use
from console.race_lanes import Lane, Tone, budget_text, lanes, quoted
from console.race_model import CallRace, TurnRace
from console.timeline import Timeline, linear

STYLES = {
    Tone.PLAIN: "default",
    Tone.DIM: "bright_black",
    Tone.GOOD: "green",
    Tone.BAD: "red",
    Tone.HOLD: "yellow",
    Tone.WIN: "bold cyan",
}
NAME_COLUMNS, MS_COLUMNS = 19, 9
BAR_FROM_WIDTH = 96  # a narrower screen has no room for bars
SCALES_MS = (
    600.0,
    1000.0,
    1500.0,
    2500.0,
    4000.0,
    6000.0,
    10_000.0,
)  # the race's bars grow in steps, so they stand still
LINES_PER_LANE = 3
FRAME_LINES = 6  # of the turn's panel: border, budget bar, its marks and scale
CAUSES = {
    "greeting": "greeting",
    "silence": "the caller is silent",
    "resume": "goes on where it was cut off",
    "keys": "the caller keys in a proof",
    "news": "tells what became of a request",
}
_OUTCOME_SIGNS = {
    "reply": symbols.ACCEPTED,
    "tool": symbols.ACCEPTED,
    "close": symbols.ACCEPTED,
    "escalation": symbols.ACCEPTED,
    "fallback": symbols.WARNING,
    "superseded": symbols.DROPPED,
    "abandoned": symbols.DROPPED,
}


class Canvas(NamedTuple):
    """What there is room for. ``ascii_only``: the terminal has no other signs."""

    width: int
    height: int
    ascii_only: bool = False

    @property
    def bar_columns(self) -> int:
        return 0 if self.width < BAR_FROM_WIDTH else min(40, 20 + (self.width - BAR_FROM_WIDTH) // 4)

    def text(self, *parts: tuple[str, str] | str) -> Text:
        """One line of the canvas's width: cut where it is too long."""
        drawn = Text(no_wrap=True, overflow="ellipsis")
        for part in parts:
            words, style = (part, "") if isinstance(part, str) else part
            drawn.append(symbols.spelt(words, ascii_only=self.ascii_only), style)
        drawn.truncate(self.width, overflow="crop" if self.ascii_only else "ellipsis")
        return drawn


def frame(call: CallRace, title: str, now_s: float, canvas: Canvas) -> RenderableType:
    """The whole screen: what is in use, earlier turns in short, the newest one large."""
    head = header(call, title, now_s, canvas)
    foot = [_status(call, canvas)]
    if not call.turns:
        return Group(*head, *foot)
    *earlier, current = call.turns
    room = canvas.height - len(head) - len(foot) - 1  # the last line stays free: a full screen scrolls
    per_turn = 2 if canvas.height >= 36 else 1
    history_room = min(len(earlier) * per_turn, max(1, room - FRAME_LINES - _wanted_rows(current)), max(1, room // 2))
    history = _history(earlier, history_room, per_turn, canvas) if earlier else []
    rows = max(4, room - len(history) - FRAME_LINES)
    return Group(*head, *history, turn_panel(current, now_s, canvas, rows=rows), *foot)


def overview(call: CallRace, title: str, now_s: float, canvas: Canvas) -> RenderableType:
    """Every turn in short: what stays on the screen once the call is over."""
    lines = [line for turn in call.turns for line in short_turn(turn, 2, canvas)]
    return Group(*header(call, title, now_s, canvas), *lines, _status(call, canvas))


def header(call: CallRace, title: str, now_s: float, canvas: Canvas) -> list[Text]:
    began_s = call.began_at_s
    length_s = 0.0 if began_s is None else (call.ended_at_s or now_s) - began_s
    clock = f"{int(length_s // 60):02d}:{int(length_s % 60):02d}"
    name = "ledgerline"
    left = f"{name} · {title}" if title else name
    right = f"{call.events} events · {clock}"
    room = canvas.width - cell_len(right) - 2
    left = left if cell_len(left) <= room else left[: max(len(name), room - 1)] + "…"
    gap = " " * max(2, canvas.width - cell_len(left) - cell_len(right))
    lines = [canvas.text((left[: len(name)], "bold cyan"), left[len(name) :], gap, (right, "bright_black"))]
    parts = parts_in_use(call.providers)
    if parts.warning:
        lines.append(canvas.text((parts.warning, "bold yellow")))
    lines += [canvas.text((words, STYLES[Tone.DIM])) for words in _packed(parts.parts, canvas.width)]
    if parts.note:
        lines.append(canvas.text((parts.note, STYLES[Tone.DIM])))
    lines.append(canvas.text(""))
    return lines


def turn_panel(
    turn: TurnRace, now_s: float, canvas: Canvas, *, rows: int | None = None, timeline: Timeline | None = None
) -> Panel:
    """One turn, large. ``rows`` cuts lanes, those that matter least first; ``timeline`` replaces the race's own scale."""
    inner = canvas._replace(width=canvas.width - 4)
    drawn = lanes(turn)
    kept = _most_telling(drawn, rows) if rows is not None else drawn
    scale = timeline or race_scale(turn, drawn, now_s, inner.bar_columns)
    lines: list[Text] = []
    for per_lane in range(LINES_PER_LANE, 0, -1):  # long details take more lines where there is room for them
        lines = [line for lane in kept for line in lane_lines(lane, scale, inner, per_lane)]
        if rows is None or len(lines) <= rows:
            break
    if len(kept) < len(drawn):
        lines.append(inner.text((f"  … {len(drawn) - len(kept)} more", STYLES[Tone.DIM])))
    if inner.bar_columns and timeline is None and turn.utterance_id:
        lines.insert(0, _scale_line(scale, inner))
    if turn.utterance_id:
        lines += _budget_lines(turn, turn.ms(now_s), inner)
    asked = quoted(turn.question) if turn.question else CAUSES.get(turn.cause, turn.cause)
    title = inner._replace(width=inner.width - 4).text((f"{turn.turn_id} ", "bold"), asked)
    subtitle = inner.text((_verdict(turn), _verdict_style(turn)))
    return Panel(
        Group(*lines),
        title=title,
        title_align="left",
        subtitle=subtitle,
        subtitle_align="right",
        box=box.ASCII if canvas.ascii_only else box.ROUNDED,
        border_style="cyan" if not turn.outcome else "bright_black",
        width=canvas.width,
    )


def short_turn(turn: TurnRace, lines: int, canvas: Canvas) -> list[Text]:
    """An earlier turn in one line or two."""
    sign = _OUTCOME_SIGNS.get(turn.outcome, symbols.RACING)
    asked = quoted(turn.question) if turn.question else CAUSES.get(turn.cause, turn.cause)
    winner = turn.winner
    # What was found probable isn't what was answered: only a choice names an intent.
    found = f" → {winner.intent}" if winner and turn.utterance_id else ""
    right = _verdict(turn)
    left = f"{sign} {turn.turn_id:<3} {asked}{found}"
    room = canvas.width - cell_len(right) - 2
    if cell_len(left) > room:
        asked_room = max(8, room - cell_len(left) + cell_len(asked) - 1)
        left = f"{sign} {turn.turn_id:<3} {asked[:asked_room]}…{found}"
    left = set_cell_size(left, room)
    drawn = [canvas.text(left, "  ", (right, _verdict_style(turn)))]
    if lines > 1:
        drawn.append(canvas.text((f"      {_short_story(turn)}", STYLES[Tone.DIM])))
    return drawn


def lane_lines(lane: Lane, scale: Timeline, canvas: Canvas, most: int) -> list[Text]:
    """One lane, on as many lines as its detail needs, at most ``most``."""
    style = STYLES[lane.tone]
    name = lane.name if cell_len(lane.name) < NAME_COLUMNS else lane.name[: NAME_COLUMNS - 2] + "…"
    at = "" if lane.at_ms is None else f"{lane.at_ms:,.0f} ms"
    bar = f"{_bar(lane, scale)}  " if canvas.bar_columns else ""
    plain = lane.tone is Tone.PLAIN
    before = 2 + NAME_COLUMNS + MS_COLUMNS + 2 + cell_len(bar)
    first, *rest = _wrapped(lane.detail, canvas.width - before, most)
    detail_style = style if lane.tone is Tone.DIM else ""
    head = canvas.text(
        (f"{lane.symbol} ", style),
        (set_cell_size(name, NAME_COLUMNS), style),
        (f"{at:>{MS_COLUMNS}}  ", "bold" if plain else style),
        (bar, "blue" if plain else style),
        (first, detail_style),
    )
    return [head, *(canvas.text(" " * before, (words, detail_style)) for words in rest)]


def _wrapped(detail: str, width: int, most: int) -> list[str]:
    """The last line keeps all that is left: it is cut where it is drawn."""
    lines: list[str] = []
    left = detail
    while len(lines) < most - 1 and cell_len(left) > width:
        cut = left.rfind(" ", 0, width + 1)
        cut = cut if cut > 0 else width
        lines.append(left[:cut].rstrip())
        left = left[cut:].lstrip()
    return [*lines, left]


def _packed(parts: Sequence[str], width: int) -> list[str]:
    """Parts joined to as few lines as they need."""
    lines: list[str] = []
    for part in parts:
        joined = f"{lines[-1]} · {part}" if lines else part
        if lines and cell_len(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(part)
    return lines


def race_scale(turn: TurnRace, drawn: Sequence[Lane], now_s: float, columns: int) -> Timeline:
    """To scale from the end of speech to the last lane's end, or to now while the caller waits."""
    last_ms = max((lane.at_ms for lane in drawn if lane.at_ms is not None), default=0.0)
    if turn.waits and turn.utterance_id:
        last_ms = max(last_ms, turn.ms(now_s))
    return linear(next((step for step in SCALES_MS if step >= last_ms), last_ms), max(1, columns))


def _bar(lane: Lane, scale: Timeline) -> str:
    gaps = scale.gaps()
    columns = [symbols.GAP if column in gaps else " " for column in range(scale.width)]
    if lane.at_ms is not None and (lane.at_ms >= 0 or scale.stretches[0].begin_ms < 0):
        last = scale.column(lane.at_ms)
        if lane.begin_ms is not None:
            columns[scale.column(lane.begin_ms) : last] = symbols.BAR * (last - scale.column(lane.begin_ms))
        columns[last] = lane.symbol
    return "".join(columns)


def _scale_line(scale: Timeline, canvas: Canvas) -> Text:
    end = f"{scale.stretches[-1].end_ms:,.0f} ms"
    label = "0" + end.rjust(scale.width - 1)
    return canvas.text((" " * (2 + NAME_COLUMNS + MS_COLUMNS + 2) + label, STYLES[Tone.DIM]))


def _budget_lines(turn: TurnRace, now_ms: float, canvas: Canvas) -> list[Text]:
    """The caller's patience, 0 to the hard mark: what was used, and what the gateway or the owner does at which mark."""
    columns = min(60, canvas.width - 2 - NAME_COLUMNS - 2)
    until_ms = turn.first_reply_ms
    if until_ms is None:
        ended_ms = None if turn.ended_at_s is None else turn.ms(turn.ended_at_s)
        last = next((turn.heard_at_ms(s) for s in reversed(turn.sounds)), None) if not turn.waits else None
        until_ms = next((v for v in (last, ended_ms) if v is not None), now_ms)
    used = round(columns * min(1.0, max(0.0, until_ms) / turn.hard_ms))
    cells = [symbols.FULL] * used + [symbols.EMPTY] * (columns - used)
    for mark_ms in turn.hold_marks_ms:
        cells[_column(mark_ms, turn.hard_ms, columns)] = symbols.HOLD_MARK
    cells[_column(turn.give_up_ms, turn.hard_ms, columns)] = symbols.GIVE_UP_MARK
    cells[columns - 1] = symbols.HARD_MARK
    style = "green" if until_ms < min(turn.hold_marks_ms, default=turn.give_up_ms) else "yellow"
    style = style if until_ms < turn.give_up_ms else "red"
    bar: list[tuple[str, str] | str] = [("  " + set_cell_size("budget", NAME_COLUMNS), ""), ("".join(cells), style)]
    holds = ", ".join(f"{mark:,}" for mark in turn.hold_marks_ms)
    hold, give_up, hard = ("hold ", "give up ", "hard ") if canvas.bar_columns else ("", "", "")
    marks = (
        f"{symbols.HOLD_MARK} {hold}{holds}  {symbols.GIVE_UP_MARK} {give_up}{turn.give_up_ms:,}"
        f"  {symbols.HARD_MARK} {hard}{turn.hard_ms:,} ms"
    )
    indent = " " * (2 + NAME_COLUMNS)
    left = budget_text(turn, now_ms)
    legend = canvas.text(indent, (f"{left}   " if left else "", ""), (marks, STYLES[Tone.DIM]))
    return [canvas.text(*bar), legend]


def _column(at_ms: float, end_ms: float, columns: int) -> int:
    return min(columns - 1, int(columns * at_ms / end_ms))


def _verdict(turn: TurnRace) -> str:
    """How the turn stands, in a few words: what was heard first, and how it ended."""
    parts: list[str] = []
    if turn.holds:
        parts.append(f"held {len(turn.holds)}×")
    if turn.utterance_id and turn.first_reply_ms is not None:
        parts.append(f"first reply {turn.first_reply_ms:,.0f} ms")
    elif turn.outcome and turn.utterance_id:
        parts.append("no reply")
    if turn.outcome and not turn.utterance_id:
        parts.append("cut off" if turn.interrupted else "said")
    elif turn.outcome:
        parts.append("interrupted" if turn.interrupted else turn.outcome)
    elif turn.playing:
        parts.append("speaking")
    elif turn.waits:
        parts.append("deciding" if not turn.chosen else "starting")
    return " · ".join(parts)


def _verdict_style(turn: TurnRace) -> str:
    if turn.outcome == "fallback" or turn.voice_failed:
        return STYLES[Tone.BAD]
    if turn.holds or turn.interrupted:
        return STYLES[Tone.HOLD]
    return STYLES[Tone.WIN] if not turn.outcome else STYLES[Tone.GOOD]


def _short_story(turn: TurnRace) -> str:
    parts = []
    dropped = sum(speculation.dropped_at_s is not None for speculation in turn.speculations)
    if dropped:
        parts.append(f"{dropped} speculation{'' if dropped == 1 else 's'} dropped")
    blocked = [answer.reason for answer in turn.answers if answer.state == "blocked"]
    if blocked:
        parts.append(f"{symbols.BLOCKED} blocked by {', '.join(dict.fromkeys(blocked))}")
    if turn.utterance_id and len(turn.answers) > 1:
        parts.append(f"{len(turn.answers)} answers raced")
    if turn.spoken is not None:
        cut = f" {symbols.CUT}" if turn.interrupted else ""
        parts.append(f"{'said only' if turn.interrupted else 'said'} {quoted(turn.spoken)}{cut}")
    return " · ".join(parts)


def _history(turns: Sequence[TurnRace], room: int, per_turn: int, canvas: Canvas) -> list[Text]:
    """As many of the newest turns as there is room for."""
    shown = list(turns)
    lines = [line for turn in shown for line in short_turn(turn, per_turn, canvas)]
    if len(lines) <= room:
        return lines
    while shown and len(shown) * per_turn > room - 1:
        shown.pop(0)
    hidden = len(turns) - len(shown)
    note = canvas.text((f"  … {hidden} earlier turn{'' if hidden == 1 else 's'}", STYLES[Tone.DIM]))
    return [note, *(line for turn in shown for line in short_turn(turn, per_turn, canvas))]


def _wanted_rows(turn: TurnRace) -> int:
    return len(lanes(turn))


def _most_telling(drawn: Sequence[Lane], rows: int) -> list[Lane]:
    """In their order; where they are too many, the least weighty go, the later before the earlier."""
    if len(drawn) <= rows:
        return list(drawn)
    order = sorted(range(len(drawn)), key=lambda index: (-drawn[index].weight, index))
    keep = set(order[: max(1, rows - 1)])
    return [lane for index, lane in enumerate(drawn) if index in keep]


def _status(call: CallRace, canvas: Canvas) -> Text:
    for words, style in _states(call):
        return canvas.text((words, style))
    return canvas.text("")


def _states(call: CallRace) -> Iterable[tuple[str, str]]:
    if call.ended:
        yield f"call over: {call.ended.replace('_', ' ')}", "bold"
    if call.caller_speaking:
        yield f"{symbols.HEARD} the caller speaks …", "bold yellow"
    if call.answered_at_s is None:
        lines = f" · {call.granted} holding lines granted" if call.granted else ""
        yield f"ringing{lines}", "yellow"
    current = call.turns[-1] if call.turns else None
    if current and current.playing:
        yield f"{symbols.SOUND} the agent speaks …", "bold cyan"
    if current and current.waits:
        yield "deciding …", "cyan"
    yield "listening", STYLES[Tone.DIM]
