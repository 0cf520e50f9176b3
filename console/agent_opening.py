"""Opens an agent by the settings: its models, its embeddings, its trained classifier."""

from __future__ import annotations

import asyncio

from agent_core.behaviour import Behaviour
from agent_core.ports import ProviderError
from console.agent import Agent, make_model, usable
from console.emulated import marked
from console.settings import LlmSettings, Settings
from console.signed_in import open_customers
from console.vendor_trouble import VendorTrouble
from console.workspace import Workspace
from processors.executors.call_tool import CallTool
from processors.read_back import ReadBack
from providers.embeddings import MiniLM


async def open_agent(
    settings: Settings, behaviour: Behaviour, workspace: Workspace, trouble: VendorTrouble
) -> tuple[Agent, LlmSettings]:
    """With the models that are in use: without those that refuse their key. Raises ``ProviderError``, ``UsageError``."""

    def mute(error: ProviderError) -> None:
        several = len(settings.llm.all()) > 1
        instead = "another provider or approved wordings answer instead" if several else "approved wordings are said"
        trouble.tell("llm", error, instead)

    models = await usable(await marked(settings.llm), mute)
    model = make_model(models, behaviour, mute)
    customers = open_customers(settings)
    read_back = ReadBack(workspace.stores.ledger, workspace.codec)
    tools = CallTool(customers, read_back) if customers else None
    agent = await asyncio.get_running_loop().run_in_executor(None, lambda: Agent(behaviour, MiniLM(), model, tools))
    return agent, models
