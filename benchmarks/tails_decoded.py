"""What gateways decode of calls that aren't theirs: N gateways beside M owners, all partitions shared by all."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack

from benchmarks.kafka_stage import Log, Stage
from benchmarks.report import Cell, Table
from benchmarks.talking import Talk
from schemas.event import Event
from streams.codec import Body, Codec
from streams.kafka.log import opened
from streams.keys import KeyStore

_WORLDS = ((1, 1), (4, 1), (4, 2))  # gateways, owners
_TURNS = 2


class CountingCodec(Codec):
    """A gateway's: counts what it decodes, by conversation."""

    def __init__(self, keys: KeyStore) -> None:
        super().__init__(keys)
        self.decoded: Counter[str] = Counter()

    def decode(self, body: Body, stored_under: str | None = None) -> Event:
        event = super().decode(body, stored_under)
        self.decoded[event.conversation_id] += 1
        return event


async def foreign_events(kafka: Stage, calls: int) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for gateways, owners in _WORLDS:
        async with kafka.log() as log, AsyncExitStack() as stack:
            await _start_owners(log, owners, stack)
            own, foreign = await _hold_calls(log, gateways, calls)
        rows.append((f"{gateways} gateways, {owners} owners", own, foreign, 100 * foreign / (own + foreign)))
    notes = (
        f"each gateway has connections of its own and {calls} calls of {_TURNS} turns at once, spread over 8 partitions; what "
        "owners announce (of no conversation) is counted with its own",
    )
    return Table("What gateways decode", ("", "own events", "foreign events", "foreign, %"), rows, notes)


async def _start_owners(log: Log, owners: int, stack: AsyncExitStack) -> None:
    workers = [stack.enter_context(log.worker()) for _ in range(owners)]
    await asyncio.gather(*(worker.ready() for worker in workers))


async def _hold_calls(log: Log, gateways: int, calls: int) -> tuple[int, int]:
    """How many events all gateways decoded: of their own calls, of others'."""

    async def gateway(name: str) -> tuple[int, int]:
        codec = CountingCodec(log.workspace.keys)
        mine = {f"{name}-{number}" for number in range(calls)}
        async with opened(log.workspace.url.brokers, log.workspace.url.topics) as stores:
            talks = [Talk(stores, codec, call_id) for call_id in sorted(mine)]
            await asyncio.gather(*(_hold(log, talk) for talk in talks))
        foreign = sum(count for call_id, count in codec.decoded.items() if call_id and call_id not in mine)
        return codec.decoded.total() - foreign, foreign

    counted = await asyncio.gather(*(gateway(f"call-{number}") for number in range(gateways)))
    return sum(own for own, _ in counted), sum(foreign for _, foreign in counted)


async def _hold(log: Log, talk: Talk) -> None:
    await talk.open(log.behaviour_seq, log.behaviour.content_hash)
    for _ in range(_TURNS):
        await talk.turn()
    await talk.close()
