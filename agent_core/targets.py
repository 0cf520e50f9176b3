"""What a turn has to answer: the one place where scores, verdicts on the caller's words and policy meet."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from agent_core.authorisation import SIGN_IN, WHICH_ONE
from agent_core.behaviour import Action, Behaviour
from agent_core.conversation import Conversation
from agent_core.guardrails import registry
from agent_core.guardrails.base import Stage

OTHER = "other"  # the classifier's name for what no intent covers
MAX_CLARIFICATIONS = 2


class Target(NamedTuple):
    """``action``: answer, tool, sign_in, which_one, refuse, escalate, close, clarify. ``intent``: an intent's name, or
    why there is none."""

    action: str
    intent: str


@lru_cache(maxsize=64)
def guards_of(behaviour_hash: str, behaviour: Behaviour, stage: Stage) -> tuple[str, ...]:
    """The names of the guardrails of ours that behaviour sets for this stage; guests: ``agent_core.guests``."""
    ours = (g.name for g in behaviour.guardrails if g.means is None)
    return tuple(name for name in ours if registry.find(name).stage.covers(stage))


def target_of(conversation: Conversation) -> Target | None:
    """None while it can't be known: scores, or a verdict on the caller's words, are still to come."""
    turn, behaviour = conversation.turn, conversation.behaviour
    if turn is None or turn.scores is None or not turn.live:
        return None
    input_guards = guards_of(conversation.behaviour_hash, behaviour, Stage.INPUT)
    if any(name not in turn.input_verdicts for name in input_guards):
        return None
    if not all(turn.input_verdicts.values()):
        return Target("refuse", "input_blocked")
    if any(reason in behaviour.routing.escalate_on for reason in turn.input_reasons):
        return Target("escalate", "cue")
    top = max(turn.scores, key=lambda s: (s.value, s.name), default=None)
    intent = behaviour.intent(top.name) if top else None
    if top is None or intent is None or top.value < behaviour.routing.abstain_below:
        if conversation.clarified >= MAX_CLARIFICATIONS:
            return Target("escalate", "not_understood")
        return Target("clarify", OTHER)
    if intent.tool:
        return Target(_action_with_tool(turn.refusals.get(intent.name)), intent.name)
    return Target(_ACTIONS[intent.action], intent.name)


def _action_with_tool(refusal: str | None) -> str:
    if refusal is None:
        return "tool"
    if refusal in SIGN_IN:
        return "sign_in"
    return "which_one" if refusal in WHICH_ONE else "refuse"


def questions_of(conversation: Conversation) -> tuple[str, ...]:
    """The intents worth an answer: those that together cover the set mass, most probable first."""
    turn, routing = conversation.turn, conversation.behaviour.routing
    if turn is None or not turn.scores:
        return ()
    if routing.all_intents:
        return tuple(intent.name for intent in conversation.behaviour.intents)
    chosen: list[str] = []
    mass = 0.0
    for score in sorted(turn.scores, key=lambda s: (-s.value, s.name)):
        if mass >= routing.cover_mass or len(chosen) >= routing.max_questions:
            break
        mass += score.value
        if conversation.behaviour.intent(score.name):
            chosen.append(score.name)
    return tuple(chosen)


_ACTIONS = {Action.ANSWER: "answer", Action.REFUSE: "refuse", Action.ESCALATE: "escalate", Action.CLOSE: "close"}
