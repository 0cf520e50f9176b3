"""What ``verify`` can find wrong, by name."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class ProblemKind(StrEnum):
    UNKNOWN_SCHEMA = "unknown_schema"  # a type or version that this code doesn't know
    UNDECODABLE = "undecodable"  # bytes that are not what their schema says, or don't open with their key
    BROKEN_STEP = "broken_step"  # a step lacks records, or has some twice or out of place
    HALF_STEP = "half_step"  # the log ends within a step that nobody can finish
    HASH = "hash"  # the bytes of a record are not those that its hash was made over
    CHAIN = "chain"  # a record does not name the one before it
    SEQ = "seq"  # a conversation's events aren't numbered 1, 2, 3, …
    DUPLICATE_ID = "duplicate_id"
    MISPLACED = "misplaced"  # a record is stored under another conversation, type, version or partition than it states
    STAMP = "stamp"  # what an owner stamps alike on a whole step differs, or goes back
    EPOCH = "epoch"  # a record of an epoch that no owner had announced, or an announcement that bears another
    DECISION = "decision"  # the deciders decide otherwise for what stands before
    DECIDER_VERSION = "decider_version"  # one reign, two versions of the deciders
    BEHAVIOUR_MISSING = "behaviour_missing"
    KEY = "key"  # the key store can't open this conversation's key, or lost it
    OFFSET = "offset"  # offsets are missing, or the log ends before what its owner knew
    REWRITTEN = "rewritten"  # a conversation has another hash where it was anchored
    CUT_OFF = "cut_off"  # a conversation ends before what was anchored of it
    REMOVED = "removed"  # nothing is left of a conversation that was anchored
    INSERTED = "inserted"  # a conversation claims to be older than an anchor that doesn't know it
    FACT_LOST = "fact_lost"  # a fact at or below the inbox mark is neither on the log nor among the dead letters


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """``conversation_id``, ``seq``, ``offset``: null where unknown. ``message`` holds no private text."""

    kind: ProblemKind
    partition: int
    conversation_id: str | None
    seq: int | None
    offset: int | None
    message: str
