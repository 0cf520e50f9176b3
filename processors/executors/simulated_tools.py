"""Executor: tools, writes and proofs by declared fixtures, for evaluation: nothing of the company's is asked or changed.

What a tool finds and what each step answers stands in the fixtures, by the tool's name. Deciders see no difference: levels,
objects, approvals and steps are as ever.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent_core.conversation import Ask, Conversation
from agent_core.given_proofs import code_digest
from agent_core.ports import FailureReason, ProviderError
from agent_core.tool_fixtures import Fixtures
from agent_core.tools.base import write_texts
from agent_core.tools.registry import every
from processors.effects import Executor
from schemas import decisions as d
from schemas import facts as f
from schemas import proving as p
from schemas import writing as w
from schemas.base import Decision, Fact

NAME = "simulated-tools"


def simulated(fixtures: Fixtures) -> Mapping[type[Decision], Executor]:
    """Executors for everything that is asked of the company's own systems."""
    execute = _Simulated(fixtures)
    return {kind: execute for kind in (d.ToolRequested, p.CodeAsked, p.ProofAsked, w.WriteRequested, w.UndoRequested)}


class _Simulated:
    def __init__(self, fixtures: Fixtures) -> None:
        self._fixtures = fixtures

    async def __call__(self, conversation: Conversation, ask: Ask, attempt: int) -> Fact:
        """Raises ``ProviderError(MISSING)`` for what the fixtures don't have, and the failure that they name."""
        asked = ask.payload
        if isinstance(asked, d.ToolRequested):
            result = self._answer(asked.tool, "")
            return f.ToolReturned(ask_id=ask.ask_id, attempt=attempt, tool=asked.tool, result=result)
        if isinstance(asked, w.WriteRequested | w.UndoRequested):
            undone = isinstance(asked, w.UndoRequested)
            result = "{}" if undone else self._answer(asked.tool, asked.step)
            return w.WriteReturned(ask_id=ask.ask_id, attempt=attempt, tool=asked.tool, step=asked.step, result=result)
        if isinstance(asked, p.ProofAsked):
            passed = self._fixtures.answers.get(asked.method) == asked.answer
            return p.ProofReturned(ask_id=ask.ask_id, attempt=attempt, passed=passed)
        assert isinstance(asked, p.CodeAsked)
        digest = code_digest(conversation.context.digest_key(), asked.challenge_id, self._fixtures.code)
        return p.CodeSent(ask_id=ask.ask_id, attempt=attempt, code_digest=digest)

    def _answer(self, tool_name: str, step_name: str) -> str:
        fixture, tool = self._fixtures.tools.get(tool_name), every().get(tool_name)
        step = tool.step(step_name) if tool else None
        if fixture is None or tool is None or (step_name and step is None):
            raise ProviderError(FailureReason.MISSING, NAME, f"no fixture of {tool_name}")
        part = fixture.steps.get(step_name) if step_name else fixture.finds
        if isinstance(part, FailureReason) or part is None:
            raise ProviderError(part or FailureReason.MISSING, NAME, f"{tool_name} {step_name}".strip())
        return write_texts((step.result if step else tool.result)(**part))
