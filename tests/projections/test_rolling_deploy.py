"""Deciders are replaced while calls go on: the old version dies in mid-turn, the new one ends the turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby

import pytest
from recorded_calls import Puppet, bank, effects, owner_of
from support import DataDirectory, run

from processors.cascade import Cascade
from processors.deciders import DECIDERS, VERSION, cascade
from projections.recompute import Recomputer
from projections.recorded_behaviour import recorded_behaviours
from projections.verify import verify
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Kind
from schemas.event import Event
from streams.behaviours import SqliteBehaviours

NEW = Cascade([decider for decider in DECIDERS if decider.name != "silence"], "new")  # it waits for nobody's silence


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[DataDirectory, list[Event]]]:
    """A call whose turn was opened by the old version, with a model that never answered it, and ended by the new one."""
    data = DataDirectory(tmp_path_factory.mktemp("deployed"))
    yield data, run(_deploy(data))
    data.close()


async def _deploy(data: DataDirectory) -> list[Event]:
    behaviour = bank()
    seq = SqliteBehaviours(data.store).record(behaviour.content_hash, behaviour.canonical())
    async with Puppet(data, "call-1") as puppet:
        async with owner_of(data, runner=effects(answering=False)):
            await puppet.ring(seq, behaviour.content_hash)
            await puppet.say("I lost my card")
            await puppet.next(d.CompletionAsked)
        async with owner_of(data, NEW):
            await puppet.listen()
            await puppet.say("Goodbye")
            await puppet.listen()
            await puppet.hang_up()
        return puppet.events


def _versions(events: list[Event]) -> list[str | None]:
    """Of the steps that decided something, in their order, each once in a row."""
    decided = [event.decider_version for event in events if event.kind is Kind.DECISION]
    return [version for version, _ in groupby(decided)]


def test_the_turn_that_one_version_opened_is_ended_once_by_the_next(
    deployed: tuple[DataDirectory, list[Event]],
) -> None:
    _, events = deployed
    opened = next(e for e in events if isinstance(e.payload, d.TurnOpened) and e.payload.cause == "utterance")
    turn = [event for event in events if event.turn_id == opened.turn_id]
    kinds = Counter(type(event.payload) for event in turn)
    assert (kinds[d.ReplyChosen], kinds[f.SpeechStarted], kinds[d.TurnEnded]) == (1, 1, 1)
    assert opened.decider_version == VERSION
    assert next(e for e in turn if isinstance(e.payload, d.ReplyChosen)).decider_version == "new"


def test_every_step_is_one_versions_and_each_began_where_the_other_ended(
    deployed: tuple[DataDirectory, list[Event]],
) -> None:
    _, events = deployed
    assert _versions(events) == [VERSION, "new"]
    for _, step in groupby(events, key=lambda event: event.step_id):
        assert len({event.decider_version for event in step}) == 1
    assert [event.seq for event in events] == list(range(1, len(events) + 1))


@pytest.mark.parametrize("code", [cascade(), NEW], ids=["old", "new"])
def test_each_version_finds_its_own_part_as_it_decided_it_and_claims_nothing_of_the_others(
    deployed: tuple[DataDirectory, list[Event]], code: Cascade
) -> None:
    data, events = deployed
    behaviour_of = recorded_behaviours(SqliteBehaviours(data.store))
    found = run(verify(data.ledger, data.codec, Recomputer(code, behaviour_of, data.keys)))
    decided = Counter(event.decider_version for event in events if event.kind is Kind.DECISION)
    assert found.problems == ()
    assert found.not_recomputable == decided.total() - decided[code.version]
    assert 0 < found.not_recomputable < found.decisions


def test_what_the_new_version_decides_otherwise_would_be_seen_if_it_bore_the_old_ones_name(
    deployed: tuple[DataDirectory, list[Event]],
) -> None:
    data, _ = deployed
    behaviour_of = recorded_behaviours(SqliteBehaviours(data.store))
    unnamed = Recomputer(Cascade(DECIDERS, "new"), behaviour_of, data.keys)
    assert run(verify(data.ledger, data.codec, unnamed)).problems
