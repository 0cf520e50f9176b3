"""Whatever callers, models, guests and other systems wrote: a terminal shows it, and obeys none of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from console.event_lines import event_line
from console.race_render import Canvas
from console.symbols import visible
from schemas import facts as f
from schemas.models import ProviderCost
from streams.fact_writer import fact_event
from tests.calls.commands import forget_settings, ledgerline

OBEYED = "\x1b]0;owned\x07 \x1b[2J\x9b31m gone\rover it \u202e backwards"
SEEN = {"\x1b", "\x07", "\x9b", "\r", "\u202e"}


@pytest.fixture(autouse=True)
def unconfigured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    forget_settings(monkeypatch, tmp_path)


@pytest.fixture
def imported(tmp_path: Path) -> Path:
    entries = [
        {"type": "message", "role": "caller", "text": OBEYED},
        {"type": "message", "role": "agent", "text": "No.\n   9  t9   agent  Yes."},
    ]
    told = {"id": "desk-1", "subject": OBEYED, "started_at": "2024-03-01T09:00:00Z", "entries": entries}
    (tmp_path / "transcripts.jsonl").write_text(json.dumps(told))
    ran = ledgerline("import", "--from", "transcripts", tmp_path / "transcripts.jsonl", "--data", tmp_path / "data")
    assert ran.code == 0, ran
    return tmp_path / "data"


@pytest.mark.parametrize(
    "look", [("show", "last"), ("show", "last", "--events"), ("show", "last", "--at", "2"), ("why", "last", "t1")]
)
def test_no_command_hands_a_terminal_what_it_would_obey(imported: Path, look: tuple[str, ...]) -> None:
    ran = ledgerline(*look, "--data", imported)
    assert ran.code == 0, ran
    assert "gone" in ran.out
    assert not SEEN & set(ran.out)


def test_words_of_several_lines_forge_no_line_of_a_conversation(imported: Path) -> None:
    lines = ledgerline("show", "last", "--data", imported).out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["2", "3"]


def test_an_event_is_one_line() -> None:
    posted = f.GuestVerdictPosted(guardrail="veto", candidate_id="a\nb", text_digest=OBEYED, passed=True)
    line = event_line(fact_event("c1", posted, turn_id="t1\x00\n"), 0.0)
    assert "\n" not in line
    assert not (SEEN | {"\x00"}) & set(line)


def test_the_view_of_a_race_shows_it_in_as_many_columns() -> None:
    drawn = Canvas(width=200, height=40, ascii_only=False).text((OBEYED, "bold")).plain
    assert not SEEN & set(drawn)
    assert len(drawn) == len(OBEYED)


def test_other_signs_stay() -> None:
    assert visible("I’m 30\u00a0% sure\n\tof it, 👩‍🔧") == "I’m 30\u00a0% sure\n\tof it, 👩‍🔧"


def test_a_line_names_who_was_asked_and_what_each_took() -> None:
    parts = (
        ProviderCost("a", "m", "rate_limited", calls=2, cost_micros=0),
        ProviderCost("b", "m", "timed_out"),
        ProviderCost("c", "m", "answered", cost_micros=70),
    )
    told = "parts=a:rate_limited×2:0,b:timed_out:?,c:answered:70"
    answer = f.CompletionReturned(ask_id="a", attempt=0, text="t", provider="c", model="m", parts=parts)
    assert told in event_line(fact_event("c1", answer), 0.0)
    assert told in event_line(fact_event("c1", f.ScoresReturned(ask_id="a", scores=(), model="c:m", parts=parts)), 0.0)
