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
    """Tells its ``sentences`` and, unless it ``hangs``, its end."""

    def __init__(self, *, hangs: bool = False, sentences: int = 1) -> None:
        self._hangs, self._sentences = hangs, sentences
        self.begun = 0
        self.cancelled = 0

    async def run(self, conversation: Conversation, ask: Ask, attempt: int, tell: Callable[[Fact], None]) -> Fact:
        self.begun += 1
        said = {"ask_id": ask.ask_id, "attempt": attempt, "text": SAID, "provider": "north", "model": "chat"}
        for index in range(self._sentences):
            last = index + 1 == self._sentences
            tell(msgspec.convert({**said, "index": index, "last": last, "elapsed_ms": 1.0}, f.SentenceReturned))
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


def test_each_sentence_of_a_run_is_a_fact_of_its_own() -> None:
    conversation = one_attempt_asked()

    async def scene() -> list[str]:
        came: asyncio.Queue[Outcome] = asyncio.Queue()
        effects = EffectRunner({d.CompletionAsked: Telling(sentences=3)})
        effects.begin(1, came.put_nowait)
        effects.reconcile(conversation.id, conversation)
        await asyncio.sleep(1)
        await effects.stop()
        return [came.get_nowait().event_id for _ in range(came.qsize())]

    ids = run_virtual(scene())
    assert len(ids) == len(set(ids)) == 4


def test_what_is_asked_again_runs_again_though_its_former_run_is_still_known() -> None:
    executor, conversation = Telling(), one_attempt_asked()
    (ask,) = conversation.asks.values()
    again = replace(conversation, asks={ask.ask_id: replace(ask, generation=1)})

    async def scene() -> tuple[int, int]:
        came: asyncio.Queue[Outcome] = asyncio.Queue()
        effects = EffectRunner({d.CompletionAsked: executor})
        effects.begin(1, came.put_nowait)
        effects.reconcile(conversation.id, conversation)
        await asyncio.sleep(1)
        effects.reconcile(again.id, again)
        await asyncio.sleep(1)
        await effects.stop()
        runs = {came.get_nowait().run_id for _ in range(came.qsize())}
        return executor.begun, len(runs)

    assert run_virtual(scene()) == (2, 2)


def test_what_comes_back_when_the_reign_is_over_belongs_to_nobody() -> None:
    conversation = one_attempt_asked()

    async def scene() -> list[type[Fact]]:
        came: asyncio.Queue[Outcome] = asyncio.Queue()
        effects = EffectRunner({d.CompletionAsked: Telling(hangs=True)})
        effects.begin(1, came.put_nowait)
        effects.reconcile(conversation.id, conversation)
        await asyncio.sleep(1)
        await effects.stop()
        return [type(came.get_nowait().payload) for _ in range(came.qsize())]

    assert run_virtual(scene()) == [f.SentenceReturned]
