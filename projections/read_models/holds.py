"""Holds: the lines that gateways played alone while nothing was decided, and the closing lines that ended turns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

from projections.read_models.definition import ConversationId, ReadModel, Row, Sealed, Seen, TurnId
from projections.sealed_text import sealed_field
from schemas import decisions as d
from schemas import facts as f


class HoldRow(Row, frozen=True, kw_only=True):
    conversation_id: ConversationId
    seq: Annotated[int, Meta(description="Of the HoldingPlayed or FallbackPlayed.")]
    turn_id: TurnId
    kind: Annotated[str, Meta(description="hold, or closing: the line at the hard mark, which ended the turn.")]
    phrase_id: Annotated[str, Meta(description="The granted phrase.")]
    phatic: Annotated[str | None, Meta(description="What it does for the caller; NULL: its grant wasn't read.")]
    pragmatic: Annotated[str | None, Meta(description="What it says that the agent does next; NULL as above.")]
    mark_ms: Annotated[int | None, Meta(description="The mark that had passed; NULL for closing lines.")]
    since_speech_end_ms: Annotated[float, Meta(description="From the caller's end of speech to its first sound.")]
    text: Annotated[Sealed | None, Meta(description="What was played.")]
    played_us: Annotated[int, Meta(description="The report was taken.")]


class Holds:
    def __init__(self) -> None:
        self._granted: dict[str, d.GrantedPhrase] = {}

    def take(self, seen: Seen) -> Iterable[Row]:
        event, payload = seen.event, seen.event.payload
        if isinstance(payload, d.StandingGranted):
            self._granted |= {phrase.phrase_id: phrase for phrase in (*payload.phrases, payload.closing)}
            return ()
        if not isinstance(payload, f.HoldingPlayed | f.FallbackPlayed):
            return ()
        granted = self._granted.get(payload.phrase_id)
        hold = payload if isinstance(payload, f.HoldingPlayed) else None
        row = HoldRow(
            conversation_id=event.conversation_id,
            seq=event.seq,
            turn_id=seen.turn_id,
            kind="hold" if hold else "closing",
            phrase_id=payload.phrase_id,
            phatic=granted.phatic if granted else None,
            pragmatic=granted.pragmatic if granted else None,
            mark_ms=hold.mark_ms if hold else None,
            since_speech_end_ms=payload.since_speech_end_ms,
            text=sealed_field(event, "text"),
            played_us=event.accepted_at_us,
        )
        return (row,)


HOLDS = ReadModel(
    name="holds",
    version=3,
    about="One row a line that a gateway played alone.",
    row=HoldRow,
    key=("conversation_id", "seq"),
    day="played_us",
    handles=frozenset({d.StandingGranted, f.HoldingPlayed, f.FallbackPlayed}),
    changes=False,
    fold=Holds,
)
