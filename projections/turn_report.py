"""One turn as it went: what was heard, how it was decided, what was really played, and when."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from projections.race import Race, RaceFold, SoundReport
from projections.tool_calls import ToolCall, ToolCallsFold
from schemas import decisions as d
from schemas import facts as f
from schemas.event import Event

FALLBACK = "fallback"


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """ms from the end of speech. ``end_of_turn``: to the final words; ``decision``: to the choice of what was said."""

    end_of_turn: float | None = None
    decision: float | None = None
    first_sound: float | None = None
    first_reply: float | None = None


class TurnReport(msgspec.Struct, frozen=True, kw_only=True):
    """``cause``: utterance, greeting, silence, resume, keys (a proof was keyed in), news (what became of what was asked for
    is told). ``outcome``: reply, tool, escalation, close, fallback, superseded, abandoned; null while the turn is open. ``chosen``: the text that was chosen last; ``spoken``: all that
    was played to the far end in this turn, holding and closing lines too. ``held``: how many holding lines were played.
    ``tools``: those that were asked or refused."""

    turn_id: str
    cause: str
    heard: str | None
    intent: str | None
    outcome: str | None
    interrupted: bool
    cut_in: bool = False  # the agent spoke while the caller only paused
    cut_short: str | None = None  # why a reply that had begun couldn't be ended, as in ReplyCut
    held: int
    speculations: int
    chosen: str | None
    candidate_id: str | None
    spoken: str | None
    seq_from: int
    seq_to: int
    latency_ms: Latency
    race: Race
    tools: tuple[ToolCall, ...]


class _Sound(msgspec.Struct):
    kind: str  # hold | reply | closing
    sound_id: str
    text: str
    since_ms: float | None
    stale: bool = False  # it was played in a pause after which the caller went on


class TurnFold:
    def __init__(self, turn_id: str, opened: d.TurnOpened, event: Event) -> None:
        self.turn_id, self.cause, self.utterance_id = turn_id, opened.cause, opened.utterance_id
        self._seq_from = self._seq_to = event.seq
        self._speech_ended_at_us = opened.speech_ended_at_us
        self._heard: str | None = None
        self._end_of_turn_ms: float | None = None
        self._speculations = 0
        self.cut_in = False  # the agent spoke while the caller only paused
        self._chosen: d.Spoken | None = None
        self._cut_short: str | None = None
        self._chosen_at_us: int | None = None
        self._ended: d.TurnEnded | None = None
        self._sounds: list[_Sound] = []
        self._race = RaceFold()
        self._tools = ToolCallsFold()

    def take(self, event: Event) -> None:
        """An event that belongs to this turn, in order."""
        payload = event.payload
        if self._ended is None:
            self._seq_to = event.seq
        self._race.take(event)
        self._tools.take(payload)
        if isinstance(payload, d.SpeculationOpened):
            self._speculations += 1
        elif isinstance(payload, d.Spoken):
            self._chosen, self._chosen_at_us = payload, event.accepted_at_us
        elif isinstance(payload, d.SentenceReleased | d.ReplyCut):
            self._goes_on(payload)
        elif isinstance(payload, d.TurnEnded):
            self._ended = payload
        elif isinstance(payload, f.UtteranceHeard):
            self.hear(event)
        elif isinstance(payload, f.UtteranceResumed):
            for sound in self._sounds:
                sound.stale = True
        else:
            self._play(payload)

    def _goes_on(self, payload: d.SentenceReleased | d.ReplyCut) -> None:
        """The reply that was chosen is longer than when it was."""
        more = payload.repair if isinstance(payload, d.ReplyCut) else payload.text
        if self._chosen and self._chosen.candidate_id == payload.candidate_id:
            self._chosen = replace(self._chosen, text=f"{self._chosen.text} {more}".strip())
        if isinstance(payload, d.ReplyCut):
            self._cut_short = payload.reason

    def hear(self, event: Event) -> None:
        """The turn's words; the first final ones stand."""
        heard = event.payload
        if not isinstance(heard, f.UtteranceHeard) or self._end_of_turn_ms is not None:
            return
        self._seq_from = min(self._seq_from, event.seq)
        self._heard = heard.text
        self._speech_ended_at_us = event.accepted_at_us - round(heard.since_speech_end_ms * 1000)
        if heard.final:
            self._end_of_turn_ms = heard.since_speech_end_ms

    def report(self, lag_ms: float) -> TurnReport:
        """``lag_ms``: by how much the measured end of speech lies behind the true one."""
        outcome = self._ended.outcome if self._ended else None
        played = [sound.text for sound in self._sounds if sound.text]
        sounds = tuple(
            SoundReport(kind=s.kind, sound_id=s.sound_id, text=s.text, since_speech_end_ms=_plus(s.since_ms, lag_ms))
            for s in self._sounds
        )
        return TurnReport(
            turn_id=self.turn_id,
            cause=self.cause,
            heard=self._heard,
            intent=self._intent(),
            outcome=outcome,
            interrupted=self._ended.interrupted if self._ended else False,
            cut_in=self.cut_in,
            cut_short=self._cut_short,
            held=sum(sound.kind == "hold" for sound in self._sounds),
            speculations=self._speculations,
            chosen=self._chosen.text if self._chosen else None,
            candidate_id=self._chosen.candidate_id if self._chosen else None,
            spoken=" ".join(played) if played else None,
            seq_from=self._seq_from,
            seq_to=self._seq_to,
            latency_ms=self._latency(lag_ms),
            race=self._race.report(self._speech_ended_at_us - round(lag_ms * 1000), sounds),
            tools=self._tools.report(),
        )

    def _latency(self, lag_ms: float) -> Latency:
        """All null in a turn that the agent began: nobody spoke before it."""
        if not self.utterance_id:
            return Latency()
        fresh = [s for s in self._sounds if not s.stale and s.since_ms is not None]
        replies = [s for s in fresh if s.kind == "reply" and self._race.action_of(s.sound_id) != FALLBACK]
        decided_us = self._chosen_at_us
        return Latency(
            end_of_turn=_plus(self._end_of_turn_ms, lag_ms),
            decision=None if decided_us is None else round((decided_us - self._speech_ended_at_us) / 1000 + lag_ms, 3),
            first_sound=_plus(min((s.since_ms for s in fresh if s.since_ms is not None), default=None), lag_ms),
            first_reply=_plus(min((s.since_ms for s in replies if s.since_ms is not None), default=None), lag_ms),
        )

    def _intent(self) -> str | None:
        """What was answered; where nothing was, what the caller most probably meant."""
        if self._chosen and self._race.action_of(self._chosen.candidate_id) != FALLBACK:
            return self._chosen.intent
        return self._race.top_intent

    def _play(self, payload: object) -> None:
        if isinstance(payload, f.HoldingPlayed):
            self._sounds.append(_Sound("hold", payload.phrase_id, payload.text, payload.since_speech_end_ms))
        elif isinstance(payload, f.FallbackPlayed):
            self._sounds.append(_Sound("closing", payload.phrase_id, payload.text, payload.since_speech_end_ms))
        elif isinstance(payload, f.SpeechStarted):
            self._sounds.append(_Sound("reply", payload.candidate_id, "", payload.since_speech_end_ms))
        elif isinstance(payload, f.SpeechProgressed | f.SpeechInterrupted):
            self._spoke(payload.candidate_id, payload.spoken_so_far)
        elif isinstance(payload, f.SpeechCompleted):
            self._spoke(payload.candidate_id, payload.spoken)

    def _spoke(self, candidate_id: str, text: str) -> None:
        for sound in self._sounds:
            if sound.kind == "reply" and sound.sound_id == candidate_id:
                sound.text = text


def _plus(value_ms: float | None, lag_ms: float) -> float | None:
    return None if value_ms is None else round(value_ms + lag_ms, 3)
