"""The moments of a race are found on the log, each by what makes it one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec
import pytest
from golden_calls import golden

from projections.moments import MomentKind, moments_of
from schemas import decisions as d
from schemas import facts as f
from schemas import proving as p
from schemas.base import Payload
from schemas.event import Event
from tests.console.moments_told import WINNER, race
from tests.console.told import hedged_and_blocked

T = TypeVar("T", bound=Payload)
Change = Callable[[list[Event]], list[Event]]


def test_every_moment_has_its_turn_and_its_milliseconds() -> None:
    found = moments_of(race().events)
    assert {kind: (moment.turn_id, moment.ms) for kind, moment in found.items()} == {
        MomentKind.SPECULATION: ("t1", 520),
        MomentKind.HEDGE: ("t1", 1500),
        MomentKind.GUARDRAIL: ("t1", 900),
        MomentKind.HOLD: ("t1", 951),
        MomentKind.BARGE_IN: ("t2", 4000),
        MomentKind.BACKCHANNEL: ("t1", 2000),
        MomentKind.STEP_UP: ("t3", 9000),
    }


def test_every_moment_says_what_happened() -> None:
    told = {kind: moment.told for kind, moment in moments_of(race().events).items()}
    assert told == {
        MomentKind.SPECULATION: "the reply was begun 220 ms before the words were final",
        MomentKind.HEDGE: "vendor-b answered; vendor-a hadn't in 990 ms",
        MomentKind.GUARDRAIL: "grounding blocked a model's answer: unsupported_figure",
        MomentKind.HOLD: "“Let me check that.” until the reply at 1,500 ms",
        MomentKind.BARGE_IN: "the agent stopped 240 ms after the caller began",
        MomentKind.BACKCHANNEL: "the agent spoke on for 1,000 ms, to the end",
        MomentKind.STEP_UP: "stepped_up by phone_code, 5,000 ms after block_card needed it",
    }


def changed(kind: type[T], **to: object) -> Change:
    """Every event of this kind says that instead."""

    def change(events: list[Event]) -> list[Event]:
        assert any(isinstance(e.payload, kind) for e in events)
        return [
            msgspec.structs.replace(e, payload=msgspec.structs.replace(e.payload, **to))
            if isinstance(e.payload, kind)
            else e
            for e in events
        ]

    return change


def without(kind: type[Payload]) -> Change:
    return lambda events: [event for event in events if not isinstance(event.payload, kind)]


def behind_the_reply(events: list[Event]) -> list[Event]:
    """Holding lines only come after all else."""
    holds = [msgspec.structs.replace(e, seq=1000) for e in events if isinstance(e.payload, f.HoldingPlayed)]
    return [*without(f.HoldingPlayed)(events), *holds]


def stopped_by_it(events: list[Event]) -> list[Event]:
    """Replies aren't said to their end."""
    return [
        msgspec.structs.replace(
            e, payload=f.SpeechInterrupted(candidate_id=e.payload.candidate_id, spoken_so_far="About")
        )
        if isinstance(e.payload, f.SpeechCompleted)
        else e
        for e in events
    ]


def first_attempt_formed(events: list[Event]) -> list[Event]:
    """The attempt that was cancelled had said something before."""
    return [*events, *(e for e in hedged_and_blocked().events if isinstance(e.payload, d.CandidateFormed))]


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        pytest.param(MomentKind.SPECULATION, changed(d.TurnCommitted, eager=False), id="the-words-came-as-final"),
        pytest.param(MomentKind.HEDGE, without(f.EffectCancelled), id="the-first-attempt-answered-too"),
        pytest.param(MomentKind.HEDGE, first_attempt_formed, id="the-first-attempt-had-a-sentence"),
        pytest.param(MomentKind.GUARDRAIL, changed(d.VerdictIssued, passed=True), id="it-passed"),
        pytest.param(MomentKind.GUARDRAIL, changed(d.VerdictIssued, reasons=("not_judged_late",)), id="nobody-judged"),
        pytest.param(MomentKind.GUARDRAIL, changed(d.VerdictIssued, required=False), id="it-may-be-said-all-the-same"),
        pytest.param(MomentKind.HOLD, behind_the_reply, id="no-reply-came-after-it"),
        pytest.param(MomentKind.BARGE_IN, changed(d.InterruptionJudged, genuine=False), id="a-false-interruption"),
        pytest.param(MomentKind.BACKCHANNEL, stopped_by_it, id="the-agent-stopped"),
        pytest.param(MomentKind.STEP_UP, without(p.ProofAccepted), id="the-proof-was-wrong"),
    ],
)
def test_what_only_looks_like_a_moment_is_none(kind: MomentKind, change: Change) -> None:
    assert set(MomentKind) - set(moments_of(change(race().events))) == {kind}


def test_who_answered_is_told_by_whatever_names_them() -> None:
    found = moments_of(changed(f.SentenceReturned, provider="")(race().events))
    assert found[MomentKind.HEDGE].told == "vendor-b answered; vendor-a hadn't in 990 ms"


def test_a_hedge_whose_providers_nobody_named_is_told_by_its_attempts() -> None:
    events = race().events
    for kind in (f.SentenceReturned, f.CompletionReturned, f.EffectCancelled):
        events = changed(kind, provider="")(events)
    assert moments_of(events)[MomentKind.HEDGE].told == "attempt 1 answered; the first attempt hadn't in 990 ms"


def test_a_speculation_whose_reply_was_worked_out_anew_gained_nothing() -> None:
    assert MomentKind.SPECULATION not in moments_of(changed(d.CandidateFormed, speculation=2)(race().events))


def test_a_backchannel_over_a_later_sentence_belongs_to_the_reply() -> None:
    told = race()
    later = d.SentenceReleased(candidate_id=WINNER, sentence_id="t1.later", text="More.", last=True)
    told.say(5000, later)
    over_it = changed(f.BackchannelHeard, sound_id="t1.later")(told.events)
    assert MomentKind.BACKCHANNEL in moments_of(over_it)


def test_an_honest_fallback_is_no_reply_that_a_hold_or_a_speculation_led_to() -> None:
    found = moments_of(changed(d.CandidateFormed, action="fallback")(race().events))
    assert not {MomentKind.HOLD, MomentKind.SPECULATION} & set(found)


def test_the_speculation_that_gained_most_is_told() -> None:
    found = moments_of(golden("demo_on_a_virtual_clock"))
    assert "320 ms" in found[MomentKind.SPECULATION].told


def test_a_call_without_any_of_it_has_no_moments() -> None:
    assert moments_of([]) == {}
