"""Executor: what a tool finds, for the subject who is authenticated. It touches nothing before its request stands on the
log. Of a tool that writes, this is the state that a proposal rests on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from agent_core.authorisation import belongs_to
from agent_core.conversation import Ask, Conversation
from agent_core.ports import CustomerRecords, FailureReason, ProviderError
from agent_core.tools import registry
from agent_core.tools.base import write_result
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact

StandsOnLog = Callable[[str, str], Awaitable[None]]
"""(conversation id, event id) → returns once that event was read back from the log as effective."""


class CallTool:
    """``records``: what tools read from. Models may be asked for what an owner only believes that it decided: a wasted
    call hurts nobody. What is read of a customer leaves its trace on the log first."""

    def __init__(self, records: CustomerRecords, stands_on_log: StandsOnLog) -> None:
        self._records, self._stands_on_log = records, stands_on_log

    async def __call__(self, conversation: Conversation, ask: Ask, attempt: int) -> Fact:
        """Raises ``ProviderError``: what the records raise, ``REFUSED`` for arguments that aren't the subject's,
        ``TIMED_OUT``, ``MISSING`` for a tool that this code hasn't, ``INVALID`` for a result that is
        too long."""
        asked, subject = ask.payload, conversation.subject
        assert isinstance(asked, d.ToolRequested)
        tool = registry.every().get(asked.tool)
        if tool is None:
            raise ProviderError(FailureReason.MISSING, asked.tool)
        arguments = tool.read_arguments(asked.arguments)
        authentication = subject.authentication(tool.level, conversation.accepted_at_us) if subject else None
        if subject is None or authentication is None or not belongs_to(subject, tool, arguments):
            raise ProviderError(FailureReason.REFUSED, asked.tool, "not the subject's, or no longer")
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with asyncio.timeout(asked.timeout_ms / 1000):
                await self._stands_on_log(conversation.id, ask.event_id)
                text = write_result(await tool.run(arguments, self._records), self._records.name)
        except TimeoutError:
            raise ProviderError(FailureReason.TIMED_OUT, asked.tool) from None
        return f.ToolReturned(
            ask_id=ask.ask_id,
            attempt=attempt,
            tool=asked.tool,
            result=text,
            elapsed_ms=(loop.time() - started) * 1000,
        )
