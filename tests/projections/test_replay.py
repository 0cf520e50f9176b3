"""Replay runs the deciders on the recorded facts and compares what they decide."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from forging import Forger, with_payload
from recorded_calls import recomputer, record_call
from support import DataDirectory, run

from processors.cascade import Cascade
from processors.deciders import DECIDERS
from projections.recompute import Recomputer, Replay, replay
from projections.recorded_behaviour import recorded_behaviours
from projections.verify import verify
from schemas import decisions as d
from schemas.event import Event
from streams.behaviours import SqliteBehaviours


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataDirectory]:
    data = DataDirectory(tmp_path_factory.mktemp("recorded"))
    run(record_call(data))
    yield data
    data.close()


@pytest.fixture
def forger(recorded: DataDirectory) -> Iterator[Forger]:
    forger = Forger(recorded)
    with forger.attempt():
        yield forger


def replayed(data: DataDirectory, by: Recomputer | None = None, call: str = "call-1") -> Replay | None:
    return run(replay(data.ledger, data.codec, by or recomputer(data), call, lambda damage: None))


def of_type(forger: Forger, name: str) -> int:
    return next(o for o in forger.offsets("call-1") if forger.read(o).type == name)


def test_a_call_replays_identically(recorded: DataDirectory) -> None:
    found = replayed(recorded)
    assert found is not None
    assert (found.identical, found.not_recomputable, found.first_difference) == (True, 0, None)
    assert found.events > found.decisions > 80


def test_an_unknown_call_has_no_replay(recorded: DataDirectory) -> None:
    assert replayed(recorded, call="nobody") is None


def test_the_first_difference_shows_what_the_deciders_say_and_what_the_log_holds(
    recorded: DataDirectory, forger: Forger
) -> None:
    offset = of_type(forger, "ReplyChosen")
    before = forger.read(offset)
    forger.rewrite(offset, with_payload(text="Something else."))
    found = replayed(recorded)
    assert found is not None
    difference = found.first_difference
    assert found.identical is False
    assert difference is not None
    assert (difference.seq, difference.event_id, difference.reason) == (before.seq, before.event_id, "payload: text")
    assert difference.expected is not None
    assert difference.found is not None
    assert difference.expected.payload["text"] == before.payload.text
    assert difference.found.payload["text"] == "Something else."


def test_one_difference_does_not_poison_what_follows(recorded: DataDirectory, forger: Forger) -> None:
    """Deciders that never set the silence timer differ wherever one was set, and nowhere else."""
    events = [forger.read(offset) for offset in forger.offsets("call-1")]
    timers = [e for e in events if isinstance(e.payload, d.TimerSet) and e.payload.purpose == "silence"]
    cascade = Cascade([x for x in DECIDERS if x.name != "silence"], recomputer(recorded).version)
    behaviour_of = recorded_behaviours(SqliteBehaviours(recorded.store))
    by = Recomputer(cascade, behaviour_of, recorded.keys)
    found = run(verify(recorded.ledger, recorded.codec, by))
    assert len(timers) >= 3
    assert [p.seq for p in found.problems] == [e.seq for e in timers]


def test_a_decider_that_is_gone_is_missed(recorded: DataDirectory) -> None:
    cascade = Cascade([x for x in DECIDERS if x.name != "choice"], recomputer(recorded).version)
    behaviour_of = recorded_behaviours(SqliteBehaviours(recorded.store))
    found = replayed(recorded, Recomputer(cascade, behaviour_of, recorded.keys))
    assert found is not None
    assert found.first_difference is not None
    assert (found.identical, found.first_difference.reason) == (False, "unexpected")
    assert found.first_difference.expected is None


def test_a_decider_that_fails_on_recorded_facts_is_a_difference_not_a_crash(recorded: DataDirectory) -> None:
    def fails(conversation: object, event: Event) -> Iterator[object]:
        raise RuntimeError("a bug")

    broken = [x._replace(decide=fails) if x.name == "questions" else x for x in DECIDERS]
    behaviour_of = recorded_behaviours(SqliteBehaviours(recorded.store))
    cascade = Cascade(broken, recomputer(recorded).version)  # type: ignore[arg-type]
    found = replayed(recorded, Recomputer(cascade, behaviour_of, recorded.keys))
    assert found is not None
    assert found.first_difference is not None
    assert found.first_difference.reason == "decider_failed: RuntimeError"


def test_what_older_code_decided_is_not_recomputable_and_nothing_is_claimed(recorded: DataDirectory) -> None:
    behaviour_of = recorded_behaviours(SqliteBehaviours(recorded.store))
    found = replayed(recorded, Recomputer(Cascade(DECIDERS, "newer"), behaviour_of, recorded.keys))
    assert found is not None
    assert (found.identical, found.first_difference) == (None, None)
    assert found.not_recomputable == found.decisions


def test_what_this_code_would_decide_in_the_place_of_other_code_is_told_beside_it(recorded: DataDirectory) -> None:
    behaviour_of = recorded_behaviours(SqliteBehaviours(recorded.store))
    alike = replayed(recorded, Recomputer(Cascade(DECIDERS, "newer"), behaviour_of, recorded.keys))
    without = Cascade([x for x in DECIDERS if x.name != "choice"], "newer")
    other = replayed(recorded, Recomputer(without, behaviour_of, recorded.keys))
    assert alike is not None
    assert alike.other_code is not None
    assert (alike.other_code.versions, alike.other_code.differing) == ((recomputer(recorded).version,), 0)
    assert other is not None
    assert other.other_code is not None
    first = other.other_code.first_difference
    assert first is not None
    assert first.found is not None
    assert (first.reason, first.found.type, first.expected) == ("unexpected", "ReplyChosen", None)
    assert other.first_difference is None


def test_a_forgotten_call_is_not_recomputed(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    run(record_call(data))
    data.keys.destroy("call-1")
    found = replayed(data)
    data.close()
    assert found is not None
    assert (found.identical, found.not_recomputable, found.first_difference) == (None, found.decisions, None)


def test_a_record_that_cannot_be_read_is_the_first_difference(recorded: DataDirectory, forger: Forger) -> None:
    forger.set_column(of_type(forger, "TurnEnded"), "type", "Nonsense")
    found = replayed(recorded)
    assert found is not None
    assert found.identical is False
    assert found.first_difference is not None
    assert found.first_difference.reason.startswith("unknown_schema")
