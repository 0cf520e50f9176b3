"""The race in bare asyncio: the same calls, prompts, labels, SDK and guardrails; no log, no events, no recovery.

What somebody would write who needs nothing else from a turn: ask at once, take the first acceptable, cancel the rest.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import json
from msgspec.structs import replace

from agent_core.behaviour import Action, Behaviour, Intent
from agent_core.conversation import Conversation, Turn
from agent_core.guardrails import registry
from agent_core.guardrails._model import ANSWER_SCHEMA, ModelGuardrail, read_answer
from agent_core.guardrails.base import GuardInput, Stage
from agent_core.judging import input_subject, judge, needs_scores
from agent_core.ports import CompletionRequest, LanguageModel, Message, Passage
from agent_core.prompts import request_for
from agent_core.targets import OTHER, guards_of
from processors.executors import classify_by_model

_MESSAGES = json.Decoder(list[dict[str, str]])


class Decided(NamedTuple):
    """``at_s``: when, by ``time.perf_counter``; what comes after is cleaning up. (uvloop's clock ticks in ms.)"""

    text: str
    at_s: float


class NothingAcceptableError(Exception):
    """Every attempt at the answer failed or was blocked, or the caller's words were."""


class BareRace:
    def __init__(self, model: LanguageModel, behaviour: Behaviour) -> None:
        self._model, self._behaviour = model, behaviour
        self._input = guards_of(behaviour.content_hash, behaviour, Stage.INPUT)
        self._output = guards_of(behaviour.content_hash, behaviour, Stage.OUTPUT)

    async def decide(self, conversation: Conversation, turn: Turn) -> Decided:
        """Raises ``NothingAcceptableError``, ``ProviderError``."""
        subject = input_subject(conversation, turn)
        label = f"{conversation.id}/{turn.turn_id}"
        tasks: list[asyncio.Task[str] | asyncio.Task[bool]] = []
        try:
            guards = [
                asyncio.create_task(self._guard(label, name, subject)) for name in self._input if needs_scores(name)
            ]
            tasks += guards
            clean = all(self._passes(name, subject) for name in self._input if not needs_scores(name))
            intents = await self._classify(label, turn.question)
            answers = [
                asyncio.create_task(self._first_acceptable(label, conversation, turn, intent)) for intent in intents
            ]
            tasks += answers
            if not (all(await asyncio.gather(*guards)) and clean):
                raise NothingAcceptableError("the caller's words were blocked")
            return Decided(await answers[0], time.perf_counter())
        finally:
            await _cancel(tasks)

    async def _classify(self, label: str, text: str) -> list[Intent]:
        """The intents worth an answer, most probable first."""
        behaviour, routing = self._behaviour, self._behaviour.routing
        result = await self._model.complete(
            CompletionRequest(
                purpose="classify",
                model=routing.classifier,
                messages=classify_by_model.messages_for(behaviour, text),
                label=f"{label}|classify|0",
                max_tokens=120,
                timeout_ms=behaviour.budget.guardrail_timeout_ms,
                json_schema=classify_by_model.ANSWER_SCHEMA,
            )
        )
        names = [intent.name for intent in behaviour.intents] + [OTHER]
        scores = classify_by_model.read_scores(result.text, names)
        chosen: list[Intent] = []
        mass = 0.0
        for name in sorted(scores, key=lambda name: (-scores[name], name)):
            intent = behaviour.intent(name)
            if mass < routing.cover_mass and len(chosen) < routing.max_questions and intent:
                chosen += [intent] if intent.action is Action.ANSWER else []
                mass += scores[name]
        return chosen

    async def _guard(self, label: str, name: str, subject: GuardInput) -> bool:
        guardrail = registry.find(name)
        assert isinstance(guardrail, ModelGuardrail)
        result = await self._model.complete(
            CompletionRequest(
                purpose="guard",
                model=self._behaviour.routing.guard_model,
                messages=guardrail.messages(subject),
                label=f"{label}|guard.{name}|0",
                max_tokens=30,
                timeout_ms=self._behaviour.budget.guardrail_timeout_ms,
                json_schema=ANSWER_SCHEMA,
            )
        )
        return self._passes(name, replace(subject, scores=read_answer(result.text)))

    async def _first_acceptable(self, label: str, conversation: Conversation, turn: Turn, intent: Intent) -> str:
        request = request_for(conversation, turn, intent)
        messages = tuple(Message(m["role"], m["content"]) for m in _MESSAGES.decode(request.messages))
        attempts = [
            asyncio.create_task(self._attempt(label, intent, messages, request.approved, attempt))
            for attempt in range(self._behaviour.routing.attempts)
        ]
        try:
            for finished in asyncio.as_completed(attempts):
                text = await finished
                subject = GuardInput(
                    text=text,
                    stage=Stage.OUTPUT,
                    question=turn.question,
                    approved=request.approved or None,
                    sources=tuple(Passage(s.article_id, s.text, 0.0, s.public) for s in turn.sources or ()),
                    intent=intent.name,
                    company=self._behaviour.company,
                    language=self._behaviour.language,
                    private_passages=input_subject(conversation, turn).private_passages,
                )
                if all([self._passes(name, subject) for name in self._output]):
                    return text
            raise NothingAcceptableError(intent.name)
        finally:
            await _cancel(attempts)

    async def _attempt(
        self, label: str, intent: Intent, messages: tuple[Message, ...], approved: str, attempt: int
    ) -> str:
        behaviour = self._behaviour
        request = CompletionRequest(
            purpose="answer",
            model=behaviour.routing.model,
            messages=messages,
            label=f"{label}|answer.{intent.name}|{attempt}",
            attempt=attempt,
            timeout_ms=behaviour.budget.completion_timeout_ms,
            intent=intent.name,
            approved=approved or None,
        )
        return " ".join((await self._model.complete(request)).text.split())

    def _passes(self, name: str, subject: GuardInput) -> bool:
        setting = self._behaviour.guardrail(name)
        return judge(self._behaviour, name, subject).passed or (setting is not None and not setting.required)


async def _cancel(tasks: Sequence[asyncio.Task[str] | asyncio.Task[bool]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
