"""The request to an answering model, built from the conversation alone, and its digest.

Laid out for a provider's cached prefix: what never changes first, then the sources, then the transcript, then the question.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import NamedTuple

import msgspec

from agent_core.behaviour import Intent
from agent_core.conversation import Conversation, Turn
from agent_core.wording import wording_of

TRANSCRIPT_LINES = 12


class Request(NamedTuple):
    messages: str  # JSON: [{"role": ..., "content": ...}]
    approved: str
    step_id: str
    digest: str


def request_for(conversation: Conversation, turn: Turn, intent: Intent) -> Request:
    """What a model is asked for ``intent``. The digest is an HMAC under the conversation's key: equal means the same."""
    behaviour = conversation.behaviour
    wording = wording_of(conversation, intent)
    approved, step_id = (wording.text, wording.step_id) if wording else ("", "")
    system = f"{behaviour.prompt}\n\nThe caller asks about: {intent.name}. {intent.description}".rstrip()
    if approved:
        system += f"\n\nApproved wording:\n<approved>{approved}</approved>"
    sources = [s.text for s in turn.sources or () if s.public]
    if sources:
        system += "\n\nSources:\n" + "\n".join(f"- {text}" for text in sources)
    messages = [{"role": "system", "content": system}]
    for line in conversation.transcript[-TRANSCRIPT_LINES:]:
        if line.turn_id != turn.turn_id:
            messages.append({"role": "user" if line.role == "caller" else "assistant", "content": line.text})
    messages.append({"role": "user", "content": turn.question})
    encoded = msgspec.json.encode([behaviour.routing.model, approved, messages])
    digest = hmac.new(conversation.context.digest_key(), encoded, hashlib.sha256).hexdigest()[:32]
    return Request(msgspec.json.encode(messages).decode(), approved, step_id, digest)
