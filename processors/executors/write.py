"""Executor: one step of an approved proposal, done at most once, or undone. Nothing is touched before its request stands
on the log, synced.

A step that is asked again, by whom ever, is looked up by its key first: it may have taken effect though nobody heard of
it. Where the state is older than the tool allows, it is read again, and nothing is done if it isn't what was approved.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping

import msgspec

from agent_core.authorisation import still_authorised
from agent_core.company_ports import Operation, Operations
from agent_core.conversation import Ask, Conversation
from agent_core.ports import CustomerRecords, FailureReason, ProviderError
from agent_core.proposal import Proposal
from agent_core.tools.base import Step, Tool, ToolArguments, write_result, write_texts
from agent_core.tools.registry import every
from processors.executors.call_tool import StandsOnLog
from processors.writing import key_of
from schemas import writing as w
from schemas.base import Fact

WAITS_S = (0.0, 0.2, 0.6, 1.5)  # before each generation: what failed a moment ago is given time


class Write:
    """``operations``: where it is done. ``records``: where the state is read again. ``stands_on_log`` returns once the
    request was read back from the log and is synced."""

    def __init__(self, operations: Operations, records: CustomerRecords, stands_on_log: StandsOnLog) -> None:
        self._operations, self._records, self._stands_on_log = operations, records, stands_on_log

    async def __call__(self, conversation: Conversation, ask: Ask, attempt: int) -> Fact:
        """Raises ``ProviderError``: what the systems raise; ``REFUSED`` for what isn't approved, isn't the subject's,
        or isn't to be undone; ``STALE``; ``TIMED_OUT``; ``INVALID`` for an answer that isn't of the step's kind; ``MISSING``."""
        asked = ask.payload
        assert isinstance(asked, w.WriteRequested | w.UndoRequested)
        tool = every().get(asked.tool)
        step = tool.step(asked.step) if tool else None
        if tool is None or step is None:
            raise ProviderError(FailureReason.MISSING, asked.tool)
        arguments = tool.read_arguments(asked.arguments)
        proposal = _approved(conversation, asked, step)
        if isinstance(asked, w.UndoRequested):
            _refuse_what_isnt_to_be_undone(proposal, asked, step)
        else:
            _refuse_what_isnt_approved(conversation, proposal, asked, tool, arguments, first_run=ask.generation == 0)
        loop = asyncio.get_running_loop()
        started = loop.time()
        await asyncio.sleep(WAITS_S[min(ask.generation, len(WAITS_S) - 1)])
        try:
            async with asyncio.timeout(asked.timeout_ms / 1000):
                await self._stands_on_log(conversation.id, ask.event_id)
                result, found = "{}", False
                if isinstance(asked, w.UndoRequested):
                    await self._operations.undo(_operation(tool, step, arguments, asked.idempotency_key), asked.undoes)
                else:
                    answer, found = await self._do(tool, step, arguments, asked, again=ask.generation > 0)
                    result = _said(step, answer, self._operations.name)
        except TimeoutError:
            raise ProviderError(FailureReason.TIMED_OUT, self._operations.name) from None
        return w.WriteReturned(
            ask_id=ask.ask_id,
            attempt=attempt,
            tool=asked.tool,
            step=asked.step,
            result=result,
            found=found,
            elapsed_ms=(loop.time() - started) * 1000,
        )

    async def _do(
        self, tool: Tool, step: Step, arguments: ToolArguments, asked: w.WriteRequested, *, again: bool
    ) -> tuple[Mapping[str, str], bool]:
        """What the system answered, and whether it had been done before."""
        if again and (before := await self._operations.performed(asked.idempotency_key)) is not None:
            return before, True
        if asked.reread and write_texts(await tool.run(arguments, self._records)) != asked.state:
            raise ProviderError(FailureReason.STALE, self._records.name, "not as it was when it was proposed")
        return await self._operations.perform(_operation(tool, step, arguments, asked.idempotency_key)), False


def _approved(conversation: Conversation, asked: w.WriteRequested | w.UndoRequested, step: Step) -> Proposal:
    """The approved proposal that a request is of: its tool, its arguments, the keys of its step."""
    proposal = conversation.proposals.get(asked.proposal_id)
    if proposal is not None and proposal.approved_seq is not None:
        do, undo = (key_of(conversation, proposal, step, undo=undo) for undo in (False, True))
        keys = (asked.idempotency_key, asked.undoes) if isinstance(asked, w.UndoRequested) else (asked.idempotency_key,)
        own = (undo, do) if isinstance(asked, w.UndoRequested) else (do,)
        if (proposal.tool, proposal.arguments, own) == (asked.tool, asked.arguments, keys):
            return proposal
    raise ProviderError(FailureReason.REFUSED, asked.tool, "not what was approved")


def _refuse_what_isnt_approved(
    conversation: Conversation,
    proposal: Proposal,
    asked: w.WriteRequested,
    tool: Tool,
    arguments: ToolArguments,
    *,
    first_run: bool,
) -> None:
    """Looks once more, as the decider did. Who asks again completes what was authorised when it was first asked."""
    if not hmac.compare_digest(proposal.digest, asked.digest) or proposal.state != asked.state:
        raise ProviderError(FailureReason.REFUSED, asked.tool, "not what was approved")
    first = asked.step == tool.steps[0].name and first_run
    at_us = conversation.accepted_at_us
    if first and not isinstance(still_authorised(tool, arguments, conversation.subject, at_us), int):
        raise ProviderError(FailureReason.REFUSED, asked.tool, "not the subject's, or no longer")


def _refuse_what_isnt_to_be_undone(proposal: Proposal, asked: w.UndoRequested, step: Step) -> None:
    """Only a step of a change that failed, that can be undone and wasn't yet."""
    if not proposal.failed or proposal.outcome or not step.undoable or step.name in proposal.undone:
        raise ProviderError(FailureReason.REFUSED, asked.tool, "nothing that is to be undone")


def _operation(tool: Tool, step: Step, arguments: ToolArguments, key: str) -> Operation:
    return Operation(key, step.operation, getattr(arguments, tool.subject_argument), getattr(arguments, step.about))


def _said(step: Step, answer: Mapping[str, str], name: str) -> str:
    try:
        return write_result(msgspec.convert(dict(answer), step.result), name)
    except msgspec.ValidationError:
        raise ProviderError(FailureReason.INVALID, name, f"not the answer to {step.name}") from None
