"""Calls come with behaviours that their worker didn't start with: it learns from each, once, and answers under it."""

from __future__ import annotations

import asyncio
from threading import Event, get_ident

import pytest
from support import PATIENCE_S, run
from told_by_hand import BANK, Call

from agent_core.approved import ApprovedAnswers
from agent_core.behaviour import Behaviour
from agent_core.conversation import Conversation
from console.agent import Agent
from processors.learning import Learning, LearnsAhead
from providers.embeddings import MiniLM
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact
from streams.mind import Outcome, Report

QUESTION = "I lost my card"
ASKED = (d.ClassificationAsked, d.PassagesAsked)
OTHER = BANK.model_copy(update={"name": "the next version"})


def asking(behaviour: Behaviour) -> Call:
    call = Call(behaviour)
    call.told(f.UtteranceHeard(utterance_id="u1", text=QUESTION, final=True, since_speech_end_ms=0.0))
    return call


def test_a_question_is_understood_under_a_behaviour_that_came_with_the_call() -> None:
    """Without this the worker's classification and retrieval failed for every call of the next version."""
    call = asking(OTHER)
    wanted = {ask.event_id for ask in call.open_asks() if isinstance(ask.payload, ASKED)}

    async def scene() -> list[Fact]:
        effects = Agent(BANK, MiniLM(), ApprovedAnswers()).effects()
        facts: list[Fact] = []
        all_came = asyncio.Event()

        def report(outcome: Outcome) -> None:
            if outcome.causation_id in wanted:
                facts.append(outcome.payload)
            if len(facts) == len(wanted):
                all_came.set()

        effects.begin(1, report)
        effects.reconcile(call.conversation.id, call.conversation)
        await all_came.wait()
        await effects.stop()
        return facts

    assert {type(fact) for fact in run(scene())} == {f.ScoresReturned, f.PassagesFound}


class Watched:
    """What is learnt is the behaviour's name; how often, and in which thread, stands here."""

    def __init__(self) -> None:
        self.learnt: list[str] = []
        self.threads: set[int] = set()
        self.fails = False
        self.begun = Event()

    def learn(self, behaviour: Behaviour) -> str:
        self.learnt.append(behaviour.name)
        self.begun.set()
        self.threads.add(get_ident())
        if self.fails:
            raise RuntimeError("no memory")
        return behaviour.name


def test_each_behaviour_is_learnt_once_and_beside_the_calls() -> None:
    watched = Watched()

    async def scene() -> list[str]:
        learning = Learning(watched.learn)
        learning.now(BANK)
        asked = [learning.of(each) for each in (BANK, OTHER, OTHER)]
        return [*await asyncio.gather(*asked), await learning.of(OTHER)]

    assert run(scene()) == [BANK.name, OTHER.name, OTHER.name, OTHER.name]
    assert watched.learnt == [BANK.name, OTHER.name]
    assert len(watched.threads) == 2


def test_what_could_not_be_learnt_is_told_to_who_asks_and_tried_again() -> None:
    watched = Watched()
    watched.fails = True

    async def scene() -> str:
        learning = Learning(watched.learn)
        with pytest.raises(RuntimeError, match="no memory"):
            await learning.of(OTHER)
        watched.fails = False
        return await learning.of(OTHER)

    assert run(scene()) == OTHER.name


class Silent:
    """Implements ``streams.mind.Effects``."""

    def begin(self, epoch: int, report: Report) -> None: ...

    def reconcile(self, conversation_id: str, conversation: Conversation) -> None: ...

    async def stop(self) -> None: ...


def test_learning_begins_with_the_call_and_not_with_its_first_question() -> None:
    watched, call = Watched(), asking(OTHER)

    async def scene() -> None:
        learning = Learning(watched.learn)
        effects = LearnsAhead(Silent(), learning)
        effects.reconcile(call.conversation.id, call.conversation)
        effects.reconcile(call.conversation.id, call.conversation)
        assert await asyncio.to_thread(watched.begun.wait, PATIENCE_S)
        assert await learning.of(OTHER) == OTHER.name

    run(scene())
    assert watched.learnt == [OTHER.name]
