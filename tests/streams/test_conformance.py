"""What every inbox, ledger, state store and dead-letter store must do, whatever it is made of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from adapters import ADAPTERS, Adapter
from support import PATIENCE_S
from written import CODEC, body, entry, pressed, step, took

from streams.owner import Stores
from streams.partitioner import partition_of
from streams.ports import DeadLetter, Held, Inbox, InboxRecord, LogRecord, Passive, Snapshot

T = TypeVar("T", InboxRecord, LogRecord)
Scenario = Callable[[Stores], Awaitable[None]]
Check = Callable[..., None]


def checker(adapter: Adapter, directory: Path, partitions: int) -> Check:
    """Runs scenarios one after another, each on the adapter opened anew over the same data."""

    def run_all(*scenarios: Scenario) -> None:
        for scenario in scenarios:

            async def opened(scenario: Scenario = scenario) -> None:
                async with adapter.open(directory, partitions) as stores:
                    await scenario(stores)

            adapter.run(opened())

    return run_all


@pytest.fixture(params=ADAPTERS, ids=lambda adapter: adapter.name)
def check(request: pytest.FixtureRequest, tmp_path: Path) -> Check:
    return checker(request.param, tmp_path, 1)


@pytest.fixture(params=[a for a in ADAPTERS if a.many_partitions], ids=lambda adapter: adapter.name)
def check_three(request: pytest.FixtureRequest, tmp_path: Path) -> Check:
    """On three partitions."""
    return checker(request.param, tmp_path, 3)


async def first(followed: AsyncIterator[list[T]], count: int) -> list[T]:
    """The first ``count`` records; then stops following."""
    return await followed_until(followed, lambda found: len(found) >= count)


async def followed_until(followed: AsyncIterator[list[T]], enough: Callable[[list[T]], bool]) -> list[T]:
    found: list[T] = []
    try:
        async with asyncio.timeout(PATIENCE_S):
            async for batch in followed:
                found.extend(batch)
                if enough(found):
                    break
    finally:
        if isinstance(followed, AsyncGenerator):
            await followed.aclose()
    return found


async def put(inbox: Inbox, *event_ids: str, conversation_id: str = "c1") -> None:
    for event_id in event_ids:
        await inbox.put(conversation_id, event_id, body(pressed(conversation_id, event_id)))


def ids(records: Sequence[InboxRecord]) -> list[str]:
    return [CODEC.decode(record.body).event_id for record in records]


def spread(partitions: int) -> dict[int, str]:
    """partition → a conversation that belongs to it."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < partitions:
        found.setdefault(partition_of(f"c{number}", partitions), f"c{number}")
        number += 1
    return found


# --- inbox -----------------------------------------------------------------------------------------------------------


def test_facts_are_followed_in_the_order_in_which_they_were_put(check: Check) -> None:
    async def scenario(stores: Stores) -> None:
        await put(stores.inbox, "a", "b", "c")
        records = await first(stores.inbox.follow(0, -1), 3)
        assert ids(records) == ["a", "b", "c"]
        assert [r.offset for r in records] == [0, 1, 2]
        assert all(r.conversation_id == "c1" and r.partition == 0 for r in records)

    check(scenario)


def test_a_fact_is_read_with_the_bytes_that_were_put(check: Check) -> None:
    async def scenario(stores: Stores) -> None:
        fact = body(pressed("c1", "a"))
        await stores.inbox.put("c1", "a", fact)
        (record,) = await first(stores.inbox.follow(0, -1), 1)
        assert record.body == fact

    check(scenario)


def test_putting_a_fact_again_is_safe(check: Check) -> None:
    """An inbox may keep it twice (a broker does): then its id tells the owner. What was put first stands first."""

    async def scenario(stores: Stores) -> None:
        await put(stores.inbox, "a", "b", "a", "b", "a", "c")

    async def again(stores: Stores) -> None:
        await put(stores.inbox, "a", "b", "last")
        followed = stores.inbox.follow(0, -1)
        records = await followed_until(followed, lambda found: ids(found)[-1:] == ["last"])
        assert list(dict.fromkeys(ids(records))) == ["a", "b", "c", "last"]

    check(scenario, again)


def test_following_starts_behind_the_given_offset(check: Check) -> None:
    async def scenario(stores: Stores) -> None:
        await put(stores.inbox, "a", "b", "c")
        assert [r.offset for r in await first(stores.inbox.follow(0, 1), 1)] == [2]

    check(scenario)


def test_a_follower_sees_what_is_put_later(check: Check) -> None:
    async def scenario(stores: Stores) -> None:
        following = asyncio.create_task(first(stores.inbox.follow(0, -1), 3))
        for event_id in ("a", "b", "c"):
            await asyncio.sleep(0)
            await put(stores.inbox, event_id)
        assert [r.offset for r in await following] == [0, 1, 2]

    check(scenario)


def test_each_partition_has_offsets_of_its_own_and_a_conversation_stays_in_one(check_three: Check) -> None:
    async def scenario(stores: Stores) -> None:
        for conversation_id in spread(3).values():
            await put(stores.inbox, *(f"{conversation_id}.{n}" for n in range(3)), conversation_id=conversation_id)
        for partition, conversation_id in spread(3).items():
            records = await first(stores.inbox.follow(partition, -1), 3)
            assert [(r.partition, r.offset, r.conversation_id) for r in records] == [
                (partition, n, conversation_id) for n in range(3)
            ]

    check_three(scenario)


def test_more_facts_than_a_batch_holds_are_followed_to_the_last(check: Check) -> None:
    async def scenario(stores: Stores) -> None:
        await put(stores.inbox, *(str(n) for n in range(2_500)))
        assert [r.offset for r in await first(stores.inbox.follow(0, -1), 2_500)] == list(range(2_500))

    check(scenario)


# --- ledger ----------------------------------------------------------------------------------------------------------


def test_pipelined_appends_land_in_the_order_of_the_calls_with_receipts_that_join(check: Check) -> None:
    async def scenario(stores: Stores) -> None:
        steps = [[entry(e) for e in step(1, f"s{n}", 1 + n % 3)] for n in range(20)]
        receipts = [stores.ledger.append(0, entries) for entries in steps]
        landed = [await receipt for receipt in receipts]
        expected = 0
        for receipt, entries in zip(landed, steps, strict=True):
            assert (receipt.first, receipt.last) == (expected, expected + len(entries) - 1)
            expected = receipt.last + 1
        records = await stores.ledger.read(0, 0)
        assert [r.body for r in records] == [e.body for entries in steps for e in entries]
        assert [r.offset for r in records] == list(range(expected))
        assert await stores.ledger.end(0) == expected

    check(scenario)


def test_what_is_in_no_hurry_lands_where_it_was_appended_and_needs_nothing_behind_it(check: Check) -> None:
    async def scenario(stores: Stores) -> None:
        hurries = (False, True, False, False, True, False)
        steps = [[entry(e) for e in step(1, f"s{n}", 2)] for n in range(len(hurries))]
        receipts = [stores.ledger.append(0, each, hurry=hurry) for each, hurry in zip(steps, hurries, strict=True)]
        assert [tuple(await receipt) for receipt in receipts] == [(2 * n, 2 * n + 1) for n in range(len(steps))]
        assert [r.body for r in await stores.ledger.read(0, 0)] == [e.body for entries in steps for e in entries]

    check(scenario)


def test_what_was_acknowledged_is_there_when_the_log_is_opened_again(check: Check) -> None:
    entries = [entry(e) for e in step(1, "s", 3)]

    async def writes(stores: Stores) -> None:
        await stores.ledger.append(0, entries)
        await stores.ledger.sync()

    async def reads(stores: Stores) -> None:
        assert [(r.conversation_id, r.body) for r in await stores.ledger.read(0, 0)] == [
            (e.conversation_id, e.body) for e in entries
        ]
        assert (await stores.ledger.append(0, entries)).first == 3

    check(writes, reads)


def test_reading_takes_a_limit_goes_on_where_it_stopped_and_is_empty_at_the_end(check: Check) -> None:
    async def scenario(stores: Stores) -> None:
        assert await stores.ledger.end(0) == 0
        assert await stores.ledger.read(0, 0) == []
        await stores.ledger.append(0, [entry(e) for e in step(1, "s", 7)])
        assert [r.offset for r in await stores.ledger.read(0, 2, 3)] == [2, 3, 4]
        assert [r.offset for r in await stores.ledger.read(0, 5, 3)] == [5, 6]
        assert await stores.ledger.read(0, 7, 3) == []

    check(scenario)


def test_a_step_larger_than_a_batch_is_appended_and_read_whole(check: Check) -> None:
    async def scenario(stores: Stores) -> None:
        receipt = await stores.ledger.append(0, [entry(e) for e in step(1, "s", 1_500)])
        assert (receipt.first, receipt.last) == (0, 1_499)
        records = await first(stores.ledger.follow(0, 0), 1_500)
        assert [r.offset for r in records] == list(range(1_500))

    check(scenario)


def test_a_follower_of_the_log_sees_what_is_appended_later_and_starts_where_it_is_told(check: Check) -> None:
    async def scenario(stores: Stores) -> None:
        await stores.ledger.append(0, [entry(e) for e in step(1, "before", 2)])
        following = asyncio.create_task(first(stores.ledger.follow(0, 1), 4))
        await asyncio.sleep(0)
        await stores.ledger.append(0, [entry(e) for e in step(1, "after", 3)])
        assert [r.offset for r in await following] == [1, 2, 3, 4]

    check(scenario)


def test_one_conversation_is_read_with_every_announcement_of_an_owner_in_order(check: Check) -> None:
    async def scenario(stores: Stores) -> None:
        ours, others = step(1, "s1", 2, "c1"), step(1, "s2", 2, "c2")
        late = step(2, "s3", 1, "c1")
        for events in ([took(1)], ours, others, [took(2)], late):
            await stores.ledger.append(0, [entry(e) for e in events])
        records = await stores.ledger.read_conversation("c1")
        assert [(r.offset, r.conversation_id) for r in records] == [(0, ""), (1, "c1"), (2, "c1"), (5, ""), (6, "c1")]
        assert [r.conversation_id for r in await stores.ledger.read_conversation("nobody")] == ["", ""]

    check(scenario)


def test_a_stretch_of_a_conversation_is_read_between_two_offsets(check: Check) -> None:
    async def scenario(stores: Stores) -> None:
        await stores.ledger.append(0, [entry(took(1))])
        for number in range(6):
            await stores.ledger.append(0, [entry(e) for e in step(1, f"s{number}", 2, f"c{number % 2}")])
        read = stores.ledger.read_conversation
        assert [r.offset for r in await read("c1", 4)] == [4, 7, 8, 11, 12]
        assert [r.offset for r in await read("c1", 4, 8)] == [4, 7]
        assert [r.offset for r in await read("c1", 0, 4)] == [0, 3]
        assert await read("c1", 13) == []

    check(scenario)


def test_a_conversation_that_was_read_is_read_with_what_came_since(check: Check) -> None:
    async def scenario(stores: Stores) -> None:
        for epoch in (1, 2, 3):
            await stores.ledger.append(0, [entry(took(epoch))])
            for conversation_id in ("c1", "c2"):
                await stores.ledger.append(0, [entry(e) for e in step(epoch, "s", 2, conversation_id)])
            expected = [5 * n + offset for n in range(epoch) for offset in (0, 1, 2)]
            assert [r.offset for r in await stores.ledger.read_conversation("c1")] == expected
            end = await stores.ledger.end(0)
            assert [r.offset for r in await stores.ledger.read_conversation("c1", until=end)] == expected

    check(scenario)


def test_who_follows_a_conversation_is_given_it_and_announcements_and_nothing_of_others(check: Check) -> None:
    async def scenario(stores: Stores) -> None:
        await stores.ledger.append(0, [entry(took(1))])
        await stores.ledger.append(0, [entry(e) for e in step(1, "before", 2)])
        following = asyncio.create_task(first(stores.ledger.follow_conversation("c1", 2), 4))
        await asyncio.sleep(0)
        for conversation_id in ("c2", "c1", "c3"):
            await stores.ledger.append(0, [entry(e) for e in step(1, f"of-{conversation_id}", 2, conversation_id)])
        await stores.ledger.append(0, [entry(took(2))])
        assert [(r.offset, r.conversation_id) for r in await following] == [
            (2, "c1"),
            (5, "c1"),
            (6, "c1"),
            (9, ""),
        ]

    check(scenario)


def test_many_follow_their_conversations_at_once_each_from_its_own_offset(check: Check) -> None:
    async def scenario(stores: Stores) -> None:
        names = [f"c{number}" for number in range(10)]
        for name in names:
            await stores.ledger.append(0, [entry(e) for e in step(1, "a", 1, name)])
        followers = [
            asyncio.create_task(first(stores.ledger.follow_conversation(name, 10 * (number % 2)), 2 - number % 2))
            for number, name in enumerate(names)
        ]
        for name in names:
            await asyncio.sleep(0)
            await stores.ledger.append(0, [entry(e) for e in step(1, "b", 1, name)])
        for number, follower in enumerate(followers):
            offsets = [record.offset for record in await follower]
            assert offsets == ([10 + number] if number % 2 else [number, 10 + number])

    check(scenario)


def test_who_reads_slowly_misses_nothing_and_holds_up_nobody(check: Check) -> None:
    async def scenario(stores: Stores) -> None:
        slow = stores.ledger.follow_conversation("slow", 0)
        await stores.ledger.append(0, [entry(e) for e in step(1, "s0", 1, "slow")])
        found = await anext(slow)
        for number in range(1, 4):
            await stores.ledger.append(0, [entry(e) for e in step(1, f"s{number}", 900, "slow")])
            await stores.ledger.append(0, [entry(e) for e in step(1, f"q{number}", 1, "quick")])
            quick = await first(stores.ledger.follow_conversation("quick", 0), number)
            assert len(quick) == number
        found += await followed_until(slow, lambda records: len(records) >= 2_700)
        assert [r.offset for r in found] == [0, *range(1, 901), *range(902, 1802), *range(1803, 2703)]

    check(scenario)


def test_a_conversation_is_read_from_its_own_partition_alone(check_three: Check) -> None:
    async def scenario(stores: Stores) -> None:
        for partition, conversation_id in spread(3).items():
            await stores.ledger.append(partition, [entry(took(1 + partition))])
            await stores.ledger.append(partition, [entry(e) for e in step(1 + partition, "s", 1, conversation_id)])
        for partition, conversation_id in spread(3).items():
            records = await stores.ledger.read_conversation(conversation_id)
            assert [(r.partition, r.offset, r.conversation_id) for r in records] == [
                (partition, 0, ""),
                (partition, 1, conversation_id),
            ]

    check_three(scenario)


def test_a_copied_record_keeps_its_header(check: Check) -> None:
    async def scenario(stores: Stores) -> None:
        await stores.ledger.append(0, [entry(e, imported_under=4) for e in step(1, "s", 1)])
        (record,) = await stores.ledger.read(0, 0)
        assert record.imported_under == 4

    check(scenario)


# --- state and dead letters ------------------------------------------------------------------------------------------


def test_the_newest_held_position_of_each_partition_is_kept(check: Check) -> None:
    held = Held(0, 3, 17, 5, 1_700_000_000_000_000, {"c1": 3, "c2": 9}, {"c3": Passive(1, 1_700_000_100_000_000)})

    async def saves(stores: Stores) -> None:
        assert await stores.states.load(0) is None
        await stores.states.save(held._replace(offset=9))
        await stores.states.save(held)

    async def loads(stores: Stores) -> None:
        assert await stores.states.load(0) == held

    check(saves, loads)


def test_each_partition_is_held_by_itself(check_three: Check) -> None:
    async def scenario(stores: Stores) -> None:
        for partition in range(3):
            await stores.states.save(Held(partition, partition + 5, 0, -1, 0, {}, {}))
        assert [(await stores.states.load(p)).epoch for p in range(3)] == [5, 6, 7]  # type: ignore[union-attr]

    check_three(scenario)


SNAPSHOT = Snapshot(0, "c1", 3, 90, 12, b"h" * 32, b"s" * 16, b"state")


def test_the_newest_snapshot_of_a_conversation_is_found_by_whoever_comes_next(check: Check) -> None:
    async def saves(stores: Stores) -> None:
        assert stores.snapshots is not None
        await stores.snapshots.refresh(0)
        assert await stores.snapshots.load(0, "c1") is None
        await stores.snapshots.save(SNAPSHOT._replace(seq=6, offset=40))
        await stores.snapshots.save(SNAPSHOT._replace(conversation_id="c2"))
        await stores.snapshots.save(SNAPSHOT)
        assert await stores.snapshots.load(0, "c1") == SNAPSHOT

    async def loads(stores: Stores) -> None:
        assert stores.snapshots is not None
        await stores.snapshots.refresh(0)
        assert await stores.snapshots.load(0, "c1") == SNAPSHOT
        assert await stores.snapshots.load(0, "nobody") is None

    check(saves, loads)


def test_what_others_saved_is_found_after_a_refresh_and_what_was_dropped_is_gone(check: Check) -> None:
    async def writes(stores: Stores) -> None:
        assert stores.snapshots is not None
        await stores.snapshots.refresh(0)
        await stores.snapshots.save(SNAPSHOT)
        await stores.snapshots.save(SNAPSHOT._replace(conversation_id="c2"))
        await stores.snapshots.drop(0, "c1")
        assert await stores.snapshots.load(0, "c1") is None

    async def reads(stores: Stores) -> None:
        assert stores.snapshots is not None
        await stores.snapshots.refresh(0)
        assert await stores.snapshots.load(0, "c1") is None
        assert await stores.snapshots.load(0, "c2") is not None

    check(writes, reads)


def test_a_dead_letter_is_kept_once_with_its_first_reason_and_bytes(check: Check) -> None:
    letter = DeadLetter("inbox", 0, 7, "c1", "not its schema", body(pressed("c1", "a")))

    async def puts(stores: Stores) -> None:
        await stores.dead_letters.put(letter)
        await stores.dead_letters.put(letter._replace(reason="another"))
        await stores.dead_letters.put(letter._replace(offset=6))
        await stores.dead_letters.put(letter._replace(topic="outcome"))

    async def reads(stores: Stores) -> None:
        assert sorted(await stores.dead_letters.read()) == sorted(
            [letter, letter._replace(offset=6), letter._replace(topic="outcome")]
        )

    check(puts, reads)
