"""A turn as rows to draw: one lane for each thing that ran, with its moments and what came of it. No colours, no widths.

Times are ms from the caller's end of speech, negative for what happened before (work on words that weren't the last).
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from console import symbols
from console.race_model import Answer, AnswerState, Sound, SoundKind, Speculation, TurnRace, Verdict

TOP_INTENTS = 3
NAMED_INTENT = 0.005  # a less probable intent says nothing to a reader
_DROPPED_BECAUSE = {"resumed": "the caller went on", "text_changed": "the words changed"}


class Tone(StrEnum):
    PLAIN = "plain"
    DIM = "dim"
    GOOD = "good"
    BAD = "bad"
    HOLD = "hold"
    WIN = "win"


class Lane(NamedTuple):
    """``begin_ms`` to ``at_ms`` is the bar; None where there is nothing to measure. ``weight``: 0 goes first when the
    screen is short."""

    symbol: str
    name: str
    begin_ms: float | None
    at_ms: float | None
    detail: str
    tone: Tone = Tone.PLAIN
    weight: int = 2


def lanes(turn: TurnRace) -> list[Lane]:
    """In the order in which a reader wants them: heard, understood, raced, decided, played."""
    return [
        *_speculations(turn),
        *_heard(turn, final=False),
        *_understood(turn),
        *_answers(turn),
        *sorted((*_heard(turn, final=True), *_holds(turn), *_decided(turn)), key=_when),
        *_played(turn),
    ]


def budget_text(turn: TurnRace, now_ms: float | None) -> str:
    """What is left of the caller's patience; frozen once something other than a hold was let out."""
    first = turn.first_reply_ms
    if first is not None and turn.utterance_id:
        return f"{_whole(turn.give_up_ms - first)} ms left"
    if not turn.waits or now_ms is None:
        return ""
    left = turn.give_up_ms - now_ms
    if left >= 0:
        return f"{_whole(left)} ms left"
    return f"giving up: {_whole(max(0.0, turn.hard_ms - now_ms))} ms to the closing line"


def verdicts_text(verdicts: tuple[Verdict, ...]) -> str:
    """How many guardrails passed, and which didn't, and why; a cue is a pass with a reason."""
    failed = [verdict for verdict in verdicts if not verdict.passed]
    cues = [verdict for verdict in verdicts if verdict.passed and verdict.reasons]
    parts = [f"{len(verdicts) - len(failed)} of {len(verdicts)} guards passed"]
    for verdict in failed:
        optional = "" if verdict.required else " (not required)"
        parts.append(f"{symbols.BLOCKED} {verdict.guardrail}{optional}: {', '.join(verdict.reasons) or 'no reason'}")
    parts += [f"cue {verdict.guardrail}: {', '.join(verdict.reasons)}" for verdict in cues]
    return " · ".join(parts)


def quoted(text: str) -> str:
    return f"“{' '.join(text.split())}”"


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _when(lane: Lane) -> float:
    return float("inf") if lane.at_ms is None else round(lane.at_ms)  # of one moment: words before what they led to


def _heard(turn: TurnRace, *, final: bool) -> Iterator[Lane]:
    """The words that stand: the newest eager ones and the final ones."""
    current = [words for words in turn.heard if turn.ms(words.at_s) >= 0]
    for words in (words for words in current if words.final is final):
        earlier = final and any(w.text == words.text and not w.final for w in current)
        detail = "same words: they are final" if earlier else quoted(words.text)
        name, symbol = ("heard", symbols.HEARD) if words.final else ("heard (eager)", symbols.HEARD_EAGER)
        yield Lane(symbol, name, 0.0, words.since_speech_end_ms, detail, weight=1 if earlier else 3)


def _speculations(turn: TurnRace) -> Iterator[Lane]:
    """Work on words that weren't the caller's last is one row: what it was about, and what was thrown away."""
    for speculation in turn.speculations:
        if speculation.dropped_at_s is None:
            continue
        lost = sum(answer.speculation == speculation.number for answer in turn.answers)
        why = _DROPPED_BECAUSE.get(speculation.dropped, speculation.dropped)
        thrown = f" · {lost} answer{'' if lost == 1 else 's'} thrown away" if lost else ""
        yield Lane(
            symbols.DROPPED_SPECULATION,
            f"speculation {speculation.number}",
            turn.ms(speculation.opened_at_s),
            turn.ms(speculation.dropped_at_s),
            f"{quoted(speculation.question)} dropped: {why}{thrown}",
            Tone.DIM,
            1,
        )


def _understood(turn: TurnRace) -> Iterator[Lane]:
    begin_ms = None if turn.asked_at_s is None else turn.ms(turn.asked_at_s)
    if turn.classified:
        named = [f"{name} {value:.0%}" for name, value in turn.classified.intents[:TOP_INTENTS] if value > NAMED_INTENT]
        detail = " · ".join(named) or "nothing probable"
        yield Lane(symbols.INTENTS, "intents", begin_ms, turn.ms(turn.classified.at_s), detail)
    if turn.articles:
        parts = [", ".join(turn.articles.public)] if turn.articles.public else []
        if turn.articles.private:
            parts.append(f"private, kept back: {', '.join(turn.articles.private)}")
        detail = " · ".join(parts) or "none"
        yield Lane(symbols.ARTICLES, "passages", begin_ms, turn.ms(turn.articles.at_s), detail, weight=1)
    if turn.input_verdicts:
        failed = any(not verdict.passed for verdict in turn.input_verdicts)
        last_ms = turn.ms(max(verdict.at_s for verdict in turn.input_verdicts))
        tone = Tone.BAD if failed else Tone.PLAIN
        detail = verdicts_text(turn.input_verdicts)
        yield Lane(symbols.GUARD, "caller's words", begin_ms, last_ms, detail, tone, 3 if failed else 1)
    for ask_id, reason in turn.failures:
        detail = f"{ask_id.rpartition('.s')[2].partition('.')[2]} failed: {reason}"
        yield Lane(symbols.WARNING, "effect failed", None, None, detail, Tone.BAD)


_STATES: dict[AnswerState, tuple[str, Tone, int]] = {
    AnswerState.ASKED: (symbols.RACING, Tone.PLAIN, 2),
    AnswerState.FAILED: (symbols.WARNING, Tone.BAD, 2),
    AnswerState.CANCELLED: (symbols.DROPPED, Tone.DIM, 0),
    AnswerState.RETURNED: (symbols.DROPPED, Tone.DIM, 0),
    AnswerState.USED: (symbols.ACCEPTED, Tone.GOOD, 1),
    AnswerState.JUDGED: (symbols.JUDGING, Tone.PLAIN, 2),
    AnswerState.ACCEPTED: (symbols.ACCEPTED, Tone.GOOD, 2),
    AnswerState.BLOCKED: (symbols.BLOCKED, Tone.BAD, 3),
    AnswerState.DROPPED: (symbols.DROPPED, Tone.DIM, 1),
    AnswerState.CHOSEN: (symbols.CHOSEN, Tone.WIN, 3),
}


def _answers(turn: TurnRace) -> Iterator[Lane]:
    for answer in turn.answers:
        if answer.speculation != turn.speculation:
            continue
        symbol, tone, weight = _STATES[answer.state]
        asked_ms = None if answer.asked_at_s is None else turn.ms(answer.asked_at_s)
        formed_ms = None if answer.formed_at_s is None else turn.ms(answer.formed_at_s)
        settled_ms = None if answer.settled_at_s is None else turn.ms(answer.settled_at_s)
        name = answer.intent + (f" #{answer.attempt + 1}" if answer.attempt else "")
        begin_ms = asked_ms if asked_ms is not None else formed_ms
        yield Lane(symbol, name, begin_ms, settled_ms or formed_ms, _answer_detail(answer), tone, weight)


def _answer_detail(answer: Answer) -> str:
    source = "approved wording" if answer.origin == "approved" else answer.provider
    took = f" {_whole(answer.total_ms)} ms" if answer.total_ms is not None else ""
    parts = [_verdict_on(answer)]
    if source:
        parts.append(f"{source}{took}")
    if answer.formed_at_s is not None:
        parts += [verdicts_text(answer.verdicts)] if answer.state is not AnswerState.BLOCKED else []
        parts.append(quoted(answer.text))
    return " · ".join(parts)


def _verdict_on(answer: Answer) -> str:
    if answer.state is AnswerState.BLOCKED:
        reasons = next((v.reasons for v in answer.verdicts if v.guardrail == answer.reason and not v.passed), ())
        return f"blocked by {answer.reason}" + (f": {', '.join(reasons)}" if reasons else "")
    words = {
        AnswerState.ASKED: "asked",
        AnswerState.FAILED: f"failed: {answer.reason}",
        AnswerState.CANCELLED: f"cancelled: {answer.reason}",
        AnswerState.RETURNED: "came when it wasn't needed any more",
        AnswerState.USED: "found",
        AnswerState.JUDGED: "judging",
        AnswerState.ACCEPTED: "accepted",
        AnswerState.DROPPED: f"dropped: {answer.reason}",
        AnswerState.CHOSEN: "chosen",
    }
    return words[answer.state]


def _holds(turn: TurnRace) -> Iterator[Lane]:
    for sound in turn.holds:
        at_ms = turn.heard_at_ms(sound)
        yield Lane(symbols.HOLD, "hold", None, at_ms, f"{quoted(sound.text)} granted ahead", Tone.HOLD, 4)


def _decided(turn: TurnRace) -> Iterator[Lane]:
    if turn.gave_up_at_s is not None:
        detail = "no answer in time: an honest fallback is formed"
        yield Lane(symbols.WARNING, "gave up", None, turn.ms(turn.gave_up_at_s), detail, Tone.BAD, 3)
    if turn.chosen_at_s is not None and turn.utterance_id:
        detail = " · ".join(filter(None, (turn.chosen_as, _paid_off(turn))))
        yield Lane(symbols.CHOSEN, "decided", 0.0, turn.ms(turn.chosen_at_s), detail, Tone.WIN, 4)
    for refusal in turn.refusals:
        detail = f"by the gateway: {refusal.reason}"
        yield Lane(symbols.REFUSED, "refused", None, turn.ms(refusal.at_s), detail, Tone.BAD, 3)
    if turn.voice_failed:
        yield Lane(symbols.WARNING, "voice failed", None, None, turn.voice_failed, Tone.BAD, 3)


def _paid_off(turn: TurnRace) -> str:
    committed: Speculation | None = next((s for s in turn.speculations if s.committed_at_s is not None), None)
    if committed is None or committed.committed_at_s is None:
        return ""
    if not committed.eager:
        return "no speculation: the words came as final"
    ahead_ms = (committed.committed_at_s - committed.opened_at_s) * 1000
    return f"speculation {committed.number} paid off: {_whole(ahead_ms)} ms gained"


_SOUNDS = {
    SoundKind.REPLY: ("first reply", Tone.WIN),
    SoundKind.FALLBACK: ("fallback", Tone.BAD),
    SoundKind.CLOSING: ("closing line", Tone.BAD),
}


def _played(turn: TurnRace) -> Iterator[Lane]:
    for sound in turn.sounds:
        if sound.kind is not SoundKind.HOLD:
            yield _sound(turn, sound)
    if turn.spoken is None:
        return
    if turn.interrupted:
        detail = f"{quoted(turn.spoken)} {symbols.CUT} cut off; the rest was never heard"
        yield Lane(symbols.CUT, "said only", None, None, detail, Tone.HOLD, 3)
    elif turn.playing:
        yield Lane(symbols.SAID, "saying", None, None, quoted(turn.spoken), Tone.PLAIN, 3)
    else:
        yield Lane(symbols.SAID, "said", None, None, quoted(turn.spoken), Tone.PLAIN, 2)


def _sound(turn: TurnRace, sound: Sound) -> Lane:
    name, tone = _SOUNDS[sound.kind]
    at_ms = turn.heard_at_ms(sound)
    if not turn.utterance_id and sound.kind is SoundKind.REPLY:
        name = "first sound"
    if sound.kind is SoundKind.CLOSING:
        detail = f"{quoted(sound.text)} granted ahead, at the hard mark"
    elif not turn.utterance_id:
        detail = "the agent's own turn"
    elif turn.holds:
        detail = "after a hold"
    else:
        detail = "nothing was held before it"
    if sound.kind is SoundKind.FALLBACK:
        detail = "honest: no answer in time, and no reply"
    return Lane(symbols.SOUND, name, 0.0 if turn.utterance_id else None, at_ms, detail, tone, 4)
