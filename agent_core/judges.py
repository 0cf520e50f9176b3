"""Who judges what is said: all of a candidate, or one sentence of a reply that is still being made."""

from __future__ import annotations

from functools import lru_cache

from agent_core.behaviour import Behaviour, GuardrailSetting
from agent_core.conversation import Candidate, Conversation
from agent_core.guardrails import registry
from agent_core.guardrails.base import Stage
from agent_core.targets import guards_of


def guards_for(conversation: Conversation, candidate: Candidate) -> tuple[str, ...]:
    """The guardrails of ours that judge this candidate; guests: ``agent_core.guests``."""
    guards = guards_of(conversation.behaviour_hash, conversation.behaviour, Stage.OUTPUT)
    if candidate.sentence is None:
        return guards
    return tuple(name for name in guards if registry.find(name).judges_sentence)


@lru_cache(maxsize=64)
def releases_sentences(behaviour: Behaviour) -> bool:
    """Whether a reply may start before all of it was judged."""
    if behaviour.release is None or behaviour.release.by != "sentence":
        return False
    output = guards_of(behaviour.content_hash, behaviour, Stage.OUTPUT)
    judging = (g for g in behaviour.guardrails if g.means == "guest" or g.name in output)
    return not any(_holds(setting) for setting in judging)


def _holds(setting: GuardrailSetting) -> bool:
    """A required guest's veto comes before the first word, unless behaviour says otherwise."""
    if setting.holds_release is not None:
        return setting.holds_release
    return setting.means == "guest" and setting.required
