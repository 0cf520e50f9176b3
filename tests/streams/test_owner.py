"""The owner of a partition: what it takes, what it drops, and what it knows after its predecessor died."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from msgspec.structs import replace
from owning import Inbox, reigning, until
from support import PATIENCE_S, DataDirectory, NoEffects, TallyMind, eventually, run
from written import entry, took

from schemas import facts as f
from schemas.base import Kind
from schemas.event import GENESIS, Event, derived_id
from streams.codec import Body, Codec
from streams.fact_writer import fact_event
from streams.keys import SqliteKeyStore
from streams.mind import Outcome
from streams.owner import Owner
from streams.ports import AppendUnknownError, Entry, Held, LogRecord, Receipt

ARRIVED = f.CallArrived(channel="voice", behaviour_seq=1, behaviour_hash="none")
ENDED = f.CallEnded(reason="caller_hung_up")
PRESSED = f.KeyPressed(key="2")


def facts(events: list[Event], conversation_id: str = "c1") -> list[str]:
    return [e.event_id for e in events if e.kind is Kind.FACT and e.conversation_id == conversation_id]


def of(events: list[Event], conversation_id: str = "c1") -> list[Event]:
    return [e for e in events if e.conversation_id == conversation_id]


# --- what stands on the log ------------------------------------------------------------------------------------------


def test_a_step_is_numbered_chained_and_stamped_alike(data: DataDirectory) -> None:
    async def scenario() -> list[Event]:
        inbox = Inbox(data)
        async with reigning(data):
            for number, payload in enumerate((ARRIVED, PRESSED, PRESSED)):
                await inbox.put(payload, f"f{number}")
            return await until(data, "f2")

    events = run(scenario())
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    previous = GENESIS
    for event in events:
        assert event.prev_hash == previous
        previous = event.hash
    assert [e.inbox_mark for e in events] == [0, 0, 1, 1, 1, 2, 2, 2]
    assert [(e.step_index, e.step_size) for e in events] == [(0, 2), (1, 2)] + [(0, 3), (1, 3), (2, 3)] * 2
    assert [e.accepted_at_us for e in events] == sorted(e.accepted_at_us for e in events)
    for step_id in {e.step_id for e in events}:
        assert len({e.accepted_at_us for e in events if e.step_id == step_id}) == 1
    assert {e.epoch for e in events} == {1}


def test_conversations_have_chains_of_their_own(data: DataDirectory) -> None:
    async def scenario() -> list[Event]:
        inbox = Inbox(data)
        async with reigning(data):
            for number in range(6):
                await inbox.put(PRESSED, f"f{number}", f"c{number % 2}")
            return await until(data, "f5")

    events = run(scenario())
    for conversation_id in ("c0", "c1"):
        ours = of(events, conversation_id)
        assert [e.seq for e in ours] == list(range(1, len(ours) + 1))
        assert ours[0].prev_hash == GENESIS
        assert [e.prev_hash for e in ours[1:]] == [e.hash for e in ours[:-1]]


def test_outcomes_from_memory_join_the_log_in_the_order_in_which_they_are_taken_and_once(data: DataDirectory) -> None:
    async def scenario() -> list[Event]:
        inbox = Inbox(data)
        async with reigning(data) as reign:
            await inbox.put(ARRIVED, "f0")
            await until(data, "f0")
            assert reign.effects.report is not None
            for event_id in ("o1", "o2", "o1"):
                reign.effects.report(Outcome("c1", event_id, PRESSED, causation_id="f0", run_id="run"))
            await until(data, "o2")
            await inbox.put(PRESSED, "f1")
            return await until(data, "f1")

    events = run(scenario())
    assert facts(events) == ["f0", "o1", "o2", "f1"]
    outcome = next(e for e in events if e.event_id == "o1")
    assert (outcome.run_id, outcome.causation_id, outcome.inbox_mark) == ("run", "f0", 0)


# --- duplicates, passivation, recovery -------------------------------------------------------------------------------


def test_facts_that_were_effective_before_are_not_taken_again_by_the_next_owner(data: DataDirectory) -> None:
    async def scenario() -> list[Event]:
        inbox = Inbox(data)
        async with reigning(data):
            await inbox.put(PRESSED, "f0")
            await until(data, "f0")
        await inbox.put(PRESSED, "f1")
        async with reigning(data):
            await inbox.put(PRESSED, "f2")
            return await until(data, "f2")

    events = run(scenario())
    assert facts(events) == ["f0", "f1", "f2"]
    assert [e.epoch for e in events if e.kind is Kind.FACT] == [1, 2, 2]
    assert [e.seq for e in events] == list(range(1, len(events) + 1))


def test_a_fact_that_reached_the_owner_by_memory_is_a_duplicate_in_the_inbox(data: DataDirectory) -> None:
    async def scenario() -> list[Event]:
        inbox = Inbox(data)
        async with reigning(data) as reign:
            assert reign.effects.report is not None
            reign.effects.report(Outcome("c1", "twice", PRESSED))
            await until(data, "twice")
            await inbox.put(PRESSED, "twice")
            await inbox.put(PRESSED, "last")
            return await until(data, "last")

    assert facts(run(scenario())) == ["twice", "last"]


def test_what_a_former_owner_learnt_by_memory_is_a_duplicate_for_the_next_one_too(data: DataDirectory) -> None:
    async def scenario() -> list[Event]:
        inbox = Inbox(data)
        async with reigning(data) as reign:
            assert reign.effects.report is not None
            reign.effects.report(Outcome("c1", "twice", PRESSED))
            await until(data, "twice")
        async with reigning(data):
            await inbox.put(PRESSED, "twice")
            await inbox.put(PRESSED, "last")
            return await until(data, "last")

    assert facts(run(scenario())) == ["twice", "last"]


def test_late_facts_that_follow_on_the_end_at_once_stay_on_the_chain(data: DataDirectory) -> None:
    """The conversation is over in memory while steps behind its end are still on their way to the log."""

    async def scenario() -> list[Event]:
        inbox = Inbox(data)
        await inbox.put(ARRIVED, "f0")
        await inbox.put(ENDED, "f1")
        for number in range(2, 8):
            await inbox.put(PRESSED, f"f{number}")
        async with reigning(data):
            await until(data, "f7")
            await inbox.put(PRESSED, "last")
            return await until(data, "last")

    events = run(scenario())
    assert facts(events) == [*(f"f{number}" for number in range(8)), "last"]
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    assert [e.prev_hash for e in events[1:]] == [e.hash for e in events[:-1]]


def test_a_recovery_without_the_held_position_reads_the_whole_log_and_repeats_nothing(data: DataDirectory) -> None:
    async def scenario() -> list[Event]:
        inbox = Inbox(data)
        async with reigning(data):
            for number in range(30):
                await inbox.put(PRESSED, f"f{number}", f"c{number % 3}")
            await until(data, "f29")
        data.store.db.execute("delete from held")
        async with reigning(data):
            await inbox.put(PRESSED, "last")
            return await until(data, "last")

    counted = Counter(e.event_id for e in run(scenario()) if e.kind is Kind.FACT)
    assert set(counted.values()) == {1}
    assert len(counted) == 31


def test_a_late_fact_to_a_conversation_that_left_memory_goes_on_its_chain(data: DataDirectory) -> None:
    async def scenario() -> list[Event]:
        inbox = Inbox(data)
        async with reigning(data):
            await inbox.put(ARRIVED, "f0")
            await inbox.put(ENDED, "f1")
            await until(data, "f1")
            await inbox.put(PRESSED, "f2", "c2")  # by now c1 is known to be over
            await until(data, "f2")
            await inbox.put(PRESSED, "late")
            await inbox.put(ENDED, "f1", "c1")
            await inbox.put(PRESSED, "last", "c2")
            return await until(data, "last")

    events = of(run(scenario()))
    assert facts(events) == ["f0", "f1", "late"]
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    assert [e.prev_hash for e in events[1:]] == [e.hash for e in events[:-1]]


# --- what can't be taken ---------------------------------------------------------------------------------------------


def test_a_fact_on_which_a_decider_fails_is_kept_aside_by_name_and_the_partition_goes_on(data: DataDirectory) -> None:
    async def scenario() -> list[Event]:
        inbox = Inbox(data)
        async with reigning(data):
            await inbox.put(ARRIVED, "f0")
            await inbox.put(f.KeyPressed(key="!"), "bad")
            await inbox.put(PRESSED, "f2")
            return await until(data, "f2")

    events = of(run(scenario()))
    dropped = derived_id("c1", "dropped", 0, 1)
    assert facts(events) == ["f0", dropped, "f2"]
    payload = next(e.payload for e in events if e.event_id == dropped)
    assert payload == f.FactDropped(partition=0, offset=1, reason="decider failed: ValueError")
    (letter,) = run(data.dead_letters.read())
    assert (letter.topic, letter.partition, letter.offset, letter.conversation_id) == ("inbox", 0, 1, "c1")
    assert data.codec.decode(letter.body).event_id == "bad"
    assert [e.seq for e in events] == list(range(1, len(events) + 1))


@pytest.mark.parametrize(
    ("key", "failure", "is_written"),
    [("!", "ValueError", True), ("\ud83d", "UnicodeEncodeError", False)],  # a decider's fault; what nothing can write
)
def test_an_outcome_of_which_no_step_can_be_made_is_kept_aside_too(
    data: DataDirectory, key: str, failure: str, is_written: bool
) -> None:
    async def scenario() -> list[Event]:
        async with reigning(data) as reign:
            assert reign.effects.report is not None
            reign.effects.report(Outcome("c1", "bad", f.KeyPressed(key=key)))
            reign.effects.report(Outcome("c1", "good", PRESSED))
            return await until(data, "good")

    assert facts(run(scenario())) == ["good"]
    (letter,) = run(data.dead_letters.read())
    assert (letter.topic, letter.reason) == ("outcome", f"decider failed: {failure}")
    assert (letter.body.type, bool(letter.body.data)) == ("KeyPressed", is_written)


class Unsure:
    """A ledger whose next append lands, or doesn't, and is answered by an error all the same."""

    partitions = 1

    def __init__(self, data: DataDirectory, *, lands: bool) -> None:
        self._ledger, self._lands = data.ledger, lands
        self.failing = False
        self.read, self.end, self.follow = data.ledger.read, data.ledger.end, data.ledger.follow
        self.read_conversation, self.sync = data.ledger.read_conversation, data.ledger.sync

    def append(self, partition: int, entries: Sequence[Entry], *, hurry: bool = True) -> Awaitable[Receipt]:
        if not self.failing:
            return self._ledger.append(partition, entries, hurry=hurry)
        return asyncio.ensure_future(self._fail(partition, entries))

    async def _fail(self, partition: int, entries: Sequence[Entry]) -> Receipt:
        if self._lands:
            await self._ledger.append(partition, entries)
        raise AppendUnknownError("no answer")


class Refusing(Unsure):
    """A ledger that takes no keys, and says so at once, as one does that meets a record too large for it."""

    def append(self, partition: int, entries: Sequence[Entry], *, hurry: bool = True) -> Awaitable[Receipt]:
        if any(entry.body.type == f.KeyPressed.__name__ for entry in entries):
            raise ValueError("too large")
        return super().append(partition, entries, hurry=hurry)


class Deaf(Unsure):
    """A ledger whose reading drops a cancellation, as aiokafka's waiting does when the answer comes with it."""

    def __init__(self, data: DataDirectory) -> None:
        super().__init__(data, lands=True)
        self.reading, self.read = asyncio.Event(), self._read

    async def _read(self, *place: int) -> list[LogRecord]:
        if not self.reading.is_set():
            self.reading.set()
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        return await self._ledger.read(*place)


def test_an_owner_ends_when_it_is_told_to_though_its_ledger_dropped_that(data: DataDirectory) -> None:
    async def scenario() -> bool:
        ledger = Deaf(data)
        stores = data.stores._replace(ledger=ledger)
        owner = Owner(0, stores, data.codec, TallyMind(), NoEffects(), owner_id="test")
        task = asyncio.create_task(owner.run())
        await ledger.reading.wait()
        task.cancel()
        await asyncio.wait([task], timeout=PATIENCE_S)
        return task.cancelled()

    assert run(scenario())


async def failed_reign(data: DataDirectory, *, told_to_end: bool) -> asyncio.Task[tuple[str, int]]:
    """Ended, with why the reign did and how often the task around it was cancelled by then."""
    ledger, ready = Unsure(data, lands=False), asyncio.Event()
    owner = Owner(0, data.stores._replace(ledger=ledger), data.codec, TallyMind(), NoEffects(), owner_id="test")

    async def reign() -> tuple[str, int]:
        why = await owner.run(ready.set)
        around = asyncio.current_task()
        assert around is not None
        return why, around.cancelling()

    async def fail(*_: object) -> Receipt:
        if told_to_end:
            task.cancel()
        raise AppendUnknownError("no answer")

    task = asyncio.create_task(reign())
    await ready.wait()
    ledger._fail, ledger.failing = fail, True  # type: ignore[method-assign]
    await Inbox(data).put(PRESSED, "e1")
    await asyncio.wait([task], timeout=PATIENCE_S)
    return task


def test_a_reign_that_failed_leaves_the_task_around_it_free_to_begin_another(data: DataDirectory) -> None:
    assert run(failed_reign(data, told_to_end=False)).result() == ("no answer", 0)


def test_an_owner_that_is_told_to_end_while_its_reign_fails_ends(data: DataDirectory) -> None:
    assert run(failed_reign(data, told_to_end=True)).cancelled()


def test_a_step_that_the_ledger_refuses_at_once_begins_no_effects(data: DataDirectory) -> None:
    async def scenario() -> tuple[int, list[Event]]:
        inbox = Inbox(data)
        stores = data.stores._replace(ledger=Refusing(data, lands=True))
        async with reigning(data, stores=stores) as reign:
            for payload, event_id in ((ARRIVED, "f0"), (PRESSED, "refused"), (ENDED, "f2")):
                await inbox.put(payload, event_id)
            events = await until(data, "f2")
            return len(reign.effects.reconciled), events

    begun, events = run(scenario())
    assert facts(events) == ["f0", derived_id("c1", "dropped", 0, 1), "f2"]
    assert begun == 3  # one for each step that stands on the log


@pytest.mark.parametrize(
    "body",
    [
        Body("Nonsense", 1, b"?"),
        Body("KeyPressed", 99, b"?"),
        Body("KeyPressed", 1, b""),
        Body("KeyPressed", 1, b"\xff" * 80),
    ],
    ids=["unknown type", "newer version", "nothing", "no event"],
)
def test_what_is_no_event_of_ours_goes_to_the_dead_letters_with_its_bytes(data: DataDirectory, body: Body) -> None:
    async def scenario() -> list[Event]:
        inbox = Inbox(data)
        async with reigning(data):
            await inbox.put(ARRIVED, "f0")
            await data.inbox.put("c1", "strange", body)
            await inbox.put(PRESSED, "f2")
            return await until(data, "f2")

    events = run(scenario())
    assert [e.type for e in events if e.kind is Kind.FACT] == ["CallArrived", "FactDropped", "KeyPressed"]
    (letter,) = run(data.dead_letters.read())
    assert letter.body == body


def test_a_fact_put_under_another_conversation_or_a_forged_decision_is_dropped(data: DataDirectory) -> None:
    async def scenario() -> list[Event]:
        inbox = Inbox(data)
        async with reigning(data):
            await inbox.put(ARRIVED, "f0")
            events = await until(data, "f0")
            foreign, _ = data.codec.encode(events[0])
            decision, _ = data.codec.encode(events[1])
            await data.inbox.put("c2", "moved", foreign)
            await data.inbox.put("c1", "forged", decision)
            await inbox.put(PRESSED, "f3")
            return await until(data, "f3")

    events = run(scenario())
    assert [e.type for e in of(events, "c2")] == ["FactDropped"]
    assert [e.type for e in of(events) if e.kind is Kind.FACT] == ["CallArrived", "FactDropped", "KeyPressed"]
    assert len(run(data.dead_letters.read())) == 2


def test_a_fact_of_no_conversation_goes_to_the_dead_letters_and_never_to_the_log(data: DataDirectory) -> None:
    """On the log it would be read as an owner's announcement: by every reader, as part of every call."""

    async def scenario() -> list[Event]:
        inbox = Inbox(data)
        nobodys, _ = data.codec.encode(fact_event("", ARRIVED, event_id="f1"))
        async with reigning(data):
            await data.inbox.put("", "f1", nobodys)
            await inbox.put(ARRIVED, "f2")
            return await until(data, "f2")

    assert {e.conversation_id for e in run(scenario()) if e.kind is not Kind.CONTROL} == {"c1"}
    (letter,) = run(data.dead_letters.read())
    assert letter.reason == "it names no conversation"


@pytest.mark.parametrize("at_us", [-1, -(2**63), 2**63 - 1])
def test_a_fact_of_a_time_that_no_calendar_has_is_dropped(data: DataDirectory, at_us: int) -> None:
    """Whoever wanted to tell people of it could not."""

    async def scenario() -> list[Event]:
        inbox = Inbox(data)
        async with reigning(data):
            await inbox.put(ARRIVED, "f0")
            timeless, _ = data.codec.encode(replace(fact_event("c1", PRESSED, event_id="f1"), occurred_at_us=at_us))
            await data.inbox.put("c1", "f1", timeless)
            await inbox.put(PRESSED, "f2")
            return await until(data, "f2")

    assert [e.type for e in run(scenario()) if e.kind is Kind.FACT] == ["CallArrived", "FactDropped", "KeyPressed"]
    (letter,) = run(data.dead_letters.read())
    assert letter.reason.endswith("no time from 1970 to 9999")


def test_a_dropped_fact_is_dropped_once_though_the_next_owner_meets_it_again(data: DataDirectory) -> None:
    async def scenario() -> list[Event]:
        async with reigning(data):
            await data.inbox.put("c1", "strange", Body("Nonsense", 1, b"?"))
            await until(data, derived_id("c1", "dropped", 0, 0))
        data.store.db.execute("delete from log where conversation_id = 'c1'")  # it died before it said so
        data.store.db.execute("delete from held")
        async with reigning(data):
            return await until(data, derived_id("c1", "dropped", 0, 0))

    assert [e.type for e in run(scenario())] == ["FactDropped"]
    assert len(run(data.dead_letters.read())) == 1


def test_nothing_is_appended_to_a_damaged_conversation_and_the_others_go_on(data: DataDirectory) -> None:
    async def scenario() -> list[Event]:
        inbox = Inbox(data)
        async with reigning(data):
            await inbox.put(ARRIVED, "f0")
            await inbox.put(ARRIVED, "f1", "c2")
            await until(data, "f1")
        data.store.db.execute("update log set data = x'00' where conversation_id = 'c1'")
        before = await data.ledger.end(0)
        async with reigning(data):
            await inbox.put(PRESSED, "for-the-damaged-one")
            await inbox.put(PRESSED, "f3", "c2")
            letters = await eventually(data.dead_letters.read)

            async def all_there() -> bool:
                return await data.ledger.end(0) >= before + 1 + 3

            await eventually(all_there)
        assert [letter.conversation_id for letter in letters] == ["c1"]
        return [data.codec.decode(r.body) for r in await data.ledger.read(0, before)]

    events = run(scenario())
    assert [(e.type, e.conversation_id) for e in events] == [
        ("OwnerTook", ""),
        ("KeyPressed", "c2"),
        ("CandidateAccepted", "c2"),
        ("CandidateAccepted", "c2"),
    ]


# --- the end of a reign ----------------------------------------------------------------------------------------------


def test_an_owner_that_was_replaced_stops_and_what_it_still_appended_is_void(data: DataDirectory) -> None:
    async def scenario() -> tuple[str, int, list[Event]]:
        inbox = Inbox(data)
        async with reigning(data) as reign:
            await inbox.put(PRESSED, "f0")
            await until(data, "f0")
            await data.ledger.append(0, [entry(took(2, "another"))])
            await inbox.put(PRESSED, "f1")
            why = await reign.until_over()
            stopped = reign.effects.stopped
        async with reigning(data):
            return why, stopped, await until(data, "f1")

    why, stopped, events = run(scenario())
    assert "another owner" in why
    assert stopped == 1
    assert [(e.event_id, e.epoch) for e in events if e.kind is Kind.FACT] == [("f0", 1), ("f1", 3)]


@pytest.mark.parametrize("lands", [True, False])
def test_an_append_whose_outcome_is_unknown_ends_the_reign_and_the_next_owner_decides_it_once(
    data: DataDirectory, lands: bool
) -> None:
    async def scenario() -> tuple[str, list[Event]]:
        inbox, ledger = Inbox(data), Unsure(data, lands=lands)
        stores = data.stores._replace(ledger=ledger)
        async with reigning(data, stores=stores) as reign:
            await inbox.put(PRESSED, "f0")
            await until(data, "f0")
            ledger.failing = True
            await inbox.put(PRESSED, "f1")
            why = await reign.until_over()
        async with reigning(data):
            await inbox.put(PRESSED, "f2")
            return why, await until(data, "f2")

    why, events = run(scenario())
    assert why == "no answer"
    assert facts(events) == ["f0", "f1", "f2"]
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    assert [e.prev_hash for e in events[1:]] == [e.hash for e in events[:-1]]


class MadeAnew:
    """A ledger that is gone at a stroke, and an empty one under its name, as of a topic that somebody deletes and makes."""

    partitions = 1

    def __init__(self, before: DataDirectory, after: DataDirectory) -> None:
        self._ledger, self._after = before.ledger, after.ledger

    def make_anew(self) -> None:
        self._ledger = self._after

    def __getattr__(self, name: str) -> object:
        return getattr(self._ledger, name)


def test_an_owner_under_which_the_log_is_made_anew_announces_itself_there_before_it_decides(
    data: DataDirectory, tmp_path: Path
) -> None:
    """What it appended behind an announcement that is gone, no reader would count, and it would never know."""
    after = DataDirectory(tmp_path / "anew")
    ledger = MadeAnew(data, after)
    stores = data.stores._replace(ledger=ledger)  # type: ignore[arg-type]

    async def scenario() -> tuple[str, list[Event]]:
        inbox = Inbox(data)
        async with reigning(data, stores=stores) as reign:
            await inbox.put(PRESSED, "f0")
            await until(data, "f0")
            ledger.make_anew()
            await inbox.put(PRESSED, "f1")
            why = await reign.until_over()
        async with reigning(data, stores=stores):
            return why, await until(after, "f1")

    why, events = run(scenario())
    after.close()
    assert "landed at 0, though the log had reached" in why
    assert facts(events) == ["f0", "f1"]


def test_facts_put_while_nobody_owns_the_log_are_taken_in_order_by_whoever_comes(data: DataDirectory) -> None:
    async def scenario() -> list[Event]:
        inbox = Inbox(data)
        for number in range(1_500):  # more than an owner lets wait
            await inbox.put(f.CallAnswered(take=1), f"f{number}")
        async with reigning(data):
            return await until(data, "f1499")

    assert facts(run(scenario())) == [f"f{number}" for number in range(1_500)]


def test_what_reigned_is_known_to_the_state_store(data: DataDirectory) -> None:
    async def scenario() -> None:
        async with reigning(data):
            await Inbox(data).put(ARRIVED, "f0")
            await until(data, "f0")

            async def held_behind_it() -> Held | None:
                held = await data.states.load(0)
                return held if held and held.inbox_mark >= 0 else None

            held = await eventually(held_behind_it)
        assert (held.epoch, held.inbox_mark, held.open_conversations) == (1, 0, {"c1": 1})
        (last,) = await data.ledger.read(0, held.offset - 1)
        event = data.codec.decode(last.body)
        assert event.step_index == event.step_size - 1

    run(scenario())


def test_keys_that_cannot_be_had_just_now_end_the_reign_and_lose_no_fact(data: DataDirectory) -> None:
    async def scenario() -> tuple[str, list[Event]]:
        inbox = Inbox(data)
        await inbox.put(PRESSED, "f0")
        again = SqliteKeyStore(data.path / "keys")  # an owner in a process that has seen no key yet
        database = sqlite3.connect(data.path / "keys" / "keys.db")
        database.execute("alter table data_key rename to away")
        async with reigning(data, codec=Codec(again)) as reign:
            why = await reign.until_over()
        database.execute("alter table away rename to data_key")
        async with reigning(data, codec=Codec(again)):
            return why, await until(data, "f0")

    why, events = run(scenario())
    assert "key store" in why
    assert facts(events) == ["f0"]
    assert run(data.dead_letters.read()) == []
