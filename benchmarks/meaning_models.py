"""``python -m benchmarks.meaning_models [NAME…]``: trains the classifiers of guardrails and writes what is shipped of them; with
names those alone, and the others stay as they are."""

from __future__ import annotations

import sys
from pathlib import Path

from agent_core.guardrails import registry
from agent_core.guardrails._learning import FILE, Learnable, Lesson, shipped_json, shipped_models
from agent_core.guardrails._spread import SpreadLesson
from agent_core.guardrails.prompt_injection import GUARDRAIL as PROMPT_INJECTION
from providers.embeddings import MiniLM


def lessons() -> list[Lesson]:
    """Of every guardrail that learnt from examples."""
    found = (getattr(guardrail, "lesson", None) for guardrail in registry.every().values())
    return [lesson for lesson in found if isinstance(lesson, Lesson)]


def spread_lesson() -> SpreadLesson:
    """What is learnt of whole conversations; it rests on what was learnt of single lines."""
    return PROMPT_INJECTION.spread_lesson


def main(names: list[str]) -> None:
    every: list[Learnable] = [*lessons(), spread_lesson()]
    wanted = [lesson for lesson in every if not names or lesson.name in names]
    if unknown := sorted(set(names) - {lesson.name for lesson in every}):
        sys.exit(f"no classifier {unknown[0]!r}; there are: {', '.join(lesson.name for lesson in every)}")
    kept = {name: model for name, model in shipped_models().items() if name not in {each.name for each in wanted}}
    Path(registry.__file__).with_name(FILE).write_text(
        shipped_json(wanted, MiniLM(), kept if names else {}), encoding="utf-8"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
