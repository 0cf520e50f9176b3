"""A guardrail outside this system, in Python: judges candidates as they come to stand on the log (docs/guests.md).

    @guest("compliance", version="1")
    async def judge(candidate: Candidate) -> Verdict:
        return block("promise_of_return") if "guaranteed" in candidate.text else PASS

    asyncio.run(run_guest(judge, log="kafka://127.0.0.1:9092", keys_url="http://127.0.0.1:8124", token=TOKEN))

``run_guest`` stands in ``streams.hosts.guest``. A guest holds nothing that it would miss: what it didn't judge in time is
decided by its behaviour setting, ``silence``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from schemas.base import EvidenceSpan as EvidenceSpan
from schemas.decisions import CandidateFormed, GuestAsked
from schemas.event import Event
from schemas.facts import GuestVerdictPosted
from schemas.text_digest import text_digest
from streams.codec import Codec, UndecodableError
from streams.fact_writer import fact_event
from streams.keys import DataKey, KeyStore, KeysUnavailableError
from streams.ports import Inbox, InboxUnavailableError, Ledger, LogRecord

_LOG = logging.getLogger(__name__)

MOST_AT_ONCE = 64  # verdicts under way in one partition; what comes beyond waits, and is late
KEEP = 256  # candidates of a partition, as they stand there; a question follows on its candidate at once


class Candidate(NamedTuple):
    """What is asked about. ``action`` and ``origin`` as in ``CandidateFormed``; ``budget_ms``: the guest's, from now on."""

    conversation_id: str
    candidate_id: str
    turn_id: str | None
    intent: str
    action: str
    origin: str
    text: str
    required: bool
    budget_ms: int


class Verdict(NamedTuple):
    """``reasons``: names of a-z, 0-9 and _, up to 64 each and eight in all. They are not sealed: nothing of the text."""

    passed: bool
    reasons: tuple[str, ...] = ()
    evidence: tuple[EvidenceSpan, ...] = ()


PASS = Verdict(True)
Judge = Callable[[Candidate], Awaitable[Verdict]]


def block(*reasons: str, evidence: tuple[EvidenceSpan, ...] = ()) -> Verdict:
    return Verdict(False, reasons, evidence)


class Guest(NamedTuple):
    """``name`` as in guardrails.yaml. ``version`` stands in each verdict: raise it with every change of ``judge``."""

    name: str
    version: str
    judge: Judge


def guest(name: str, *, version: str = "") -> Callable[[Judge], Guest]:
    """Makes a guest of a coroutine function. What it raises, and what takes longer than the budget, is silence."""
    return lambda judge: Guest(name, version, judge)


class GuestRunner:
    """One guest on one log. Void records and half steps are judged as others are: such a verdict names words that nobody
    will say, and changes nothing. So it needs no void rule, and never waits for the end of a step."""

    def __init__(self, guest: Guest, ledger: Ledger, inbox: Inbox, codec: Codec, keys: KeyStore) -> None:
        self._guest, self._ledger, self._inbox, self._codec, self._keys = guest, ledger, inbox, codec, keys

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Until it is cancelled. ``ready``: called once it misses nothing any more."""
        ends = [await self._ledger.end(partition) for partition in range(self._ledger.partitions)]
        async with asyncio.TaskGroup() as group:
            for partition, end in enumerate(ends):
                group.create_task(self._follow(partition, end))
            ready()

    async def _follow(self, partition: int, start: int) -> None:
        formed: deque[LogRecord] = deque(maxlen=KEEP)  # sealed: only what this guest is asked about is opened
        room = asyncio.Semaphore(MOST_AT_ONCE)
        async with asyncio.TaskGroup() as answers:
            async for records in self._ledger.follow(partition, start):
                for record in records:
                    if record.body.type == CandidateFormed.__name__:
                        formed.append(record)
                    elif record.body.type == GuestAsked.__name__ and (asked := self._asked(record)):
                        about = [each for each in formed if each.conversation_id == record.conversation_id]
                        await room.acquire()
                        answer = answers.create_task(self._answer(asked, about))
                        answer.add_done_callback(lambda _: room.release())

    def _asked(self, record: LogRecord) -> Event | None:
        """None where another guest is asked, or it can't be read. Nothing in it is sealed."""
        try:
            event = self._codec.decode(record.body, record.conversation_id)
        except UndecodableError as error:
            _LOG.warning("offset %s can't be read: %s", record.offset, error)
            return None
        payload = event.payload
        return event if isinstance(payload, GuestAsked) and payload.guardrail == self._guest.name else None

    async def _answer(self, event: Event, about: Sequence[LogRecord]) -> None:
        asked = event.payload
        assert isinstance(asked, GuestAsked)
        try:
            async with asyncio.timeout(asked.budget_ms / 1000):
                await self._codec.prepare((event.conversation_id,))
                key, formed = self._keys.get(event.conversation_id), self._formed(event, asked, about)
                if key is None or formed is None:  # forgotten, or formed before this guest began to read
                    return
                began = time.monotonic()
                candidate = _candidate(asked, formed)
                verdict = await self._guest.judge(candidate)
                took_ms = (time.monotonic() - began) * 1000
                await self._post(event, formed.event_id, candidate, verdict, took_ms, key)
        except TimeoutError:
            _LOG.warning("no verdict within %s ms", asked.budget_ms)
        except (UndecodableError, KeysUnavailableError, InboxUnavailableError) as error:
            _LOG.warning("no verdict: %s", error)
        except Exception as error:  # the guest's own failure: it is silent, and behaviour says what that means
            _LOG.error("guest %s failed on a candidate: %s", self._guest.name, type(error).__name__)

    def _formed(self, event: Event, asked: GuestAsked, about: Sequence[LogRecord]) -> Event | None:
        """The candidate: it stands in the same step as the question, before it. Raises ``UndecodableError``."""
        for record in reversed(about):
            found = self._codec.decode(record.body, record.conversation_id)
            said = found.payload
            same = isinstance(said, CandidateFormed) and said.candidate_id == asked.candidate_id
            if same and found.step_id == event.step_id:
                return found
        return None

    async def _post(
        self, asked: Event, formed_id: str, candidate: Candidate, verdict: Verdict, took_ms: float, key: DataKey
    ) -> None:
        posted = GuestVerdictPosted(
            guardrail=self._guest.name,
            candidate_id=candidate.candidate_id,
            text_digest=text_digest(key.digest_key, candidate.text),
            passed=verdict.passed,
            reasons=verdict.reasons,
            evidence=verdict.evidence,
            guest_version=self._guest.version,
            elapsed_ms=took_ms,
        )
        fact = fact_event(
            candidate.conversation_id,
            posted,
            event_id=f"{self._guest.name}:{formed_id}",  # posted twice, it counts once
            causation_id=asked.event_id,
            turn_id=candidate.turn_id,
        )
        body, _ = self._codec.encode(fact)  # it has no private field: a token that only reads keys will do
        await self._inbox.put(candidate.conversation_id, fact.event_id, body)


def _candidate(asked: GuestAsked, formed: Event) -> Candidate:
    said = formed.payload
    assert isinstance(said, CandidateFormed)
    return Candidate(
        conversation_id=formed.conversation_id,
        candidate_id=said.candidate_id,
        turn_id=formed.turn_id,
        intent=said.intent,
        action=said.action,
        origin=said.origin,
        text=said.text,
        required=asked.required,
        budget_ms=asked.budget_ms,
    )
