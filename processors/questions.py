"""Decider: asks the outside world what the turn needs, everything at once.

A speculation asks for classification and passages. When both are in, an answer is asked for every probable question, so
that a doubt between two intents costs no time.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.behaviour import Action
from agent_core.conversation import Conversation, Turn
from agent_core.hedging import Purpose
from agent_core.prompts import ANSWER, prompt_version, request_for
from agent_core.targets import questions_of
from processors.spending import affordable, out_of_money
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision
from schemas.event import Event

HANDLES = (d.SpeculationOpened, f.ScoresReturned, f.PassagesFound, f.EffectFailed, d.TurnCommitted)


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    turn = conversation.turn
    if turn is None or not turn.live or turn.chosen:
        return
    if isinstance(event.payload, d.SpeculationOpened):
        if event.payload.speculation == turn.speculation:
            prefix = f"{turn.turn_id}.s{turn.speculation}"
            yield d.ClassificationAsked(ask_id=f"{prefix}.classify", text=turn.question)
            yield d.PassagesAsked(ask_id=f"{prefix}.passages", query=turn.question)
    elif isinstance(event.payload, d.TurnCommitted):
        yield from _ask_what_changed(conversation, turn)
    elif turn.scores is not None and turn.sources is not None:
        yield from _ask_each(conversation, turn)


def _ask_each(conversation: Conversation, turn: Turn) -> Iterator[Decision]:
    """As many as the turn can pay for. Where that is none, it is told so: nobody waits for what isn't asked."""
    names = questions_of(conversation)
    asked = 0
    for name in names:
        if name not in turn.asked and _has_money(conversation, asked + 1):
            asked += 1
            yield from _ask(conversation, turn, name)
    if not asked and not turn.asked and any(_by_model(conversation, name) for name in names):
        yield from out_of_money(conversation)


def _by_model(conversation: Conversation, name: str) -> bool:
    intent = conversation.behaviour.intent(name)
    return intent is not None and intent.action is Action.ANSWER and not intent.tool


def _has_money(conversation: Conversation, questions: int) -> bool:
    """Whether the turn can pay for so many questions more."""
    attempts = affordable(conversation, Purpose.ANSWER)
    return attempts is None or attempts >= questions * conversation.behaviour.routing.hedge(Purpose.ANSWER).now


def _ask(conversation: Conversation, turn: Turn, name: str, again: str = "") -> Iterator[Decision]:
    intent, routing = conversation.behaviour.intent(name), conversation.behaviour.routing
    if intent is None or not _by_model(conversation, name):
        return
    request = request_for(conversation, turn, intent)
    yield d.CompletionAsked(
        ask_id=f"{turn.turn_id}.s{turn.speculation}{again}.answer.{name}",
        purpose="answer",
        intent=name,
        model=routing.model,
        attempts=routing.hedge(Purpose.ANSWER).now,
        messages=request.messages,
        approved=request.approved,
        request_digest=request.digest,
        timeout_ms=conversation.behaviour.budget.completion_timeout_ms,
        prompt_id=ANSWER,
        prompt_version=prompt_version(conversation.behaviour),
    )


def _ask_what_changed(conversation: Conversation, turn: Turn) -> Iterator[Decision]:
    """A request that reads differently now than when it was speculated on is asked again; its candidates don't count."""
    for ask in conversation.asks.values():
        payload = ask.payload
        if not isinstance(payload, d.CompletionAsked) or ask.speculation != turn.speculation:
            continue
        intent = conversation.behaviour.intent(payload.intent)
        if intent is None or request_for(conversation, turn, intent).digest == payload.request_digest:
            continue
        for candidate in turn.candidates.values():
            if candidate.ask_id == ask.ask_id:
                yield d.CandidateDropped(candidate_id=candidate.candidate_id, reason="request_changed")
        yield from _ask(conversation, turn, payload.intent, again="c")
