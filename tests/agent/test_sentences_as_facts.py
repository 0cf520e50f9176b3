"""An attempt at an answer, sentence by sentence: facts in order, the last one marked, never a fragment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from agent_core.behaviour import Behaviour
from agent_core.conversation import Ask, Context, Conversation, initial
from agent_core.ports import CompletionRequest, CompletionResult, FailureReason, ProviderError, Sentence
from processors.executors.complete import Complete
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact
from tests.support import run

TEXT = "Your card is blocked. A new one costs £3.50. Anything else?"


class Speaks:
    """A model that tells ``told``, and then gives ``text`` or fails."""

    name = "test"

    def __init__(self, told: Sequence[str], text: str | FailureReason) -> None:
        self._told, self._text = told, text

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        for text in self._told:
            assert request.on_sentence
            request.on_sentence(Sentence(text, "test", "m", 10.0, 20.0))
            await asyncio.sleep(0)
        if isinstance(self._text, FailureReason):
            raise ProviderError(self._text, "test")
        return CompletionResult(self._text, "test", "m")

    async def close(self) -> None:
        """Nothing is open."""


def attempted(model: Speaks) -> tuple[list[f.SentenceReturned], Fact | ProviderError]:
    """The sentences that were told, and what closed the attempt."""
    asked = d.CompletionAsked(
        ask_id="a1",
        purpose="answer",
        intent="lost_card",
        model="answer",
        attempts=1,
        messages=msgspec.json.encode([{"role": "user", "content": "x"}]).decode(),
        request_digest="",
        timeout_ms=1000,
    )
    told: list[Fact] = []

    async def main() -> Fact | ProviderError:
        try:
            return await Complete(model).run(conversation(), Ask("a1", asked, "t1", 1), 0, told.append)
        except ProviderError as error:
            return error

    outcome = run(main())
    assert all(isinstance(fact, f.SentenceReturned) for fact in told)
    return [fact for fact in told if isinstance(fact, f.SentenceReturned)], outcome


def conversation() -> Conversation:
    def behaviour_of(seq: int, content_hash: str) -> Behaviour:
        raise LookupError(content_hash)

    return initial("c1", Context(behaviour_of, lambda: b""))


@pytest.mark.parametrize("streamed", [0, 1, 2])
def test_each_sentence_is_a_fact_whether_or_not_the_model_streams(streamed: int) -> None:
    whole = ["Your card is blocked.", "A new one costs £3.50.", "Anything else?"]
    told, outcome = attempted(Speaks(whole[:streamed], TEXT))
    assert [(fact.index, fact.text, fact.last) for fact in told] == [
        (0, whole[0], False),
        (1, whole[1], False),
        (2, whole[2], True),
    ]
    assert isinstance(outcome, f.CompletionReturned)
    assert outcome.text == TEXT


def test_a_stream_that_dies_leaves_its_whole_sentences_and_no_last_one() -> None:
    told, outcome = attempted(Speaks(["Your card is blocked."], FailureReason.TIMED_OUT))
    assert [(fact.text, fact.last) for fact in told] == [("Your card is blocked.", False)]
    assert isinstance(outcome, ProviderError)
    assert outcome.reason is FailureReason.TIMED_OUT


def test_an_answer_whose_sentences_are_not_those_that_were_told_is_invalid() -> None:
    told, outcome = attempted(Speaks(["Buy shares."], TEXT))
    assert not any(fact.last for fact in told)
    assert isinstance(outcome, ProviderError)
    assert outcome.reason is FailureReason.INVALID
