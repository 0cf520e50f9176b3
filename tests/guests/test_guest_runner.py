"""A guest in Python: which candidates it is shown, what it posts, and when it says nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from msgspec.structs import replace
from support import PATIENCE_S, run

from schemas.base import Decision, EvidenceSpan, Kind
from schemas.decisions import CandidateFormed, GuestAsked
from schemas.event import Event
from schemas.facts import GuestVerdictPosted
from schemas.text_digest import text_digest
from streams.codec import Body, Codec
from streams.guest import PASS, Candidate, Guest, GuestRunner, Verdict, block
from streams.guest import guest as is_guest
from streams.keys import DataKey, MemoryKeyStore
from streams.ports import InboxUnavailableError, LogRecord

TEXT = "A new card is free of charge."
NAME = "c1.answer"


class Keys(MemoryKeyStore):
    """Remembers whose keys were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked_for: set[str] = set()

    def get(self, conversation_id: str) -> DataKey | None:
        self.asked_for.add(conversation_id)
        return super().get(conversation_id)


class Log:
    """A partition that holds what it is given, and an inbox that keeps what is put."""

    partitions = 1

    def __init__(self, bodies: Sequence[tuple[str, Body]], inbox_is_down: bool = False) -> None:
        self._records = [LogRecord(0, offset, name, body) for offset, (name, body) in enumerate(bodies)]
        self._inbox_is_down = inbox_is_down
        self.put_ids: list[str] = []
        self.bodies: list[Body] = []
        self.read_all = asyncio.Event()

    async def end(self, partition: int) -> int:
        return 0

    async def follow(self, partition: int, start: int) -> AsyncIterator[list[LogRecord]]:
        for record in self._records:
            yield [record]
        self.read_all.set()
        await asyncio.Event().wait()

    async def put(self, conversation_id: str, event_id: str, body: Body) -> None:
        if self._inbox_is_down:
            raise InboxUnavailableError("the brokers took nothing")
        self.put_ids.append(event_id)
        self.bodies.append(body)


@is_guest("compliance", version="2")
async def compliance(candidate: Candidate) -> Verdict:
    return block("too_free", evidence=(EvidenceSpan(14, 18),)) if "free" in candidate.text else PASS


def event(payload: Decision, event_id: str, conversation_id: str = "c1", step_id: str = "s1") -> Event:
    return Event(
        event_id=event_id,
        type=type(payload).__name__,
        schema_version=1,
        conversation_id=conversation_id,
        step_id=step_id,
        kind=Kind.DECISION,
        turn_id="t1",
        payload=payload,
    )


def formed(text: str = TEXT, event_id: str = "e1") -> Event:
    payload = CandidateFormed(
        candidate_id=NAME, speculation=1, intent="fees", action="answer", origin="model", text=text
    )
    return event(payload, event_id)


def asked(guardrail: str = "compliance", candidate_id: str = NAME, budget_ms: int = 20_000) -> Event:
    payload = GuestAsked(guardrail=guardrail, candidate_id=candidate_id, required=True, budget_ms=budget_ms)
    return event(payload, f"ask.{guardrail}")


def judged(guest: Guest, keys: Keys, *events: Event, inbox_is_down: bool = False, forget: bool = False) -> Log:
    """What the guest has posted once it is through with these records."""
    codec = Codec(keys)
    bodies = [(each.conversation_id, codec.encode(each)[0]) for each in events]
    if forget:
        keys.destroy("c1")
    keys.asked_for.clear()

    async def scenario() -> Log:
        log = Log(bodies, inbox_is_down)
        ready = asyncio.Event()
        running = asyncio.create_task(GuestRunner(guest, log, log, Codec(keys), keys).run(ready.set))  # type: ignore[arg-type]
        async with asyncio.timeout(PATIENCE_S):
            await ready.wait()
            await log.read_all.wait()
            while len(asyncio.all_tasks()) > 3:  # noqa: ASYNC110  this one, the guest's, and its follower's
                await asyncio.sleep(0.001)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return log

    return run(scenario())


def verdicts(log: Log) -> list[GuestVerdictPosted]:
    found = [Codec(MemoryKeyStore()).decode(body).payload for body in log.bodies]
    assert all(isinstance(each, GuestVerdictPosted) for each in found)
    return found  # type: ignore[return-value]


def test_a_guest_posts_its_verdict_on_the_words_that_it_was_asked_about() -> None:
    keys = Keys()
    log = judged(compliance, keys, formed(), asked())
    (posted,) = verdicts(log)
    key = keys.get("c1")
    assert key
    assert posted.elapsed_ms is not None
    assert replace(posted, elapsed_ms=None) == GuestVerdictPosted(
        guardrail="compliance",
        candidate_id=NAME,
        text_digest=text_digest(key.digest_key, TEXT),
        passed=False,
        reasons=("too_free",),
        evidence=(EvidenceSpan(14, 18),),
        guest_version="2",
    )


def test_two_processes_of_one_guest_post_one_fact() -> None:
    keys = Keys()
    first, second = judged(compliance, keys, formed(), asked()), judged(compliance, keys, formed(), asked())
    assert first.put_ids == second.put_ids == ["compliance:e1"]


def test_what_a_guest_isnt_asked_about_is_neither_opened_nor_judged() -> None:
    keys = Keys()
    assert verdicts(judged(compliance, keys, formed(), asked("tone"))) == []
    assert keys.asked_for == set()


@pytest.mark.parametrize("void_is_newer", [True, False])
def test_of_two_candidates_of_one_name_the_one_of_the_same_step_is_judged(void_is_newer: bool) -> None:
    """As where an owner that was replaced had formed one, which is void."""
    void, meant = replace(formed("It is free, and void.", "e0"), step_id="s0"), formed("It costs nothing.")
    both = (meant, void) if void_is_newer else (void, meant)
    (posted,) = verdicts(judged(compliance, Keys(), *both, asked()))
    assert posted.passed


def test_of_two_copies_of_one_step_the_newer_is_judged() -> None:
    (posted,) = verdicts(judged(compliance, Keys(), formed("It is free, and void.", "e0"), formed("Nothing."), asked()))
    assert posted.passed


def test_a_question_about_nothing_that_stands_there_is_not_answered() -> None:
    assert verdicts(judged(compliance, Keys(), formed(), asked(candidate_id="other"))) == []


def test_a_forgotten_conversation_is_not_judged() -> None:
    seen: list[str] = []

    @is_guest("compliance")
    async def remembers(candidate: Candidate) -> Verdict:
        seen.append(candidate.text)
        return PASS

    assert verdicts(judged(remembers, Keys(), formed(), asked(), forget=True)) == []
    assert seen == []


def test_a_guest_that_fails_is_silent_and_judges_the_next() -> None:
    calls = 0

    @is_guest("compliance")
    async def fails_once(candidate: Candidate) -> Verdict:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise ValueError(candidate.text)
        return PASS

    again = replace(asked(), event_id="ask.again")
    assert [posted.passed for posted in verdicts(judged(fails_once, Keys(), formed(), asked(), again))] == [True]


def test_a_guest_that_takes_longer_than_its_budget_is_silent() -> None:
    @is_guest("compliance")
    async def sleeps(candidate: Candidate) -> Verdict:
        await asyncio.Event().wait()
        return PASS

    assert verdicts(judged(sleeps, Keys(), formed(), asked(budget_ms=10))) == []


def test_an_inbox_that_is_down_ends_no_guest() -> None:
    assert judged(compliance, Keys(), formed(), asked(), asked(), inbox_is_down=True).bodies == []
