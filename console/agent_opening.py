"""Opens an agent by the settings: its models, its embeddings, its trained classifier."""

from __future__ import annotations

import asyncio

from agent_core.behaviour import Behaviour
from agent_core.ports import ProviderError
from console.agent import Agent, make_model, usable
from console.emulated import marked
from console.settings import LlmSettings, Settings
from console.vendor_trouble import VendorTrouble
from providers.embeddings import MiniLM


async def open_agent(settings: Settings, behaviour: Behaviour, trouble: VendorTrouble) -> tuple[Agent, LlmSettings]:
    """With the models that are in use: without those that refuse their key. Raises ``ProviderError``."""

    def mute(error: ProviderError) -> None:
        several = len(settings.llm.all()) > 1
        instead = "another provider or approved wordings answer instead" if several else "approved wordings are said"
        trouble.tell("llm", error, instead)

    models = await usable(await marked(settings.llm), mute)
    model = make_model(models, behaviour, mute)
    agent = await asyncio.get_running_loop().run_in_executor(None, lambda: Agent(behaviour, MiniLM(), model))
    return agent, models
