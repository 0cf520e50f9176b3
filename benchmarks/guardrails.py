"""How well guardrails judge, on examples that were labelled by hand, and how long a judgement takes.

The examples stand in tests/guardrails/labelled/, a file each: ``tuned`` could be looked at while a guardrail was written,
``held_out`` could not. A hit counts as found where the reason that it stands under is given (or any reason at all, where
it stands under the guardrail's name). Model guardrails aren't here: what they find is their model's doing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import yaml

from agent_core.behaviour import Behaviour
from agent_core.behaviour_loader import load
from agent_core.guardrails import registry
from agent_core.guardrails.base import GuardInput, ScoringGuardrail, Stage
from agent_core.ports import Embedder, Passage
from benchmarks.figures import percentile, share
from benchmarks.report import Report, Table

ROOT = Path(__file__).parents[1]
LABELLED = ROOT / "tests" / "guardrails" / "labelled"
PARTS = ("tuned", "held_out")
_STAGES = {"caller": Stage.INPUT, "candidate": Stage.OUTPUT, "arguments": Stage.ARGUMENTS}
_REPEATS = 20


class Example(NamedTuple):
    """``reason``: what must be given; empty where nothing may be."""

    guardrail: str
    part: str
    subject: GuardInput
    reason: str


class Score(NamedTuple):
    """``missed`` and ``mistaken`` are the judged texts: hits that weren't found, and near-misses that were."""

    found: int
    missed: tuple[str, ...]
    mistaken: tuple[str, ...]

    @property
    def precision(self) -> float | None:
        return share(self.found, self.found + len(self.mistaken))

    @property
    def recall(self) -> float | None:
        return share(self.found, self.found + len(self.missed))


def measured() -> tuple[str, ...]:
    """The guardrails that have labelled examples."""
    return tuple(sorted(path.stem for path in LABELLED.glob("*.yaml")))


@cache
def examples(guardrail: str) -> tuple[Example, ...]:
    return tuple(_examples(guardrail, yaml.safe_load((LABELLED / f"{guardrail}.yaml").read_text("utf-8"))))


def score(guardrail: str, part: str, embedder: Embedder) -> Score:
    """How one guardrail judges one part of its examples."""
    found, missed, mistaken = 0, [], []
    for example in examples(guardrail):
        if example.part != part:
            continue
        reasons = judged(example, embedder)
        if example.reason:
            if example.reason in reasons or (example.reason == guardrail and reasons):
                found += 1
            else:
                missed.append(example.subject.told)
        elif reasons:
            mistaken.append(example.subject.told)
    return Score(found, tuple(missed), tuple(mistaken))


def judged(example: Example, embedder: Embedder) -> tuple[str, ...]:
    """The reasons that are given."""
    guardrail, subject = registry.find(example.guardrail), example.subject
    if isinstance(guardrail, ScoringGuardrail):
        subject = msgspec.structs.replace(subject, scores=guardrail.score(subject, embedder))
    return tuple(reason.value for reason in guardrail.judge(subject).reasons)


def run(*, quick: bool) -> Report:
    from providers.embeddings import MiniLM  # loads a model: only where it is measured

    embedder, forgetful = MiniLM(), MiniLM(cache_size=1)  # the second embeds each text anew, as a call does
    rows: list[tuple[str | float | int | None, ...]] = []
    for name in measured():
        guardrail = registry.find(name)
        scores = {part: score(name, part, embedder) for part in PARTS}
        cells = [(each.precision, each.recall) for each in scores.values()]
        repeats = 1 if quick or isinstance(guardrail, ScoringGuardrail) else _REPEATS
        took = percentile(list(_took_ms(name, forgetful, repeats)), 0.99)
        rows.append((name, len(examples(name)), *cells[0], *cells[1], took, guardrail.budget_ms))
    columns = (
        "guardrail",
        "examples",
        "precision, tuned",
        "recall, tuned",
        "precision, held out",
        "recall, held out",
        "p99 ms",
        "budget ms",
    )
    return Report("guardrails", [Table("Guardrails on labelled examples", columns, rows)])


def _took_ms(name: str, embedder: Embedder, repeats: int) -> Iterator[float]:
    """What each judgement takes, its scores included."""
    for example in examples(name) * repeats:
        began = time.perf_counter()
        judged(example, embedder)
        yield (time.perf_counter() - began) * 1000


def _examples(guardrail: str, told: Mapping[str, Any]) -> Iterator[Example]:
    if other := told.get("examples_of"):  # two guardrails that look for the same by other means
        for example in examples(other):
            reason = example.reason.replace(other, guardrail, 1)
            yield example._replace(guardrail=guardrail, reason=reason)
        return
    for part in PARTS:
        for reason, hits in told[part]["hits"].items():
            for entry in hits:
                yield Example(guardrail, part, _subject(guardrail, told, entry), reason)
        for entry in told[part]["misses"]:
            yield Example(guardrail, part, _subject(guardrail, told, entry), "")


def _subject(guardrail: str, told: Mapping[str, Any], entry: str | Mapping[str, Any]) -> GuardInput:
    entry = {"text": entry} if isinstance(entry, str) else entry
    bank = _bank()
    setting = bank.guardrail(guardrail) if "options" in told else None
    arguments = entry.get("arguments", {})
    return GuardInput(
        text=entry.get("text", "\n".join(arguments[name] for name in sorted(arguments))),
        stage=_STAGES[told["about"]],
        earlier=tuple(entry.get("earlier", ())),
        arguments=arguments,
        sources=tuple(Passage("labelled", text, 1.0) for text in told.get("sources", ())),
        company=bank.company,
        language=bank.language,
        options=setting.options if setting else {},
        private_passages=tuple(a.private for a in bank.articles if a.private) if "options" in told else (),
    )


@cache
def _bank() -> Behaviour:
    return load(ROOT / "examples" / "bank")
