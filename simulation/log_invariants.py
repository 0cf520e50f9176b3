"""Invariants of the log as it lies there: the chain, the steps, the epochs, the marks, and that no fact is lost."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any

from simulation.durable import Durable
from simulation.history import Did, GatewayTrace
from simulation.raw_log import RawLog, Rec, stated_and_true_hash
from simulation.violation import Violation
from streams.ports import InboxRecord

OUTCOMES = {
    "CompletionReturned",
    "ScoresReturned",
    "PassagesFound",
    "ToolReturned",
    "EffectFailed",
    "EffectCancelled",
    "PaceKnown",
}


def chain(log: RawLog, durable: Durable) -> Iterator[Violation]:
    """seq is contiguous from 1, hashes chain, ids are unique; for each conversation."""
    yield from (Violation("steps_whole", misfit) for misfit in log.misfits)
    last: dict[str, tuple[int, bytes]] = {}
    seen: set[str] = set()
    for rec in log.records():
        seq, prev_hash = last.get(rec.conversation_id, (0, bytes(32)))
        stated, true = stated_and_true_hash(rec.body)
        where = f"{rec.type} at offset {rec.offset} of {rec.conversation_id}"
        if rec.seq != seq + 1:
            yield Violation("seq_contiguous", f"{where}: seq {rec.seq} follows {seq}")
        if stated != true or rec.env["prev_hash"] != prev_hash:
            yield Violation("hashes_chain", f"{where}: its hash, or the one before it, is not what it says")
        if rec.event_id in seen:
            yield Violation("ids_unique", f"{where}: its id was effective before")
        seen.add(rec.event_id)
        last[rec.conversation_id] = (rec.seq, stated)


def steps(log: RawLog, durable: Durable) -> Iterator[Violation]:
    """A step is one fact and the decisions that it caused, under one time, one epoch and one mark."""
    accepted_at = 0
    for step in log.steps:
        fact = step[0]
        where = f"the step of {fact.type} at offset {fact.offset}"
        known = set()
        for rec in step:
            same = all(
                rec.env[name] == fact.env[name]
                for name in ("epoch", "step_id", "step_size", "accepted_at_us", "inbox_mark")
            )
            caused = rec is fact or (not rec.is_fact and rec.env["causation_id"] in known)
            if not same or not caused or not fact.is_fact or rec.conversation_id != fact.conversation_id:
                yield Violation("steps_whole", f"{where}: {rec.type} at offset {rec.offset} does not belong to it")
            known.add(rec.event_id)
        if fact.env["accepted_at_us"] < accepted_at:
            yield Violation("time_rises", f"{where} was accepted before the step before it")
        accepted_at = fact.env["accepted_at_us"]


def epochs(log: RawLog, durable: Durable) -> Iterator[Violation]:
    """Each reign's number is one above the last; outcomes belong to the reign that ran them."""
    for (_, before), (offset, epoch) in zip([(0, 0), *log.takes], log.takes, strict=False):
        if epoch != before + 1:
            yield Violation("epochs_rise", f"epoch {epoch} at offset {offset} follows {before}")
    for rec in log.records():
        if rec.type in OUTCOMES:
            epoch = int(str(rec.env["run_id"]).rpartition("#")[2].split(".")[0])
            if epoch != rec.env["epoch"]:
                yield Violation("outcome_of_its_reign", f"{rec.type} at offset {rec.offset} was run in epoch {epoch}")


def held_positions(log: RawLog, durable: Durable) -> Iterator[Violation]:
    """What the state store was told is true of the log, whoever told it: epoch at offset, mark, and a step's end."""
    takes, ends = [offset for offset, _ in log.takes], [step[-1].offset + 1 for step in log.steps]
    for held in durable.held:
        reigns, whole = bisect_left(takes, held.offset), bisect_right(ends, held.offset)  # how many stand before it
        in_force = log.takes[reigns - 1][1] if reigns else 0
        inside = whole < len(log.steps) and log.steps[whole][0].offset < held.offset
        mark = log.steps[whole - 1][-1].env["inbox_mark"] if whole else -1
        if held.epoch != in_force or inside or held.inbox_mark > mark:
            yield Violation(
                "held_is_true",
                f"held: epoch {held.epoch}, offset {held.offset}, mark {held.inbox_mark}; the log: epoch {in_force},"
                f" {'inside a step, ' if inside else ''}mark {mark}",
            )


def marks(log: RawLog, durable: Durable) -> Iterator[Violation]:
    """Every inbox position at or below a mark is dealt with by then: effective, a duplicate of that, or dropped."""
    dealt: set[str] = set()
    dropped: set[int] = set()
    checked = -1
    first_offset: dict[str, int] = {}
    for offset, event_id in enumerate(durable.inbox_ids):
        first_offset.setdefault(event_id, offset)
    for step in log.steps:
        fact = step[0]
        dealt.add(fact.event_id)
        if fact.type == "FactDropped":
            dropped.add(fact.payload["offset"])
        mark = fact.env["inbox_mark"]
        if mark >= len(durable.inbox_ids):
            yield Violation("marks_true", f"mark {mark} at offset {fact.offset} is above everything on the inbox")
        for offset in range(checked + 1, min(mark + 1, len(durable.inbox_ids))):
            if durable.inbox_ids[offset] not in dealt and offset not in dropped:
                yield Violation("marks_true", f"mark {mark} at offset {fact.offset}: inbox {offset} is not dealt with")
        checked = max(checked, mark)
        if first_offset.get(fact.event_id, -1) > mark:
            yield Violation("marks_true", f"{fact.type} at offset {fact.offset} stands above its own mark {mark}")


def nothing_lost(log: RawLog, durable: Durable) -> Iterator[Violation]:
    """What the inbox took is on the log, or was dropped by name with its bytes kept; poison stops nothing."""
    effective = {rec.event_id for rec in log.records() if rec.is_fact}
    dropped = {rec.payload["offset"]: rec for rec in log.records() if rec.type == "FactDropped"}
    for offset, event_id in enumerate(durable.inbox_ids):
        if event_id not in effective and offset not in dropped:
            record = durable.inbox[offset]
            yield Violation("nothing_lost", f"inbox {offset} ({record.body.type}) is neither effective nor dropped")
    taken = set(durable.inbox_ids)
    for event_id, conversation_id in durable.acknowledged.items():
        if event_id not in taken:
            yield Violation("nothing_lost", f"a fact of {conversation_id} was acknowledged and isn't on the inbox")
    for offset, rec in dropped.items():
        yield from _kept(rec, durable.inbox[offset], durable.letters.get(("inbox", 0, offset)))


def _kept(rec: Rec, record: InboxRecord, letter: Any) -> Iterator[Violation]:
    if letter is None or letter.body != record.body:
        yield Violation("poison_kept", f"inbox {record.offset} was dropped and its bytes aren't in the dead letters")
    if _is_good(record):
        yield Violation("nothing_lost", f"a good {record.body.type} was dropped: {rec.payload['reason']}")


def _is_good(record: InboxRecord) -> bool:
    """Poison says so in its bytes, or can't be read at all; everything else is a gateway's."""
    return record.body.version == 1 and b"poison" not in record.body.data and _is_whole(record)


def _is_whole(record: InboxRecord) -> bool:
    return len(record.body.data) > 150 and record.body.type != "NoSuchEvent"


def spool_keeps(traces: list[GatewayTrace], durable: Durable) -> Iterator[Violation]:
    """A gateway that came to the end of its call has brought every fact of it to the inbox, in the order of its puts."""
    stands = {event_id: offset for offset, event_id in reversed(list(enumerate(durable.inbox_ids)))}
    for trace in traces:
        if not trace.acts or trace.acts[-1].did is not Did.OVER:
            continue
        put = [act for act in trace.acts if act.did is Did.PUT]
        offsets = [stands.get(act.event_id, -1) for act in put]
        for act, offset in zip(put, offsets, strict=True):
            if offset < 0:
                yield Violation("nothing_lost", f"{trace.name}: {type(act.payload).__name__} never reached the inbox")
        if -1 not in offsets and offsets != sorted(offsets):
            yield Violation("nothing_lost", f"{trace.name}: its facts are not on the inbox in the order of its puts")


LOG_INVARIANTS = (chain, steps, epochs, held_positions, marks, nothing_lost)
