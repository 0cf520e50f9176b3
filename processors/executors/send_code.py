"""Executor: a new one-time code, sent to the subject's own number. The code itself leaves this process as that message
alone: what returns is its digest."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable

from agent_core.company_ports import Messenger
from agent_core.conversation import Ask, Conversation
from agent_core.given_proofs import code_digest
from agent_core.ports import CustomerRecords, FailureReason, ProviderError
from agent_core.proofs import PLACE_OF_CODE
from processors.executors.call_tool import StandsOnLog
from schemas import proving as p
from schemas.base import Fact

CONTACT = ("contact", "mobile")  # the record that holds the number, under ``number``
Draw = Callable[[int], str]


def drawn_code(digits: int) -> str:
    """From the system's own source of randomness."""
    return "".join(secrets.choice("0123456789") for _ in range(digits))


class SendCode:
    def __init__(
        self, messenger: Messenger, records: CustomerRecords, stands_on_log: StandsOnLog, draw: Draw = drawn_code
    ) -> None:
        self._messenger, self._records, self._stands_on_log, self._draw = messenger, records, stands_on_log, draw

    async def __call__(self, conversation: Conversation, ask: Ask, attempt: int) -> Fact:
        """Raises ``ProviderError``: what records and messenger raise; ``MISSING`` where there is no number, method or
        subject; ``TIMED_OUT``."""
        asked, challenge, subject = ask.payload, conversation.challenge, conversation.subject
        assert isinstance(asked, p.CodeAsked)
        proofs = conversation.behaviour.proofs
        method = proofs.method(asked.method) if proofs else None
        if method is None or method.digits is None or challenge is None or subject is None:
            raise ProviderError(FailureReason.MISSING, self._messenger.name)
        if (challenge.challenge_id, challenge.subject_id) != (asked.challenge_id, subject.subject_id):
            raise ProviderError(FailureReason.REFUSED, self._messenger.name, "asked for somebody else")
        code = self._draw(method.digits)
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with asyncio.timeout(asked.timeout_ms / 1000):
                await self._stands_on_log(conversation.id, ask.event_id)
                number = (await self._records.read(subject.subject_id, *CONTACT)).get("number")
                if not number:
                    raise ProviderError(FailureReason.MISSING, self._records.name, "no number of this customer")
                text = method.message.replace(PLACE_OF_CODE, code)
                await self._messenger.send(number, text, key=f"{conversation.id}/{ask.ask_id}/{ask.generation}")
        except TimeoutError:
            raise ProviderError(FailureReason.TIMED_OUT, self._messenger.name) from None
        digest = code_digest(conversation.context.digest_key(), asked.challenge_id, code)
        return p.CodeSent(
            ask_id=ask.ask_id, attempt=attempt, code_digest=digest, elapsed_ms=(loop.time() - started) * 1000
        )
