"""What the example's own people approved isn't taken for something else by a guardrail that guesses at meaning."""

from __future__ import annotations

from pathlib import Path

import msgspec

from agent_core.behaviour_loader import load
from agent_core.guardrails import registry
from agent_core.guardrails._learning import scores
from agent_core.guardrails._meaning import SPEAKS_AT, MeaningGuardrail
from agent_core.guardrails.base import Input
from console.settings import EXAMPLE_BEHAVIOUR
from providers.embeddings import MiniLM

_SAID = frozenset({"answer", "ask", "again", "say", "unavailable", "release", "text", *("pending", "late", "failed")})
_SAID_WHOLE = frozenset({"lines", "words"})  # every text below them is said


def approved_lines(directory: Path) -> set[str]:
    """Whatever behaviour has in its own words for the agent to say."""
    found: set[str] = set()

    def walk(part: object, said: bool) -> None:
        if isinstance(part, dict):
            for key, value in part.items():
                walk(value, said or key in _SAID or key in _SAID_WHOLE)
        elif isinstance(part, list):
            for value in part:
                walk(value, said)
        elif isinstance(part, str) and said and " " in part:
            found.add(part)

    walk(msgspec.json.decode(load(directory).canonical()), False)
    return found


def test_no_approved_line_of_the_example_is_blocked_for_what_it_seems_to_mean() -> None:
    lines, embedder = approved_lines(EXAMPLE_BEHAVIOUR), MiniLM()
    judges = [g for g in registry.every().values() if isinstance(g, MeaningGuardrail) and Input.CANDIDATE in g.inputs]
    assert judges
    assert len(lines) > 40
    mistaken = {
        (guardrail.name, line): score
        for guardrail in judges
        for line in lines
        if (score := max(scores(guardrail.lesson, line, embedder).values())) >= SPEAKS_AT
    }
    assert mistaken == {}
