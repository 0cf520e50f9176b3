"""The request to an answering model, built from the conversation alone, its digest, and the version of its prompt.

Laid out for a provider's cached prefix, what changes least first:

    system   the behaviour's prompt                            the same in every call
    system   what was said long before, shortened              grows every few turns
    …        the newest lines, as they were said               grow with every turn
    system   the task: one intent, its wording, its sources    of this question alone
    user     the caller's words

So all questions of a turn share everything but their task, and a turn shares what came before it with the turn before.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import msgspec

from agent_core.behaviour import Behaviour, Intent
from agent_core.conversation import Conversation, Turn
from agent_core.history import history_of
from agent_core.wording import wording_of

ANSWER = "answer"  # the prompt's id: what it is for
LAYOUT = 2  # rises whenever the same conversation and behaviour would give another request


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
    history = history_of([line for line in conversation.transcript if line.turn_id != turn.turn_id])
    messages = [{"role": "system", "content": behaviour.prompt}]
    if history.earlier:
        messages.append({"role": "system", "content": f"Earlier in this call, shortened:\n{history.earlier}"})
    for line in history.recent:
        messages.append({"role": "user" if line.role == "caller" else "assistant", "content": line.text})
    messages.append({"role": "system", "content": _task(turn, intent, approved)})
    messages.append({"role": "user", "content": turn.question})
    encoded = msgspec.json.encode([behaviour.routing.model, approved, messages])
    digest = hmac.new(conversation.context.digest_key(), encoded, hashlib.sha256).hexdigest()[:32]
    return Request(msgspec.json.encode(messages).decode(), approved, step_id, digest)


def prompt_version(behaviour: Behaviour) -> str:
    """Of the answering prompt: its layout, and 12 hex digits of the SHA-256 of its text and of those that are tied to
    models. With the model that answered it says which text was told; whatever else changes in a behaviour changes nothing."""
    tied = prompts_by_model(behaviour)
    texts = (behaviour.prompt, *(f"{model}\0{text}" for model, text in sorted(tied.items())))
    return f"{LAYOUT}.{_digest(chr(0).join(texts))}"


def prompts_by_model(behaviour: Behaviour) -> Mapping[str, str]:
    """What models are told in place of ``prompt``, by the vendor's name."""
    return behaviour.prompts.answer if behaviour.prompts else {}


@lru_cache(maxsize=64)
def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _task(turn: Turn, intent: Intent, approved: str) -> str:
    """One narrow task: the intent's own articles, where retrieval found any of them, and no others."""
    task = f"The caller asks about: {intent.name}. {intent.description}".rstrip()
    if approved:
        task += f"\n\nApproved wording:\n<approved>{approved}</approved>"
    public = [source for source in turn.sources or () if source.public]
    own = [source for source in public if source.article_id in intent.articles]
    if public:
        task += "\n\nSources:\n" + "\n".join(f"- {source.text}" for source in own or public)
    return task
