"""What a lane decided otherwise than production: of each conversation, the first decision that differs.

Compared are the steps of the facts that both logs hold, in production's order, as replay compares: type, id, cause, place,
turn and plaintext payload. Two owners took the same fact at two times, so absolute times may differ by ``SAME_TIME_US``.
Behind its first difference a conversation isn't compared: what follows there may only follow from that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

import msgspec

from projections.effective_log import Report, conversation_steps
from projections.recompute import Difference, compare, into_steps
from schemas.event import Event
from schemas.facts import FactDropped, OwnerChanged
from streams.codec import Codec
from streams.ports import Ledger

SAME_TIME_US = 1_000_000
_TIME = "_at_us"


class LaneDifference(msgspec.Struct, frozen=True, kw_only=True):
    """``difference.expected``: what the lane decided; ``difference.found``: what production did; ``missing``: only the lane
    did, ``unexpected``: only production. ``owner_changed``:
    whether an owner changed in the middle of the conversation, or dropped a fact, in one of the two: the difference may
    come of that."""

    conversation_id: str
    difference: Difference
    owner_changed: bool


class LaneDiff(msgspec.Struct, frozen=True, kw_only=True):
    """Of the conversations that the lane holds. ``steps`` of facts that both hold, with the ``decisions`` in them that
    were compared. ``only_production`` and ``only_lane``: facts that one of them holds: outcomes of its own effects and
    timers, or what the other hasn't taken yet. ``identical`` is null where nothing was compared. ``differences``: one
    for each conversation that has any."""

    lane: str
    conversations: int
    steps: int
    decisions: int
    only_production: int
    only_lane: int
    identical: bool | None
    differences: tuple[LaneDifference, ...]


class LaneComparison:
    """Feed it one conversation after the other. What can't be read goes to ``report``."""

    def __init__(self, production: Ledger, lane: Ledger, codec: Codec, report: Report) -> None:
        self._production, self._lane, self._codec, self._report = production, lane, codec, report
        self._conversations = self._steps = self._decisions = self._only_production = self._only_lane = 0
        self._differences: list[LaneDifference] = []

    async def take(self, conversation_id: str) -> None:
        production = await self._read(self._production, conversation_id)
        lane = {step[0].event_id: step for step in await self._read(self._lane, conversation_id)}
        shared = [(lane[step[0].event_id], step) for step in production if step[0].event_id in lane]
        self._conversations += 1
        self._only_production += len(production) - len(shared)
        self._only_lane += len(lane) - len(shared)
        for expected, found in shared:
            self._steps += 1
            self._decisions += max(len(expected), len(found)) - 1
            first = next(_differences(expected, found), None)
            if first:
                changed = _changes_owner((*production, *lane.values()))
                self._differences.append(
                    LaneDifference(conversation_id=conversation_id, difference=first, owner_changed=changed)
                )
                break

    def told(self, name: str) -> LaneDiff:
        return LaneDiff(
            lane=name,
            conversations=self._conversations,
            steps=self._steps,
            decisions=self._decisions,
            only_production=self._only_production,
            only_lane=self._only_lane,
            identical=not self._differences if self._steps else None,
            differences=tuple(self._differences),
        )

    async def _read(self, log: Ledger, conversation_id: str) -> list[tuple[Event, ...]]:
        return into_steps(await conversation_steps(log, self._codec, conversation_id, self._report))


def _differences(lane: Sequence[Event], production: Sequence[Event]) -> Iterator[Difference]:
    for expected, found in zip_longest(lane[1:], production[1:]):
        difference = compare(_at_the_time_of(found, expected), found)
        if difference:
            yield difference


def _at_the_time_of(found: Event | None, expected: Event | None) -> Event | None:
    """The lane's event with production's times, where those are the same for all that two clocks can say."""
    if expected is None or found is None or type(expected.payload) is not type(found.payload):
        return expected
    skew_us = expected.accepted_at_us - found.accepted_at_us
    times = {}
    for name in expected.payload.__struct_fields__:
        if name.endswith(_TIME):
            here, there = getattr(expected.payload, name), getattr(found.payload, name)
            if abs(here - skew_us - there) <= SAME_TIME_US:
                times[name] = there
    if not times:
        return expected
    return msgspec.structs.replace(expected, payload=msgspec.structs.replace(expected.payload, **times))


def _changes_owner(steps: Iterable[Sequence[Event]]) -> bool:
    return any(isinstance(step[0].payload, OwnerChanged | FactDropped) for step in steps)
