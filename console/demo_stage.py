"""The demo's stage: the example bank and its scripted caller, heard and spoken for real, with models that fail on cue.

Only what is needed to see a race in one short call is emulated: two language models, one of which invents a promise, is
slow, or stops in the middle of a sentence (``examples/bank/demo/models.json``). All else is what any call has, so every
event is decided by the code that decides them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr

from console.call_session import MakeView, Reported, hold_call
from console.callers import script_caller
from console.emulator_config import load_config
from console.settings import EXAMPLE_BEHAVIOUR, LlmProvider, LlmSettings, Settings, ToolSettings
from console.signed_in import signed_in
from emulators.config import EmulatorConfig
from emulators.server import EmulatorServer

FOLDER = EXAMPLE_BEHAVIOUR / "demo"
CUSTOMER = "cust-1003"
LEVEL = "verified"  # by the app; to block a card takes a code as well
MODELS = ("north", "south")  # asked in this order, so the first attempt is the northern one's


async def hold_demo(settings: Settings, make_view: MakeView | None = None) -> Reported:
    """Raises what ``hold_call`` raises."""
    async with staged(settings) as stage:
        subject = signed_in(stage, CUSTOMER, LEVEL)
        return await hold_call(stage, script_caller(FOLDER / "call.yaml"), make_view, subject)


@asynccontextmanager
async def staged(settings: Settings) -> AsyncIterator[Settings]:
    """The settings for the demo's call: log, ears and voice as the user has them, everything else the example's own. The
    models live in this process while it is entered."""
    config = load_config(FOLDER / "models.json")
    server = EmulatorServer(config)
    await server.start()
    try:
        yield settings.model_copy(
            update={
                "behaviour": EXAMPLE_BEHAVIOUR,
                "customers": None,
                "tools": ToolSettings(),
                "llm": _models(config, server.url),
            }
        )
    finally:
        await server.stop()


def _models(config: EmulatorConfig, url: str) -> LlmSettings:
    (model,) = config.llm.models
    key = SecretStr("emulated")
    return LlmSettings(providers=[LlmProvider(name=name, url=f"{url}/v1", api_key=key, model=model) for name in MODELS])
