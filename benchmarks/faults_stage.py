"""The stage of a fault run: a log of its own on real brokers, workers, and callers on real gateways."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agent_core.behaviour import Behaviour
from agent_core.behaviour_loader import load
from benchmarks.faults_calls import Ended, PhoneCall, RecordingInbox, Turn, ask_all
from benchmarks.faults_history import History, examine
from benchmarks.faults_workers import DEFAULT_HOST, Ownership, Worker, Workers, watched
from console.kafka_workspace import KafkaWorkspace, kafka_workspace
from console.settings import EXAMPLE_BEHAVIOUR, LogSettings, Settings
from streams.kafka.url import KafkaUrl
from streams.partitioner import partition_of

PARTITIONS = 8
CALLS = 3 * PARTITIONS
SPREAD_S = 0.06  # within which all callers end their words: shorter than it takes to answer one of them
CLOSED_S = 20.0
SERVED_S = 60.0  # a gateway that finds no way to the log for so long has none
CALM_MS = 1_500.0  # within which everybody is answered when nothing is wrong; some 500 on two idle cores
MOST_ROUNDS = 6  # until the machine is calm, or taken as it is


class NotServedError(Exception):
    """Callers hear nothing of who decides, though nothing stands in the way (any more)."""


@dataclass
class Stage:
    """``calls``: those that are on the line, ``over`` those that were; ``turns`` of all of them. ``standstill_s``: the
    longest time for which this process's own loop didn't turn, unmeant: by so much callers here may have heard later than
    they would have. ``foreign``: (partition, offset) on the log of bytes that somebody wrote there and that are no event of
    ours."""

    url: KafkaUrl
    workspace: KafkaWorkspace
    behaviour: Behaviour
    workers: Workers
    ownership: Ownership
    inbox: RecordingInbox
    calls: list[PhoneCall] = field(default_factory=list)
    over: list[PhoneCall] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    standstill_s: float = 0.0
    foreign: set[tuple[int, int]] = field(default_factory=set)
    _rounds: int = 0
    _meant_s: float = 0.0  # for which this process stood still on purpose since the loop was looked at

    async def staff(self, count: int) -> list[Worker]:
        """Starts workers until so many run. Returns them when they own everything among them."""
        missing = count - len(self.workers.running)
        started = [await self.workers.start() for _ in range(missing)]
        await asyncio.gather(*(worker.ready() for worker in started))
        await self.ownership.until(*self.workers.running)
        return self.workers.running

    async def served(self) -> None:
        """Returns when every partition's owner says that it reigns, and all that callers heard stands on the log.

        Nobody says anything meanwhile. Whom the agent releases for that, as behaviour has it, is replaced by a new caller.
        Raises ``CallOverError`` where a gateway gave a call up, ``NotServedError`` after ``SERVED_S``.
        """
        self.ownership.forget()
        await self.ownership.until(*self.workers.running)
        try:
            async with asyncio.timeout(SERVED_S):
                while waiting := [call for call in self.calls if call.was_released or not call.is_settled]:
                    for call in waiting:
                        await (self._replace(call) if call.was_released else call.must_go_on())
                    await asyncio.sleep(0.05)
        except TimeoutError:
            told = "; ".join(call.unsettled() for call in waiting)
            raise NotServedError(f"in {SERVED_S:g} s the log was told nothing of what these heard: {told}") from None

    async def _replace(self, call: PhoneCall) -> None:
        self.calls.remove(call)
        self.over.append(call)
        standstill_s = self.standstill_s
        await self.ring(1)
        self.standstill_s = max(standstill_s, self.standstill_s)

    async def ring(self, count: int = CALLS) -> None:
        """New callers. Returns when all were greeted."""
        seq = await asyncio.get_running_loop().run_in_executor(None, self.workspace.record, self.behaviour)
        run = secrets.token_hex(3)
        arriving = [
            PhoneCall(call_id, self.workspace, self.inbox, self.behaviour, seq)
            for call_id in _one_for_each_partition(f"call-{run}", count, self.url.partitions)
        ]
        self.calls += arriving
        self.standstill_s = 0.0
        await asyncio.gather(*(call.ring() for call in arriving))

    async def round(self, calls: Sequence[PhoneCall] | None = None) -> list[Turn]:
        """Everybody asks something, and is answered."""
        self._rounds += 1
        turns = await ask_all(self.calls if calls is None else calls, self._rounds, SPREAD_S)
        self.turns += turns
        return turns

    async def spoken(self) -> None:
        """Returns, in a round that has just begun, when everybody has said what they ask."""
        await asyncio.sleep(SPREAD_S)
        await asyncio.gather(*(call.line.end_of_speech() for call in self.calls), return_exceptions=True)

    async def calm(self) -> list[Turn]:
        """Rounds until this machine has time for one: the last of them, that nothing struck. Raises ``NotServedError`` where
        not even that got everybody a reply: then a fault would show nothing."""
        for _ in range(MOST_ROUNDS):
            turns = await self.round()
            if all((turn.answer_ms or CALM_MS) < CALM_MS for turn in turns):
                break
        if unanswered := [turn for turn in turns if turn.ended is not Ended.REPLY]:
            raise NotServedError(f"nothing had struck, and no reply was heard: {unanswered}")
        return turns

    async def end(self) -> History:
        """All hang up; what the run left behind is examined, with all that lay there before."""
        await self.hang_up()
        return await self.history()

    async def hang_up(self) -> None:
        """All do. Returns when their conversations are closed."""
        await asyncio.gather(*(call.hang_up() for call in self.calls))
        await self._until_closed()
        self.over += self.calls
        self.calls = []

    async def history(self) -> History:
        """Of everything that was ever heard here, and of the whole log. Nobody is on the line."""
        return await examine(self.workspace, self.behaviour, self.over, self.inbox.acknowledged, self.foreign)

    async def clear(self) -> None:
        """Nobody is on the line any more, in whatever state a scenario that failed left them."""
        await asyncio.gather(*(call.drop() for call in self.calls))
        self.over += self.calls
        self.calls = []

    def stand_still(self, for_s: float) -> None:
        """All gateways do: each has to read to the log's end then before it says anything. No caller is granted time for it."""
        time.sleep(for_s)
        self._meant_s += for_s

    def stood_still(self, for_s: float) -> None:
        """The loop didn't turn for so long."""
        self.standstill_s = max(self.standstill_s, for_s - self._meant_s)
        self._meant_s = 0.0

    async def _until_closed(self) -> None:
        """Gives up after a while: the history then tells which conversation stayed open."""
        waiting = {call.call_id for call in self.calls}
        ledger, starts = self.workspace.stores.ledger, dict.fromkeys(range(self.url.partitions), 0)
        try:
            async with asyncio.timeout(CLOSED_S):
                while waiting:
                    for partition, start in starts.items():
                        for record in await ledger.read(partition, start):
                            starts[partition] = record.offset + 1
                            if record.body.type == "ConversationClosed":
                                waiting.discard(record.conversation_id)
                    await asyncio.sleep(0.1)
        except TimeoutError:
            return


def _one_for_each_partition(prefix: str, count: int, partitions: int) -> list[str]:
    """Ids that lie in one partition after the other, so that each owner has its share of the calls."""
    ids: list[str] = []
    number = 0
    while len(ids) < count:
        if partition_of(f"{prefix}-{number}", partitions) == len(ids) % partitions:
            ids.append(f"{prefix}-{number}")
        number += 1
    return ids


@asynccontextmanager
async def staged(
    bootstrap: str,
    directory: Path,
    *,
    workers: int = 2,
    replication: int = 1,
    registry: str | None = None,
    host: str = DEFAULT_HOST,
) -> AsyncIterator[Stage]:
    """With ``workers`` that own everything among them. Nobody calls yet. ``host``: as of ``ledgerline worker --host``."""
    url = KafkaUrl(bootstrap, f"fault-{secrets.token_hex(4)}.", PARTITIONS, replication)
    address = f"kafka://{bootstrap}/{url.prefix.rstrip('.')}?partitions={PARTITIONS}&replication={replication}"
    settings = Settings(data=directory, log=LogSettings(url=address, registry=registry))
    async with kafka_workspace(url, settings, create=True) as workspace:
        processes = Workers(settings, host)
        async with watched(bootstrap, url.topics) as ownership:
            inbox = RecordingInbox(workspace.stores.inbox)
            stage = Stage(url, workspace, load(EXAMPLE_BEHAVIOUR), processes, ownership, inbox)
            watching = asyncio.create_task(_watch_loop(stage))
            try:
                await stage.staff(workers)
                yield stage
            finally:
                await stage.clear()
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
                await processes.close()


async def _watch_loop(stage: Stage) -> None:
    loop = asyncio.get_running_loop()
    while True:
        before = loop.time()
        await asyncio.sleep(0.02)
        stage.stood_still(loop.time() - before - 0.02)
