"""What all engines of the peers' race share. The engines themselves live in an environment of their own."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

import benchmarks.peers
from agent_core.ports import CompletionResult
from benchmarks.__main__ import BENCHMARKS, main
from benchmarks.peers.blob_race import BlobRace
from benchmarks.peers.wire import encoded, request_in, result_in, turn_in
from benchmarks.race_behaviour import CALLS_A_TURN, race_behaviour
from benchmarks.race_rules import TurnRules
from benchmarks.race_side import NothingAcceptableError
from benchmarks.race_turns import RaceTurn, bare_conversation, turns
from tests.benchmarks.scripted_model import ScriptedModel
from tests.support import PATIENCE_S, eventually, run

_ROOT = Path(__file__).parents[2]
_PEERS = _ROOT / "benchmarks" / "peers"
_TURN = turns("test", 1)[0]


def test_an_engine_gets_back_every_request_as_it_was_asked() -> None:
    behaviour = race_behaviour()
    rules = TurnRules(behaviour, *bare_conversation(_TURN, behaviour))
    scores = run(ScriptedModel().complete(rules.classification)).text
    requests = [rules.classification, *rules.guards.values()]
    requests += [request for intent in rules.intents(scores) for request in rules.attempts(intent)]
    assert len(requests) == CALLS_A_TURN
    assert [request_in(encoded(request)) for request in requests] == requests


def test_an_engine_gets_back_turns_and_results_as_they_were() -> None:
    result = CompletionResult(text="é", provider="p", model="m", output_tokens=3, total_ms=1.5)
    assert result_in(encoded(result)) == result
    assert turn_in(encoded(_TURN)) == _TURN


def test_the_reply_is_handed_over_while_losers_are_still_open_and_they_are_cancelled_behind_it() -> None:
    model = ScriptedModel(held="answer.fees_abroad")  # another question than the one that was asked

    async def decide() -> str:
        model.let_go.clear()
        async with asyncio.timeout(PATIENCE_S):
            reply = await BlobRace(model, race_behaviour()).reply(_TURN)
        model.let_go.set()
        await eventually(_losers)
        return reply

    async def _losers() -> bool:
        return any("answer.fees_abroad|2" in label for label in model.cancelled)

    assert run(decide())


def test_a_race_that_nothing_comes_of_says_so() -> None:
    blocked = ScriptedModel(answer="It costs 99.99 euros and arrives on the 31st of February.")
    with pytest.raises(NothingAcceptableError):
        run(BlobRace(blocked, race_behaviour()).reply(_TURN))


def test_a_race_that_an_engine_gives_up_cancels_its_calls() -> None:
    model = ScriptedModel(held="classify")

    async def give_up() -> None:
        race = asyncio.create_task(BlobRace(model, race_behaviour()).reply(_TURN))
        await asyncio.sleep(0.01)
        race.cancel()
        await asyncio.gather(race, return_exceptions=True)
        await eventually(_cancelled)

    async def _cancelled() -> bool:
        return bool(model.cancelled)

    run(give_up())
    assert model.cancelled == [f"{_TURN.call_id}/t2|classify|0"]


def test_without_the_engines_the_benchmark_names_the_command_that_brings_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(benchmarks.peers, "_NEEDED", ("an_engine_that_nobody_has",))
    assert main(["peers", "--quick"]) == 2
    assert "an_engine_that_nobody_has; `make bench-peers`" in capsys.readouterr().err


def test_the_peers_run_only_when_they_are_named() -> None:
    assert "peers" not in BENCHMARKS


def test_locks_of_the_engines_pin_what_is_asked_for_and_name_no_host() -> None:
    lock = (_ROOT / "locks" / "peers.lock").read_text()
    asked = re.findall(r"^([\w-]+)(?:\[\w+\])?==(\S+)$", (_PEERS / "requirements.in").read_text(), re.MULTILINE)
    assert len(asked) >= 5
    assert all(f"\n{name}=={version} " in lock for name, version in asked)
    assert "://" not in lock
    npm = json.loads((_PEERS / "package-lock.json").read_text())
    packages = {path: package for path, package in npm["packages"].items() if path}
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert not any("resolved" in package for package in packages.values())


def test_turns_differ_by_their_call_and_go_through_the_questions() -> None:
    first, *_, fifth = turns("test", 5)
    assert first == RaceTurn("test-0000", fifth.question)
