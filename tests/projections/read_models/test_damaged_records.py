"""What can't be read costs its own step and nothing else: the rest of the log is projected, and the damage is counted."""

from __future__ import annotations

from typing import Any

import pytest
from mixed_log import RECORDED, log_of, mixed_log
from rows import everything
from support import DataDirectory, run

from projections.projecting import Caught, catch_up
from projections.read_model_store import ReadModelStore
from projections.read_model_versions import members_of, standings
from projections.read_models.catalogue import READ_MODELS

HIT, SPARED = (f"{name}-0" for name in RECORDED[:2])
DAMAGES = {
    "a byte was flipped": ("update log set data = cast(x'ff' || substr(data, 2) as blob) where offset = ?", 1),
    "it was cut off": ("update log set data = substr(data, 1, 60) where offset = ?", 1),
    "its version is newer than the code": ("update log set version = 99 where offset = ?", 1),
    "its type is newer than the code": ("update log set type = 'CallDreamt' where offset = ?", 1),
    "it is gone": ("delete from log where offset = ?", 1),
}


def project(data: DataDirectory, name: str) -> tuple[Caught, dict[str, list[dict[str, Any]]]]:
    with ReadModelStore(f"sqlite:///{data.path / name}.db") as store:
        caught = run(catch_up(store, log_of(data), members_of(store, standings(store, READ_MODELS))))
        return caught, everything(store)


def of_call(rows: dict[str, list[dict[str, Any]]], call_id: str) -> dict[str, list[dict[str, Any]]]:
    return {name: [row for row in found if row.get("conversation_id") == call_id] for name, found in rows.items()}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_record_that_cannot_be_read_costs_its_own_step_alone(data: DataDirectory, damage: str) -> None:
    mixed_log(data, names=RECORDED[:2])
    whole, before = project(data, "before")
    statement, unreadable = DAMAGES[damage]
    (offset,) = data.store.db.execute(
        "select max(offset) from log where conversation_id = ? and type = 'VerdictIssued'", (HIT,)
    ).fetchone()
    data.store.db.execute(statement, (offset,))
    caught, after = project(data, "after")
    assert caught.unreadable == unreadable
    assert whole.events - 30 < caught.events < whole.events
    assert of_call(after, SPARED) == of_call(before, SPARED)
    assert of_call(after, HIT) != of_call(before, HIT)
    assert any(row["status"] == "ended" for row in of_call(after, HIT)["conversations"])


def test_a_step_that_is_gone_whole_is_counted_by_the_gap_that_it_leaves_in_its_call(data: DataDirectory) -> None:
    calls = mixed_log(data, names=RECORDED[:2])
    gone = next(event for event in calls[HIT][100:] if event.step_size > 2)
    offsets = [
        record.offset
        for record in run(data.ledger.read_conversation(HIT))
        if data.codec.decode(record.body).step_id == gone.step_id
    ]
    data.store.db.executemany("delete from log where offset = ?", [(offset,) for offset in offsets])
    caught, _ = project(data, "after")
    assert caught.unreadable == 1
