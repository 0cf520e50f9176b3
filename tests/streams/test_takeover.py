"""How an owner takes a partition, and what it knows when it has."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence

import pytest
from msgspec.structs import replace
from support import DataDirectory, run
from written import CODEC, entry, step, took

from schemas import decisions as d
from schemas import history as h
from schemas import writing as w
from schemas.base import Payload
from schemas.event import Event
from streams.codec import Body
from streams.ports import AppendUnknownError, Entry, Held, LogRecord, Passive, Receipt
from streams.takeover import Reign, take_over

NOW_US = 1_700_000_000_000_000


def taken(data: DataDirectory, owner_id: str = "new", now_us: int = NOW_US) -> Reign:
    return run(take_over(data.ledger, data.states, CODEC, 0, owner_id, now_us))


async def appended(data: DataDirectory, *batches: Sequence[Event]) -> None:
    for events in batches:
        await data.ledger.append(0, [entry(event) for event in events])


def stamped(events: list[Event], **fields: object) -> list[Event]:
    return [replace(event, **fields) for event in events]


def single(payload: Payload, epoch: int, conversation_id: str) -> list[Event]:
    """A step of one record with this payload."""
    (event,) = step(epoch, f"{type(payload).__name__}-{conversation_id}", 1, conversation_id)
    return [replace(event, type=type(payload).__name__, kind=payload.KIND, payload=payload)]


OPENED = d.ConversationOpened(behaviour_seq=1, behaviour_hash="none", language="en")
CLOSED = d.ConversationClosed(reason="caller_hung_up")


def test_the_first_owner_of_an_empty_log_reigns_under_epoch_one(data: DataDirectory) -> None:
    reign = taken(data)
    assert reign == Reign(1, 1, -1, 0, {}, {})


def test_each_owner_takes_the_next_epoch(data: DataDirectory) -> None:
    assert [taken(data, f"o{n}").epoch for n in range(3)] == [1, 2, 3]


def test_a_new_owner_knows_the_inbox_mark_the_clock_and_what_is_open(data: DataDirectory) -> None:
    run(
        appended(
            data,
            [took(1)],
            stamped(single(OPENED, 1, "c1"), inbox_mark=3, accepted_at_us=10, seq=1),
            stamped(single(OPENED, 1, "c2"), inbox_mark=5, accepted_at_us=20, seq=1),
            stamped(single(CLOSED, 1, "c1"), inbox_mark=7, accepted_at_us=30),
        )
    )
    reign = taken(data)
    assert (reign.epoch, reign.inbox_mark, reign.accepted_at_us) == (2, 7, 30)
    assert reign.open_conversations == {"c2": 2}
    assert reign.end == 5


def test_of_a_log_that_ends_before_what_its_owner_had_read_the_rest_is_read_anew(
    data: DataDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    """Brokers that lost what they had acknowledged, or a topic that was made anew. To announce itself until the log reaches
    as far again would bury it."""
    run(appended(data, [took(1)], stamped(single(OPENED, 1, "c1"), inbox_mark=3, accepted_at_us=10, seq=1)))
    run(data.states.save(Held(0, 7, 40, 30, 90, {"lost": 20}, {})))
    reign = taken(data)
    assert (reign.epoch, reign.end, reign.inbox_mark, set(reign.open_conversations)) == (8, 3, 3, {"c1"})
    assert run(data.ledger.end(0)) == 3
    assert "the log ended at 2, though its owner had read up to 40" in caplog.text


def test_a_call_that_is_over_stays_open_while_what_it_asked_for_may_be_under_way(data: DataDirectory) -> None:
    asked = w.WriteRequested(
        ask_id="w1.block",
        proposal_id="w1",
        intent="block",
        tool="block_card",
        step="block",
        arguments="{}",
        state="{}",
        digest="",
        idempotency_key="k",
        level="verified",
        subject_seq=1,
        reread=False,
        timeout_ms=2000,
    )
    run(
        appended(
            data,
            [took(1)],
            stamped(single(OPENED, 1, "c1"), seq=1),
            stamped(single(asked, 1, "c1"), seq=2),
            stamped(single(CLOSED, 1, "c1"), seq=3),
            stamped(single(OPENED, 1, "c2"), seq=1),
        )
    )
    assert taken(data).open_conversations == {"c1": 1, "c2": 4}


def test_of_a_call_that_began_before_what_was_held_it_is_not_known_what_it_asked_for(data: DataDirectory) -> None:
    async def held() -> None:
        await appended(data, [took(1)], stamped(single(OPENED, 1, "c1"), seq=1))
        await data.states.save(Held(0, 1, 2, -1, 0, {"c1": 1}, {}))
        await appended(data, stamped(single(CLOSED, 1, "c1"), seq=2))

    run(held())
    assert taken(data).open_conversations == {"c1": 1}


def test_void_records_and_half_steps_say_nothing_about_where_the_inbox_stands(data: DataDirectory) -> None:
    half = stamped(step(2, "half", 2), inbox_mark=9)[:1]
    zombie = stamped(step(1, "zombie", 1), inbox_mark=8)
    run(appended(data, [took(1)], stamped(step(1, "s", 1), inbox_mark=4), [took(2)], zombie, half))
    assert taken(data).inbox_mark == 4


def test_marks_of_an_import_are_of_another_inbox(data: DataDirectory) -> None:
    async def imports() -> None:
        copies = stamped(step(8, "s", 1), inbox_mark=99, accepted_at_us=50)
        await data.ledger.append(0, [entry(took(1))])
        await data.ledger.append(0, [entry(event, imported_under=1) for event in copies])

    run(imports())
    reign = taken(data)
    assert (reign.inbox_mark, reign.accepted_at_us) == (-1, 50)


def test_what_another_system_ran_is_nobodys_work(data: DataDirectory) -> None:
    """It is never closed by an event of ours: a takeover would load all history that was ever imported."""
    began = single(h.ConversationImported(source="otel", outside_id="x"), 1, "c1")
    said = single(h.MessageImported(role="caller", text="hello"), 1, "c1")

    async def imports() -> None:
        await data.ledger.append(0, [entry(took(1))])
        await data.ledger.append(0, [entry(event, imported_under=1) for event in (*began, *said)])

    run(imports())
    assert taken(data).open_conversations == {}


def test_a_recovery_starts_where_the_last_owner_said_that_it_stands(data: DataDirectory) -> None:
    """What lies before is not read again: here it would be damage."""
    run(appended(data, [took(1)], step(1, "s", 3), step(1, "after", 1)))
    data.store.db.execute("update log set data = x'00' where offset < 4")
    run(data.states.save(Held(0, 1, 4, 6, NOW_US + 5, {"c7": 0}, {"c8": Passive(1, NOW_US)})))
    reign = taken(data, now_us=0)
    assert (reign.epoch, reign.inbox_mark, reign.accepted_at_us) == (2, 6, NOW_US + 5)
    assert reign.open_conversations == {"c7": 0, "c1": None}
    assert reign.passive == {"c8": Passive(1, NOW_US)}


@pytest.mark.parametrize("damaged", [1, 2, 3])
def test_a_damaged_step_does_not_keep_an_owner_from_the_partition(data: DataDirectory, damaged: int) -> None:
    run(appended(data, [took(1)], step(1, "s", 3), stamped(step(1, "after", 2), inbox_mark=6)))
    data.store.db.execute("update log set data = x'00' where offset = ?", (damaged,))
    reign = taken(data)
    assert (reign.epoch, reign.inbox_mark) == (2, 6)


def test_an_announcement_is_never_stamped_before_what_stands_on_the_log(data: DataDirectory) -> None:
    run(appended(data, [took(1)], stamped(step(1, "s", 1), accepted_at_us=NOW_US + 7)))
    reign = taken(data, now_us=NOW_US)
    (record,) = run(data.ledger.read(0, reign.end - 1))
    assert CODEC.decode(record.body).accepted_at_us == NOW_US + 7


class Slow:
    """A ledger in which another owner's announcement lands just before ours: the race that a broker can't refuse."""

    partitions = 1

    def __init__(self, data: DataDirectory, rivals: list[Event]) -> None:
        self._ledger, self._rivals = data.ledger, rivals

    async def append(self, partition: int, entries: Sequence[Entry], *, hurry: bool = True) -> Receipt:
        if self._rivals:
            await self._ledger.append(partition, [entry(self._rivals.pop(0))])
        return await self._ledger.append(partition, entries, hurry=hurry)

    def read(self, partition: int, start: int, limit: int = 1000) -> Awaitable[list[LogRecord]]:
        return self._ledger.read(partition, start, limit)


def test_who_loses_the_race_reads_again_and_takes_a_higher_epoch(data: DataDirectory) -> None:
    rivals = [took(1, "rival"), took(2, "rival")]
    reign = run(take_over(Slow(data, rivals), data.states, CODEC, 0, "us", NOW_US))  # type: ignore[arg-type]
    assert reign.epoch == 3
    assert reign.end == 5
    announcements = [CODEC.decode(record.body) for record in run(data.ledger.read(0, 0))]
    assert [a.payload.owner_id for a in announcements] == ["rival", "us", "rival", "us", "us"]


class Behind:
    """A ledger that ends at ``end`` whatever is appended: brokers that lost it, or don't hand it out for long."""

    partitions = 1

    def __init__(self, data: DataDirectory, end: int) -> None:
        self._ledger, self._end = data.ledger, end

    async def append(self, partition: int, entries: Sequence[Entry], *, hurry: bool = True) -> Receipt:
        return await self._ledger.append(partition, entries, hurry=hurry)

    async def read(self, partition: int, start: int, limit: int = 1000) -> list[LogRecord]:
        found = await self._ledger.read(partition, start, limit)
        return [record for record in found if record.offset < self._end]


def test_what_stays_away_is_told(data: DataDirectory) -> None:
    run(appended(data, [took(1)], step(1, "s", 1)))
    with pytest.raises(AppendUnknownError, match="acknowledged at 2, and the log can be read only up to 1"):
        run(take_over(Behind(data, 1), data.states, CODEC, 0, "us", NOW_US))  # type: ignore[arg-type]


def test_of_owners_that_take_over_at_once_each_reigns_under_an_epoch_of_its_own(data: DataDirectory) -> None:
    async def race() -> list[Reign]:
        racing = (take_over(data.ledger, data.states, CODEC, 0, f"o{n}", NOW_US) for n in range(4))
        return await asyncio.gather(*racing)

    assert sorted(reign.epoch for reign in run(race())) == [1, 2, 3, 4]


def test_a_record_that_cannot_be_decoded_is_passed_over(data: DataDirectory) -> None:
    async def writes() -> None:
        await appended(data, [took(1)])
        await data.ledger.append(0, [Entry("c1", Body("Nonsense", 1, b"?"))])
        await appended(data, stamped(step(1, "s", 1), inbox_mark=2))

    run(writes())
    assert taken(data).inbox_mark == 2
