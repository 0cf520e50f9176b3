"""``ledgerline simulate``: a long run can be stopped and gone on with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from console.commands import simulate
from console.failures import UsageError
from simulation.faults import Fault
from simulation.report import Played
from simulation.violation import Violation


def _played(seed: int, *violations: Violation) -> Played:
    return Played(seed, list(violations), [], [], {}, 7)


def test_a_run_that_is_stopped_tells_what_was_played_and_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(seeds: range, faults: frozenset[Fault]) -> Iterator[Played]:
        assert faults == {Fault.DELAY}
        yield from map(_played, seeds[:2])
        raise KeyboardInterrupt

    monkeypatch.setattr(simulate, "play_all", stopped)
    assert simulate.run(seeds=10, first_seed=5, faults="delay", timeline=False, as_json=False) == 1
    out, err = capsys.readouterr()
    assert out == "2 seeds: no violations\n"
    assert "ledgerline simulate --first-seed 7 --seeds 8 --faults delay" in err


def test_a_violation_is_told_with_the_command_that_shows_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = [_played(1), _played(2, Violation("one_reply", "said twice"))]
    monkeypatch.setattr(simulate, "play_all", lambda seeds, faults: iter(found))
    assert simulate.run(seeds=2, first_seed=1, faults="all", timeline=False, as_json=False) == 1
    told = capsys.readouterr().out
    assert "seed 2: one_reply: said twice" in told
    assert "--seeds 1 --first-seed 2 --faults all --timeline" in told


def test_an_unknown_fault_is_a_mistake_in_usage() -> None:
    with pytest.raises(UsageError, match="no fault earthquake"):
        simulate.run(seeds=1, first_seed=1, faults="earthquake", timeline=False, as_json=False)
