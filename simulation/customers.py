"""Customers of the small bank, what its systems hold of them, and the channels that authenticate them.

Each customer's data holds a word that stands nowhere else, so that it can be seen who was told it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

from agent_core.ports import FailureReason, ProviderError
from agent_core.subject import write_objects
from schemas import facts as f
from schemas.event import derived_id
from simulation.durable import CustomerRead, Durable
from simulation.line import Line
from simulation.process import Process
from simulation.read_once import SimCodec
from streams.fact_writer import fact_event


class Customer(NamedTuple):
    """``cards``: id → the digits by which it is named. ``due``: a word that only this customer may be told."""

    cards: dict[str, str]
    due: str


CUSTOMERS = {
    "ada": Customer({"card-ada": "1111"}, "Monday"),
    "ben": Customer({"card-ben": "2222"}, "Friday"),
    "cleo": Customer({"card-cleo-1": "3333", "card-cleo-2": "4444"}, "Sunday"),
}
REQUIRED = {"card_status": "verified", "block_card": "stepped_up", "replace_card": "stepped_up"}  # as the bank wants it
LEVELS = ("known", "verified", "verified", "verified", "verified", "stepped_up")
EXPIRIES_MS = (None, None, None, None, None, None, 0, 400, 1000, 5000)


class SimRecords:
    """Implements ``CustomerRecords`` for one call of a tool. ``work`` takes its time, or fails."""

    name = "simulated"

    def __init__(
        self, durable: Durable, process: Process, conversation_id: str, ask_id: str, work: Callable[[], Awaitable[None]]
    ) -> None:
        self._durable, self._process, self._work = durable, process, work
        self._conversation_id, self._ask_id = conversation_id, ask_id

    async def read(self, customer_id: str, kind: str, object_id: str) -> Mapping[str, str]:
        if self._process.dead:
            raise asyncio.CancelledError
        now_s = asyncio.get_running_loop().time()
        self._durable.reads.append(
            CustomerRead(now_s, self._process.name, self._conversation_id, self._ask_id, customer_id, object_id)
        )
        await self._work()
        if kind == "contact":
            return {"number": f"+{customer_id}"}
        owner = next((customer for customer in CUSTOMERS.values() if object_id in customer.cards), None)
        if owner is None or kind != "card":  # whose it is, is left to what stands before: that is what is tested
            raise ProviderError(FailureReason.REFUSED, self.name)
        return {"type": "card", "status": "posted", "due": owner.due, "ending": owner.cards[object_id]}


class Channel:
    """Authenticates the caller of one call by seed: not at all, at the ring, or later; for a while, or for good;
    sometimes somebody else after that, and sometimes just when a tool was asked, or has told what it found."""

    def __init__(self, draw: random.Random, call_id: str, durable: Durable, line: Line) -> None:
        self._draw, self._call_id, self._durable, self._line = draw, call_id, durable, line
        self._codec = SimCodec(durable)
        self._facts = 0
        self._subject = ""

    async def run(self) -> None:
        draw = self._draw
        if draw.random() < 0.15:
            return
        subject = draw.choice(sorted(CUSTOMERS))
        await asyncio.sleep(draw.choice((0.0, 0.0, draw.uniform(0.1, 8.0))))
        for _ in range(draw.choice((1, 2, 3))):
            self._authenticate(subject, draw.choice(EXPIRIES_MS))
            await asyncio.sleep(draw.uniform(0.3, 6.0))
            if draw.random() < 0.5:
                subject = draw.choice(sorted(CUSTOMERS))
        while True:
            if draw.random() < 0.5:
                await self._hand_on()
                continue
            await self._until_landed(("ToolRequested",), 0.5)
            await asyncio.sleep(draw.uniform(0.0, 0.5))
            self._authenticate(draw.choice(sorted(CUSTOMERS)), draw.choice(EXPIRIES_MS))

    async def run_for_reads(self) -> None:
        """The caller is somebody from the ring on. While something is read, for their turn or when it has gone on, somebody
        else signs in, or the level ends; mostly they are back soon."""
        draw = self._draw
        self._authenticate(draw.choice(("ada", "ada", "ben", "cleo")), None, "verified")
        while True:
            if draw.random() < 0.3:
                await self._hand_on()
                continue
            await self._until_landed((draw.choice(("ToolRequested", "ReadKept", "ReadKept")),), 0.5)
            subject = self._subject
            await asyncio.sleep(draw.uniform(0.0, 1.0))
            self._authenticate(draw.choice((subject, *sorted(CUSTOMERS))), draw.choice((None, 0, 400)), "verified")
            await asyncio.sleep(draw.uniform(0.3, 3.0))
            self._authenticate(subject, None, "verified")

    async def _hand_on(self) -> None:
        """Who was told what is theirs passes the telephone on: somebody else signs in, who didn't hear it."""
        await self._until_landed(("ToolReturned",), 1.0)
        await self._until_landed(("SpeechCompleted",), 1.0)
        self._authenticate(self._draw.choice(sorted(CUSTOMERS.keys() - {self._subject})), None)
        self._line.handed_on = True

    async def run_for_writes(self) -> None:
        """The caller is somebody from the ring on, and mostly holds enough to change something; somebody else who is
        signed in between is gone soon after."""
        subject = self._draw.choice((*["ada"] * 4, "ben", "cleo"))  # who has two cards must say which
        level = self._draw.choice((*["stepped_up"] * 6, "verified", "known"))
        self._authenticate(subject, None, level)
        while True:
            await self._until_landed(("WriteProposed",), 0.2)
            await asyncio.sleep(self._draw.uniform(0.0, 2.0))  # while the caller hears it, or just before their yes
            self._authenticate(self._draw.choice(sorted(CUSTOMERS)), self._draw.choice(EXPIRIES_MS), "stepped_up")
            await asyncio.sleep(self._draw.uniform(0.5, 4.0))
            self._authenticate(subject, None, level)

    async def run_brief(self) -> None:
        """Lets the caller ask for cards at nearly any time, and for a short time only: what is asked of a tool may be
        nobody's to know when it is asked again."""
        draw = self._draw
        subject = draw.choice(sorted(CUSTOMERS))
        for _ in range(20):
            self._authenticate(subject, draw.randint(300, 3000))
            await asyncio.sleep(draw.uniform(0.3, 3.0))

    async def _until_landed(self, event_types: Sequence[str], probability: float) -> None:
        await until_landed(self._durable, self._call_id, event_types, self._draw, probability)

    def _authenticate(self, subject_id: str, expires_after_ms: int | None, level: str = "") -> None:
        self._facts += 1
        self._subject = subject_id
        objects = tuple(f.OwnObject("card", card, digits) for card, digits in CUSTOMERS[subject_id].cards.items())
        fact = fact_event(
            self._call_id,
            f.SubjectAuthenticated(
                subject_id=subject_id,
                level=level or self._draw.choice(LEVELS),
                method="simulated",
                expires_after_ms=expires_after_ms,
                objects=write_objects(objects),
            ),
            event_id=derived_id(self._call_id, "channel", self._facts),
            occurred_at_us=round(asyncio.get_running_loop().time() * 1e6),
        )
        body, _ = self._codec.encode(fact)
        self._durable.receive(self._call_id, fact.event_id, body)


async def until_landed(
    durable: Durable, call_id: str, event_types: Sequence[str], draw: random.Random, probability: float
) -> None:
    """Until such an event of the call stands on the log, with this probability each time."""
    seen = len(durable.log)
    while True:
        await durable.log_grew.wait()
        new, seen = durable.log[seen:], len(durable.log)
        landed = any(record.body.type in event_types and record.conversation_id == call_id for record in new)
        if landed and draw.random() < probability:
            return
