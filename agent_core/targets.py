"""What a turn has to answer: the one place where scores, verdicts on the caller's words and policy meet."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from agent_core.assent import Assent
from agent_core.authorisation import SIGN_IN, WHICH_ONE, required_level
from agent_core.behaviour import Action, Behaviour
from agent_core.conversation import Conversation
from agent_core.guardrails import registry
from agent_core.guardrails.base import Stage, judges_at
from agent_core.proofs import method_for
from agent_core.subject import Level
from agent_core.tools.registry import writes
from agent_core.under_way import BEGUN, stopped_too_late, wished_again

OTHER = "other"  # the classifier's name for what no intent covers
LOCKED = "locked"  # too many wrong proofs
MAX_CLARIFICATIONS = 2


class Target(NamedTuple):
    """``action``: answer, tool, propose, sign_in, challenge, which_one, refuse, escalate, close, clarify, begun,
    or that of the turn's errand. ``intent``: an intent's name, or why there is none."""

    action: str
    intent: str


@lru_cache(maxsize=64)
def guards_of(behaviour_hash: str, behaviour: Behaviour, stage: Stage) -> tuple[str, ...]:
    """The names of the guardrails of ours that behaviour sets for this stage; guests: ``agent_core.guests``."""
    ours = (g.name for g in behaviour.guardrails if g.means is None)
    return tuple(name for name in ours if judges_at(registry.find(name), stage))


def target_of(conversation: Conversation) -> Target | None:
    """None while it can't be known: scores, or a verdict on the caller's words, are still to come."""
    turn, behaviour = conversation.turn, conversation.behaviour
    if turn is None or not turn.live or (turn.scores is None and turn.errand is None):
        return None
    input_guards = guards_of(conversation.behaviour_hash, behaviour, Stage.INPUT)
    if any(name not in turn.input_verdicts for name in input_guards):
        return None
    if not all(turn.input_verdicts.values()):
        return Target("refuse", "input_blocked")
    if any(reason in behaviour.routing.escalate_on for reason in turn.input_reasons):
        return Target("escalate", "cue")
    if turn.errand:
        return Target(turn.errand.action, turn.errand.intent)
    if accepted := _accepted_offer(conversation):
        return accepted
    if stopped := stopped_too_late(conversation, turn):
        return Target(BEGUN, stopped.intent)
    top = max(turn.scores or (), key=lambda s: (s.value, s.name), default=None)
    intent = behaviour.intent(top.name) if top else None
    if top is None or intent is None or top.value < behaviour.routing.abstain_below:
        if conversation.clarified >= MAX_CLARIFICATIONS:
            return Target("escalate", "not_understood")
        return Target("clarify", OTHER)
    if wished_again(conversation, turn, intent):
        return Target(BEGUN, intent.name)
    if intent.tool:
        return _target_with_tool(conversation, intent.name, intent.tool, turn.refusals.get(intent.name))
    return Target(_ACTIONS[intent.action], intent.name)


def _accepted_offer(conversation: Conversation) -> Target | None:
    """A plain yes after a holding line that offered something."""
    turn, offer = conversation.turn, conversation.offer
    if turn is None or offer is None or turn.turn_id == offer.turn_id:
        return None
    if conversation.behaviour.hears(turn.question.removeprefix(turn.carried)) is not Assent.YES:
        return None
    offered = conversation.behaviour.offered_by(offer.phrase_id)
    intent = conversation.behaviour.intent(offered) if offered else None
    return Target(_ACTIONS[intent.action], intent.name) if intent else None


def words_are_clear(conversation: Conversation) -> bool:
    """Whether every guardrail let the caller's words pass and none of them asks for a person: then they count as given."""
    turn, behaviour = conversation.turn, conversation.behaviour
    if turn is None or not turn.live:
        return False
    input_guards = guards_of(conversation.behaviour_hash, behaviour, Stage.INPUT)
    passed = all(turn.input_verdicts.get(name, False) for name in input_guards)
    return passed and not any(reason in behaviour.routing.escalate_on for reason in turn.input_reasons)


def _target_with_tool(conversation: Conversation, intent: str, tool: str, refusal: str | None) -> Target:
    if refusal is None:
        return Target("propose" if writes(tool) else "tool", intent)
    if refusal in SIGN_IN:
        return _way_to_level(conversation, intent, required_level(tool))
    return Target("which_one" if refusal in WHICH_ONE else "refuse", intent)


def _way_to_level(conversation: Conversation, intent: str, level: Level) -> Target:
    """The caller is asked for a proof where behaviour has one for them; else told how to sign in."""
    proofs = conversation.behaviour.proofs
    if proofs is None or method_for(proofs, conversation.subject, level, conversation.accepted_at_us) is None:
        return Target("sign_in", intent)
    if conversation.wrong_proofs >= proofs.lock_after:
        return Target("escalate", LOCKED)
    return Target("challenge", intent)


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
