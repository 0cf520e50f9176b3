"""Handlers of the race on Restate.

What is advised, and taken: each call to a model is a durable run; runs that race are waited for by Restate's own
combinators, which keep the order of completion in the journal (docs.restate.dev/develop/python/concurrent-tasks). A run
begins when it is waited for, so everything that is open is waited for together.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import restate
from restate.context import RestateDurableFuture
from restate.serde import BytesSerde

from agent_core.behaviour import Behaviour, Intent
from agent_core.ports import CompletionRequest, LanguageModel
from benchmarks.peers.blob_race import BlobRace
from benchmarks.peers.wire import encoded, result_in, turn_in
from benchmarks.race_rules import TurnRules
from benchmarks.race_side import NothingAcceptableError
from benchmarks.race_turns import bare_conversation

MEDIA_TYPE = "application/octet-stream"
_BYTES: restate.RunOptions[bytes] = restate.RunOptions(serde=BytesSerde())
_Run = RestateDurableFuture[bytes]


class Hands:
    """What handlers work with: the model of the load that is measured."""

    model: LanguageModel
    race: BlobRace
    behaviour: Behaviour

    def work_with(self, model: LanguageModel, behaviour: Behaviour) -> None:
        self.model, self.race, self.behaviour = model, BlobRace(model, behaviour), behaviour

    async def call(self, request: CompletionRequest) -> bytes:
        return encoded(await self.model.complete(request))

    async def decide(self, turn: bytes) -> bytes:
        try:
            return (await self.race.reply(turn_in(turn))).encode()
        except NothingAcceptableError as error:
            raise restate.TerminalError(str(error)) from error


def race_service(hands: Hands) -> restate.Service:
    service = restate.Service("Race")

    @service.handler(
        "one_run", accept=MEDIA_TYPE, content_type=MEDIA_TYPE, input_serde=BytesSerde(), output_serde=BytesSerde()
    )
    async def one_run(context: restate.Context, turn: bytes) -> bytes:
        return await context.run_typed("race", hands.decide, _BYTES, turn)

    @service.handler(
        "seventeen_runs",
        accept=MEDIA_TYPE,
        content_type=MEDIA_TYPE,
        input_serde=BytesSerde(),
        output_serde=BytesSerde(),
    )
    async def seventeen_runs(context: restate.Context, turn: bytes) -> bytes:
        rules = TurnRules(hands.behaviour, *bare_conversation(turn_in(turn), hands.behaviour))
        return (await _Race(context, hands, rules).decide()).encode()

    return service


class _Race:
    """One turn: each run that is open, with what its completion means."""

    def __init__(self, context: restate.Context, hands: Hands, rules: TurnRules) -> None:
        self._context, self._hands, self._rules = context, hands, rules
        self._open: dict[_Run, Callable[[str], None]] = {}
        self._guards_open = len(rules.guards)
        self._first: Intent | None = None
        self._reply: str | None = None

    async def decide(self) -> str:
        """Raises ``TerminalError``: the caller's words were blocked, or no attempt at the answer was acceptable."""
        rules = self._rules
        self._ask(rules.classification, self._classified)
        for name, request in rules.guards.items():
            self._ask(request, partial(self._guarded, name))
        while self._open:
            completed, _ = await restate.wait_completed(*self._open)
            for run in completed:
                self._open.pop(run)(result_in(await run).text)
            if self._reply is not None and not self._guards_open:
                return self._reply
        raise restate.TerminalError(self._first.name if self._first else "nothing to answer")

    def _ask(self, request: CompletionRequest, then: Callable[[str], None]) -> None:
        self._open[self._context.run_typed(request.label, self._hands.call, _BYTES, request)] = then

    def _classified(self, text: str) -> None:
        intents = self._rules.intents(text)
        self._first = intents[0] if intents else None
        for intent in intents:
            for request in self._rules.attempts(intent):
                self._ask(request, partial(self._attempted, intent))

    def _guarded(self, name: str, text: str) -> None:
        self._guards_open -= 1
        if not (self._rules.guard_passes(name, text) and self._rules.clean):
            raise restate.TerminalError("the caller's words were blocked")

    def _attempted(self, intent: Intent, text: str) -> None:
        reply = self._rules.acceptable(intent, text)
        if intent is self._first and self._reply is None:
            self._reply = reply
