"""Verify: is the log what its owners wrote, and would the deciders decide the same again?

One pass over each partition. Of every record: the hash of its bytes, its schema, its address. Of every effective step:
that it is whole and stamped alike; of every conversation: contiguous seq, the chain of hashes, ids that occur once. And
every decision is *recomputed* from the recorded log before it and compared (``projections.recompute``).

What this can find, and what it can't: a changed byte breaks a hash. Who recomputes all hashes behind a change still
can't make the deciders decide what was forged, so a changed *decision* is named all the same. A *fact* that was changed
with all hashes after it, or whole steps that were cut off the end of a conversation, leave a log that might have been:
only a hash that was anchored elsewhere can tell (``projections.anchors``). Void records (of a replaced owner) are no part
of any conversation: they must be decodable and hash to what they state, and that is all.

A step that isn't whole: the embedded log takes a step in one transaction, so nobody ever left one half done or can still
finish it, and it is a problem wherever it stands. A ledger that takes a step in several batches (``steps_are_atomic``
false) holds one wherever an owner died within a step, and at its end while an owner writes: the living owner finishes
it, or the next one's ``OwnerTook`` makes it void. There it is no problem, and so can't tell of a cut.
"""

from __future__ import annotations

import msgspec

from projections.acknowledged import AcknowledgedFact, AcknowledgedFacts
from projections.anchor_check import AnchorCheck, Anchored
from projections.partition_check import PartitionCheck
from projections.problems import Problem, ProblemKind
from projections.recompute import Recomputer
from streams.codec import Codec
from streams.ports import DeadLetters, Ledger, StateStore


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """``events``, ``decisions``: effective ones. ``not_recomputable``: decisions of other code than this, or of
    conversations that have no key here, verified by chain and structure alone: ``forgotten`` ones, as an event of theirs
    says, and others, ``without_key``: copies that came without keys, or whose key was lost (a problem). ``void``: records of
    replaced owners. ``imported``: conversations that another system ran: no decision in them is ours. ``anchored``: what
    the log was compared with, null where no anchors were given. The log is sound when ``problems`` is empty."""

    events: int
    conversations: int
    decisions: int
    not_recomputable: int
    forgotten: int
    void: int
    imported: int
    problems: tuple[Problem, ...]
    without_key: int = 0
    anchored: Anchored | None = None


async def verify(
    ledger: Ledger,
    codec: Codec,
    recomputer: Recomputer,
    *,
    states: StateStore | None = None,
    acknowledged: AcknowledgedFacts | None = None,
    dead_letters: DeadLetters | None = None,
    steps_are_atomic: bool = True,
    anchors: AnchorCheck | None = None,
) -> Verification:
    """``states``: also checks that the log reaches as far as its owner knew. ``acknowledged`` with ``dead_letters``:
    also checks that every acknowledged fact at or below the inbox mark is on the log or among the dead letters.
    ``anchors``: also compares the heads that were anchored."""
    problems: list[Problem] = []
    ids: set[int] = set()
    checks: list[PartitionCheck] = []
    missing: list[tuple[int, AcknowledgedFact]] = []
    for partition in range(ledger.partitions):
        held = await states.load(partition) if states else None
        check = PartitionCheck(
            partition, codec, recomputer, ids, problems.append, steps_are_atomic=steps_are_atomic, anchors=anchors
        )
        await check.read(ledger)
        checks.append(check)
        if held and held.offset > check.end:
            message = f"the log ends at {check.end}, though its owner had read up to {held.offset}"
            problems.append(_on_partition(ProblemKind.OFFSET, partition, check.end, message))
        for fact in acknowledged.up_to(partition, check.inbox_mark) if acknowledged else ():
            unread = fact.conversation_id in check.damaged  # it may stand in what couldn't be read
            if hash(fact.event_id) not in ids and not unread:
                missing.append((partition, fact))
    # Behind the log: an owner that goes on meanwhile keeps a fact aside before its mark passes it.
    letters = await dead_letters.read() if dead_letters and missing else []
    aside = {(letter.partition, letter.offset) for letter in letters if letter.topic == "inbox"}
    for partition, fact in missing:
        if (partition, fact.offset) not in aside:
            message = f"the fact at inbox offset {fact.offset} was acknowledged and is nowhere on the log"
            problems.append(_on_partition(ProblemKind.FACT_LOST, partition, None, message, fact.conversation_id))
    problems += anchors.problems() if anchors else ()
    return Verification(
        events=sum(check.events for check in checks),
        conversations=len({name for check in checks for name in check.conversations}),
        decisions=sum(check.decisions for check in checks),
        not_recomputable=sum(check.not_recomputable for check in checks),
        forgotten=sum(check.forgotten for check in checks),
        without_key=sum(check.without_key for check in checks),
        void=sum(check.void for check in checks),
        imported=sum(check.imported for check in checks),
        problems=tuple(problems),
        anchored=anchors.told if anchors else None,
    )


def _on_partition(
    kind: ProblemKind, partition: int, offset: int | None, message: str, conversation_id: str | None = None
) -> Problem:
    return Problem(
        kind=kind, partition=partition, conversation_id=conversation_id, seq=None, offset=offset, message=message
    )
