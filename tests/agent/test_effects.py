"""What should run is read from the conversation after every step: each attempt runs once, and losers are cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec
from msgspec.structs import replace
from told_by_hand import BANK, Call

from agent_core.conversation import Ask, Conversation
from processors.effects import LINGER_S, EffectRunner, TellingExecutor
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact
from simulation.virtual_loop import run_virtual
from streams.mind import Outcome

QUESTION, SAID = "What does a new card cost", "It is free."


class Telling(TellingExecutor):
    """Tells one sentence and, unless it ``hangs``, its end."""

    def __init__(self, *, hangs: bool = False) -> None:
        self._hangs = hangs
        self.begun = 0
        self.cancelled = 0

    async def run(self, conversation: Conversation, ask: Ask, attempt: int, tell: Callable[[Fact], None]) -> Fact:
        self.begun += 1
        said = {"ask_id": ask.ask_id, "attempt": attempt, "text": SAID, "provider": "north", "model": "chat"}
        tell(msgspec.convert({**said, "index": 0, "last": True, "elapsed_ms": 1.0}, f.SentenceReturned))
        try:
            await asyncio.sleep(3600 if self._hangs else 0)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return msgspec.convert(said, f.CompletionReturned)


def one_attempt_asked() -> Conversation:
    call = Call(BANK)
    call.told(f.UtteranceHeard(utterance_id="u1", text=QUESTION, final=True, since_speech_end_ms=0.0))
    while not any(isinstance(ask.payload, d.CompletionAsked) for ask in call.open_asks()):
        call.answer(call.open_asks()[0], "fees")
    ask = next(ask for ask in call.open_asks() if isinstance(ask.payload, d.CompletionAsked))
    return replace(call.conversation, asks={ask.ask_id: replace(ask, attempts=1)})


def after_its_end(conversation: Conversation) -> Conversation:
    (ask,) = conversation.asks.values()
    return replace(conversation, asks={ask.ask_id: replace(ask, open=False)})


def test_an_attempt_that_ended_is_not_begun_anew_by_what_is_taken_before_its_end() -> None:
    executor, conversation = Telling(), one_attempt_asked()

    async def scene() -> tuple[list[type[Fact]], int]:
        came: asyncio.Queue[Outcome] = asyncio.Queue()
        effects = EffectRunner({d.CompletionAsked: executor})
        effects.begin(1, came.put_nowait)
        effects.reconcile(conversation.id, conversation)
        await asyncio.sleep(1)  # it ended; its sentence and its end both wait to be taken
        effects.reconcile(conversation.id, conversation)  # behind the sentence
        await asyncio.sleep(1)
        effects.reconcile(conversation.id, after_its_end(conversation))
        await asyncio.sleep(1)
        told = [type(came.get_nowait().payload) for _ in range(came.qsize())]
        await effects.stop()
        return told, executor.begun

    assert run_virtual(scene()) == ([f.SentenceReturned, f.CompletionReturned], 1)


def test_a_loser_is_cancelled_once_and_soon_but_not_before_the_decision_is_on_its_way() -> None:
    executor, conversation = Telling(hangs=True), one_attempt_asked()

    async def scene() -> tuple[int, int, type[Fact]]:
        came: asyncio.Queue[Outcome] = asyncio.Queue()
        effects = EffectRunner({d.CompletionAsked: executor})
        effects.begin(1, came.put_nowait)
        effects.reconcile(conversation.id, conversation)
        await asyncio.sleep(1)
        lost = after_its_end(conversation)
        effects.reconcile(lost.id, lost)
        await asyncio.sleep(0)
        at_once = executor.cancelled
        effects.reconcile(lost.id, lost)
        await asyncio.sleep(LINGER_S * 2)
        while came.qsize() > 1:
            came.get_nowait()
        await effects.stop()
        return at_once, executor.cancelled, type(came.get_nowait().payload)

    assert run_virtual(scene()) == (0, 1, f.EffectCancelled)
