"""The executor of tools: it looks once more whose data it is, and touches none before its request stands on the log."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from msgspec.structs import replace
from support import DataDirectory, eventually, run
from told_by_hand import BANK, Call, signed_in

from agent_core.conversation import Ask, Conversation
from agent_core.ports import FailureReason, ProviderError
from processors.executors.call_tool import CallTool
from processors.read_back import ReadBack
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Payload
from schemas.control import OwnerTook
from schemas.event import Event
from streams.ports import Entry, LogRecord

ASKED = d.ToolRequested(
    ask_id="a1",
    intent="card",
    tool="card_status",
    arguments='{"card_id":"card-1111","customer_id":"ada"}',
    level="verified",
    subject_seq=1,
    timeout_ms=50,
)


class Records:
    name = "records"

    def __init__(self) -> None:
        self.read_of: list[tuple[str, str]] = []
        self.answer = {"type": "card", "status": "posted", "due": "Friday"}

    async def read(self, customer_id: str, kind: str, object_id: str) -> Mapping[str, str]:
        self.read_of.append((customer_id, object_id))
        return self.answer


async def stands(conversation_id: str, event_id: str) -> None:
    """The log has it."""


async def never(conversation_id: str, event_id: str) -> None:
    await asyncio.Event().wait()


def conversation(*facts: f.SubjectAuthenticated) -> Conversation:
    return Call(BANK, *facts).conversation


def refusal(conversation: Conversation, records: Records, asked: d.ToolRequested = ASKED) -> FailureReason:
    with pytest.raises(ProviderError) as failure:
        run(CallTool(records, stands)(conversation, Ask("a1", asked, "t2", 1, event_id="e1"), 0))
    return failure.value.reason


def test_what_the_tool_found_is_a_fact() -> None:
    records = Records()
    fact = run(CallTool(records, stands)(conversation(signed_in("ada")), Ask("a1", ASKED, "t2", 1), 0))
    assert isinstance(fact, f.ToolReturned)
    assert fact.result == '{"card":"card","progress":"is on its way and should be with you by Friday"}'
    assert records.read_of == [("ada", "card-1111")]


@pytest.mark.parametrize(
    "facts",
    [
        (),
        (signed_in("ada", "known"),),
        (signed_in("ada", expires_after_ms=0),),
        (signed_in("ada"), signed_in("ben")),
    ],
)
def test_nothing_is_read_for_who_may_not_know_it(facts: tuple[f.SubjectAuthenticated, ...]) -> None:
    records = Records()
    assert refusal(conversation(*facts), records) is FailureReason.REFUSED
    assert records.read_of == []


def test_an_object_that_isnt_the_subjects_is_not_read() -> None:
    records = Records()
    asked = d.ToolRequested(
        ask_id="a1",
        intent="card",
        tool="card_status",
        arguments='{"card_id":"card-2222","customer_id":"ada"}',
        level="verified",
        subject_seq=1,
        timeout_ms=50,
    )
    assert refusal(conversation(signed_in("ada")), records, asked) is FailureReason.REFUSED
    assert records.read_of == []


def test_nothing_is_read_while_the_request_doesnt_stand_on_the_log() -> None:
    records = Records()
    with pytest.raises(ProviderError) as failure:
        run(CallTool(records, never)(conversation(signed_in("ada")), Ask("a1", ASKED, "t2", 1), 0))
    assert failure.value.reason is FailureReason.TIMED_OUT
    assert records.read_of == []


# --- reading back ----------------------------------------------------------------------------------------------------


def event(payload: Payload, event_id: str, epoch: int, conversation_id: str = "c1") -> Event:
    return Event(
        event_id=event_id,
        type=type(payload).__name__,
        schema_version=1,
        conversation_id=conversation_id,
        epoch=epoch,
        step_id=event_id,
        step_size=1,
        kind=payload.KIND,
        payload=payload,
    )


async def append(data: DataDirectory, *events: Event) -> None:
    entries = [Entry(each.conversation_id, data.codec.encode(each)[0]) for each in events]
    await data.ledger.append(0, entries)


def took(epoch: int) -> Event:
    return event(OwnerTook(epoch=epoch, owner_id=f"o{epoch}"), f"took{epoch}", epoch, "")


def pressed(event_id: str, epoch: int) -> Event:
    return event(f.KeyPressed(key="1"), event_id, epoch)


def test_a_decision_is_read_back_once_it_lands(data: DataDirectory) -> None:
    async def main() -> None:
        await append(data, took(1), pressed("e1", 1))
        reading = asyncio.create_task(ReadBack(data.ledger, data.codec)("c1", "e2"))
        await append(data, pressed("e2", 1))
        await reading

    run(main())


def test_a_decision_that_is_void_is_never_read_back(data: DataDirectory) -> None:
    async def main() -> None:
        await append(data, took(1), took(2), pressed("e1", 1))
        reading = asyncio.create_task(ReadBack(data.ledger, data.codec)("c1", "e1"))
        await ReadBack(data.ledger, data.codec)("c1", await _landed(data, "e2", 2))
        assert not reading.done()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)

    run(main())


def test_half_a_step_is_not_read_back(data: DataDirectory) -> None:
    async def main() -> None:
        await append(data, took(1), replace(pressed("e1", 1), step_size=2))
        reading = asyncio.create_task(ReadBack(data.ledger, data.codec)("c1", "e1"))
        other = replace(pressed("e2", 1), step_id="e1", step_index=1, step_size=2)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not reading.done()
        await append(data, other)
        await reading

    run(main())


def test_what_was_read_back_once_is_not_read_again(data: DataDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[int] = []
    read = data.ledger.read_conversation

    async def counted(conversation_id: str, start: int = 0, until: int | None = None) -> list[LogRecord]:
        starts.append(start)
        return await read(conversation_id, start, until)

    async def looked_thrice() -> bool:
        return len(starts) >= 3

    async def main() -> None:
        monkeypatch.setattr(data.ledger, "read_conversation", counted)
        await append(data, took(1), pressed("e1", 1))
        reading = asyncio.create_task(ReadBack(data.ledger, data.codec)("c1", "e2"))
        await eventually(looked_thrice)
        await append(data, pressed("e2", 1))
        await reading

    run(main())
    assert starts[0] == 0
    assert set(starts[1:]) == {2}  # behind ``OwnerTook`` and the first fact


async def _landed(data: DataDirectory, event_id: str, epoch: int) -> str:
    await append(data, pressed(event_id, epoch))
    return event_id


def test_a_result_that_is_too_long_to_be_said_is_no_result() -> None:
    records = Records()
    records.answer = {"type": "card " * 1000, "status": "posted", "due": "Friday"}
    assert refusal(conversation(signed_in("ada")), records) is FailureReason.INVALID
