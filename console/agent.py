"""Puts an agent together: behaviour, models, guardrails, the deciders, and what carries their asks out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import NamedTuple

from agent_core.approved import ApprovedAnswers
from agent_core.behaviour import Behaviour
from agent_core.classifier import IntentClassifier
from agent_core.conversation import Ask, Conversation
from agent_core.embedding_cache import EmbeddingCache
from agent_core.guardrails import registry
from agent_core.guardrails.base import GuardInput, ScoringGuardrail, Stage
from agent_core.hedging import Hedging
from agent_core.ports import CompletionRequest, Embedder, FailureReason, LanguageModel, Message, ProviderError
from agent_core.retrieval import Retriever
from console.settings import LlmProvider, LlmSettings
from console.signed_in import Company
from processors.deciders import cascade
from processors.effects import EffectRunner, Executor, TellingExecutor
from processors.executors.call_tool import CallTool, StandsOnLog
from processors.executors.check_proof import CheckProof
from processors.executors.classify import Classify
from processors.executors.classify_by_model import ClassifyByModel
from processors.executors.complete import Complete
from processors.executors.know_pace import KnowPace
from processors.executors.retrieve import Retrieve
from processors.executors.score import Score
from processors.executors.send_code import SendCode
from processors.executors.write import Write
from processors.learning import Learning, LearnsAhead
from processors.mind import AgentMind
from schemas import decisions as d
from schemas import proving as p
from schemas import writing as w
from schemas.base import Decision, Fact
from streams.keys import KeyStore
from streams.mind import Effects

CHECK_MS = 3000


OF_THE_COMPANY: tuple[type[Decision], ...] = (
    d.ToolRequested,
    p.CodeAsked,
    p.ProofAsked,
    w.WriteRequested,
    w.UndoRequested,
)


class Agent:
    """``behaviour`` is learnt from at once; what conversations pinned besides is learnt from when they appear.

    ``company``: carries out what tools and proofs ask of the company's own systems; without it all of that is missing.
    ``cache``: of what is learnt from.
    """

    def __init__(
        self,
        behaviour: Behaviour,
        embedder: Embedder,
        model: LanguageModel,
        company: Mapping[type[Decision], Executor] = MappingProxyType({}),
        cache: EmbeddingCache | None = None,
    ) -> None:
        self.behaviour, self.model = behaviour, model
        self._learning = learning = Learning(partial(_learn, embedder=embedder, cache=cache))
        locally, by_model = Classify(lambda pinned: _classifier(learning, pinned)), ClassifyByModel(model)

        async def classify(conversation: Conversation, ask: Ask, attempt: int) -> Fact:
            local = conversation.behaviour.routing.classifier == "local"
            return await (locally if local else by_model)(conversation, ask, attempt)

        self._executors: Mapping[type[Decision], Executor | TellingExecutor] = {
            d.ClassificationAsked: classify,
            d.PassagesAsked: Retrieve(lambda pinned: _retriever(learning, pinned)),
            d.CompletionAsked: Complete(model),
            d.GuardrailAsked: Score(embedder, model),
            d.PaceAsked: KnowPace(model),
            **dict.fromkeys(OF_THE_COMPANY, _no_company),
            **company,
        }
        learnt = learning.now(behaviour)
        learnt.classifier.scores("hello")  # the first embedding loads pages; the first caller shouldn't wait for them

    def effects(self) -> Effects[Conversation]:
        return LearnsAhead(EffectRunner(self._executors), self._learning)


class _Learnt(NamedTuple):
    classifier: IntentClassifier
    retriever: Retriever


def _learn(behaviour: Behaviour, embedder: Embedder, cache: EmbeddingCache | None) -> _Learnt:
    _learn_guardrails(behaviour, embedder)
    return _Learnt(
        IntentClassifier.train(behaviour.intents, embedder, cache), Retriever(behaviour.articles, embedder, cache)
    )


async def _classifier(learning: Learning[_Learnt], behaviour: Behaviour) -> IntentClassifier:
    return (await learning.of(behaviour)).classifier


async def _retriever(learning: Learning[_Learnt], behaviour: Behaviour) -> Retriever:
    return (await learning.of(behaviour)).retriever


def _learn_guardrails(behaviour: Behaviour, embedder: Embedder) -> None:
    """What no model was shipped for is learnt now (a minute). Learnt in a call, its scores would come too late all that
    time, the greeting and every line after it would be blocked, and callers would be hung up on."""
    hello = GuardInput(text="hello", stage=Stage.INPUT, earlier=("hello",))
    ours = (one.name for one in behaviour.guardrails if one.means is None)
    for guardrail in map(registry.find, ours):
        if isinstance(guardrail, ScoringGuardrail):
            guardrail.score(hello, embedder)


def company_executors(
    company: Company, stands_on_log: StandsOnLog, stands_synced: StandsOnLog
) -> Mapping[type[Decision], Executor]:
    """``stands_synced``: for what can't be taken back."""
    write = Write(company.operations, company.records, stands_synced)
    return {
        d.ToolRequested: CallTool(company.records, stands_on_log),
        p.CodeAsked: SendCode(company.messenger, company.records, stands_synced),
        p.ProofAsked: CheckProof(company.checks, stands_on_log),
        w.WriteRequested: write,
        w.UndoRequested: write,
    }


async def _no_company(conversation: Conversation, ask: Ask, attempt: int) -> Fact:
    raise ProviderError(FailureReason.MISSING, "tools", "no customer records are configured")


def make_mind(behaviour_of: Callable[[int, str], Behaviour], keys: KeyStore) -> AgentMind:
    return AgentMind(cascade(), behaviour_of, keys)


def make_model(
    settings: LlmSettings, behaviour: Behaviour, on_failure: Callable[[ProviderError], None] = lambda error: None
) -> LanguageModel:
    """The keyless brain where no provider is configured. Raises ``ProviderError(MISSING)``."""
    providers = settings.all()
    if not providers:
        return ApprovedAnswers()
    from providers.extra_calls import ExtraCalls
    from providers.model_router import Attempted, ModelRouter
    from providers.stated_limits import StatedLimits

    def observe(attempted: Attempted) -> None:
        if attempted.reason is not None:
            on_failure(ProviderError(attempted.reason, attempted.provider, attempted.detail))

    models = [_provider(provider) for provider in providers]
    routing = behaviour.routing
    routes = dict.fromkeys((routing.model, routing.guard_model, routing.classifier), models)
    hedging = routing.hedging or Hedging()
    extra = ExtraCalls(hedging.extra_share, hedging.burst)
    stated = {provider.name: StatedLimits(**provider.limits.model_dump()) for provider in providers if provider.limits}
    return ModelRouter(routes, others=models, extra=extra, observe=observe, stated=stated)


async def usable(settings: LlmSettings, on_failure: Callable[[ProviderError], None]) -> LlmSettings:
    """Without the providers that refuse their key: known by asking each for one word, before a caller waits."""
    checks = await asyncio.gather(*(_refused(provider, on_failure) for provider in settings.all()))
    kept = [provider for provider, refused in zip(settings.all(), checks, strict=True) if not refused]
    return settings.model_copy(update={"providers": kept, "provider": "auto" if kept else "local"})


async def _refused(settings: LlmProvider, on_failure: Callable[[ProviderError], None]) -> bool:
    """Only a wrong key is final: whatever else is amiss may be over when a caller asks."""
    provider = _provider(settings)
    word = CompletionRequest(
        purpose="check", model="", messages=(Message("user", "Say yes."),), max_tokens=16, timeout_ms=CHECK_MS
    )
    try:
        await provider.complete(word)
    except ProviderError as error:
        if error.reason is FailureReason.UNAUTHORISED:
            on_failure(error)
            return True
    finally:
        await provider.close()
    return False


def _provider(settings: LlmProvider) -> LanguageModel:
    from providers.openai_compatible import OpenAICompatible, OpenAISettings
    from providers.prices import Prices

    return OpenAICompatible(
        OpenAISettings(
            api_key=settings.api_key.get_secret_value() if settings.api_key else "none",
            model=settings.model,
            url=settings.url,
            name=settings.name,
            options=settings.options,
            emulated=settings.emulated,
            prices={settings.model: Prices(**settings.prices.model_dump())} if settings.prices else {},
        )
    )
