"""Opens an agent by the settings: its models, its embeddings, its trained classifier."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from agent_core.behaviour import Behaviour
from agent_core.embedding_cache import EmbeddingCache
from agent_core.ports import ProviderError
from console.agent import Agent, company_executors, make_model, usable
from console.emulated import marked
from console.settings import LlmSettings, Settings
from console.signed_in import Company, open_fixtures
from console.vendor_trouble import VendorTrouble
from console.workspace import Workspace
from processors.effects import Executor
from processors.executors.simulated_tools import simulated
from processors.read_back import ReadBack
from providers.embeddings import MiniLM
from schemas.base import Decision


async def open_agent(
    settings: Settings, behaviour: Behaviour, workspace: Workspace, trouble: VendorTrouble, company: Company | None
) -> tuple[Agent, LlmSettings]:
    """With the models that are in use: without those that refuse their key. Raises ``ProviderError``, ``UsageError``."""

    def mute(error: ProviderError) -> None:
        several = len(settings.llm.all()) > 1
        instead = "another provider or approved wordings answer instead" if several else "approved wordings are said"
        trouble.tell("llm", error, instead)

    models = await usable(await marked(settings.llm), mute)
    model = make_model(models, behaviour, mute)
    ledger, codec = workspace.stores.ledger, workspace.codec
    executors: Mapping[type[Decision], Executor] = {}
    if settings.tools.simulated:
        executors = simulated(open_fixtures(settings.tools.simulated))
    elif company:
        executors = company_executors(company, ReadBack(ledger, codec), ReadBack(ledger, codec, synced=True))

    def learn() -> Agent:
        cache = EmbeddingCache(workspace.directory / "embeddings.npz")
        return Agent(behaviour, MiniLM(), model, executors, cache)

    return await asyncio.get_running_loop().run_in_executor(None, learn), models
