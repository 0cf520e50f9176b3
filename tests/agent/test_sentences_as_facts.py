"""An attempt at an answer, sentence by sentence: facts where something rests on them, in order, never a fragment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from agent_core.behaviour import Behaviour, Routing
from agent_core.conversation import Ask, Context, Conversation, initial
from agent_core.ports import CompletionRequest, CompletionResult, FailureReason, ProviderError, Sentence
from processors.executors.complete import Complete
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact
from simulation.small_bank import small_bank
from simulation.streaming import by_sentence
from tests.support import run

SMALL = small_bank()
BY_SENTENCE = by_sentence(SMALL)
TEXT = "Your card is blocked. A new one costs £3.50. Anything else?"


class Speaks:
    """A model that tells ``told``, and then gives ``text`` or fails."""

    name = "test"

    def __init__(self, told: Sequence[str], text: str | FailureReason) -> None:
        self._told, self._text = told, text
        self.is_listened_to: bool | None = None

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        self.is_listened_to = request.on_sentence is not None
        for text in self._told:
            assert request.on_sentence
            request.on_sentence(Sentence(text, "test", "m", 10.0, 20.0))
            await asyncio.sleep(0)
        if isinstance(self._text, FailureReason):
            raise ProviderError(self._text, "test")
        return CompletionResult(self._text, "test", "m")

    async def close(self) -> None:
        """Nothing is open."""


def attempted(
    model: Speaks, behaviour: Behaviour = BY_SENTENCE, attempts: int = 1
) -> tuple[list[f.SentenceReturned], Fact | ProviderError]:
    """The sentences that were told, and what closed the newest of so many attempts."""
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
    ask = Ask("a1", asked, "t1", 1, attempts=attempts)

    async def main() -> Fact | ProviderError:
        try:
            return await Complete(model).run(conversation(behaviour), ask, attempts - 1, told.append)
        except ProviderError as error:
            return error

    outcome = run(main())
    assert all(isinstance(fact, f.SentenceReturned) for fact in told)
    return [fact for fact in told if isinstance(fact, f.SentenceReturned)], outcome


def conversation(behaviour: Behaviour) -> Conversation:
    empty = initial("c1", Context(lambda seq, content_hash: behaviour, lambda: b""))
    return msgspec.structs.replace(empty, behaviour_seq=1, behaviour_hash=behaviour.content_hash)


def whole(*, late: int) -> Behaviour:
    """Replies are released whole, with so many attempts that start late."""
    return SMALL.model_copy(
        update={"routing": Routing.model_validate({"hedging": {"answer": {"now": 1, "late": late}}})}
    )


@pytest.mark.parametrize("streamed", [0, 1, 2])
def test_each_sentence_to_be_released_is_a_fact_whether_or_not_the_model_streams(streamed: int) -> None:
    sentences = ["Your card is blocked.", "A new one costs £3.50.", "Anything else?"]
    told, outcome = attempted(Speaks(sentences[:streamed], TEXT))
    assert [(fact.index, fact.text, fact.last) for fact in told] == [
        (0, sentences[0], False),
        (1, sentences[1], False),
        (2, sentences[2], True),
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


def test_where_nothing_rests_on_a_sentence_the_stream_is_not_split() -> None:
    model = Speaks([], TEXT)
    told, outcome = attempted(model, whole(late=0))
    assert not model.is_listened_to
    assert told == []
    assert isinstance(outcome, f.CompletionReturned)
    attempted(model, whole(late=1))
    assert model.is_listened_to


def test_where_another_attempt_may_start_late_the_sentences_before_the_end_of_a_stream_are_facts() -> None:
    streamed = ["Your card is blocked.", "A new one costs £3.50."]
    told, outcome = attempted(Speaks(streamed, TEXT), whole(late=1))
    assert [(fact.text, fact.last) for fact in told] == [(text, False) for text in streamed]
    assert isinstance(outcome, f.CompletionReturned)


def test_once_no_other_attempt_may_start_sentences_move_no_clock_and_are_no_facts() -> None:
    told, _ = attempted(Speaks(["Your card is blocked."], TEXT), whole(late=1), attempts=2)
    assert told == []
