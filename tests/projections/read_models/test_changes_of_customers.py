"""The table of changes: what was settled, and what nobody was told of."""

from __future__ import annotations

from mixed_log import mixed_log
from rows import projected
from support import DataDirectory

from projections.read_model_store import ReadModelStore
from schemas import writing as w

CALL = "a_call_with_writes"


def test_each_change_is_a_row_that_says_how_it_ended(data: DataDirectory, sqlite_store: ReadModelStore) -> None:
    (events,) = mixed_log(data, names=[CALL]).values()
    payloads = [event.payload for event in events]
    rows = {row["proposal_id"]: row for row in projected(sqlite_store, data, "changes")}
    assert list(rows) == [p.proposal_id for p in payloads if isinstance(p, w.WriteProposed)]
    ended = {p.proposal_id: p.outcome for p in payloads if isinstance(p, w.WriteEnded)}
    assert {name: row["state"] for name, row in rows.items() if row["approved_us"]} == ended
    assert {row["state"] for row in rows.values() if not row["approved_us"]} <= {"lapsed", "proposed"}


def test_a_change_that_the_caller_heard_of_says_when(data: DataDirectory, sqlite_store: ReadModelStore) -> None:
    (events,) = mixed_log(data, names=[CALL]).values()
    told = {p.candidate_id for p in (event.payload for event in events) if isinstance(p, w.WriteTold)}
    heard = {event.accepted_at_us for event in events if getattr(event.payload, "candidate_id", "") in told}
    rows = projected(sqlite_store, data, "changes")
    settled = [row for row in rows if row["state"] in ("done", "failed", "unknown")]
    assert any(row["told_us"] for row in settled)
    assert {row["told_us"] for row in settled} - {None} <= heard
