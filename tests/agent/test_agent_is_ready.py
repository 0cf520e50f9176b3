"""An agent that is put together has learnt what its guardrails judge by."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agent_core.approved import ApprovedAnswers
from agent_core.behaviour_loader import load
from agent_core.guardrails import _learning, registry
from agent_core.guardrails.base import GuardInput, ScoringGuardrail, Stage
from agent_core.logistic import Linear
from agent_core.ports import Embedder
from console.agent import Agent

BANK = Path(__file__).parents[2] / "examples" / "bank"


class Another:
    """An embedder that no model was shipped for."""

    name = "another"
    dimensions = 4

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        drawn = [np.random.default_rng(zlib.crc32(text.encode())).normal(size=4) for text in texts]
        return np.array([row / np.linalg.norm(row) for row in drawn], dtype=np.float32)


def test_what_guardrails_have_to_learn_is_learnt_before_the_first_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    learnt: list[str] = []

    def learn(lesson: _learning.Lesson, embedder: Embedder) -> Linear:
        learnt.append(lesson.name)
        classes = len(lesson.examples) + 1
        width = _learning.features(["hello"], embedder).shape[1]
        return Linear(np.zeros((width, classes)), np.zeros(classes))

    monkeypatch.setattr(_learning, "train", learn)
    behaviour, embedder = load(BANK), Another()
    Agent(behaviour, embedder, ApprovedAnswers())
    before_the_first_caller = list(learnt)

    caller = GuardInput(text="I lost my card.", stage=Stage.INPUT)
    judging = [registry.find(one.name) for one in behaviour.guardrails if one.means is None]
    for guardrail in judging:
        if isinstance(guardrail, ScoringGuardrail):
            guardrail.score(caller, embedder)
    assert set(before_the_first_caller) == {
        "prompt_injection",
        "advice_meaning",
        "complaint_meaning",
        "tipping_off_meaning",
        "tone_meaning",
        "vulnerability_meaning",
    }
    assert learnt == before_the_first_caller
