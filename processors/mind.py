"""The mind of an owner: the agent's fold and cascade behind the port that ``streams`` knows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from agent_core.behaviour import Behaviour
from agent_core.conversation import Context, Conversation, Status, initial
from agent_core.evolve import evolve
from agent_core.hedging import TIMER as LATE
from processors import freezing, hedging
from processors.cascade import Cascade
from schemas.event import Event
from streams.keys import KeyMissingError, KeyStore
from streams.mind import OpenTimer, OpenWork

_FORGOTTEN_KEY = b"forgotten"


class AgentMind:
    """Implements ``streams.mind.Mind`` for conversations of an agent."""

    def __init__(self, cascade: Cascade, behaviour_of: Callable[[int, str], Behaviour], keys: KeyStore) -> None:
        self._cascade, self._behaviour_of, self._keys = cascade, behaviour_of, keys

    def initial(self, conversation_id: str) -> Conversation:
        return initial(conversation_id, self._context(conversation_id))

    def _context(self, conversation_id: str) -> Context:
        return Context(self._behaviour_of, partial(self._digest_key, conversation_id))

    def _digest_key(self, conversation_id: str) -> bytes:
        """Looked up when it is needed: a conversation may be in memory before its key was made."""
        key = self._keys.get(conversation_id)
        return key.digest_key if key else _FORGOTTEN_KEY

    def fold(self, conversation: Conversation, event: Event) -> Conversation:
        return evolve(conversation, event)

    def step(self, conversation: Conversation, fact: Event) -> tuple[Conversation, tuple[Event, ...]]:
        step = self._cascade.run(conversation, fact)
        return step.conversation, step.events

    def open_work(self, conversation: Conversation) -> OpenWork:
        timers = {
            t.timer_id: OpenTimer(t.timer_id, t.purpose, t.due_at_us, t.turn_id)
            for t in conversation.timers.values()
            if t.purpose != LATE or hedging.is_awaited(conversation, t.timer_id)
        }
        asks = any(ask.open for ask in conversation.asks.values())
        return OpenWork(asks, timers, conversation.status is Status.CLOSED and not asks)

    def freeze(self, conversation: Conversation) -> bytes | None:
        """None once the conversation's key is destroyed: nothing readable is kept of it."""
        key = self._keys.get(conversation.id)
        if key is None:
            return None
        return key.encrypt(freezing.freeze(conversation, self._cascade.version), _sealed_for(conversation.id))

    def thaw(self, conversation_id: str, frozen: bytes) -> Conversation | None:
        key = self._keys.get(conversation_id)
        if key is None:
            return None
        try:
            opened = key.decrypt(frozen, _sealed_for(conversation_id))
        except KeyMissingError:
            return None
        return freezing.thaw(opened, self._context(conversation_id), self._cascade.version)


def _sealed_for(conversation_id: str) -> bytes:
    return f"{conversation_id}\x1fsnapshot".encode()
