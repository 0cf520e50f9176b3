"""The executors behind writes and proofs: each looks once more, none acts before its request stands on the log."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from msgspec.structs import replace
from support import run
from test_stepping_up import PROOFS, known, sent, verified
from test_writing_turns import approved, fails, proposed, returned, step
from told_by_hand import Call

from agent_core.company_ports import Operation
from agent_core.conversation import Ask
from agent_core.given_proofs import is_code
from agent_core.ports import FailureReason, ProviderError
from processors.executors.check_proof import CheckProof
from processors.executors.send_code import SendCode, drawn_code
from processors.executors.write import Write
from schemas import proving as p
from schemas import writing as w
from schemas.base import Fact

assert PROOFS is not None


class Company:
    """Records, operations, checks and phones, all well; notes what it was asked."""

    name = "company"

    def __init__(self, ending: str = "1111") -> None:
        self.ending = ending
        self.done: dict[str, Operation] = {}
        self.undone: list[tuple[str, str]] = []
        self.messages: list[tuple[str, str, str]] = []
        self.checked: list[tuple[str, str, str]] = []

    async def read(self, customer_id: str, kind: str, object_id: str) -> Mapping[str, str]:
        if kind == "contact":
            return {"number": f"+44 {customer_id}"}
        return {"type": "card", "ending": self.ending, "status": "delivered"}

    async def perform(self, operation: Operation) -> Mapping[str, str]:
        assert operation.key not in self.done, "done twice"
        self.done[operation.key] = operation
        return {"reference": "r 1", "due": "Friday"}

    async def performed(self, key: str) -> Mapping[str, str] | None:
        return {"reference": "r 1", "due": "Friday"} if key in self.done else None

    async def undo(self, operation: Operation, undoes: str) -> Mapping[str, str]:
        self.undone.append((operation.key, undoes))
        return {}

    async def check(self, customer_id: str, question: str, answer: str) -> bool:
        self.checked.append((customer_id, question, answer))
        return answer == "4215"

    async def send(self, number: str, text: str, *, key: str) -> None:
        self.messages.append((number, text, key))


async def stands(conversation_id: str, event_id: str) -> None:
    """The log has it."""


async def never(conversation_id: str, event_id: str) -> None:
    await asyncio.Event().wait()


def written(call: Call, company: Company, ask: Ask | None = None) -> Fact:
    return run(Write(company, company, stands)(call.conversation, ask or step(call)[0], 0))


def refusal(call: Call, company: Company, ask: Ask | None = None) -> FailureReason:
    with pytest.raises(ProviderError) as failure:
        written(call, company, ask)
    return failure.value.reason


def test_a_step_is_done_under_its_key_and_what_came_of_it_is_a_fact() -> None:
    call, company = approved(), Company()
    _, asked = step(call)
    assert isinstance(asked, w.WriteRequested)
    fact = written(call, company)
    assert isinstance(fact, w.WriteReturned)
    assert (fact.result, fact.found) == ('{"reference":"r 1"}', False)
    assert list(company.done.values()) == [Operation(asked.idempotency_key, "block_card", "ada", "card-1111")]


def test_a_step_that_is_asked_again_is_looked_up_and_not_done_twice() -> None:
    call, company = approved(), Company()
    ask, _ = step(call)
    written(call, company)
    fact = written(call, company, replace(ask, generation=1))
    assert isinstance(fact, w.WriteReturned)
    assert fact.found
    assert len(company.done) == 1


def test_a_step_that_is_asked_again_and_wasnt_done_is_done() -> None:
    call, company = approved(), Company()
    fact = written(call, company, replace(step(call)[0], generation=1))
    assert isinstance(fact, w.WriteReturned)
    assert not fact.found
    assert len(company.done) == 1


def test_nothing_is_done_while_the_request_doesnt_stand_on_the_log() -> None:
    call, company = approved(), Company()
    ask, asked = step(call)
    hurried = replace(ask, payload=replace(asked, timeout_ms=30))
    with pytest.raises(ProviderError) as failure:
        run(Write(company, company, never)(call.conversation, hurried, 0))
    assert failure.value.reason is FailureReason.TIMED_OUT
    assert company.done == {}


@pytest.mark.parametrize(
    "forged",
    [
        {"digest": "0" * 64},
        {"arguments": '{"card_id":"card-2222","customer_id":"ben"}'},
        {"state": '{"card":"card","ending":"9999"}'},
        {"proposal_id": "another"},
        {"idempotency_key": "the-key-of-another-change"},
    ],
)
def test_what_isnt_what_was_approved_is_not_done(forged: dict[str, str]) -> None:
    call, company = approved(), Company()
    ask, asked = step(call)
    assert refusal(call, company, replace(ask, payload=replace(asked, **forged))) is FailureReason.REFUSED
    assert company.done == {}


def test_what_nobody_approved_is_not_done() -> None:
    call, company = approved(), Company()
    ask, _ = step(call)
    assert refusal(proposed(), company, ask) is FailureReason.REFUSED
    assert company.done == {}


def test_a_first_step_is_not_done_for_who_may_no_longer() -> None:
    call, company = approved(), Company()
    ask, _ = step(call)
    call.signs_in("ben", "stepped_up")
    assert refusal(call, company, ask) is FailureReason.REFUSED
    assert company.done == {}


@pytest.mark.parametrize(("ending", "expected"), [("1111", None), ("1112", FailureReason.STALE)])
def test_an_old_state_is_read_again_and_must_be_the_same(ending: str, expected: FailureReason | None) -> None:
    call, company = proposed(), Company(ending)
    call.now_ms += 31_000
    call.says("Yes", "other")
    if expected is None:
        written(call, company)
    else:
        assert refusal(call, company) is expected
    assert bool(company.done) is (expected is None)


def test_an_answer_of_another_kind_isnt_made_the_best_of() -> None:
    class Strange(Company):
        async def perform(self, operation: Operation) -> Mapping[str, str]:
            return {"receipt": "?"}

    assert refusal(approved(), Strange()) is FailureReason.INVALID


def undoing() -> Call:
    """The second step was refused, so the first is to be undone."""
    call = approved("replace", "Order me a new card")
    returned(call)
    fails(call, "refused")
    return call


def test_a_step_is_undone_under_a_key_of_its_own_and_the_steps_key_is_named() -> None:
    call, company = undoing(), Company()
    _, asked = step(call)
    assert isinstance(asked, w.UndoRequested)
    assert isinstance(written(call, company), w.WriteReturned)
    assert company.undone == [(asked.idempotency_key, asked.undoes)]


@pytest.mark.parametrize(
    "forged",
    [
        {"arguments": '{"card_id":"card-2222","customer_id":"ben"}'},
        {"tool": "block_card", "step": "block"},
        {"undoes": "the-key-of-another-change"},
        {"idempotency_key": "a-key-of-nobody"},
        {"step": "deliver"},
        {"proposal_id": "another"},
    ],
)
def test_what_isnt_a_step_of_what_was_approved_is_not_undone(forged: dict[str, str]) -> None:
    call, company = undoing(), Company()
    ask, asked = step(call)
    assert refusal(call, company, replace(ask, payload=replace(asked, **forged))) is FailureReason.REFUSED
    assert company.undone == []


def test_what_did_not_fail_or_was_undone_already_is_not_undone() -> None:
    ask, _ = step(undoing())
    for call in (proposed("replace", "Order me a new card"), approved("replace", "Order me a new card")):
        company = Company()
        assert refusal(call, company, ask) is FailureReason.REFUSED
        assert company.undone == []
    call, company = undoing(), Company()
    proposals = {key: replace(one, undone=("issue",)) for key, one in call.conversation.proposals.items()}
    call.conversation = replace(call.conversation, proposals=proposals)
    assert refusal(call, company, ask) is FailureReason.REFUSED
    assert company.undone == []


# --- proofs ----------------------------------------------------------------------------------------------------------


def test_a_code_goes_to_the_subjects_own_number_and_only_its_digest_comes_back() -> None:
    call, company = verified(), Company()
    ask, _ = call.asked(p.CodeAsked)
    fact = run(SendCode(company, company, stands, lambda digits: "421556"[:digits])(call.conversation, ask, 0))
    assert company.messages == [("+44 ada", "421556 is your code.", "c1/t2.proof1.code/0")]
    assert isinstance(fact, p.CodeSent)
    assert "421556" not in str(fact)
    call.told(fact)
    assert call.conversation.challenge is not None
    assert is_code(b"key", call.conversation.challenge, "421556")
    assert not is_code(b"key", call.conversation.challenge, "421557")


def test_no_code_is_sent_to_somebody_who_took_the_place_of_the_subject() -> None:
    call, company = verified(), Company()
    ask, _ = call.asked(p.CodeAsked)
    challenge = call.conversation.challenge
    call.signs_in("ben")
    with pytest.raises(ProviderError):
        run(SendCode(company, company, stands)(replace(call.conversation, challenge=challenge), ask, 0))
    assert company.messages == []


def test_codes_are_drawn_anew_each_time() -> None:
    drawn = {drawn_code(6) for _ in range(50)}
    assert len(drawn) > 40
    assert all(len(code) == 6 and code.isdigit() for code in drawn)


def test_a_code_that_wasnt_sent_is_no_code() -> None:
    call = verified()
    assert call.conversation.challenge is not None
    assert not is_code(b"key", call.conversation.challenge, "")


@pytest.mark.parametrize(("answer", "passed"), [("four two one five", True), ("one one one one", False)])
def test_an_answer_is_checked_for_the_subject(answer: str, passed: bool) -> None:
    call, company = known(), Company()
    call.says(answer, "other")
    ask, _ = call.asked(p.ProofAsked)
    fact = run(CheckProof(company, stands)(call.conversation, ask, 0))
    assert isinstance(fact, p.ProofReturned)
    assert fact.passed is passed
    assert [(who, question) for who, question, _ in company.checked] == [("ada", "passcode")]


def test_a_sent_code_counts_in_its_own_call_alone() -> None:
    one, other = verified(), verified()
    sent(one)
    sent(other, "999999")
    assert one.conversation.challenge is not None
    assert other.conversation.challenge is not None
    assert one.conversation.challenge.code_digest != other.conversation.challenge.code_digest
