"""How well guardrails judge, on examples that were labelled by hand, and how long a judgement takes.

The examples stand in tests/guardrails/labelled/, a file each: ``tuned`` could be looked at while a guardrail was written,
``held_out`` could not. Those that learnt from examples are judged once more on tests/guardrails/fresh/, which was written for
that alone: by several hands, a folder each. A hit counts as found where the reason that it stands under is given (or any
reason at all, where it stands under the guardrail's name). Model guardrails aren't here: what they find is their model's
doing.
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
from agent_core.guardrails._examples import read_sections
from agent_core.guardrails._spread import conversations
from agent_core.guardrails.base import GuardInput, ScoringGuardrail, Stage
from agent_core.guardrails.prompt_injection import GUARDRAIL as PROMPT_INJECTION
from agent_core.guardrails.prompt_injection import PromptInjectionReason
from agent_core.ports import Embedder, Passage
from benchmarks.figures import percentile, share
from benchmarks.report import Report, Table

ROOT = Path(__file__).parents[1]
LABELLED = ROOT / "tests" / "guardrails" / "labelled"
FRESH = LABELLED.with_name("fresh")
PARTS = ("tuned", "held_out")
_STAGES = {"caller": Stage.INPUT, "candidate": Stage.OUTPUT, "arguments": Stage.ARGUMENTS}
_REPEATS = 20
_NONE: frozenset[str] = frozenset()


class Example(NamedTuple):
    """``reason``: what must be given; empty where nothing may be."""

    guardrail: str
    part: str
    subject: GuardInput
    reason: str


class Fresh(NamedTuple):
    """What one guardrail makes of fresh sentences: of hits by section, of what callers say every day, of what comes close."""

    found: dict[str, float]
    missed: tuple[str, ...]
    everyday: float | None
    near: float
    mistaken: tuple[str, ...]

    @property
    def recall(self) -> float:
        return self.found["all"]


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


HANDS = ("first", "second", "third", "fourth")  # who wrote fresh sentences, in the order in which they did
LEARNT = {
    "complaint_meaning": "complaint",
    "vulnerability_meaning": "vulnerability",
    "advice_meaning": "advice",
    "prompt_injection": "injection",
}


def fresh(guardrail: str, hand: str, embedder: Embedder) -> Fresh:
    """``guardrail``: one of ``LEARNT``, together with its own patterns where it has some. ``hand``: one of ``HANDS``."""
    harmless = "agent" if LEARNT[guardrail] == "advice" else "callers"
    hits = read_sections((FRESH / hand / f"{LEARNT[guardrail]}.txt").read_text("utf-8"))
    none = read_sections((FRESH / hand / f"{harmless}.txt").read_text("utf-8"))
    judged = {text: _speaks(guardrail, text, embedder) for texts in (*hits.values(), *none.values()) for text in texts}
    all_hits = [text for texts in hits.values() for text in texts]
    shares = {section: share(sum(judged[t] for t in texts), len(texts)) or 0.0 for section, texts in hits.items()}
    shares["all"] = share(sum(judged[text] for text in all_hits), len(all_hits)) or 0.0
    mistaken = {section: [text for text in texts if judged[text]] for section, texts in none.items()}
    return Fresh(
        found=shares,
        missed=tuple(text for text in all_hits if not judged[text]),
        everyday=share(len(mistaken["everyday"]), len(none["everyday"])) if "everyday" in none else None,
        near=share(len(mistaken["near"]), len(none["near"])) or 0.0,
        mistaken=tuple(text for texts in mistaken.values() for text in texts),
    )


def _speaks(guardrail: str, text: str, embedder: Embedder) -> bool:
    about = LEARNT[guardrail]
    stage = Stage.OUTPUT if about == "advice" else Stage.INPUT
    return bool(judged(Example(guardrail, "fresh", GuardInput(text=text, stage=stage), ""), embedder))


PATTERN_HANDS = (
    "seventh",
    "eighth",
    "ninth",
)  # who wrote fresh sentences for guardrails that know patterns, and policies
BY_PATTERN = ("agent_tone", "grounding", "language", "personal_data", "third_party", "tipping_off")
MEANING_BESIDE = {"agent_tone": "tone_meaning", "tipping_off": "tipping_off_meaning"}


def fresh_by_pattern(guardrail: str, hand: str, embedder: Embedder, judges: tuple[str, ...] = ()) -> Score:
    """``guardrail``: one of ``BY_PATTERN`` that the hand wrote for. ``judges``: who judges its sentences; it alone where
    nobody is named. Found is what gets any reason of any of them."""
    told = fresh_for_pattern(guardrail, hand)
    sources = tuple(Passage("fresh", text, 1.0) for text in told.get("sources", ()))
    stage = next(read.stage for read in registry.find(guardrail).inputs)

    def speaks(text: str) -> bool:
        subject = GuardInput(text=text, stage=stage, sources=sources)
        return any(judged(Example(judge, "fresh", subject, ""), embedder) for judge in judges or (guardrail,))

    missed = tuple(text for text in told["found"] if not speaks(text))
    mistaken = tuple(text for text in told["none"] if speaks(text))
    return Score(len(told["found"]) - len(missed), missed, mistaken)


def fresh_for_pattern(guardrail: str, hand: str) -> dict[str, tuple[str, ...]]:
    return read_sections((FRESH / hand / f"{guardrail}.txt").read_text("utf-8"))


def judges_for(guardrail: str) -> tuple[tuple[str, ...], ...]:
    """A guardrail of ``BY_PATTERN`` alone, what judges by meaning beside it alone, and both."""
    meant = MEANING_BESIDE.get(guardrail)
    return ((guardrail,), (meant,), (guardrail, meant)) if meant else ((guardrail,),)


def written_for(guardrail: str) -> tuple[str, ...]:
    """The hands that wrote fresh sentences for a guardrail of ``BY_PATTERN``."""
    return tuple(hand for hand in PATTERN_HANDS if (FRESH / hand / f"{guardrail}.txt").is_file())


SPREAD_HANDS = ("fifth", "sixth")  # who wrote fresh conversations
SPREAD_JUDGES = ("prompt_injection", "conversation_injection")
TOGETHER = frozenset({PromptInjectionReason.SPREAD.value})


class Spread(NamedTuple):
    """Of conversations, a line a turn, the reasons for which some turn was blocked; none where all were let pass."""

    attacks: Mapping[str, frozenset[str]]
    harmless: Mapping[str, frozenset[str]]


def spread(hand: str, embedder: Embedder) -> Spread:
    """Fresh conversations: attacks that are spread over them, and harmless ones, many of which come close."""
    told = read_sections((FRESH / hand / "conversations.txt").read_text("utf-8"))
    attacks, harmless = (
        {"\n".join(lines): frozenset(_reasons_in(lines, embedder)) for lines in conversations(told[section])}
        for section in ("attack", "none")
    )
    return Spread(attacks, harmless)


def everyday_conversations() -> tuple[tuple[str, ...], ...]:
    """What the fourth hand's callers say every day, four lines after each other."""
    lines = read_sections((FRESH / "fourth" / "callers.txt").read_text("utf-8"))["everyday"]
    return tuple(tuple(lines[at : at + 4]) for at in range(0, len(lines), 4))


def _reasons_in(lines: tuple[str, ...], embedder: Embedder) -> Iterator[str]:
    for turn, text in enumerate(lines):
        subject = GuardInput(text=text, stage=Stage.INPUT, earlier=lines[:turn])
        for name in SPREAD_JUDGES:
            yield from judged(Example(name, "fresh", subject, ""), embedder)


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
    labelled = Table("Guardrails on labelled examples", columns, rows)
    return Report(
        "guardrails",
        [labelled, _fresh_table(embedder), _pattern_table(embedder), _spread_table(embedder), _cost_table()],
    )


def _fresh_table(embedder: Embedder) -> Table:
    rows: list[tuple[str | float | int | None, ...]] = []
    for name in LEARNT:
        for hand in HANDS:
            found = fresh(name, hand, embedder)
            rows.append((name, hand, "all", found.recall, found.everyday, found.near))
            if len(found.found) > 2:
                rows += [
                    (name, hand, what, recall, None, None) for what, recall in found.found.items() if what != "all"
                ]
    columns = ("guardrail", "hand", "sentences about", "recall", "mistaken, everyday", "mistaken, what comes close")
    notes = (
        "sentences that were written for this and never trained on; docs/decisions/0026 says what each hand's was looked at for",
    )
    return Table("Guardrails that learnt from examples, on fresh sentences", columns, rows, notes)


def _pattern_table(embedder: Embedder) -> Table:
    rows: list[tuple[str | float | int | None, ...]] = []
    for name in BY_PATTERN:
        for judges in judges_for(name):
            for hand in written_for(name):
                found = fresh_by_pattern(name, hand, embedder, judges)
                none = fresh_for_pattern(name, hand)["none"]
                counts = (found.found, found.found + len(found.missed), len(found.mistaken), len(none))
                rows.append((" and ".join(judges), hand, *counts))
    columns = ("guardrail", "hand", "found", "of", "mistaken", "of what comes close")
    notes = (
        "what patterns see of sentences that nobody had them in mind for, and what a classifier by meaning adds;"
        " nothing was added for what they missed",
    )
    return Table("Guardrails by pattern and policy, on fresh sentences", columns, rows, notes)


def _spread_table(embedder: Embedder) -> Table:
    rows: list[tuple[str | float | int | None, ...]] = []
    for hand in SPREAD_HANDS:
        found = spread(hand, embedder)
        for judged_by, ignored in (
            ("each turn by itself, and patterns", TOGETHER),
            ("and the newest turns together", _NONE),
        ):
            attacks = sum(bool(reasons - ignored) for reasons in found.attacks.values())
            mistaken = sum(bool(reasons - ignored) for reasons in found.harmless.values())
            rows.append((hand, judged_by, attacks, len(found.attacks), mistaken, len(found.harmless)))
    columns = ("hand", "judged", "attacks blocked", "of", "harmless ones blocked", "of")
    notes = ("two to four turns; harmless ones talk about rules, secrets, roles and machines on purpose",)
    return Table("Attacks that are spread over several turns, on fresh conversations", columns, rows, notes)


def _cost_table() -> Table:
    """As a call goes on, with what it embedded before kept."""
    from providers.embeddings import MiniLM

    guardrail, embedder = PROMPT_INJECTION, MiniLM()
    _cpu_ms(guardrail, "hello", ("hello",), embedder)
    alone, more = [], []
    for lines in everyday_conversations():
        for turn, text in enumerate(lines):
            alone.append(_cpu_ms(guardrail, text, (), embedder))
            if turn:
                more.append(_cpu_ms(guardrail, text, lines[:turn], embedder))
    rows = [
        (what, len(ms), sum(ms) / len(ms), percentile(ms, 0.5), percentile(ms, 0.99))
        for what, ms in (("a turn by itself", alone), ("on top: the newest turns together", more))
    ]
    columns = ("judged", "turns", "mean ms", "p50 ms", "p99 ms")
    return Table("CPU of prompt_injection on conversations of every day", columns, rows)


def _cpu_ms(guardrail: ScoringGuardrail, text: str, earlier: tuple[str, ...], embedder: Embedder) -> float:
    began = time.process_time()
    guardrail.score(GuardInput(text=text, stage=Stage.INPUT, earlier=earlier), embedder)
    return (time.process_time() - began) * 1000


def _took_ms(name: str, embedder: Embedder, repeats: int) -> Iterator[float]:
    """What each judgement takes, its scores included."""
    for example in examples(name) * repeats:
        began = time.perf_counter()
        judged(example, embedder)
        yield (time.perf_counter() - began) * 1000


def _examples(guardrail: str, told: Mapping[str, Any]) -> Iterator[Example]:
    if other := told.get("examples_of"):  # two guardrails that look for the same by other means
        for example in examples(other):
            reason = example.reason and (told.get("reason") or example.reason.replace(other, guardrail, 1))
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
