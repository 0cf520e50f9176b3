"""The keyless brain says approved words only; skills run by themselves."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from agent_core import skills
from agent_core.approved import ApprovedAnswers, MissingSlotError, fill, slots_of
from agent_core.behaviour_loader import load
from agent_core.classifier import IntentClassifier
from agent_core.guardrails.base import GuardInput, Stage
from agent_core.ports import CompletionRequest, CompletionResult, FailureReason, Message, ProviderError
from agent_core.retrieval import Retriever
from providers.embeddings import MiniLM

BANK = Path(__file__).parent.parent.parent / "examples" / "bank"


def request(approved: str | None, timeout_ms: int = 1000) -> CompletionRequest:
    messages = (Message("user", "when are you open"),)
    return CompletionRequest("answer", "answer", messages, approved=approved, timeout_ms=timeout_ms)


def test_the_approved_wording_is_said_word_for_word() -> None:
    result = asyncio.run(ApprovedAnswers().complete(request(" We open at nine. ")))
    assert result.text == "We open at nine."
    assert (result.provider, result.cost_micros) == ("approved", 0)


@pytest.mark.parametrize("approved", [None, "", "  "])
def test_without_an_approved_wording_nothing_is_made_up(approved: str | None) -> None:
    with pytest.raises(ProviderError) as caught:
        asyncio.run(ApprovedAnswers().complete(request(approved)))
    assert caught.value.reason is FailureReason.INVALID


def test_slots_are_filled_from_facts() -> None:
    assert slots_of("Of course. {last_said}") == {"last_said"}
    assert fill("Of course. {last_said}", {"last_said": "We {open} at nine."}) == "Of course. We {open} at nine."
    assert fill("No slot.", {}) == "No slot."


def test_a_slot_without_a_fact_is_an_error_not_half_a_sentence() -> None:
    with pytest.raises(MissingSlotError, match="last_said"):
        fill("Of course. {last_said}", {"company": "Harbour Bank"})


def test_a_slot_reaches_into_nothing() -> None:
    with pytest.raises(MissingSlotError):
        fill("{company.__class__}", {"company": "Harbour Bank"})


def test_skills_run_with_no_log_and_no_host() -> None:
    async def run() -> None:
        behaviour, embedder = load(BANK), MiniLM()
        classifier = IntentClassifier.train(behaviour.intents, embedder)
        scores = await skills.classify("when do you open", classifier)
        intent = behaviour.intent(max(scores, key=lambda label: scores[label]))
        assert intent is not None
        assert intent.name == "opening_hours"
        passages = await skills.retrieve("when do you open", Retriever(behaviour.articles, embedder), public_only=True)
        assert passages[0].article_id == "branches"
        result = await skills.answer(request(intent.answer), ApprovedAnswers())
        subject = GuardInput(text=result.text, stage=Stage.OUTPUT, sources=tuple(passages))
        assert (await skills.guard("grounding", subject)).passed

    asyncio.run(run())


def test_an_answer_that_takes_too_long_is_given_up() -> None:
    class Stalled(ApprovedAnswers):
        async def complete(self, request: CompletionRequest) -> CompletionResult:
            await asyncio.Event().wait()
            raise AssertionError

    with pytest.raises(TimeoutError):
        asyncio.run(skills.answer(request("We open at nine.", timeout_ms=1), Stalled()))
