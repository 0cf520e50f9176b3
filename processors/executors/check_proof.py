"""Executor: whether what the caller gave is the subject's answer. The company's own system compares; nothing of what it
holds comes back."""

from __future__ import annotations

import asyncio

from agent_core.company_ports import IdentityChecks
from agent_core.conversation import Ask, Conversation
from agent_core.ports import FailureReason, ProviderError
from processors.executors.call_tool import StandsOnLog
from schemas import proving as p
from schemas.base import Fact


class CheckProof:
    def __init__(self, checks: IdentityChecks, stands_on_log: StandsOnLog) -> None:
        self._checks, self._stands_on_log = checks, stands_on_log

    async def __call__(self, conversation: Conversation, ask: Ask, attempt: int) -> Fact:
        """Raises ``ProviderError``: what the check raises; ``REFUSED`` where somebody else was asked; ``TIMED_OUT``."""
        asked, challenge, subject = ask.payload, conversation.challenge, conversation.subject
        assert isinstance(asked, p.ProofAsked)
        if challenge is None or subject is None or challenge.subject_id != subject.subject_id:
            raise ProviderError(FailureReason.REFUSED, self._checks.name, "asked for somebody else")
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with asyncio.timeout(asked.timeout_ms / 1000):
                await self._stands_on_log(conversation.id, ask.event_id)
                passed = await self._checks.check(subject.subject_id, asked.method, asked.answer)
        except TimeoutError:
            raise ProviderError(FailureReason.TIMED_OUT, self._checks.name) from None
        return p.ProofReturned(
            ask_id=ask.ask_id, attempt=attempt, passed=passed, elapsed_ms=(loop.time() - started) * 1000
        )
