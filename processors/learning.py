"""What is learnt from a behaviour before asks can be carried out under it: once for each, by its content hash.

A process learns its own behaviour when it starts. Others come with calls: gateways and workers get a new behaviour one after
the other, and calls keep the one that was current when they rang. Learning takes seconds. It begins when such a call is
first seen, beside its greeting, so that the first question rarely waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from threading import Lock
from typing import Generic, TypeVar

from agent_core.behaviour import Behaviour
from agent_core.conversation import Conversation
from streams.mind import Effects, Report

T = TypeVar("T")


class Learning(Generic[T]):
    """``learn`` computes; it is called once for each behaviour, one at a time, in a thread of its own."""

    def __init__(self, learn: Callable[[Behaviour], T]) -> None:
        self._learn = learn
        self._one_at_a_time = Lock()
        self._learnt: dict[str, T] = {}
        self._under_way: dict[str, asyncio.Future[T]] = {}

    def now(self, behaviour: Behaviour) -> T:
        """In this thread, before there are calls. Raises what ``learn`` raises."""
        learnt = self._learnt[behaviour.content_hash] = self._learn(behaviour)
        return learnt

    async def of(self, behaviour: Behaviour) -> T:
        """Waits where it is learnt now. Raises what ``learn`` raises; whoever asks next tries again."""
        name = behaviour.content_hash
        return self._learnt[name] if name in self._learnt else await asyncio.shield(self._begun(behaviour))

    def ahead(self, conversation: Conversation) -> None:
        """Before anybody asks. It doesn't wait, and tells of no failure: whoever asks is told."""
        behaviour = conversation.behaviour
        if behaviour.content_hash not in self._learnt:
            self._begun(behaviour)

    def _begun(self, behaviour: Behaviour) -> asyncio.Future[T]:
        name = behaviour.content_hash
        if name not in self._under_way:
            learning = asyncio.get_running_loop().run_in_executor(None, self._in_turn, behaviour)
            self._under_way[name] = learning
            learning.add_done_callback(partial(self._keep, name))
        return self._under_way[name]

    def _in_turn(self, behaviour: Behaviour) -> T:
        with self._one_at_a_time:
            return self._learn(behaviour)

    def _keep(self, name: str, learning: asyncio.Future[T]) -> None:
        del self._under_way[name]
        if not learning.cancelled() and learning.exception() is None:
            self._learnt[name] = learning.result()


class LearnsAhead(Generic[T]):
    """Implements ``streams.mind.Effects``: ``effects``, of whose conversations is learnt as soon as they ask for anything."""

    def __init__(self, effects: Effects[Conversation], learning: Learning[T]) -> None:
        self._effects, self._learning = effects, learning

    def begin(self, epoch: int, report: Report) -> None:
        self._effects.begin(epoch, report)

    def reconcile(self, conversation_id: str, conversation: Conversation) -> None:
        if conversation.turn is not None:  # one that is over is folded too, and asks for nothing any more
            self._learning.ahead(conversation)
        self._effects.reconcile(conversation_id, conversation)

    async def stop(self) -> None:
        await self._effects.stop()
