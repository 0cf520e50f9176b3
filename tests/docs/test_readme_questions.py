"""The four questions that README.md asks of the log: the commands that stand there, run on recorded calls.

On the log lie the demo's call, recorded long ago, and a call of today; since then an article was changed.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

_TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(_TESTS / name) for name in ("projections", "projections/read_models", "calls", "docs")]

from commands import forget_settings, ledgerline  # noqa: E402
from mixed_log import mixed_log  # noqa: E402
from recorded_calls import bank, record_call  # noqa: E402
from support import DataDirectory, run  # noqa: E402
from test_notebook import ARTICLE, CHANGED, with_another_article  # noqa: E402
from vendors_emulated import KEY, emulated, emulators  # noqa: E402

from streams.behaviours import SqliteBehaviours  # noqa: E402

README = _TESTS.parent / "README.md"
DEMO, TODAY = "demo_on_a_virtual_clock", "today"  # call:last is the greatest id
PROMISED = "Your new card will be with you in two working days."  # a model's, which a guardrail stops
SHORTER = "It takes three to five working days."
_ASKED = re.compile(r"## Ask the log\n.*?```sh\n(.*?)```", re.DOTALL)


def commands() -> list[list[str]]:
    """The arguments of each command under README's heading, in order."""
    found = _ASKED.search(README.read_text())
    assert found, "README asks nothing of the log"
    words = shlex.split(found[1], comments=True)
    starts = [place for place, word in enumerate(words) if word == "ledgerline"]
    return [words[start + 1 : end] for start, end in zip(starts, [*starts[1:], len(words)], strict=True)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with such a log in the usual place."""
    folder = tmp_path_factory.mktemp("readme")
    directory = folder / ".ledgerline"
    directory.mkdir()
    data = DataDirectory(directory)
    mixed_log(data, names=[DEMO])
    run(record_call(data, TODAY))
    newest = with_another_article(bank())
    SqliteBehaviours(data.store).record(newest.content_hash, newest.canonical())
    data.close()
    for part in directory.glob("log.db*"):
        part.rename(directory / part.name.replace("log.db", "ledger.db"))
    return folder


@pytest.fixture
def asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    forget_settings(monkeypatch, folder)
    return commands()


def answer(command: list[str]) -> Any:
    ran = ledgerline(*command, "--json")
    assert ran.code == 0, ran.err
    return ran.json


def test_four_questions_are_asked(asked: list[list[str]]) -> None:
    assert [command[0] for command in asked] == ["sql", "sql", "as-of", "replay"]


def test_p95_of_the_first_reply_is_told_for_each_day(asked: list[list[str]]) -> None:
    days = answer(asked[0])
    assert len(days) == 2
    assert all(day["p95_ms"] > 0 for day in days)
    assert days[0]["day"] < days[1]["day"]


def test_every_turn_that_a_guardrail_blocked_comes_with_the_text(asked: list[list[str]]) -> None:
    blocked = answer(asked[1])
    (counted,) = answer(["sql", "select count(*) as verdicts from verdicts where blocked"])
    assert len(blocked) == counted["verdicts"] > 0
    assert PROMISED in {verdict["text"] for verdict in blocked}
    assert all(verdict["text"] and verdict["turn_id"] for verdict in blocked)


def test_what_the_article_said_is_told_though_it_was_changed_since(asked: list[list[str]]) -> None:
    then = answer(asked[2])
    (now,) = answer(["sql", f"select public from articles where article_id = '{ARTICLE}'"])
    (recorded,) = (article.public for article in bank().articles if article.id == ARTICLE)
    assert asked[2][-1] == ARTICLE
    assert now["public"] == CHANGED
    assert then["public"] == recorded


def test_just_the_reply_that_a_changed_prompt_would_alter_is_told(
    asked: list[list[str]], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (prompt,) = (word.removeprefix("prompt=") for word in asked[3] if word.startswith("prompt="))
    (folder / prompt).write_text("Answer in five words.")
    shorter = {"match": "how long does a new one take", "reply": SHORTER}
    with emulators(emulated([], "", script=[shorter])) as url:
        for name, value in {"URL": f"{url}/v1", "API_KEY": KEY, "MODEL": "emulated"}.items():
            monkeypatch.setenv(f"LEDGERLINE_LLM__{name}", value)
        found = answer(asked[3])
    (call,) = found["calls"]
    assert call["call_id"] == TODAY
    (altered,) = (turn for turn in call["turns"] if turn["reply"] != "same")
    assert altered["reply"] == "changed"
    assert altered["what_if"]["text"] == SHORTER
    assert altered["recorded"]["text"].startswith("A new card takes three to five working days")
    assert (found["summary"]["turns"], found["summary"]["changed"]) == (5, 1)
