"""A turn with guests in it: what waits for them, which of their verdicts count, and what their silence means."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from told_by_hand import BANK, Call, of

from agent_core.behaviour import Behaviour, GuardrailSetting
from agent_core.guests import timer_of
from schemas import decisions as d
from schemas import facts as f
from schemas.base import EvidenceSpan, Payload
from schemas.text_digest import text_digest

GUEST = "compliance"
BUDGET_MS = 300
QUESTION, INTENT = "What does a new card cost", "fees"
FIRST, SECOND = "t2.s1.answer.fees.0", "t2.s1.answer.fees.1"
(APPROVED,) = (intent.answer for intent in BANK.intents if intent.name == INTENT)


def bank(**settings: Any) -> Behaviour:
    """The bank with one guest: required, its silence blocks, unless told otherwise."""
    guest = {"name": GUEST, "means": "guest", "budget_ms": BUDGET_MS, "silence": "block", "judges": "models"} | settings
    guardrails = [g.model_dump() for g in (*BANK.guardrails, GuardrailSetting.model_validate(guest))]
    return Behaviour.model_validate(BANK.model_dump() | {"guardrails": guardrails})


def asked(**settings: Any) -> tuple[Call, list[Payload]]:
    """A call whose models have answered, and all that was decided on it in this turn."""
    call = Call(bank(**settings))
    return call, call.says(QUESTION, INTENT)


def digest_of(call: Call, text: str) -> str:
    return text_digest(call.conversation.context.digest_key(), text)


def verdict(call: Call, candidate_id: str = FIRST, *, passed: bool = True, **said: Any) -> f.GuestVerdictPosted:
    """What the guest posts; ``said`` is what it posts otherwise than it should."""
    assert call.conversation.turn
    text = call.conversation.turn.candidates[candidate_id].text
    about = {"guardrail": GUEST, "candidate_id": candidate_id, "text_digest": digest_of(call, text)}
    return f.GuestVerdictPosted(**(about | {"passed": passed} | said))


def silent(call: Call, candidate_id: str = FIRST) -> list[Payload]:
    call.now_ms += BUDGET_MS
    return call.told(f.TimerFired(timer_id=timer_of(candidate_id, GUEST), purpose="guest"))


def chosen(decided: list[Payload]) -> list[tuple[str, str]]:
    return [(p.candidate_id, p.text) for p in decided if isinstance(p, d.ReplyChosen)]


def waited_for(call: Call) -> list[str]:
    return sorted(timer.timer_id for timer in call.conversation.timers.values() if timer.purpose == "guest")


# --- a required guest ------------------------------------------------------------------------------------------------


def test_what_a_model_said_waits_for_a_required_guest() -> None:
    _, decided = asked()
    assert chosen(decided) == []
    assert of(d.GuestAsked, decided) == [
        d.GuestAsked(guardrail=GUEST, candidate_id=name, required=True, budget_ms=BUDGET_MS) for name in (FIRST, SECOND)
    ]
    timers = [timer for timer in of(d.TimerSet, decided) if timer.purpose == "guest"]
    assert [(t.timer_id, t.due_at_us) for t in timers] == [
        (timer_of(name, GUEST), BUDGET_MS * 1000) for name in (FIRST, SECOND)
    ]


def test_it_is_said_once_the_guest_has_passed_it() -> None:
    call, _ = asked()
    decided = call.told(verdict(call, guest_version="1.4.0"))
    assert of(d.VerdictIssued, decided) == [
        d.VerdictIssued(
            guardrail=GUEST,
            guardrail_version="1.4.0",
            stage="output",
            candidate_id=FIRST,
            speculation=1,
            passed=True,
            required=True,
            reasons=(),
            evidence=(),
        )
    ]
    assert chosen(decided) == [(FIRST, APPROVED)]
    assert waited_for(call) == []


def test_what_the_guest_blocks_is_not_said_and_the_approved_wording_is() -> None:
    call, _ = asked()
    decided = call.told(verdict(call, passed=False, reasons=("fee_unclear",), evidence=(EvidenceSpan(2, 10),)))
    (issued,) = of(d.VerdictIssued, decided)
    assert (issued.passed, issued.reasons, issued.evidence) == (False, ("fee_unclear",), (EvidenceSpan(2, 10),))
    assert of(d.CandidateDropped, decided) == [d.CandidateDropped(candidate_id=FIRST, reason=f"blocked:{GUEST}")]
    assert chosen(decided) == []
    decided = call.told(verdict(call, SECOND, passed=False))
    assert chosen(decided) == [("t2.s1.answer.fees", APPROVED)]


def test_a_sibling_that_the_guest_passes_is_said() -> None:
    call, _ = asked()
    call.told(verdict(call, passed=False))
    assert chosen(call.told(verdict(call, SECOND))) == [(SECOND, APPROVED)]


def test_silence_that_blocks_costs_the_models_wording_and_not_the_answer() -> None:
    call, _ = asked(silence="block")
    decided = silent(call)
    (issued,) = of(d.VerdictIssued, decided)
    assert (issued.passed, issued.required, issued.reasons) == (False, True, ("guest_silent",))
    assert chosen(silent(call, SECOND)) == [("t2.s1.answer.fees", APPROVED)]


def test_silence_that_passes_lets_it_be_said_and_says_so() -> None:
    call, _ = asked(silence="pass")
    decided = silent(call)
    (issued,) = of(d.VerdictIssued, decided)
    assert (issued.passed, issued.reasons) == (True, ("guest_silent",))
    assert chosen(decided) == [(FIRST, APPROVED)]


def test_the_guest_is_not_asked_about_what_a_guardrail_of_ours_blocked() -> None:
    call = Call(bank())
    call.told(f.UtteranceHeard(utterance_id="u1", text=QUESTION, final=True, since_speech_end_ms=200.0))
    while ask := next((a for a in call.open_asks() if not isinstance(a.payload, d.CompletionAsked)), None):
        call.answer(ask, INTENT)
    (ask,) = call.open_asks()
    advice = "You should definitely buy shares in the index fund today."
    returned = f.CompletionReturned(ask_id=ask.ask_id, attempt=0, text=advice, provider="by hand", model="by hand")
    decided = call.told(returned)
    assert of(d.CandidateDropped, decided)
    assert of(d.GuestAsked, decided) == []
    assert call.told(verdict(call)) == []


def test_a_guest_that_judges_models_is_not_asked_about_approved_wordings() -> None:
    call = Call(bank(judges="models"))
    decided = call.says("Should I buy shares", "advice")
    assert of(d.GuestAsked, decided) == []
    assert chosen(decided) == [("t2.s1.refuse.advice", BANK.lines.refusal)]


def test_a_guest_that_judges_everything_is_asked_about_approved_wordings_too() -> None:
    call = Call(bank(judges="everything", silence="pass"))
    decided = call.says("Should I buy shares", "advice")
    assert [p.candidate_id for p in of(d.GuestAsked, decided)] == ["t2.s1.refuse.advice"]
    assert chosen(decided) == []
    assert chosen(call.told(verdict(call, "t2.s1.refuse.advice"))) == [("t2.s1.refuse.advice", BANK.lines.refusal)]


# --- late, double, contradictory -------------------------------------------------------------------------------------


def test_a_verdict_after_the_silence_changes_nothing() -> None:
    call, _ = asked(silence="block")
    silent(call)
    assert call.told(verdict(call)) == []


@pytest.mark.parametrize("passed", [True, False])
def test_the_first_verdict_stands_whatever_is_posted_after_it(passed: bool) -> None:
    call, _ = asked()
    call.told(verdict(call, passed=passed))
    assert call.told(verdict(call, passed=passed)) == []
    assert call.told(verdict(call, passed=not passed)) == []


def test_a_timer_that_fires_after_the_verdict_changes_nothing() -> None:
    call, _ = asked()
    call.told(verdict(call))
    assert silent(call) == []


def test_a_verdict_on_what_the_caller_no_longer_asks_changes_nothing() -> None:
    call = Call(bank())
    call.says(QUESTION, INTENT, final=False)
    late = verdict(call)
    assert waited_for(call)
    decided = call.told(f.UtteranceResumed(utterance_id="u1"))
    assert of(d.SpeculationDropped, decided)
    assert waited_for(call) == []
    assert call.told(late) == []


def test_a_verdict_after_the_turn_changes_nothing() -> None:
    call, _ = asked()
    late = verdict(call, SECOND)
    call.told(verdict(call))
    call.heard(FIRST, APPROVED or "")
    assert call.conversation.turn is None
    assert call.told(late) == []


# --- verdicts on what the guest was not asked ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "forged",
    [
        {"guardrail": "grounding", "passed": False},
        {"guardrail": "nobody", "passed": False},
        {"candidate_id": "t2.s1.answer.fees.7", "passed": False},
        {"text_digest": "0" * 64},
        {"text_digest": ""},
        {"text_digest": "ä"},
    ],
)
def test_a_verdict_on_anything_else_is_recorded_and_changes_nothing(forged: dict[str, Any]) -> None:
    call, _ = asked()
    before = call.conversation
    posted = msgspec.structs.replace(verdict(call), **forged)
    assert call.told(posted) == []
    assert call.conversation.turn == before.turn
    assert call.conversation.timers == before.timers


def test_a_verdict_on_other_words_under_the_same_name_does_not_count() -> None:
    """As of a candidate that is void, whose successor bears its name and says something else."""
    call, _ = asked()
    other = digest_of(call, "What the owner before had read.")
    assert call.told(verdict(call, text_digest=other)) == []
    assert chosen(call.told(verdict(call))) == [(FIRST, APPROVED)]


def test_what_a_guest_wrote_that_is_no_name_does_not_enter_a_verdict() -> None:
    call, _ = asked()
    spans = (EvidenceSpan(0, 3), EvidenceSpan(-1, 4), EvidenceSpan(3, 3), EvidenceSpan(0, 10_000))
    reasons = ("advice", "the caller's name is Ada", "x" * 65, "advice")
    posted = verdict(call, passed=False, reasons=reasons, evidence=spans, guest_version="v1 of Ada's")
    (issued,) = of(d.VerdictIssued, call.told(posted))
    assert issued.reasons == ("advice", "guest_reason_unreadable")
    assert issued.evidence == (EvidenceSpan(0, 3),)
    assert issued.guardrail_version == ""


# --- an advisory guest -----------------------------------------------------------------------------------------------


def test_an_advisory_guest_is_asked_and_never_waited_for() -> None:
    call, decided = asked(required=False)
    assert [(p.candidate_id, p.required) for p in of(d.GuestAsked, decided)] == [(FIRST, False)]
    assert chosen(decided) == [(FIRST, APPROVED)]
    assert waited_for(call) == []


def test_what_an_advisory_guest_finds_is_told_and_blocks_nothing() -> None:
    call, _ = asked(required=False)
    decided = call.told(verdict(call, passed=False, reasons=("tone",)))
    (issued,) = of(d.VerdictIssued, decided)
    assert (issued.passed, issued.required, issued.reasons) == (False, False, ("tone",))
    assert len(decided) == 1


def test_after_a_takeover_no_guest_is_asked_again_and_its_verdict_still_counts() -> None:
    call, _ = asked()
    waiting = waited_for(call)
    assert of(d.AskRepeated, call.told(f.OwnerChanged(epoch=2))) == []
    assert waited_for(call) == waiting
    assert chosen(call.told(verdict(call))) == [(FIRST, APPROVED)]
