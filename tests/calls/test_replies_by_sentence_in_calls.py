"""A real call whose replies go out by sentence: through the real voice, ear and log, word for word what was decided."""

from __future__ import annotations

from pathlib import Path

from schemas import decisions as d
from schemas import facts as f
from tests.calls.answered import LOST_CARD, assert_sound, hold, replays_identically, says


def test_a_reply_by_sentence_is_played_whole_told_once_and_recomputed(tmp_path: Path) -> None:
    held = hold(tmp_path / "call", says(LOST_CARD))
    (begun,) = (chosen for chosen in held.payloads(d.ReplyChosen) if chosen.more)
    released = held.payloads(d.SentenceReleased)
    assert [one.candidate_id for one in released] == [begun.candidate_id] * len(released)
    assert [one.last for one in released][-1]
    (heard,) = (s for s in held.payloads(f.SpeechCompleted) if s.candidate_id == begun.candidate_id)
    assert heard.spoken == " ".join((begun.text, *(one.text for one in released)))
    assert len([s for s in held.payloads(f.SpeechStarted) if s.candidate_id == begun.candidate_id]) == 1
    assert_sound(tmp_path / "call")
    assert replays_identically(tmp_path / "call", held.made.call_id)
