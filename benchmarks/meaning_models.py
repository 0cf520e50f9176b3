"""``python -m benchmarks.meaning_models``: trains the classifiers of guardrails and writes what is shipped of them."""

from __future__ import annotations

from pathlib import Path

from agent_core.guardrails import registry
from agent_core.guardrails._learning import FILE, Lesson, shipped_json
from providers.embeddings import MiniLM


def lessons() -> list[Lesson]:
    """Of every guardrail that learnt from examples."""
    found = (getattr(guardrail, "lesson", None) for guardrail in registry.every().values())
    return [lesson for lesson in found if isinstance(lesson, Lesson)]


if __name__ == "__main__":
    Path(registry.__file__).with_name(FILE).write_text(shipped_json(lessons(), MiniLM()), "utf-8")
