"""What eager ends of turn cost: how many were wrong, and what was done for them in vain."""

from __future__ import annotations

from projections.speculation_price import SpeculationFold, SpeculationPrice
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact, Kind, Payload
from schemas.event import Event, new_id


def event(payload: Payload, turn_id: str = "t2") -> Event:
    return Event(
        event_id=new_id(),
        type=type(payload).__name__,
        schema_version=1,
        conversation_id="c",
        seq=1,
        kind=Kind.FACT if isinstance(payload, Fact) else Kind.DECISION,
        turn_id=turn_id,
        payload=payload,
    )


def heard(*, final: bool) -> f.UtteranceHeard:
    return f.UtteranceHeard(utterance_id="u1", text="my card", final=final, since_speech_end_ms=1.0)


def asked(ask_id: str) -> d.CompletionAsked:
    return d.CompletionAsked(
        ask_id=ask_id,
        purpose="answer",
        intent="lost_card",
        model="answer",
        attempts=1,
        messages="[]",
        request_digest="",
        timeout_ms=1,
    )


def returned(ask_id: str) -> f.CompletionReturned:
    return f.CompletionReturned(ask_id=ask_id, attempt=0, text="Yes.", provider="p", model="m")


def price(*payloads: Payload) -> SpeculationPrice:
    fold = SpeculationFold()
    for payload in payloads:
        fold.take(event(payload))
    return fold.price()


def test_what_was_asked_for_a_wrong_eager_end_is_wasted() -> None:
    assert price(
        heard(final=False),
        d.SpeculationOpened(speculation=1, question="my card"),
        asked("t2.s1.answer.lost_card"),
        returned("t2.s1.answer.lost_card"),
        d.SpeculationDropped(speculation=1, reason="resumed"),
        f.RenderingWasted(candidate_id="t2.s1.answer.lost_card.0", characters=4),
        heard(final=False),
        d.SpeculationOpened(speculation=2, question="my card please"),
        asked("t2.s2.answer.lost_card"),
        returned("t2.s2.answer.lost_card"),
        f.EffectCancelled(ask_id="t2.s2.answer.lost_card", attempt=1),
        heard(final=True),
        d.TurnCommitted(speculation=2, eager=True),
    ) == SpeculationPrice(eager_ends=2, wrong=1, answer_calls=3, wasted_calls=1, wasted_renderings=1)


def test_an_end_that_was_final_at_once_is_no_speculation() -> None:
    assert price(
        heard(final=True),
        d.SpeculationOpened(speculation=1, question="my card"),
        asked("t2.s1.answer.lost_card"),
        returned("t2.s1.answer.lost_card"),
    ) == SpeculationPrice(eager_ends=0, wrong=0, answer_calls=1, wasted_calls=0, wasted_renderings=0)
