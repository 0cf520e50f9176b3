"""``ledgerline replay --partition``: recomputes every decision of a stretch of the log itself."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from console.commands.replay import told_difference
from console.failures import UsageError
from console.output import print_json, tell
from console.settings import Settings, load_settings
from console.workspace import Workspace, open_workspace
from processors.deciders import cascade
from projections.recompute import Recomputer
from projections.recorded_behaviour import recorded_behaviours
from projections.stretch import StretchReplay, place_of_time, replay_stretch
from streams.epochs import Place, place_of
from streams.history.times import us_of
from streams.ports import Ledger


def run(
    *, topic: str | None, partition: int, start: str, end: str | None, data: Path | None, log: str | None, as_json: bool
) -> int:
    bounds = _bound(start, "--from"), None if end is None else _bound(end, "--to")
    replayed = asyncio.run(_replay(load_settings(data, log), topic, partition, *bounds))
    if as_json:
        print_json(replayed)
    else:
        tell(_told(replayed))
    return 1 if replayed.identical is False else 0


class _Time(int):
    """µs since the Unix epoch, where an int alone is an offset."""


def _bound(given: str, option: str) -> int:
    if given.isdecimal():
        return int(given)
    try:
        return _Time(us_of(given))
    except ValueError:
        raise UsageError(
            f"{option} {given}: an offset, or a time as 2026-11-21T10:40:00Z (of when steps were accepted)"
        ) from None


async def _replay(settings: Settings, topic: str | None, partition: int, start: int, end: int | None) -> StretchReplay:
    async with _opened(settings, topic) as workspace:
        ledger = workspace.stores.ledger
        if partition >= ledger.partitions:
            raise UsageError(f"--partition {partition}: this log has {ledger.partitions}, from 0")
        newest = await ledger.end(partition)
        first = await _place(ledger, partition, start, newest)
        until = newest if end is None else (await _place(ledger, partition, end, newest)).offset
        if until < first.offset:
            raise UsageError(f"--to (offset {until}) lies before --from (offset {first.offset})")
        recomputer = Recomputer(cascade(), recorded_behaviours(workspace.behaviours), workspace.keys)
        return await replay_stretch(ledger, workspace.codec, recomputer, partition, first, until, topic=topic)


def _opened(settings: Settings, topic: str | None) -> AbstractAsyncContextManager[Workspace]:
    """The log that ``topic`` is of: another prefix is another log on the same brokers."""
    kafka = settings.log.kafka()
    if topic is None:
        return open_workspace(settings, create=False)
    if kafka is None:
        raise UsageError("the embedded log has no topics: leave out --topic, or name a log on Kafka with --log")
    from console.kafka_workspace import kafka_workspace
    from streams.kafka.topics import Topics

    usual = Topics().log
    if not topic.endswith(usual):
        raise UsageError(f"{topic} is no log of conversations: the names of such topics end in {usual}")
    return kafka_workspace(kafka._replace(prefix=topic.removesuffix(usual)), settings, create=False)


async def _place(ledger: Ledger, partition: int, bound: int, newest: int) -> Place:
    if isinstance(bound, _Time):
        return await place_of_time(ledger, partition, bound)
    return await place_of(ledger, partition, min(bound, newest))


def _told(replayed: StretchReplay) -> str:
    where = f"{replayed.topic or 'the log'}, partition {replayed.partition}, offsets {replayed.first} to {replayed.end}"
    counted = (
        f"{replayed.steps} steps of {replayed.conversations} conversations, {replayed.events} events, "
        f"{replayed.decisions} decisions"
    )
    older = f", {replayed.not_recomputable} of them not recomputable by this code" if replayed.not_recomputable else ""
    left_out = {
        "void records passed over": replayed.void,
        "records that are no events": replayed.unreadable,
        "steps cut by the stretch's ends": replayed.cut,
    }
    lines = [where, f"{counted}{older}", *(f"{count} {what}" for what, count in left_out.items() if count)]
    if replayed.identical is None:
        return "\n".join(
            [*lines, "nothing was recomputed: nothing is here, or it is forgotten, or other code decided it"]
        )
    if replayed.first_difference is None:
        return "\n".join([*lines, "identical"])
    first = replayed.first_difference
    place = f"{replayed.differing} steps differ; the first: offset {first.offset}, {first.conversation_id}"
    return "\n".join([*lines, place, told_difference(first.difference)])
