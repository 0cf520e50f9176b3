"""A reply as it is said: piece by piece, since what comes after its first sentence may still be undecided when it starts."""

from __future__ import annotations

from schemas import decisions as d
from voice_gateway.commands import Sound, SoundKind


class ReplyPieces:
    """``ahead``: pieces that may be said and weren't started, in order. ``complete``: no others will follow them."""

    def __init__(self, chosen: d.Spoken, turn_id: str) -> None:
        self.candidate_id, self.turn_id = chosen.candidate_id, turn_id
        self.ahead: list[Sound] = []
        self.complete = not (isinstance(chosen, d.ReplyChosen) and chosen.more)
        self._known = 1
        self._said: list[str] = []

    @property
    def said(self) -> str:
        """What was heard of the pieces that are over."""
        return " ".join(self._said)

    @property
    def last(self) -> bool:
        """Whether nothing comes after what plays."""
        return self.complete and not self.ahead

    def release(self, piece_id: str, text: str, *, last: bool) -> None:
        """One more piece may be said; an empty one says only that none follows."""
        if text:
            self.ahead.append(Sound(SoundKind.REPLY, piece_id, text, self._known))
            self._known += 1
        self.complete = last

    def heard(self, spoken: str) -> str:
        """All that was heard, with ``spoken`` of what plays."""
        return " ".join(part for part in (self.said, spoken) if part)

    def over(self, spoken: str) -> None:
        """A piece was heard to its end."""
        self._said.append(spoken)

    def end_here(self) -> None:
        """Nothing is said after what plays."""
        self.ahead.clear()
        self.complete = True
