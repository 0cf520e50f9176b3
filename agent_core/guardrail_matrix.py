"""Writes ``docs/guardrails.md``, the matrix of guardrails, from what they declare: ``python -m agent_core.guardrail_matrix``.
``--check`` writes nothing and fails if the file is not up to date.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

from agent_core.guardrails import registry
from agent_core.guardrails.base import Guardrail, Means, Reason

MATRIX = Path(__file__).parents[1] / "docs" / "guardrails.md"
_INTRODUCTION = """\
# Guardrails

Written by `python -m agent_core.guardrail_matrix` from what each guardrail declares; a test fails when it is stale.

A guardrail is one file in `agent_core/guardrails/` (docs/recipes.md shows how to add one with its test). It is shown what it
declares under *reads* and no more of the caller's words: `caller` is what they say in this turn, `conversation` that and up
to eight of their lines before it, `candidate` what the agent may say, `arguments` what a tool is to be asked with. Whatever
reads a candidate judges refusals, endings and holding lines too.

**Means.** A *pattern* and a *policy* (which compares with what is approved, public or private) judge where the decision is
made, with no keys and no clock; `python -m benchmarks guardrails` holds them to their budget. A *classifier* runs here, a
*model* where `routing.guard_model` leads: they are asked, what they answer is a fact, the verdict on it a decision. A
*guest* is a process outside (docs/guests.md).

**Several turns.** Of an order said in pieces no piece need be one. `conversation_injection` knows patterns of it;
`prompt_injection` hears the caller's newest lines together, four at most, as one text, and its evidence names each of them. How
many it finds of fresh ones, how many harmless conversations it mistakes, and what it costs: decision 0026, by the command above.

**Budget.** Where a guardrail is asked, a timer stands on the log with the question. Once it fires nobody judged: the verdict
says `not_judged_late`, the ask is closed, and what comes later changes nothing. After a change of owner it is asked again
and has its whole budget again. `guardrail_timeout_ms` of the behaviour's budget is a ceiling for all of them.

**Failure.** A guardrail that raises (`guardrail_failed:<what>`), lacks its scores or is late didn't judge. *Closed* blocks:
the caller's words are refused, a candidate isn't said, a tool isn't asked. *Open* passes, and the verdict says that nobody
judged.

**Behaviour may be stricter, never looser**: `on_failure: closed` where a guardrail is open; a shorter `budget_ms` where
failing blocks; a lower threshold. `on_failure: open`, `required: false` or a longer budget for one that is closed is refused
when the behaviour is read, with file and line.

**A verdict** names guardrail and version, typed reasons, and the spans that it rests on. A verdict that passes with reasons
is a *cue*: it blocks nothing, `routing.escalate_on` says which reasons lead to a person.
"""
_COLUMNS = ("guardrail", "version", "reads", "means", "a sentence", "budget", "failure", "gives")


def matrix() -> str:
    """The whole text of ``docs/guardrails.md``."""
    lines = [_INTRODUCTION, "## The matrix", "", _row(_COLUMNS), _row(["---"] * len(_COLUMNS))]
    lines += [_row(_cells(guardrail)) for guardrail in registry.every().values()]
    lines += ["", "*A sentence*: whether it can judge one by itself, before the rest of a reply is there.", ""]
    lines += ["## Their reasons", ""]
    for guardrail in registry.every().values():
        lines += [f"### {guardrail.name}", "", _about(guardrail), ""]
        lines += [f"- `{reason}`" for reason in _reasons(guardrail)] + [""]
    return "\n".join(lines)


def _cells(guardrail: Guardrail) -> Iterator[str]:
    yield f"[{guardrail.name}](#{guardrail.name})"
    yield guardrail.version
    yield ", ".join(read.value for read in guardrail.inputs)
    yield guardrail.means.value
    yield "yes" if guardrail.judges_sentence else "no"
    yield f"{guardrail.budget_ms:,} ms"
    yield guardrail.on_failure.value
    yield "block" if guardrail.blocks else "cue"


def _about(guardrail: Guardrail) -> str:
    """The first sentence of its module."""
    text = " ".join((inspect.getdoc(registry.module_of(guardrail.name)) or "").split())
    return text.partition(". ")[0].rstrip(".") + "."


def _reasons(guardrail: Guardrail) -> list[str]:
    module = registry.module_of(guardrail.name)
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Reason)]
    own = [
        reason.value for kind in kinds if kind is not Reason for reason in kind if kind.__module__ == module.__name__
    ]
    asked = ["not_judged_late", "not_judged_no_scores"]
    return sorted(own) + (asked if guardrail.means in (Means.CLASSIFIER, Means.MODEL) else [])


def _row(cells: Iterator[str] | list[str] | tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    if "--check" in sys.argv[1:]:
        if MATRIX.read_text() != matrix():
            raise SystemExit("docs/guardrails.md is stale: run python -m agent_core.guardrail_matrix")
        return
    MATRIX.write_text(matrix())


if __name__ == "__main__":
    main()
