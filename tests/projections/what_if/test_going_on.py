"""Behind a changed reply a call goes on: with what the caller said where it fits, simulated where it doesn't, never for real."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[2] / "agent"))

from msgspec.structs import replace
from simulated import nobody_for
from told_by_hand import BANK, Call, signed_in, tool_returned

from agent_core.conversation import Ask, Conversation
from agent_core.guardrails.prompt_injection import SCORE, SPREAD
from processors.deciders import cascade
from projections.what_if.call import AnswerFor, Source, WhatIfCall
from projections.what_if.change import parse
from projections.what_if.rejudge import NAMES
from projections.what_if.report import WentOn
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact, Payload
from schemas.event import Event
from simulation.going_on import GoingOn
from simulation.small_bank import ASKED
from simulation.what_if_asks import Tools
from streams.fact_writer import fact_event
from tests.support import run

GUESSED = {text: intent for intent, texts in ASKED.items() for text in texts}


class Recorded(Call):
    """A call told by hand, kept as steps."""

    def __init__(self, *before: Fact) -> None:
        self.steps: list[tuple[Event, ...]] = []
        super().__init__(BANK, *before)

    def told(self, fact: Fact) -> list[Payload]:
        turn_id = self.conversation.turn.turn_id if self.conversation.turn else None
        self.now_ms += 100
        event = replace(fact_event("c1", fact, turn_id=turn_id), accepted_at_us=self.now_ms * 1000)
        step = self._cascade.run(self.conversation, event)
        self.conversation = step.conversation
        self.steps.append(step.events)
        return [each.payload for each in step.events[1:]]

    def asks(self, text: str) -> None:
        """Says it, and hears the reply to its end."""
        self.says(text, GUESSED[text])
        while any(isinstance(ask.payload, d.ToolRequested) for ask in self.open_asks()):
            (ask,) = (ask for ask in self.open_asks() if isinstance(ask.payload, d.ToolRequested))
            self.told(tool_returned(ask.ask_id, "card", "is on its way"))
            self.understood(GUESSED[text])
        self.hears_reply()

    def ends(self) -> None:
        self.told(f.CallEnded(reason="agent_hung_up"))


def approving(providers: tuple[str, ...]) -> Any:
    """Models that know what is meant, and answer as it is approved."""

    async def answer(conversation: Conversation, ask: Ask, attempt: int) -> Sequence[Fact] | None:
        asked = ask.payload
        if isinstance(asked, d.ClassificationAsked):
            return [f.ScoresReturned(ask_id=ask.ask_id, scores=(f.Score(GUESSED[asked.text], 0.98),), model="test")]
        if isinstance(asked, d.PassagesAsked):
            return [f.PassagesFound(ask_id=ask.ask_id, passages="[]")]
        if isinstance(asked, d.CompletionAsked):
            return [
                f.CompletionReturned(
                    ask_id=ask.ask_id, attempt=attempt, text=f"Well. {asked.approved}", provider="test", model="test"
                )
            ]
        scores = (f.Score(SCORE, 0.0), f.Score(SPREAD, 0.0))
        return [f.ScoresReturned(ask_id=ask.ask_id, scores=scores, model="test")]

    return answer


def gone_on(
    call: Recorded, what_if: str, *, seed: int = 0, tools: Tools | None = None, answer_for: AnswerFor = approving
) -> WentOn | None:
    nothing: Any = None  # of the log only steps are needed
    keys: Any = SimpleNamespace(
        get=lambda conversation_id: SimpleNamespace(digest_key=b"key")
    )  # as the call was told with
    source = Source(nothing, nothing, keys, lambda seq, content_hash: BANK)
    judge = WhatIfCall(source, cascade(), parse([what_if]), answer_for, GoingOn(seed, tools or {}))

    async def judged() -> WentOn | None:
        return await judge._gone_on("c1", call.steps, await judge._judged("c1", call.steps))

    return run(judged())


def a_call() -> Recorded:
    call = Recorded()
    for text in ("What does a new card cost", "I am going abroad", "Goodbye then"):
        call.asks(text)
    call.ends()
    return call


def words(went_on: WentOn | None) -> list[tuple[str, str]]:
    assert went_on is not None
    return [(turn.words, turn.text) for turn in went_on.turns]


def test_who_is_not_answered_says_it_in_other_words_and_gives_up() -> None:
    went_on = gone_on(a_call(), "guardrail=forbid:charge")
    assert went_on is not None
    assert went_on.behind == "t2"
    assert {how for how, _ in words(went_on)} == {"reworded"}
    assert {text for _, text in words(went_on)} == {"Is there a fee for that"}
    assert went_on.ended == "hung_up"
    assert (went_on.recorded.outcome, went_on.recorded.turns) == ("resolved", 3)
    assert went_on.what_if is not None
    assert went_on.what_if.outcome == "unresolved"


def test_who_is_answered_otherwise_goes_on_as_they_did() -> None:
    went_on = gone_on(a_call(), "prompt=Answer at length.")
    assert words(went_on) == [("recorded", "I am going abroad"), ("recorded", "Goodbye then")]
    assert went_on is not None
    assert went_on.ended == "closed"
    assert went_on.what_if is not None
    assert (went_on.what_if.outcome, went_on.what_if.turns) == ("resolved", 3)
    assert all(turn.said and turn.said.text for turn in went_on.turns)


@pytest.mark.parametrize("seed", range(4))
def test_the_same_seed_is_the_same_course(seed: int) -> None:
    call = a_call()
    assert gone_on(call, "guardrail=forbid:charge", seed=seed) == gone_on(call, "guardrail=forbid:charge", seed=seed)


def test_seeds_differ_in_how_long_a_caller_keeps_trying() -> None:
    call = a_call()
    courses = [gone_on(call, "guardrail=forbid:charge", seed=seed) for seed in range(8)]
    assert len({len(course.turns) for course in courses if course}) > 1


def test_where_nobody_may_be_asked_the_end_is_not_known() -> None:
    went_on = gone_on(a_call(), "guardrail=forbid:charge", answer_for=nobody_for)
    assert went_on is not None
    assert (went_on.ended, went_on.what_if) == ("unknown", None)
    assert went_on.unknown in {f"{named} was not asked for" for named in NAMES.values()}  # in words, as of one turn


def test_a_call_whose_replies_are_the_same_goes_on_with_nobody() -> None:
    assert gone_on(a_call(), "guardrail=forbid:penguin") is None


def test_tools_are_simulated_and_what_they_found_then_is_used_again() -> None:
    call = Recorded(signed_in("ada"))
    for text in ("What does a new card cost", "Is my new card on its way", "Goodbye then"):
        call.asks(text)
    call.ends()
    asked: list[Ask] = []

    async def tool(conversation: Conversation, ask: Ask, attempt: int) -> Fact:
        asked.append(ask)
        return tool_returned(ask.ask_id, "card", "was sent")

    went_on = gone_on(call, "prompt=Answer at length.", tools={d.ToolRequested: tool})
    assert went_on is not None
    tells = [turn.said.text for turn in went_on.turns if turn.said and turn.said.action == "tool"]
    assert len(tells) == 1
    assert asked == []
    assert "is on its way" in (tells[0] or "")
