"""Tells a call's story as events, for tests: each ``say`` is one event, read at a moment of the test's choosing."""

from __future__ import annotations

from console.race_fold import fold
from console.race_model import CallRace, TurnRace
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Payload
from schemas.event import Event

SPEECH_ENDED_S = 100.0


class Told:
    """A call whose first caller turn is ``t1``; moments are ms after the caller's end of speech."""

    def __init__(self) -> None:
        self.call = CallRace()
        self.events: list[Event] = []

    def say(self, at_ms: float, payload: Payload, turn_id: str | None = "t1") -> Told:
        event = Event(
            event_id=f"e{len(self.events)}",
            type=type(payload).__name__,
            schema_version=1,
            conversation_id="call-1",
            seq=len(self.events) + 1,
            kind=payload.KIND,
            turn_id=turn_id,
            accepted_at_us=round((SPEECH_ENDED_S + at_ms / 1000) * 1e6),
            payload=payload,
        )
        self.events.append(event)
        self.call = fold(self.call, event, SPEECH_ENDED_S + at_ms / 1000)
        return self

    def arrives(self, *providers: str) -> Told:
        return self.say(
            -5000, f.CallArrived(channel="voice", behaviour_seq=1, behaviour_hash="h", providers=providers), None
        )

    def hears(self, at_ms: float, text: str, *, final: bool, opens: bool = False, turn: str = "t1") -> Told:
        utterance = f"u-{turn}"
        self.say(
            at_ms, f.UtteranceHeard(utterance_id=utterance, text=text, final=final, since_speech_end_ms=at_ms), None
        )
        if opens:
            opened = d.TurnOpened(
                cause="utterance",
                utterance_id=utterance,
                speech_ended_at_us=round(SPEECH_ENDED_S * 1e6),
                hold_marks_ms=(950, 3200),
                holding=("h1", "h2"),
                give_up_ms=5000,
                hard_ms=6000,
            )
            self.say(at_ms, opened, turn)
            self.say(at_ms, d.SpeculationOpened(speculation=1, question=text), turn)
        return self

    def asks(self, at_ms: float, intent: str, attempts: int = 1, speculation: int = 1) -> Told:
        asked = d.CompletionAsked(
            ask_id=f"t1.s{speculation}.answer.{intent}",
            purpose="answer",
            intent=intent,
            model="answer",
            attempts=attempts,
            messages="[]",
            request_digest="",
            timeout_ms=4500,
        )
        return self.say(at_ms, asked)

    def returns(self, at_ms: float, intent: str, attempt: int = 0, provider: str = "vendor-a") -> Told:
        returned = f.CompletionReturned(
            ask_id=f"t1.s1.answer.{intent}",
            attempt=attempt,
            text=f"About {intent}.",
            provider=provider,
            model="m",
            total_ms=at_ms - 300,
        )
        return self.say(at_ms, returned)

    def forms(self, at_ms: float, intent: str, attempt: int = 0) -> Told:
        formed = d.CandidateFormed(
            candidate_id=candidate(intent, attempt),
            speculation=1,
            intent=intent,
            action="answer",
            origin="model",
            text=f"About {intent}.",
            ask_id=f"t1.s1.answer.{intent}",
            attempt=attempt,
        )
        return self.say(at_ms, formed)

    def judges(self, at_ms: float, intent: str, guardrail: str, *reasons: str, passed: bool = True) -> Told:
        issued = d.VerdictIssued(
            guardrail=guardrail,
            guardrail_version="1",
            stage="output",
            candidate_id=candidate(intent),
            speculation=1,
            passed=passed,
            required=True,
            reasons=reasons,
            evidence=(),
        )
        return self.say(at_ms, issued)

    def chooses(self, at_ms: float, intent: str) -> Told:
        chosen = d.ReplyChosen(
            candidate_id=candidate(intent),
            text=f"About {intent}.",
            intent=intent,
            answers_through=1,
            take=1,
            action="answer",
        )
        return self.say(at_ms, chosen)

    def starts(self, at_ms: float, intent: str) -> Told:
        started = f.SpeechStarted(candidate_id=candidate(intent), take=1, since_speech_end_ms=at_ms)
        return self.say(at_ms, started)

    def holds(self, at_ms: float, text: str, turn: str | None = "t1") -> Told:
        held = f.HoldingPlayed(phrase_id="h1", utterance_id="u-t1", mark_ms=950, since_speech_end_ms=at_ms, text=text)
        return self.say(at_ms, held, turn)

    @property
    def turn(self) -> TurnRace:
        return self.call.turns[-1]


def candidate(intent: str, attempt: int = 0) -> str:
    return f"t1.s1.answer.{intent}.{attempt}"


def hedged_and_blocked() -> Told:
    """Two questions raced, one twice; one answer is blocked; a hold covers the wait; the caller cuts the reply off."""
    told = Told().arrives("stt:deepgram-flux (emulated)", "llm:openai", "tts:local-voice:piper")
    told.hears(300, "I lost my card", final=False, opens=True)
    told.asks(310, "lost_card", attempts=2).asks(310, "card_fees")
    told.hears(520, "I lost my card", final=True).say(520, d.TurnCommitted(speculation=1, eager=True))
    told.returns(900, "card_fees").forms(900, "card_fees")
    told.judges(900, "card_fees", "private_knowledge", "internal_figure", passed=False)
    told.say(900, d.CandidateDropped(candidate_id=candidate("card_fees"), reason="blocked:private_knowledge"))
    told.holds(951, "Let me check that.")
    told.returns(1300, "lost_card", attempt=0).forms(1300, "lost_card")
    told.judges(1300, "lost_card", "private_knowledge").judges(1300, "lost_card", "language")
    told.say(1300, d.CandidateAccepted(candidate_id=candidate("lost_card")))
    told.chooses(1300, "lost_card")
    told.say(1302, f.EffectCancelled(ask_id="t1.s1.answer.lost_card", attempt=1, elapsed_ms=990.0))
    told.starts(1500, "lost_card")
    told.say(2500, f.SpeechInterrupted(candidate_id=candidate("lost_card"), spoken_so_far="About lost"))
    told.say(2500, d.TurnEnded(outcome="reply", candidate_id=candidate("lost_card"), interrupted=True))
    return told
