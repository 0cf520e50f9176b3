"""A reply as it is said: piece by piece, since what comes after its first sentence may still be undecided when it starts."""

from __future__ import annotations

from agent_core.sentences import sentences_of
from schemas import decisions as d
from voice_gateway.commands import Sound, SoundKind

MAX_BREAKS = 3  # of one reply: a voice that breaks off again and again is no voice
SURELY_HEARD = 0.75  # of what is taken to be heard by the share of the audio: voices differ in pace by less


class ReplyPieces:
    """``ahead``: pieces that may be said and weren't started, in order. ``complete``: no others will follow them.
    ``cut_short``: it ended before all of it was said."""

    def __init__(self, chosen: d.Spoken, turn_id: str) -> None:
        self.candidate_id, self.turn_id = chosen.candidate_id, turn_id
        self.ahead: list[Sound] = []
        self.complete = not (isinstance(chosen, d.ReplyChosen) and chosen.more)
        self.cut_short = False
        self._ends = False
        self._known = 1
        self._said: list[str] = []
        self._heard_before = ""  # of what is said anew, since the voice broke off in it
        self._breaks = 0

    @property
    def said(self) -> str:
        """What was heard of the pieces that are over."""
        return " ".join(part for part in self._said if part)

    @property
    def voiceless(self) -> bool:
        """Whether no voice brings it to its end."""
        return self._breaks > MAX_BREAKS

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
        newest = max(spoken, self._heard_before, key=len)
        return " ".join(part for part in (self.said, newest) if part)

    def over(self, spoken: str) -> None:
        """A piece was heard to its end."""
        self._said.append(spoken)
        self._heard_before = ""

    def broke_off(self, piece: Sound, spoken: str, *, exact: bool) -> None:
        """The voice broke off, and of a piece only ``spoken`` was heard: the rest comes next. It begins at the next word
        where it is known to the word what was heard (``exact``), else at the sentence in which the voice broke off."""
        self._breaks += 1
        words, heard = piece.text.split(), len(spoken.split())
        begin = heard if exact else _sentence_begin(piece.text, int(heard * SURELY_HEARD))
        most_heard = max(heard, len(self._heard_before.split()))
        self._said.append(" ".join(words[:begin]))
        self._heard_before = " ".join(words[begin:most_heard])
        rest = words[begin:]
        if rest and self._ends:
            self.cut_short = True
        elif rest:
            self.ahead.insert(0, Sound(SoundKind.REPLY, piece.sound_id, " ".join(rest), self._known))
            self._known += 1

    def end_here(self) -> None:
        """Nothing is said after what plays."""
        self.cut_short = self.cut_short or bool(self.ahead) or not self.complete
        self.ahead.clear()
        self.complete = self._ends = True


def _sentence_begin(text: str, heard: int) -> int:
    """The place of the first word of the sentence in which ``heard`` words end."""
    begin = 0
    for sentence in sentences_of(text):
        after = begin + len(sentence.split())
        if heard < after:
            break
        if after < len(text.split()):
            begin = after
    return begin
