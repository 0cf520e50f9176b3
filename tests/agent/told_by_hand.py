"""A conversation told fact by fact through the deciders: no log, no host, no clock, no models."""

from __future__ import annotations

from typing import TypeVar

from msgspec.structs import replace

from agent_core.behaviour import Behaviour
from agent_core.conversation import Ask, Context, initial
from agent_core.found import write_passages
from agent_core.guardrails.prompt_injection import SCORE, SPREAD
from agent_core.subject import write_objects
from processors.deciders import cascade
from schemas import decisions as d
from schemas import facts as f
from schemas import proving as p
from schemas import writing as w
from schemas.base import Fact, Payload
from schemas.event import Event
from simulation.small_bank import small_bank
from streams.fact_writer import fact_event

P = TypeVar("P", bound=Payload)
OF_THE_COMPANY = (d.ToolRequested, p.CodeAsked, p.ProofAsked, w.WriteRequested, w.UndoRequested)

BANK = small_bank()
CARDS = {"ada": ("1111",), "ben": ("2222",), "cleo": ("3333", "4444")}


class Call:
    """``now_ms`` is the owner's time; move it by hand. Answered and greeted when it is made."""

    def __init__(self, behaviour: Behaviour = BANK, *before: Fact) -> None:
        self.now_ms = 0
        self._utterances = 0
        self.events: list[Event] = []
        self._cascade = cascade()
        self.conversation = initial("c1", Context(lambda seq, content_hash: behaviour, lambda: b"key"))
        self.told(f.CallArrived(channel="voice", behaviour_seq=1, behaviour_hash=behaviour.content_hash))
        for fact in before:
            self.told(fact)
        self.told(f.CallTaken(take=1, gateway_id="g1"))
        self.told(f.CallAnswered(take=1))
        self.heard("t1.s0.greet.greet", behaviour.lines.disclosure)

    def told(self, fact: Fact) -> list[Payload]:
        """What is decided on it."""
        turn_id = self.conversation.turn.turn_id if self.conversation.turn else None
        event = replace(fact_event("c1", fact, turn_id=turn_id), accepted_at_us=self.now_ms * 1000)
        step = self._cascade.run(self.conversation, event)
        self.conversation = step.conversation
        self.events += step.events
        return [event.payload for event in step.events[1:]]

    def heard(self, candidate_id: str, text: str) -> list[Payload]:
        """The gateway says a reply to its end."""
        self.told(f.SpeechStarted(candidate_id=candidate_id, take=1))
        return self.told(f.SpeechCompleted(candidate_id=candidate_id, spoken=text))

    def signs_in(self, who: str, level: str = "verified", expires_after_ms: int | None = None) -> list[Payload]:
        return self.told(signed_in(who, level, expires_after_ms))

    def says(self, text: str, intent: str, *, final: bool = True, attack: float = 0.0) -> list[Payload]:
        """The caller's words, and what classifier, retrieval and guardrails make of them."""
        if final or self.conversation.turn is None or self.conversation.turn.committed:
            self._utterances += 0 if self.conversation.turn and not self.conversation.turn.committed else 1
        utterance_id = f"u{self._utterances}"
        decided = self.told(
            f.UtteranceHeard(utterance_id=utterance_id, text=text, final=final, since_speech_end_ms=200.0)
        )
        return decided + self.understood(intent, attack=attack)

    def understood(self, intent: str, *, attack: float = 0.0) -> list[Payload]:
        """Every open ask but that of a tool is answered."""
        decided: list[Payload] = []
        while asks := [ask for ask in self.open_asks() if not isinstance(ask.payload, OF_THE_COMPANY)]:
            decided += self.answer(asks[0], intent, attack=attack)
        return decided

    def answer(self, ask: Ask, intent: str, *, attack: float = 0.0) -> list[Payload]:
        """What comes of one ask."""
        return self.told(_answer(ask, intent, attack))

    def open_asks(self) -> list[Ask]:
        return [ask for ask in self.conversation.asks.values() if ask.open]

    def asked(self, kind: type[P]) -> tuple[Ask, P]:
        """The one open ask of this kind."""
        (found,) = ((ask, ask.payload) for ask in self.open_asks() if isinstance(ask.payload, kind))
        return found

    def keys(self, digits: str) -> list[Payload]:
        return [payload for key in digits for payload in self.told(f.KeyPressed(key=key))]

    def hears_reply(self) -> list[Payload]:
        """What was chosen is said to its end."""
        turn = self.conversation.turn
        assert turn is not None
        assert turn.chosen is not None
        return self.heard(turn.chosen, turn.candidates[turn.chosen].text)

    def tool_found(self, card: str = "card", progress: str = "is on its way") -> list[Payload]:
        (ask,) = (ask for ask in self.open_asks() if isinstance(ask.payload, d.ToolRequested))
        return self.told(tool_returned(ask.ask_id, card, progress))


def signed_in(who: str, level: str = "verified", expires_after_ms: int | None = None) -> f.SubjectAuthenticated:
    objects = tuple(f.OwnObject("card", f"card-{digits}", digits) for digits in CARDS[who])
    return f.SubjectAuthenticated(
        subject_id=who,
        level=level,
        method="app_session",
        expires_after_ms=expires_after_ms,
        objects=write_objects(objects),
    )


def tool_returned(ask_id: str, card: str, progress: str) -> f.ToolReturned:
    result = f'{{"card":"{card}","progress":"{progress}"}}'
    return f.ToolReturned(ask_id=ask_id, attempt=0, tool="card_status", result=result)


def of(kind: type[P], decided: list[Payload]) -> list[P]:
    return [payload for payload in decided if isinstance(payload, kind)]


def _answer(ask: Ask, intent: str, attack: float) -> Fact:
    asked = ask.payload
    if isinstance(asked, d.ClassificationAsked):
        return f.ScoresReturned(ask_id=ask.ask_id, scores=(f.Score(intent, 0.98),), model="by hand")
    if isinstance(asked, d.PassagesAsked):
        return f.PassagesFound(ask_id=ask.ask_id, passages=write_passages([]))
    if isinstance(asked, d.CompletionAsked):
        return f.CompletionReturned(
            ask_id=ask.ask_id, attempt=len(ask.done), text=asked.approved, provider="by hand", model="by hand"
        )
    scores = (f.Score(SCORE, attack), f.Score(SPREAD, attack))
    return f.ScoresReturned(ask_id=ask.ask_id, scores=scores, model="by hand")
