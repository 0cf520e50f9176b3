"""Rows and checkpoint stand and fall together; whoever comes next goes on exactly where the last one stopped."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from golden_calls import golden_behaviours
from mixed_log import RECORDED, log_of, mixed_log
from rows import everything
from support import DataDirectory, run

from console.read_models import sqlite_ledger
from projections import parallel, projecting
from projections.checkpoint import BEGINNING, Checkpoint
from projections.projecting import Log, Member, PartitionRun, catch_up
from projections.projector import BehaviourOf, Projector
from projections.read_model_store import MovedElsewhereError, ReadModelStore
from projections.read_model_versions import members_of, standings
from projections.read_models.catalogue import READ_MODELS
from projections.recorded_behaviour import behaviours_among
from streams.behaviours import SqliteBehaviours
from streams.ports import LogRecord


def members(store: ReadModelStore) -> list[Member]:
    return members_of(store, standings(store, READ_MODELS))


def folded(store: ReadModelStore) -> list[Member]:
    return [member for member in members(store) if member[0].fold]


def in_one_go(data: DataDirectory) -> dict[str, list[dict[str, object]]]:
    with ReadModelStore(f"sqlite:///{data.path / 'whole.db'}") as whole:
        run(catch_up(whole, log_of(data), members(whole)))
        return everything(whole)


def behaviours(data: DataDirectory) -> BehaviourOf:
    return behaviours_among(log_of(data).behaviours)


async def read(data: DataDirectory, start: int, end: int) -> list[LogRecord]:
    return await data.ledger.read(0, start, end - start) if end > start else []


def test_a_projection_that_is_broken_off_anywhere_goes_on_exactly(data: DataDirectory, store: ReadModelStore) -> None:
    mixed_log(data)
    chance, end = random.Random(5), run(data.ledger.end(0))
    for stop in [*sorted(chance.sample(range(1, end), 6)), end]:
        at = store.checkpoints(folded(store)[0][1]).get(0, BEGINNING)
        one = PartitionRun(store, data.ledger, folded(store), 0, at, behaviours(data))
        run(one.take(run(read(data, at.offset, stop))))
        if stop == end or chance.random() < 0.7:  # else it dies with all that it has folded
            one.commit()
    run(catch_up(store, log_of(data), members(store)))
    assert everything(store) == in_one_go(data)


def test_a_checkpoint_stands_between_whole_steps(data: DataDirectory) -> None:
    mixed_log(data, names=RECORDED[1:2])
    records = run(read(data, 0, run(data.ledger.end(0))))

    async def history(*_: object) -> list[LogRecord]:
        raise AssertionError("every conversation is in memory")

    async def checked() -> int:
        projector = Projector([READ_MODELS["holds"]], history, 0, BEGINNING, behaviour_of=behaviours(data))
        within = 0
        for record in records:
            await projector.take([record])
            reached = projector.checkpoint
            assert reached.offset <= record.offset + 1
            within += reached.offset <= record.offset
            if reached.offset < len(records):
                assert data.codec.decode(records[reached.offset].body).step_index == 0
        return within

    assert run(checked())  # at some of them a step was under way


def test_nothing_is_written_where_one_table_takes_nothing(data: DataDirectory, tmp_path: Path) -> None:
    mixed_log(data)
    url = f"sqlite:///{tmp_path / 'read_models.db'}"
    with ReadModelStore(url) as store:
        known = members(store)
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.exec_driver_sql(
                "create trigger full_disk before insert on holds_g1 begin select raise(abort, 'full'); end"
            )
        with pytest.raises(sa.exc.IntegrityError):
            run(catch_up(store, log_of(data), known))
        assert all(rows == [] for name, rows in everything(store).items())
        assert all(store.checkpoints(generation) == {} for _, generation in known)
        with engine.begin() as connection:
            connection.exec_driver_sql("drop trigger full_disk")
        engine.dispose()
        run(catch_up(store, log_of(data), known))
        assert everything(store) == in_one_go(data)


def test_a_row_has_a_new_version_only_where_it_changed(data: DataDirectory, sqlite_store: ReadModelStore) -> None:
    """Events come that a read model looks at and that change nothing in its row: an agent's turn ends, for one."""
    mixed_log(data, names=RECORDED[:3])
    run(catch_up(sqlite_store, log_of(data), members(sqlite_store)))
    for name, rows in everything(sqlite_store).items():
        model = READ_MODELS[name]
        columns = [column.name for column in model.columns]
        stands: dict[tuple[object, ...], list[object]] = {}
        for row in sorted(rows, key=lambda each: int(str(each["from_offset"]))):
            key, now = tuple(row[column] for column in model.key), [row[column] for column in columns]
            assert stands.get(key) != now, (name, key, row["from_offset"])
            stands[key] = now


def test_of_two_that_project_into_one_store_the_second_writes_nothing(
    data: DataDirectory, store: ReadModelStore
) -> None:
    mixed_log(data)
    for stop in (600, 1_200):  # on empty tables, and behind the same checkpoint
        at = store.checkpoints(folded(store)[0][1]).get(0, BEGINNING)
        first, second = (PartitionRun(store, data.ledger, folded(store), 0, at, behaviours(data)) for _ in range(2))
        for each in (first, second):
            run(each.take(run(read(data, at.offset, stop))))
        run(first.take(run(read(data, stop, stop + 50))))
        first.commit()
        written = everything(store)
        with pytest.raises(MovedElsewhereError):
            second.commit()
        assert everything(store) == written


def test_behaviour_versions_that_came_later_are_added_to_those_that_were_written(
    data: DataDirectory, store: ReadModelStore
) -> None:
    behaviours = [each for name in RECORDED for each in golden_behaviours(name)]
    recorded, known = SqliteBehaviours(data.store), members(store)
    for behaviour in {each.content_hash: each for each in behaviours}.values():
        recorded.record(behaviour.content_hash, behaviour.canonical())
        run(catch_up(store, log_of(data), known))
    assert len(everything(store)["behaviour_versions"]) > 1
    assert everything(store) == in_one_go(data)


def test_conversations_that_left_memory_are_folded_anew(
    data: DataDirectory, sqlite_store: ReadModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed_log(data)
    monkeypatch.setattr("projections.projector.KEPT_OPEN", 2)
    monkeypatch.setattr("projections.projector.KEPT_CLOSED", 0)
    run(catch_up(sqlite_store, log_of(data), members(sqlite_store)))
    monkeypatch.undo()
    assert everything(sqlite_store) == in_one_go(data)


def test_several_processes_write_what_one_would(
    data: DataDirectory, sqlite_store: ReadModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    effective = mixed_log(data, names=RECORDED[:3], copies=2)
    monkeypatch.setattr(projecting, "MUCH", 1)
    log = Log(data.ledger, log_of(data).behaviours, partial(sqlite_ledger, data.store.path))
    told: list[tuple[int, int]] = []
    caught = run(
        catch_up(sqlite_store, log, members(sqlite_store), lambda done, of: told.append((done, of)), helpers=2)
    )
    monkeypatch.undo()
    end = run(data.ledger.end(0))
    assert told[-1] == (end, end)
    assert caught.events == sum(map(len, effective.values()))
    assert everything(sqlite_store) == in_one_go(data)


def test_a_helper_that_dies_loses_nothing(data: DataDirectory, sqlite_store: ReadModelStore) -> None:
    mixed_log(data)

    async def lost() -> None:
        found = parallel.stretches(
            partial(sqlite_ledger, data.path), [READ_MODELS["turns"]], 0, Checkpoint(0, 0), 500, 1
        )
        async for _ in found:
            raise AssertionError("a directory is no log")

    with pytest.raises(parallel.HelperLostError):
        run(lost())
    assert everything(sqlite_store) == {}
