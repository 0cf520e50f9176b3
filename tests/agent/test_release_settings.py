"""How replies are released, as it stands in ``behaviour.yaml`` and ``guardrails.yaml``: read, and refused by file and line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agent_core.behaviour_loader import BehaviourError, load
from agent_core.judges import releases_sentences
from console.settings import EXAMPLE_BEHAVIOUR


def bank(folder: Path, release: str) -> Path:
    behaviour = folder / "bank"
    shutil.copytree(EXAMPLE_BEHAVIOUR, behaviour)
    head = behaviour / "behaviour.yaml"
    head.write_text(head.read_text().split("\nrelease:")[0] + release)
    return behaviour


def test_the_example_bank_releases_by_sentence() -> None:
    assert releases_sentences(load(EXAMPLE_BEHAVIOUR))


def test_a_bank_releases_by_sentence_where_it_says_so(tmp_path: Path) -> None:
    behaviour = load(bank(tmp_path, "\nrelease:\n  by: sentence\n  repair: I'm sorry, I have to leave it there.\n"))
    assert releases_sentences(behaviour)
    assert behaviour.from_canonical(behaviour.canonical()) == behaviour


def test_a_guardrail_of_the_bank_may_hold_it(tmp_path: Path) -> None:
    folder = bank(tmp_path, "\nrelease:\n  by: sentence\n  repair: I'm sorry, I have to leave it there.\n")
    guardrails = folder / "guardrails.yaml"
    text = guardrails.read_text()
    assert text.count("name: grounding") == 1
    guardrails.write_text(text.replace("name: grounding", "name: grounding\n    holds_release: true"))
    assert not releases_sentences(load(folder))


@pytest.mark.parametrize(
    ("release", "message"),
    [
        ("\nrelease:\n  by: sentence\n", "needs repair"),
        ("\nrelease:\n  by: word\n", "sentence"),
        ("\nrelease:\n  by: sentence\n  repair: You should buy shares today.\n", "the repair of a reply"),
    ],
)
def test_a_release_that_cant_be_is_refused_by_file_and_line(tmp_path: Path, release: str, message: str) -> None:
    with pytest.raises(BehaviourError) as refused:
        load(bank(tmp_path, release))
    (problem,) = refused.value.problems
    assert message in problem.message
    assert problem.file == "behaviour.yaml"
    assert problem.line > 1
