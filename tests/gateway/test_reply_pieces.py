"""What is left of a reply whose voice broke off, and what was heard of it."""

from __future__ import annotations

from schemas import decisions as d
from voice_gateway.commands import Sound, SoundKind
from voice_gateway.reply_pieces import ReplyPieces

TEXT = "One two three four. Five six seven eight."


def broken_off(heard: str, *, exact: bool) -> ReplyPieces:
    """A reply of one piece, of which ``heard`` was played when its voice broke off."""
    chosen = d.ReplyChosen(candidate_id="c", text=TEXT, intent="fees", answers_through=1, take=1, action="answer")
    pieces = ReplyPieces(chosen, "t2")
    pieces.broke_off(Sound(SoundKind.REPLY, "c", TEXT), heard, exact=exact)
    return pieces


def test_a_sentence_that_may_have_been_cut_is_said_again() -> None:
    pieces = broken_off("One two three four. Five", exact=False)
    assert [piece.text for piece in pieces.ahead] == [TEXT]


def test_a_sentence_that_was_surely_heard_is_not_said_again() -> None:
    pieces = broken_off("One two three four. Five six", exact=False)
    assert [piece.text for piece in pieces.ahead] == ["Five six seven eight."]


def test_what_is_said_anew_is_heard_once() -> None:
    pieces = broken_off("One two three four. Five six", exact=False)
    pieces.over(pieces.ahead.pop(0).text)
    assert pieces.heard("") == pieces.said == TEXT
