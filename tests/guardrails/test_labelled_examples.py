"""Guardrails that need no language model are measured on labelled examples: how much they find, and how often wrongly.

The floors lie just under what was seen when they were set; ``python -m benchmarks guardrails`` prints the figures. Patterns
are exact and miss much of what is said in other words; that is what the guardrails by meaning, and by model, are for.
"""

from __future__ import annotations

from itertools import chain

import msgspec
import pytest

from agent_core.guardrails import registry
from agent_core.guardrails._character_grams import character_grams
from agent_core.guardrails._examples import read_sections
from agent_core.guardrails._learning import shipped_models
from agent_core.guardrails._spread import TURN
from agent_core.guardrails.base import GuardInput, Means, ScoringGuardrail, Stage
from benchmarks.guardrails import BY_PATTERN as FRESH_BY_PATTERN
from benchmarks.guardrails import FRESH as FRESH_FOLDER
from benchmarks.guardrails import (
    HANDS,
    LEARNT,
    MEANING_BESIDE,
    PARTS,
    Example,
    examples,
    fresh,
    fresh_by_pattern,
    fresh_for_pattern,
    judged,
    measured,
    score,
    written_for,
)
from benchmarks.meaning_models import lessons, spread_lesson
from providers.embeddings import MiniLM

LEAST_EXAMPLES = 40
FRESH_FILES = sorted(FRESH_FOLDER.glob("*/*.txt"))
FLOORS = {  # precision and recall on what was held out
    "advice_meaning": (0.95, 0.75),
    "agent_tone": (0.9, 0.9),
    "complaint": (0.95, 0.3),
    "complaint_meaning": (0.95, 0.8),
    "conversation_injection": (0.95, 0.9),
    "forbidden_topics": (0.95, 0.95),
    "grounding": (0.95, 0.95),
    "language": (0.95, 0.95),
    "personal_data": (0.95, 0.95),
    "private_knowledge": (0.95, 0.75),
    "prompt_injection": (0.9, 0.8),
    "regulated_advice": (0.95, 0.15),
    "third_party": (0.95, 0.9),
    "tipping_off": (0.95, 0.9),
    "tipping_off_meaning": (0.95, 0.9),
    "tone_meaning": (0.95, 0.65),
    "tool_arguments": (0.95, 0.95),
    "vulnerability": (0.95, 0.1),
    "vulnerability_meaning": (0.9, 0.9),
}
BY_PATTERN = (
    "agent_tone",
    "language",
    "personal_data",
    "regulated_advice",
    "third_party",
    "tipping_off",
)  # alone with what they judge
FOUND_IN_TUNED, RIGHT_IN_TUNED = 0.85, 0.97
TOGETHER = {
    ("regulated_advice", "advice_meaning"): 0.6,
    ("complaint", "complaint_meaning"): 0.65,
    ("vulnerability", "vulnerability_meaning"): 0.4,
    ("tipping_off", "tipping_off_meaning"): 0.95,
    ("agent_tone", "tone_meaning"): 0.95,
}
FRESH = {  # recall of sentences that were written for this alone, by each of the hands in ``JUDGED``
    "advice_meaning": 0.85,
    "complaint_meaning": 0.82,
    "prompt_injection": 0.86,
    "vulnerability_meaning": 0.84,
}
PATTERNS_FIND = {  # recall of what a hand wrote; none of what comes close is mistaken
    ("agent_tone", "seventh"): 0.22,
    ("agent_tone", "eighth"): 0.25,
    ("agent_tone", "ninth"): 0.0,
    ("grounding", "seventh"): 0.8,
    ("grounding", "eighth"): 0.95,
    ("grounding", "ninth"): 0.8,
    ("language", "seventh"): 0.59,
    ("personal_data", "seventh"): 0.83,
    ("third_party", "seventh"): 0.58,
    ("tipping_off", "seventh"): 0.31,
    ("tipping_off", "eighth"): 0.1,
}
FOUND_TOGETHER = {  # with the classifier by meaning beside the pattern
    ("agent_tone", "seventh"): 0.45,
    ("agent_tone", "eighth"): 0.45,
    ("agent_tone", "ninth"): 0.2,
    ("tipping_off", "seventh"): 0.86,
    ("tipping_off", "eighth"): 0.75,
}
JUDGED = HANDS[-2:]  # the earlier ones would cost seconds of embedding: they are the benchmark's
MISTAKEN_CUES = 0.02  # of everyday sentences; what blocks may be mistaken at none
MISTAKEN_NEAR = 0.1  # of sentences that come close on purpose
NEARLY = 0.9  # of the same words, and pieces of them


@pytest.fixture(scope="module")
def embedder() -> MiniLM:
    return MiniLM()


def test_every_guardrail_without_a_language_model_is_measured() -> None:
    ours = {name for name, guardrail in registry.every().items() if guardrail.means is not Means.MODEL}
    assert ours == set(measured()) == set(FLOORS)


@pytest.mark.parametrize("name", measured())
def test_there_are_enough_examples_and_half_of_them_are_held_out(name: str) -> None:
    told = examples(name)
    assert len(told) >= LEAST_EXAMPLES
    for part in PARTS:
        assert sum(1 for each in told if each.part == part and each.reason) >= 10
        assert sum(1 for each in told if each.part == part and not each.reason) >= 8
    assert len({(each.subject.told, each.subject.earlier) for each in told}) == len(told), "an example stands twice"


@pytest.mark.parametrize("name", measured())
def test_what_is_held_out_is_judged_as_well_as_it_was(name: str, embedder: MiniLM) -> None:
    found = score(name, "held_out", embedder)
    precision, recall = FLOORS[name]
    assert found.precision is not None
    assert found.precision >= precision, found.mistaken
    assert found.recall is not None
    assert found.recall >= recall, found.missed


@pytest.mark.parametrize("name", BY_PATTERN)
def test_what_a_pattern_was_tuned_on_it_goes_on_finding(name: str, embedder: MiniLM) -> None:
    found = score(name, "tuned", embedder)
    assert found.recall is not None
    assert found.recall >= FOUND_IN_TUNED, found.missed
    assert found.precision is not None
    assert found.precision >= RIGHT_IN_TUNED, found.mistaken


@pytest.mark.parametrize("pair", TOGETHER, ids="+".join)
def test_a_pattern_and_a_classifier_together_find_more(pair: tuple[str, str], embedder: MiniLM) -> None:
    exact, meant = ([e for e in examples(name) if e.part == "held_out" and e.reason] for name in pair)
    found = sum(bool(judged(a, embedder) or judged(b, embedder)) for a, b in zip(exact, meant, strict=True))
    assert found / len(exact) >= TOGETHER[pair]


@pytest.mark.parametrize("hand", JUDGED)
@pytest.mark.parametrize("name", LEARNT)
def test_fresh_sentences_are_judged_as_well_as_they_were(name: str, hand: str, embedder: MiniLM) -> None:
    found = fresh(name, hand, embedder)
    assert found.recall >= FRESH[name], found.missed
    assert found.near <= MISTAKEN_NEAR, found.mistaken
    if found.everyday is not None:
        assert found.everyday <= (0.0 if registry.find(name).blocks else MISTAKEN_CUES), found.mistaken


def test_every_fresh_file_for_a_pattern_is_judged() -> None:
    assert set(PATTERNS_FIND) == {(name, hand) for name in FRESH_BY_PATTERN for hand in written_for(name)}
    assert set(FOUND_TOGETHER) == {each for each in PATTERNS_FIND if each[0] in MEANING_BESIDE}


@pytest.mark.parametrize(("name", "hand"), PATTERNS_FIND)
def test_patterns_find_as_much_of_fresh_sentences_as_they_did_and_mistake_none(
    name: str, hand: str, embedder: MiniLM
) -> None:
    found = fresh_by_pattern(name, hand, embedder)
    assert found.recall is not None
    assert found.recall >= PATTERNS_FIND[name, hand], found.missed
    assert not found.mistaken


@pytest.mark.parametrize(("name", "hand"), FOUND_TOGETHER)
def test_with_a_classifier_beside_it_far_more_of_fresh_sentences_is_found(
    name: str, hand: str, embedder: MiniLM
) -> None:
    found = fresh_by_pattern(name, hand, embedder, (name, MEANING_BESIDE[name]))
    assert found.recall is not None
    assert found.recall >= FOUND_TOGETHER[name, hand], found.missed
    assert len(found.mistaken) <= MISTAKEN_NEAR * len(fresh_for_pattern(name, hand)["none"]), found.mistaken


@pytest.mark.parametrize("name", MEANING_BESIDE.values())
@pytest.mark.parametrize("hand", HANDS)
def test_nothing_that_an_agent_says_every_day_is_taken_for_more(name: str, hand: str, embedder: MiniLM) -> None:
    """The first three hands' come close to advice on purpose; nothing of them comes close to this."""
    lines = chain.from_iterable(read_sections((FRESH_FOLDER / hand / "agent.txt").read_text("utf-8")).values())
    subjects = [Example(name, "fresh", GuardInput(text=line, stage=Stage.OUTPUT), "") for line in lines]
    assert [each.subject.text for each in subjects if judged(each, embedder)] == []


def test_enough_of_every_day_is_judged() -> None:
    said = [read_sections((FRESH_FOLDER / HANDS[-1] / f"{who}.txt").read_text("utf-8")) for who in ("callers", "agent")]
    assert all(len(sections["everyday"]) >= 100 for sections in said)
    for name in LEARNT.values():
        hits = read_sections((FRESH_FOLDER / HANDS[-1] / f"{name}.txt").read_text("utf-8"))
        assert sum(map(len, hits.values())) >= 25


def test_nothing_fresh_was_learnt_from_or_nearly() -> None:
    learnt = {s for x in lessons() for s in (*chain.from_iterable(x.examples.values()), *x.others, *x.everyday)}
    conversations = (*spread_lesson().attacks, *spread_lesson().harmless)
    learnt = sorted(learnt | {TURN.join(lines) for lines in conversations})
    grams = character_grams(learnt).T
    for file in FRESH_FILES:
        sentences = list(chain.from_iterable(read_sections(file.read_text("utf-8")).values()))
        alike = character_grams(sentences) @ grams
        assert alike.max() < NEARLY, (file, sentences[int(alike.max(axis=1).argmax())])


def test_one_sentence_in_a_long_story_is_heard(embedder: MiniLM) -> None:
    story = (
        "Hello, I hope you can help me, I was in town this morning to look at a sofa and then the rain came. "
        "My husband died in March. Anyway, I would like to know what your opening hours are on a Saturday."
    )
    spoken = story.lower().replace(",", "").replace(".", "")
    guardrail = registry.find("vulnerability_meaning")
    for text in (story, spoken):
        subject = GuardInput(text=text, stage=Stage.INPUT)
        assert isinstance(guardrail, ScoringGuardrail)
        subject = msgspec.structs.replace(subject, scores=guardrail.score(subject, embedder))
        assert [reason.value for reason in guardrail.judge(subject).reasons] == ["vulnerability_meaning_bereavement"]


def test_evidence_lies_in_what_was_judged() -> None:
    for name in measured():
        guardrail = registry.find(name)
        if guardrail.means in (Means.CLASSIFIER, Means.MODEL):
            continue
        for example in examples(name):
            verdict, told = guardrail.judge(example.subject), example.subject.told
            assert all(0 <= span.start < span.end <= len(told) for span in verdict.evidence), (name, told)
            assert bool(verdict.reasons) == bool(verdict.evidence), (name, told)


def test_the_shipped_models_are_of_today_s_examples(embedder: MiniLM) -> None:
    """If this fails after the examples were changed: ``python -m benchmarks.meaning_models``."""
    assert {lesson.name: (embedder.name, lesson.fingerprint) for lesson in (*lessons(), spread_lesson())} == {
        name: (model.embedder, model.examples) for name, model in shipped_models().items()
    }
