"""Sides are measured block by block: same turns for all, in changing order, with everything that they cost."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from agent_core.ports import CompletionRequest
from benchmarks.cpu_time import cpu_s
from benchmarks.race_bare import BareSide
from benchmarks.race_behaviour import race_behaviour
from benchmarks.race_blocks import Entrant, Load, compare
from benchmarks.race_side import Decided, Durability, NothingAcceptableError, Side
from benchmarks.race_turns import RaceTurn, emulator_config
from benchmarks.same_requests import OtherRequestsError, same_requests
from benchmarks.watched_model import WatchedModel
from tests.benchmarks.scripted_model import ScriptedModel
from tests.support import run


class _Noting(Side):
    """Notes what it is asked; decides at once."""

    durable = Durability("nothing", "never", 0, "everything")

    def __init__(self, name: str, notes: list[str], fails: str | None = None) -> None:
        self.name, self._notes, self._fails = name, notes, fails

    async def open(self, work: Sequence[RaceTurn]) -> None:
        self._notes.append(f"{self.name} {work[0].call_id}")

    async def decide(self, turn: RaceTurn) -> Decided:
        if turn.call_id == self._fails:
            raise NothingAcceptableError("blocked")
        return Decided("reply", time.perf_counter())


def _model() -> WatchedModel:
    return WatchedModel(ScriptedModel())


def test_sides_have_the_same_turns_in_changing_order_and_one_with_fewer_is_there_each_nth_time() -> None:
    notes: list[str] = []
    entrants = [Entrant(_Noting("a", notes)), Entrant(_Noting("b", notes)), Entrant(_Noting("c", notes), every=2)]
    again = run(compare(Load(1, 1, 3, control_every=3), _model(), entrants))
    assert notes[:3] == ["a warm1-0000", "b warm1-0000", "c warm1-0000"]
    assert notes[3:7] == ["b race1-0000", "c race1-0000", "a race1-0000", "a race1-0000"]
    assert notes[7:9] == ["a race1-0001", "b race1-0001"]
    assert [note[0] for note in notes[9:]] == ["a", "b", "c"]
    assert set(entrants[1].taken.decided_ms) == {"race1-0000", "race1-0001", "race1-0002"}
    assert set(entrants[2].taken.decided_ms) == {"race1-0000", "race1-0002"}
    assert set(again.decided_ms) == {"race1-0000"}


def test_the_first_side_does_not_run_where_nobody_is_compared_with_it() -> None:
    notes: list[str] = []
    first, other = Entrant(_Noting("a", notes)), Entrant(_Noting("b", notes), every=2)
    run(compare(Load(1, 1, 4), _model(), [first, other]))
    assert set(first.taken.decided_ms) == set(other.taken.decided_ms) == {"race1-0000", "race1-0002"}


def test_a_turn_that_a_side_fails_is_counted_and_not_timed() -> None:
    entrant = Entrant(_Noting("a", [], fails="race2-0001"))
    run(compare(Load(2, 4, 1), _model(), [entrant, Entrant(_Noting("b", []))]))
    assert entrant.taken.failed == {"a: NothingAcceptableError: blocked": 1}
    assert len(entrant.taken.decided_ms) == 3


def test_a_block_lasts_until_its_last_call_ended() -> None:
    model = _model()
    ended: list[str] = []

    class _LeavesOneBehind(_Noting):
        async def decide(self, turn: RaceTurn) -> Decided:
            self._loser = asyncio.create_task(self._ask(turn))
            await asyncio.sleep(0)
            return Decided("reply", time.perf_counter())

        async def _ask(self, turn: RaceTurn) -> None:
            await model.complete(CompletionRequest("guard", "m", (), label=turn.call_id))
            ended.append(turn.call_id)

        async def close(self, work: Sequence[RaceTurn]) -> None:
            assert ended[-1] == work[-1].call_id

    run(compare(Load(1, 1, 2), model, [Entrant(_LeavesOneBehind("a", [])), Entrant(_Noting("b", []))]))
    assert ended[-2:] == ["race1-0000", "race1-0001"]


def test_bare_asks_what_bare_asks_and_a_side_with_another_request_is_found_out() -> None:
    behaviour = race_behaviour()
    model = _model()
    bare = BareSide(model, behaviour)
    assert run(same_requests(model, bare, BareSide(model, behaviour))) == "17 of 17 equal"
    routing = behaviour.routing.model_copy(update={"guard_model": "another"})
    other = behaviour.model_copy(update={"routing": routing})
    with pytest.raises(OtherRequestsError, match="bare asyncio differ"):
        run(same_requests(model, bare, BareSide(model, other)))


def test_cpu_is_counted_of_a_server_and_of_its_children_dead_or_alive() -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass\n"
    parent = (
        f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {burn!r}])\nprint('done', flush=True)\ninput()"
    )
    ticks_s = 4 / os.sysconf("SC_CLK_TCK")  # /proc rounds each of utime, stime, cutime and cstime down to a tick
    with _running(parent) as pid:
        own_s = cpu_s()  # before the other, whose own reading of /proc would count as ours alone
        counted_s = cpu_s([pid]) - own_s
    assert counted_s >= 0.3 - ticks_s


@contextmanager
def _running(code: str) -> Iterator[int]:
    """Yields its process id once it says that it is done."""
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == b"done\n"
        yield process.pid
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


def test_the_pace_multiplies_what_the_emulated_model_takes() -> None:
    usual, slow = emulator_config().llm, emulator_config(pace=2.0).llm
    assert slow.first_token.median_ms == 2 * usual.first_token.median_ms
    assert slow.first_token.p95_ms == 2 * usual.first_token.p95_ms
    assert slow.tokens_per_s == usual.tokens_per_s / 2
