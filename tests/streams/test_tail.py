"""A tail gives one conversation's effective events, and begins where it is told that the conversation does."""

from __future__ import annotations

import pytest
from support import DataDirectory, run
from written import CODEC, entry, step, took

from schemas.event import Event
from streams.ports import Held, LogRecord, Passive
from streams.tail import ConversationTail

NOW_US = 1_700_000_000_000_000


class WatchedLedger:
    """What a tail reads, and how."""

    partitions = 1

    def __init__(self, data: DataDirectory) -> None:
        self._ledger = data.ledger
        self.end, self.follow_conversation = data.ledger.end, data.ledger.follow_conversation
        self.offsets: list[int] = []
        self.looked_up = 0

    async def read(self, partition: int, start: int, limit: int = 1000) -> list[LogRecord]:
        found = await self._ledger.read(partition, start, limit)
        self.offsets += [record.offset for record in found]
        return found

    async def read_conversation(
        self, conversation_id: str, start: int = 0, until: int | None = None
    ) -> list[LogRecord]:
        self.looked_up += 1
        return await self._ledger.read_conversation(conversation_id, start, until)


class Scene:
    """Epoch 1: c1 (1-2), other (3-4). Epoch 2 from 5 on: other (6), a zombie's c1 (7), c1 (8)."""

    def __init__(self, data: DataDirectory) -> None:
        self.data, self.ledger = data, WatchedLedger(data)
        run(self._write())

    async def _write(self) -> None:
        await self._append(took(1))
        await self._append(*step(1, "a", 2))
        await self._append(*step(1, "b", 2, "other"))
        await self._append(took(2))
        await self._append(*step(2, "c", 1, "other"))
        await self._append(*step(1, "zombie", 1))
        await self._append(*step(2, "d", 1))

    async def _append(self, *events: Event) -> None:
        await self.data.ledger.append(0, [entry(event) for event in events])

    def tail(self, conversation_id: str = "c1") -> ConversationTail:
        return ConversationTail(self.ledger, CODEC, conversation_id, states=self.data.states)  # type: ignore[arg-type]

    def held(self, offset: int, epoch: int, **conversations: dict[str, object]) -> None:
        fields = {"open_conversations": {}, "passive": {}} | conversations
        run(self.data.states.save(Held(0, epoch, offset, -1, 0, **fields)))  # type: ignore[arg-type]


def ids(events: list[Event]) -> list[str]:
    return [event.event_id for event in events]


@pytest.mark.parametrize(
    "conversations",
    [{"open_conversations": {"c1": 1}}, {"passive": {"c1": Passive(1, NOW_US)}}],
    ids=["live", "passive"],
)
def test_where_the_owner_knows_the_beginning_nothing_before_it_is_read(
    data: DataDirectory, conversations: dict[str, dict[str, object]]
) -> None:
    scene = Scene(data)
    scene.held(6, 2, **conversations)
    tail = scene.tail()
    assert ids(run(tail.begin())) == ["a", "a.1", "d"]
    assert scene.ledger.looked_up == 0
    assert min(scene.ledger.offsets) == 1
    assert (tail.decoded, tail.foreign) == (5, 3)


def test_a_new_conversation_begins_where_the_owner_stands_with_no_history(data: DataDirectory) -> None:
    scene = Scene(data)
    scene.held(6, 2)
    tail = scene.tail("new")

    async def scenario() -> tuple[list[str], str]:
        begun = ids(await tail.begin(is_new=True))
        await scene._append(*step(1, "void", 1, "new"))
        await scene._append(*step(2, "first", 1, "new"))
        following = tail.events()
        try:
            return begun, (await anext(following)).event_id
        finally:
            await following.aclose()  # type: ignore[attr-defined]

    assert run(scenario()) == ([], "first")
    assert scene.ledger.looked_up == 0
    assert min(scene.ledger.offsets) == 6


def test_a_conversation_that_the_owner_does_not_hold_is_looked_up(data: DataDirectory) -> None:
    scene = Scene(data)
    scene.held(6, 2)
    assert ids(run(scene.tail().begin())) == ["a", "a.1", "d"]
    assert scene.ledger.looked_up == 1


def test_where_nobody_said_where_the_owner_stands_everything_is_looked_up(data: DataDirectory) -> None:
    scene = Scene(data)
    assert ids(run(scene.tail().begin())) == ["a", "a.1", "d"]
    assert scene.ledger.looked_up == 1


def test_a_beginning_that_is_not_the_conversations_is_not_believed(data: DataDirectory) -> None:
    scene = Scene(data)
    scene.held(6, 2, open_conversations={"c1": 3})
    assert ids(run(scene.tail().begin())) == ["a", "a.1", "d"]


def test_what_is_read_to_the_end_is_not_given_again_by_what_is_followed(data: DataDirectory) -> None:
    scene = Scene(data)
    tail = scene.tail()

    async def scenario() -> list[str]:
        await tail.begin()
        following = tail.events()
        await scene._append(*step(2, "e", 1))
        given = [(await anext(following)).event_id]
        await scene._append(*step(2, "f", 2))
        given += [event.event_id async for event in tail.to_end()]
        await scene._append(*step(2, "g", 1))
        given.append((await anext(following)).event_id)
        await following.aclose()  # type: ignore[attr-defined]
        return given

    assert run(scenario()) == ["e", "f", "f.1", "g"]
