"""What nobody outside the owner waits for may reach the log a little later: what that is, and that the owner says so."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence

import pytest
from owning import Inbox, reigning, until
from support import DataDirectory, run

from console.agent import OF_THE_COMPANY
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact
from schemas.event import Event
from streams.awaited import NOBODY_AWAITS, is_awaited
from streams.fact_writer import fact_event
from streams.mind import Outcome
from streams.ports import Entry, Receipt
from tests.golden import golden_log
from voice_gateway.call_machine import CallMachine

SCORES = f.ScoresReturned(ask_id="a", scores=(), model="m")
PRESSED = f.KeyPressed(key="1")


def events(*payloads: Fact) -> list[Event]:
    return [fact_event("c", payload) for payload in payloads]


def test_a_step_is_awaited_for_one_event_in_it_that_somebody_waits_for() -> None:
    assert not is_awaited(events(SCORES, SCORES))
    assert is_awaited(events(SCORES, PRESSED, SCORES))


def test_somebody_waits_for_what_tools_guests_and_callers_are_given() -> None:
    said = (*d.Spoken.__subclasses__(), d.SentenceReleased, d.ReplyCut, d.CandidateFormed)
    assert NOBODY_AWAITS.isdisjoint((*OF_THE_COMPANY, d.GuestAsked, *said))


@pytest.mark.parametrize("name", golden_log.names())
def test_a_gateway_does_nothing_about_a_step_that_nobody_awaits(name: str) -> None:
    log = golden_log.read(name)
    steps = log.steps()
    assert 0 < sum(map(is_awaited, steps)) < len(steps)
    acted = [
        step for taken in log.events if isinstance(taken.payload, f.CallTaken) for step in acted_upon(taken, steps)
    ]
    assert acted
    assert all(map(is_awaited, acted))


def acted_upon(taken: Event, steps: Iterable[Sequence[Event]]) -> list[Sequence[Event]]:
    """By the gateway that took the call."""
    assert isinstance(taken.payload, f.CallTaken)
    machine = CallMachine(taken.conversation_id, taken.payload.gateway_id, taken.payload.take)
    machine.begin(0.0)
    return [step for step in steps if any([machine.read(event, event.accepted_at_us / 1000) for event in step])]


class Watched:
    """A ledger that notes which facts' steps were in a hurry."""

    partitions = 1

    def __init__(self, data: DataDirectory) -> None:
        self._data, self.hurried = data, dict[str, bool]()
        ledger = data.ledger
        self.read, self.end, self.follow, self.sync = ledger.read, ledger.end, ledger.follow, ledger.sync
        self.read_conversation, self.follow_conversation = ledger.read_conversation, ledger.follow_conversation

    def append(self, partition: int, entries: Sequence[Entry], *, hurry: bool = True) -> Awaitable[Receipt]:
        self.hurried[entries[0].body.type] = hurry
        return self._data.ledger.append(partition, entries, hurry=hurry)


def test_an_owner_is_in_no_hurry_with_what_nobody_awaits(data: DataDirectory) -> None:
    async def scenario() -> dict[str, bool]:
        ledger = Watched(data)
        async with reigning(data, stores=data.stores._replace(ledger=ledger)) as reign:
            await Inbox(data).put(PRESSED, "f0")
            await until(data, "f0")
            assert reign.effects.report is not None
            reign.effects.report(Outcome("c1", "scores", SCORES))
            await until(data, "scores")
        return ledger.hurried

    assert run(scenario()) == {"OwnerTook": True, "KeyPressed": True, "ScoresReturned": False}
