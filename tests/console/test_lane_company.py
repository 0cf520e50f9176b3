"""A lane with effects of its own reads the company's systems and changes nothing of theirs."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr
from support import run

from agent_core.company_ports import Operation
from agent_core.ports import FailureReason
from console.commands import worker
from console.lane import Lane
from console.settings import Settings, ToolSettings
from console.signed_in import Company
from emulators.config import EmulatorConfig
from emulators.server import EmulatorServer
from streams.lanes import LaneEffects, LaneFacts
from tests.providers.test_core_banking import BLOCK, CARD, COMPANY, KEY, reason

BANK = Path("examples/bank")
PHONE = "+442079460000"


async def company_of(lane: Lane | None, server: EmulatorServer, stack: AsyncExitStack) -> Company:
    """With which a worker's tools are made. The bank's systems and its carrier of messages are emulated."""
    given: list[Company] = []

    async def open_agent(*arguments: Any) -> tuple[Any, None]:
        given.append(arguments[-1])

        async def close() -> None:
            """Nothing was opened."""

        return SimpleNamespace(model=SimpleNamespace(close=close), effects=None), None

    tools = ToolSettings(
        company_url=f"{server.url}/bank",
        company_token=SecretStr(KEY),
        sms_account="account",
        sms_token=SecretStr(KEY),
        sms_from=PHONE,
        sms_url=server.url,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "open_agent", open_agent)
        await worker.effects_of(Settings(behaviour=BANK, tools=tools), lane, None, stack)  # type: ignore[arg-type]
    return given[0]


@pytest.mark.parametrize(
    ("lane", "changes"),
    [
        (None, True),
        (Lane("pr-1", LaneFacts.LIVE, LaneEffects.ON), False),
        (Lane("pr-1", LaneFacts.OWN, LaneEffects.ON), False),
    ],
)
def test_only_production_changes_anything_or_sends_anything(lane: Lane | None, changes: bool) -> None:
    async def main() -> None:
        server = EmulatorServer(EmulatorConfig.model_validate({"accepted_keys": [KEY], "company": COMPANY}))
        await server.start()
        assert server.company is not None
        try:
            async with AsyncExitStack() as stack:
                company = await company_of(lane, server, stack)
                assert await company.records.read("ada", "card", "card-1") == CARD
                undoing = Operation("k2", "block_card", "ada", "card-1")
                if changes:
                    await company.operations.perform(BLOCK)
                    await company.messenger.send(PHONE, "Your code", key="m1")
                    assert await company.checks.check("ada", "passcode", "4215")
                else:
                    assert await reason(company.operations.perform(BLOCK)) is FailureReason.REFUSED
                    assert await company.operations.performed(BLOCK.key) is None
                    assert await company.operations.undo(undoing, BLOCK.key) == {}
                    assert await reason(company.messenger.send(PHONE, "Your code", key="m1")) is FailureReason.REFUSED
                    assert await reason(company.checks.check("ada", "passcode", "4215")) is FailureReason.REFUSED
            assert bool(server.company.phones) is changes
            changed = server.company.books.read("ada", "card", "card-1") != CARD
            assert changed is changes
        finally:
            await server.stop()

    run(main())
