"""What the agent can do, as plain async functions: no log, no host, nothing to set up but their arguments.

The processors call these and put the results on the log; a script, a notebook or a test may call them just the same.
"""

from __future__ import annotations

import asyncio

from agent_core.classifier import IntentClassifier
from agent_core.guardrails import base, registry
from agent_core.ports import CompletionRequest, CompletionResult, Embedder, LanguageModel, Passage
from agent_core.retrieval import Retriever


async def classify(text: str, classifier: IntentClassifier) -> dict[str, float]:
    """Probability of every intent and of ``other``. Runs in a thread: an embedding takes milliseconds."""
    return await asyncio.to_thread(classifier.scores, text)


async def retrieve(question: str, retriever: Retriever, k: int = 4, *, public_only: bool = False) -> list[Passage]:
    """The ``k`` best passages, best first; private ones are marked. Runs in a thread, as ``classify``."""
    return await asyncio.to_thread(retriever.search, question, k, public_only)


async def answer(request: CompletionRequest, model: LanguageModel) -> CompletionResult:
    """Ask a model within the request's ``timeout_ms``. Raises ``ProviderError``, and ``TimeoutError`` past the limit."""
    async with asyncio.timeout(request.timeout_ms / 1000):
        return await model.complete(request)


async def guard(name: str, subject: base.GuardInput, embedder: Embedder | None = None) -> base.Verdict:
    """Let one guardrail judge. Raises ``UnknownGuardrailError``, and what the embedder raises."""
    return await base.check(registry.find(name), subject, embedder)
