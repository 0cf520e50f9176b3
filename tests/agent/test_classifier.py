"""The intent classifier: measured on held-out spoken sentences, and what deciders rely on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from agent_core.behaviour import Action, Behaviour, Intent
from agent_core.behaviour_loader import load
from agent_core.classifier import OTHER, IntentClassifier
from providers.embeddings import MiniLM

HERE = Path(__file__).parent
HELDOUT: Any = yaml.safe_load((HERE / "data" / "heldout.yaml").read_text("utf-8"))
DEMO = [
    ("Hi, I lost my credit card.", "lost_card"),
    ("How long will the new card take to arrive?", "card_delivery_time"),
    ("Wait, stop. What are your opening hours?", "opening_hours"),
    ("Should I invest my savings in shares?", "investment_advice"),
    ("No that's all, thank you, goodbye.", "goodbye"),
]


@pytest.fixture(scope="module")
def bank() -> Behaviour:
    return load(HERE.parent.parent / "examples" / "bank")


@pytest.fixture(scope="module")
def embedder() -> MiniLM:
    return MiniLM()


@pytest.fixture(scope="module")
def classifier(bank: Behaviour, embedder: MiniLM) -> IntentClassifier:
    return IntentClassifier.train(bank.intents, embedder)


def top(scores: dict[str, float]) -> str:
    return max(scores, key=lambda label: scores[label])


def test_held_out_sentences_are_none_of_the_examples(bank: Behaviour) -> None:
    def plain(text: str) -> str:
        return "".join(c for c in text.lower() if c.isalnum() or c == " ")

    trained = {plain(example) for intent in bank.intents for example in intent.examples}
    held = [text for texts in HELDOUT["in_scope"].values() for text in texts]
    assert len(held) >= 60
    assert set(HELDOUT["in_scope"]) == {intent.name for intent in bank.intents}
    assert not trained & {plain(text) for text in held + HELDOUT["out_of_scope"]}


def test_held_out_questions_find_their_intent(classifier: IntentClassifier) -> None:
    results = [(name, classifier.scores(text)) for name, texts in HELDOUT["in_scope"].items() for text in texts]
    right = sum(top(scores) == name for name, scores in results)
    assert right / len(results) >= 0.93
    answered = [(name, top(scores)) for name, scores in results if top(scores) != OTHER]
    assert sum(name == found for name, found in answered) / len(answered) >= 0.97


def test_probabilities_are_worth_what_they_say(classifier: IntentClassifier) -> None:
    """Expected calibration error over five bins of confidence."""
    rows = [
        (max(scores.values()), top(scores) == name)
        for name, texts in HELDOUT["in_scope"].items()
        for scores in map(classifier.scores, texts)
    ]
    confidence, right = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    bins = np.digitize(confidence, [0.2, 0.4, 0.6, 0.8])
    gaps = [abs(confidence[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean() for b in set(bins)]
    assert sum(gaps) <= 0.08


def test_what_is_no_question_for_a_bank_is_other(classifier: IntentClassifier) -> None:
    taken = [text for text in HELDOUT["out_of_scope"] if top(classifier.scores(text)) != OTHER]
    assert len(taken) <= 1


@pytest.mark.parametrize(("text", "intent"), DEMO)
def test_the_demonstration_is_understood_with_a_margin(classifier: IntentClassifier, text: str, intent: str) -> None:
    first, second = sorted(classifier.scores(text).items(), key=lambda item: -item[1])[:2]
    assert first[0] == intent
    assert first[1] - second[1] >= 0.5


@pytest.mark.parametrize(("text", "one", "other"), HELDOUT["both"])
def test_two_questions_share_the_mass(classifier: IntentClassifier, text: str, one: str, other: str) -> None:
    scores = classifier.scores(text)
    assert min(scores[one], scores[other]) >= 0.2
    assert scores[one] + scores[other] >= 0.8


def test_scores_are_a_distribution_over_the_intents_and_other(classifier: IntentClassifier, bank: Behaviour) -> None:
    for text in ("my card", "", "  ", "?!", "uhm", "a" * 2000):
        scores = classifier.scores(text)
        assert list(scores) == [*(intent.name for intent in bank.intents), OTHER]
        assert sum(scores.values()) == pytest.approx(1)
        assert min(scores.values()) >= 0


def test_silence_and_hesitation_are_other_for_certain(classifier: IntentClassifier) -> None:
    assert classifier.scores("uhm, er...")[OTHER] == 1


def test_punctuation_and_capitals_change_nothing(classifier: IntentClassifier) -> None:
    assert classifier.scores("I LOST MY CARD!") == classifier.scores("i lost my card")


def test_training_twice_gives_the_same(bank: Behaviour, embedder: MiniLM, classifier: IntentClassifier) -> None:
    again = IntentClassifier.train(bank.intents, embedder)
    assert again.version == classifier.version
    assert again.scores("what time do you close") == classifier.scores("what time do you close")


def test_another_example_is_another_version(bank: Behaviour, embedder: MiniLM, classifier: IntentClassifier) -> None:
    first, *rest = bank.intents
    changed = first.model_copy(update={"examples": (*first.examples, "my card fell into the river")})
    assert IntentClassifier.train([changed, *rest], embedder).version != classifier.version


def test_two_intents_with_one_example_each_can_be_trained(embedder: MiniLM) -> None:
    intents = [
        Intent(name="hours", examples=("when are you open",), answer="Nine to five."),
        Intent(name="leave", examples=("goodbye",), action=Action.CLOSE),
    ]
    classifier = IntentClassifier.train(intents, embedder)
    assert top(classifier.scores("when do you open")) == "hours"
