"""The history of a fault run: what callers heard, against what the log holds, against what was acknowledged.

The log is read again from its bytes by the simulation's checker, which shares the schemas and keys with production and
none of its readers (``simulation.raw_log``); then by ``verify``, which recomputes every decision.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from agent_core.behaviour import Behaviour
from benchmarks.faults_calls import PhoneCall
from console.kafka_workspace import KafkaWorkspace
from processors.deciders import cascade
from projections.recompute import Recomputer
from projections.recorded_behaviour import recorded_behaviours
from projections.verify import verify
from simulation.durable import Durable
from simulation.log_invariants import chain, epochs, marks, nothing_lost, steps
from simulation.raw_log import RawLog, Rec, decode, read_raw
from simulation.turn_invariants import turns
from streams.codec import Body
from streams.kafka.connection import connected
from streams.kafka.partition_reader import PartitionReader
from streams.kafka.records import conversation_of, event_id_of, unframe
from streams.partitioner import partition_of
from streams.ports import InboxRecord
from voice_gateway.commands import SoundKind

_BATCH = 10_000
_OF_THE_LOG = (chain, steps, epochs, marks, nothing_lost)


class History(NamedTuple):
    """``wrong``: everything that doesn't hold, in words. ``void``: records on the log that count for nobody; ``void_us``: when
    those of conversations were accepted, by the clock of the owner that had been replaced.
    ``replies``: those that were heard, with each call's greeting; ``most_replies``: of one turn."""

    wrong: list[str]
    events: int
    void: int
    void_us: list[int]
    reigns: int
    replies: int
    most_replies: int
    dead_letters: int


async def examine(
    workspace: KafkaWorkspace,
    behaviour: Behaviour,
    calls: Sequence[PhoneCall],
    acknowledged: Mapping[str, str],
    foreign: Collection[tuple[int, int]] = (),
) -> History:
    """Once all calls are over. ``foreign``: (partition, offset) of bytes on the log that are no event of ours: verify
    names each of them, and nothing else."""
    stored = await _stored(workspace, acknowledged)
    logs = {partition: read_raw(durable) for partition, durable in stored.items()}
    wrong: list[str] = []
    replies: Counter[str] = Counter()
    for partition, durable in stored.items():
        log = logs[partition]
        found = [violation for invariant in _OF_THE_LOG for violation in invariant(log, durable)]
        found += turns(log, behaviour)
        wrong += [f"partition {partition}: {one.invariant}: {one.message}" for one in found]
    for call in calls:
        log = logs[partition_of(call.call_id, workspace.url.partitions)]
        wrong += [f"{call.call_id}: {problem}" for problem in _heard(call, log)]
        replies += _replies(call, log)
    verified = await verify(
        workspace.stores.ledger,
        workspace.codec,
        Recomputer(cascade(), recorded_behaviours(workspace.behaviours), workspace.keys),
        states=workspace.stores.states,
        acknowledged=await workspace.acknowledged(),
        dead_letters=workspace.stores.dead_letters,
        steps_are_atomic=workspace.steps_are_atomic,
    )
    named = {(one.partition, one.offset) for one in verified.problems}
    wrong += [f"verify did not find the bytes at {place}" for place in foreign if place not in named]
    wrong += [
        f"verify: {one.kind} {one.conversation_id} at {one.offset}: {one.message}"
        for one in verified.problems
        if (one.partition, one.offset) not in foreign
    ]
    return History(
        wrong,
        events=sum(len(step) for log in logs.values() for step in log.steps),
        void=sum(len(log.void) for log in logs.values()),
        void_us=[at_us for partition, durable in stored.items() for at_us in _void_us(durable, logs[partition])],
        reigns=sum(len(log.takes) for log in logs.values()),
        replies=replies.total(),
        most_replies=max(replies.values(), default=0),
        dead_letters=len(await workspace.stores.dead_letters.read()),
    )


def _void_us(durable: Durable, log: RawLog) -> Iterator[int]:
    void = (decode(record, durable) for record in durable.log if record.offset in log.void and record.conversation_id)
    return (rec.env["accepted_at_us"] for rec in void)


def _heard(call: PhoneCall, log: RawLog) -> Iterator[str]:
    """Each reply that was heard had been chosen, and is effective; of each turn one reply was heard."""
    records = log.conversation(call.call_id)
    chosen = _chosen(records)
    started = {rec.payload["candidate_id"]: rec for rec in records if rec.type == "SpeechStarted"}
    turns_heard: set[str | None] = set()
    for _, kind, sound_id in call.heard.sounds:
        if kind is not SoundKind.REPLY:
            continue
        choice = chosen.get(sound_id)
        if choice is None or sound_id not in call.spoken_on_the_log:
            yield f"{sound_id} was spoken and is on nobody's log"
            continue
        if choice.turn_id in turns_heard:
            yield f"a second reply of {choice.turn_id} was heard"
        turns_heard.add(choice.turn_id)
        start = started.get(sound_id)
        if start is None or start.seq < choice.seq:
            yield f"{sound_id} was heard, and the log doesn't say so behind its choice"
    granted = {line for rec in records if rec.type == "StandingGranted" for line in _lines(rec)}
    for _, kind, sound_id in call.heard.sounds:
        if kind is not SoundKind.REPLY and sound_id not in granted:
            yield f"the line {sound_id} was played and never granted"


def _chosen(records: Iterable[Rec]) -> dict[str, Rec]:
    """By candidate."""
    spoken = ("ReplyChosen", "CloseChosen", "EscalationChosen")
    return {rec.payload["candidate_id"]: rec for rec in records if rec.type in spoken}


def _replies(call: PhoneCall, log: RawLog) -> Counter[str]:
    """How many were heard of each turn."""
    turn_of = {candidate: rec.turn_id for candidate, rec in _chosen(log.conversation(call.call_id)).items()}
    heard = (turn_of.get(sound_id) for _, kind, sound_id in call.heard.sounds if kind is SoundKind.REPLY)
    return Counter(f"{call.call_id} {turn_id}" for turn_id in heard if turn_id)


def _lines(granted: Rec) -> Iterable[str]:
    return [*(phrase["phrase_id"] for phrase in granted.payload["phrases"]), granted.payload["closing"]["phrase_id"]]


async def _stored(workspace: KafkaWorkspace, acknowledged: Mapping[str, str]) -> dict[int, Durable]:
    """Each partition as the checker reads it: one that has no other."""
    stored: dict[int, Durable] = {}
    topics, ledger = workspace.url.topics, workspace.stores.ledger
    letters = await workspace.stores.dead_letters.read()
    async with connected(workspace.url.brokers) as connection:
        for partition in range(topics.partitions):
            durable = stored[partition] = Durable()
            durable.keys = workspace.keys  # type: ignore[assignment]  # a store of keys like any other
            start = 0
            while records := await ledger.read(partition, start):
                durable.log += [one for one in records if one.body.type]  # else: no event of ours
                start = records[-1].offset + 1
            durable.landed_s = [0.0] * len(durable.log)
            reader = PartitionReader(connection, topics.inbox, partition)
            end, start = await reader.end(), 0
            while start < end and (taken := await reader.read(start, _BATCH, until=end)):
                for one in taken:
                    body = unframe(one.value)
                    durable.inbox.append(InboxRecord(0, one.offset, conversation_of(one.key), body))
                    durable.inbox_ids.append(_event_id(body))
                start = taken[-1].offset + 1
            durable.letters = {(x.topic, 0, x.offset): x for x in letters if x.partition == partition}
            durable.acknowledged = {
                event_id: call_id
                for event_id, call_id in acknowledged.items()
                if partition_of(call_id, topics.partitions) == partition
            }
    return stored


def _event_id(body: Body) -> str:
    return event_id_of(body.data).decode(errors="replace") if body.type else ""
