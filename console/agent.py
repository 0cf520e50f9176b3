"""Puts an agent together: behaviour, models, guardrails, the deciders, and what carries their asks out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from agent_core.approved import ApprovedAnswers
from agent_core.behaviour import Behaviour
from agent_core.classifier import IntentClassifier
from agent_core.ports import Embedder, LanguageModel
from agent_core.retrieval import Retriever
from console.settings import LlmSettings
from processors.deciders import cascade
from processors.effects import EffectRunner, Executor
from processors.executors.classify import Classify
from processors.executors.classify_by_model import ClassifyByModel
from processors.executors.complete import Complete
from processors.executors.retrieve import Retrieve
from processors.executors.score import Score
from processors.mind import AgentMind
from schemas import decisions as d
from schemas.base import Decision
from streams.keys import KeyStore


class Agent:
    """``behaviour`` is what new calls pin; conversations that pinned an older one are trained for when they appear."""

    def __init__(self, behaviour: Behaviour, embedder: Embedder, model: LanguageModel) -> None:
        self.behaviour, self.model = behaviour, model
        classifier = IntentClassifier.train(behaviour.intents, embedder)
        retriever = Retriever(behaviour.articles, embedder)
        self._executors: Mapping[type[Decision], Executor] = {
            d.ClassificationAsked: (
                Classify({behaviour.content_hash: classifier})
                if behaviour.routing.classifier == "local"
                else ClassifyByModel(model)
            ),
            d.PassagesAsked: Retrieve({behaviour.content_hash: retriever}),
            d.CompletionAsked: Complete(model),
            d.GuardrailAsked: Score(embedder, model),
        }
        classifier.scores("hello")  # the first embedding loads pages; the first caller shouldn't wait for them

    def effects(self) -> EffectRunner:
        return EffectRunner(self._executors)


def make_mind(behaviour_of: Callable[[int, str], Behaviour], keys: KeyStore) -> AgentMind:
    return AgentMind(cascade(), behaviour_of, keys)


def make_model(settings: LlmSettings, behaviour: Behaviour) -> LanguageModel:
    """The keyless brain where no provider is configured. Raises ``ProviderError(MISSING)``."""
    providers = settings.all()
    if not providers:
        return ApprovedAnswers()
    from providers.model_router import ModelRouter
    from providers.openai_compatible import OpenAICompatible, OpenAISettings

    models = [
        OpenAICompatible(
            OpenAISettings(
                api_key=provider.api_key.get_secret_value() if provider.api_key else "none",
                model=provider.model,
                url=provider.url,
                name=provider.name,
                emulated=provider.emulated,
            )
        )
        for provider in providers
    ]
    routing = behaviour.routing
    return ModelRouter(dict.fromkeys((routing.model, routing.guard_model, routing.classifier), models))
