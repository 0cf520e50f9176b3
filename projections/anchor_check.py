"""Does the log still hold what was anchored? Every head, at its seq, with its hash.

A head's hash covers its conversation from the first event on, so with the chains intact one comparison a conversation finds
whatever was changed, put in another order, or left out before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from projections.anchors import Anchors
from projections.problems import Problem, ProblemKind
from schemas.event import Event
from streams.ports import LogRecord


class Anchored(msgspec.Struct, frozen=True, kw_only=True):
    """What the log was compared with. ``key``: the public key of the last anchor, hex. ``events_since``: in
    ``conversations_since``, that no anchor covers: they came after the last one, or were put there by somebody."""

    anchors: int
    at: str
    heads: int
    key: str
    events_since: int
    conversations_since: int


class AnchorCheck:
    """Show it every effective event."""

    def __init__(self, anchors: Anchors) -> None:
        self._anchors = anchors
        self._left = dict(anchors.heads)
        self._reached: dict[str, tuple[int, LogRecord]] = {}
        self._found: list[Problem] = []
        self._since: Counter[str] = Counter()  # events that no anchor covers, by conversation

    @property
    def told(self) -> Anchored | None:
        last = self._anchors.last
        if last is None:
            return None
        return Anchored(
            anchors=last.number,
            at=last.at,
            heads=last.heads,
            key=last.key,
            events_since=self._since.total(),
            conversations_since=len(self._since),
        )

    def saw(self, event: Event, record: LogRecord) -> None:
        conversation_id = event.conversation_id
        anchored = self._anchors.heads.get(conversation_id)
        if anchored is None or event.seq > anchored.seq:
            self._since[conversation_id] += 1
        head = self._left.get(conversation_id)
        if head is None:
            if event.seq == 1 and anchored is None:
                self._new(event, record)
            return
        self._reached[conversation_id] = (event.seq, record)
        if event.seq == head.seq:
            del self._left[conversation_id]
            if event.hash.hex() != head.hash:
                message = "its hash is not the one that was anchored: this event, or one before it, was changed"
                self._found.append(_problem(ProblemKind.REWRITTEN, conversation_id, event.seq, record, message))

    def _new(self, event: Event, record: LogRecord) -> None:
        last = self._anchors.last
        if last is None or record.imported_under is not None or record.partition >= len(last.places):
            return
        if event.accepted_at_us < last.places[record.partition].accepted_at_us:
            message = "it claims to be older than the last anchor, which doesn't know it"
            self._found.append(_problem(ProblemKind.INSERTED, event.conversation_id, event.seq, record, message))

    def problems(self) -> Iterator[Problem]:
        yield from self._found
        for conversation_id, head in sorted(self._left.items()):
            if conversation_id not in self._reached:
                message = f"its {head.seq} anchored events are gone, all of them"
                yield _problem(ProblemKind.REMOVED, conversation_id, None, None, message)
                continue
            seq, record = self._reached[conversation_id]
            message = f"it ends with seq {seq} or lacks seq {head.seq}, which was anchored"
            yield _problem(ProblemKind.CUT_OFF, conversation_id, seq, record, message)


def _problem(
    kind: ProblemKind, conversation_id: str, seq: int | None, record: LogRecord | None, message: str
) -> Problem:
    return Problem(
        kind=kind,
        partition=record.partition if record else 0,
        conversation_id=conversation_id,
        seq=seq,
        offset=record.offset if record else None,
        message=message,
    )
