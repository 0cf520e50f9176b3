"""``python -m benchmarks.meaning_models``: trains the guardrails that judge by meaning and writes what is shipped of them."""

from __future__ import annotations

from agent_core.guardrails import registry
from agent_core.guardrails._meaning import MeaningGuardrail, write_models
from providers.embeddings import MiniLM


def by_meaning() -> list[MeaningGuardrail]:
    return [guardrail for guardrail in registry.every().values() if isinstance(guardrail, MeaningGuardrail)]


if __name__ == "__main__":
    write_models(by_meaning(), MiniLM())
