"""The matrix of guardrails is written from what they declare, never by hand."""

from __future__ import annotations

from agent_core.guardrail_matrix import MATRIX, matrix
from agent_core.guardrails import registry
from agent_core.guardrails.base import Reason


def test_the_matrix_is_up_to_date() -> None:
    assert MATRIX.read_text() == matrix(), "run: python -m agent_core.guardrail_matrix"


def test_every_guardrail_and_every_reason_is_in_it() -> None:
    text = matrix()
    for name in registry.every():
        assert f"| [{name}](#{name}) |" in text
    kinds = [kind for kind in Reason.__subclasses__() if kind.__module__.rpartition(".")[2] in registry.every()]
    reasons = {reason.value for kind in kinds for reason in kind}
    assert len(reasons) > 30
    assert not {reason for reason in reasons if f"`{reason}`" not in text}
