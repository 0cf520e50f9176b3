"""Who is asked, in a what-if, for what the log doesn't say: the configured provider, and the local models."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from agent_core.behaviour import Behaviour
from agent_core.classifier import IntentClassifier
from agent_core.conversation import Ask, Conversation
from agent_core.guardrails import registry
from agent_core.guardrails.base import Means
from agent_core.ports import Embedder, LanguageModel, ProviderError
from agent_core.retrieval import Retriever
from console.agent import make_model
from console.settings import LlmProvider, LlmSettings
from processors.effects import Executor
from processors.executors.classify import Classify
from processors.executors.classify_by_model import ClassifyByModel
from processors.executors.complete import Complete
from processors.executors.retrieve import Retrieve
from processors.executors.score import Score
from projections.what_if.rejudge import Answer
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Decision, Fact

T = TypeVar("T")

KEYLESS = "llm:approved"  # as ``CallArrived.providers`` names the brain that says approved wordings and nothing else


class WhatIfModels:
    """``offline``: no language model is asked. Local models (classifier, search, embeddings) always are: they cost nothing.
    So is the keyless brain, for a call that it answered: it says what is approved, and is no model.

    A call that a language model answered is never given to the keyless brain instead: that would change every reply. Nor is
    one where ``another``, a model by its name, is supposed to answer: that would change none.
    """

    def __init__(self, settings: LlmSettings, *, offline: bool, another: bool = False) -> None:
        self._settings = LlmSettings(provider="local") if offline else settings
        self._another = another
        self._models: dict[str, LanguageModel] = {}
        self._embedder: Embedder | None = None
        self._local: dict[tuple[str, str], Executor] = {}

    def answer_for(self, providers: tuple[str, ...]) -> Answer:
        keyless = KEYLESS in providers and not self._another
        return partial(self._answer, bool(self._settings.all()) or keyless)

    async def close(self) -> None:
        for model in self._models.values():
            await model.close()

    async def _answer(self, may_ask: bool, conversation: Conversation, ask: Ask, attempt: int) -> list[Fact] | None:
        behaviour = conversation.behaviour
        if needs_language_model(behaviour, ask.payload) and not may_ask:
            return None
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        told: list[Fact] = []
        try:
            if isinstance(ask.payload, d.CompletionAsked):
                last = await Complete(self._model(behaviour)).run(conversation, ask, attempt, told.append)
            else:
                last = await self._executor(behaviour, ask.payload)(conversation, ask, attempt)
        except ProviderError as error:
            last = f.EffectFailed(
                ask_id=ask.ask_id,
                attempt=attempt,
                reason=error.reason.value,
                provider=error.provider,
                model=error.model,
                elapsed_ms=(loop.time() - started_s) * 1000,
            )
        return [*told, last]

    def _executor(self, behaviour: Behaviour, asked: Decision) -> Executor:
        if isinstance(asked, d.GuardrailAsked):
            return Score(self._embeddings(), self._model(behaviour))
        if isinstance(asked, d.ClassificationAsked) and behaviour.routing.classifier != "local":
            return ClassifyByModel(self._model(behaviour))
        key = (behaviour.content_hash, type(asked).__name__)
        if key not in self._local:
            self._local[key] = (
                Classify(_always(IntentClassifier.train(behaviour.intents, self._embeddings())))
                if isinstance(asked, d.ClassificationAsked)
                else Retrieve(_always(Retriever(behaviour.articles, self._embeddings())))
            )
        return self._local[key]

    def _model(self, behaviour: Behaviour) -> LanguageModel:
        if behaviour.content_hash not in self._models:
            self._models[behaviour.content_hash] = make_model(self._settings, behaviour)
        return self._models[behaviour.content_hash]

    def _embeddings(self) -> Embedder:
        if self._embedder is None:
            from providers.embeddings import MiniLM

            self._embedder = MiniLM()
        return self._embedder


def _always(learnt: T) -> Callable[[Behaviour], Awaitable[T]]:
    """What was learnt from the behaviour under which a recorded call is decided anew, not from the one that it pinned."""

    async def found(pinned: Behaviour) -> T:
        return learnt

    return found


def needs_language_model(behaviour: Behaviour, asked: Decision) -> bool:
    if isinstance(asked, d.ClassificationAsked):
        return behaviour.routing.classifier != "local"
    if isinstance(asked, d.GuardrailAsked):
        return registry.find(asked.guardrail).means is Means.MODEL
    return isinstance(asked, d.CompletionAsked)


def answered_by(settings: LlmSettings, model: str | None) -> LlmSettings:
    """The settings with ``model`` answering: the provider of that name, or with that model; else the first, given it."""
    known = settings.all()
    if model is None or not known:
        return settings
    named = [provider for provider in known if model in (provider.name, provider.model)]
    chosen: list[LlmProvider] = named or [known[0].model_copy(update={"model": model})]
    return settings.model_copy(update={"providers": chosen})
