"""A real call whose replies go out by sentence: through the real voice, ear and log, word for word what was decided."""

from __future__ import annotations

import shutil
from pathlib import Path

from console.call import open_parts
from console.settings import EXAMPLE_BEHAVIOUR
from console.workspace import SqliteWorkspace
from schemas import decisions as d
from schemas import facts as f
from simulation.virtual_loop import run_virtual
from tests.calls.answered import (
    LOST_CARD,
    assert_sound,
    hold,
    local_settings,
    replays_identically,
    says,
    started_before,
)


def test_a_reply_by_sentence_is_played_whole_told_once_and_recomputed(tmp_path: Path) -> None:
    behaviour = tmp_path / "behaviour"
    shutil.copytree(EXAMPLE_BEHAVIOUR, behaviour)
    with (behaviour / "behaviour.yaml").open("a") as head:
        head.write("\nrelease:\n  by: sentence\n  repair: I'm sorry, I have to leave it there.\n")
    settings = local_settings(started_before(tmp_path / "parts")).model_copy(update={"behaviour": behaviour})
    workspace = SqliteWorkspace(tmp_path / "parts")
    try:
        parts = run_virtual(open_parts(settings, workspace))
    finally:
        workspace.close()
    held = hold(tmp_path / "call", says(LOST_CARD), parts)
    (begun,) = (chosen for chosen in held.payloads(d.ReplyChosen) if chosen.more)
    released = held.payloads(d.SentenceReleased)
    assert [one.candidate_id for one in released] == [begun.candidate_id] * len(released)
    assert [one.last for one in released][-1]
    (heard,) = (s for s in held.payloads(f.SpeechCompleted) if s.candidate_id == begun.candidate_id)
    assert heard.spoken == " ".join((begun.text, *(one.text for one in released)))
    assert len([s for s in held.payloads(f.SpeechStarted) if s.candidate_id == begun.candidate_id]) == 1
    assert_sound(tmp_path / "call")
    assert replays_identically(tmp_path / "call", held.made.call_id)
