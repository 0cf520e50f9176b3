"""Decider: whether the caller meant to stop the agent, once that is known.

Words that are no backchannel say that they did. A cough, or a backchannel that was recognised too late, says that they
did not: then the reply goes on where it stopped (``resuming``). A behaviour without ``barge_in`` judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent_core.conversation import Conversation
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision
from schemas.event import Event

HANDLES = (f.UtteranceHeard, f.CallerSpeechDismissed)


def decide(conversation: Conversation, event: Event) -> Iterator[Decision]:
    payload = event.payload
    if not conversation.stopped_for or conversation.behaviour.barge_in is None:
        return
    if isinstance(payload, f.UtteranceHeard | f.CallerSpeechDismissed):
        yield d.InterruptionJudged(
            utterance_id=payload.utterance_id,
            candidate_id=conversation.stopped_for,
            genuine=isinstance(payload, f.UtteranceHeard),
        )
