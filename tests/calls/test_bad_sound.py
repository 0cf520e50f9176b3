"""Sound that a caller might bring: what can't be used is refused by name before it rings, the rest is heard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.calls import answered, sounds
from tests.calls.answered import LOST_CARD, hold, says
from tests.calls.commands import failed, forget_settings, ledgerline


@pytest.fixture(autouse=True)
def nothing_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_settings(monkeypatch, tmp_path)


def header_only(path: Path) -> Path:
    path.write_bytes(LOST_CARD.read_bytes()[:44])
    return path


def half_a_header(path: Path) -> Path:
    path.write_bytes(LOST_CARD.read_bytes()[:20])
    return path


def nothing(path: Path) -> Path:
    path.touch()
    return path


def text(path: Path) -> Path:
    path.write_text("hello, this is no sound\n" * 50)
    return path


def missing(path: Path) -> Path:
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (nothing, "empty"),
        (half_a_header, "header is cut short"),
        (header_only, "holds no audio"),
        (text, "not a WAV"),
        (missing, "no such file"),
        (folder, "can't be read"),
    ],
)
def test_a_file_that_is_no_sound_is_named_and_nothing_rings(
    make: Callable[[Path], Path], problem: str, tmp_path: Path
) -> None:
    path = make(tmp_path / "said.wav")
    failed(ledgerline("call", "--wav", path, "--json", "--data", tmp_path / "data"), 2, "said.wav", problem)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("make", [sounds.mu_law, sounds.float_stereo])
def test_telephone_and_studio_sound_is_understood(make: Callable[[Path], Path], tmp_path: Path) -> None:
    held = hold(tmp_path / "data", says(make(tmp_path / "said.wav")))
    (turn,) = held.report.turns
    assert (turn.intent, turn.outcome) == ("lost_card", "reply")


def test_a_cut_file_is_said_as_far_as_it_goes_and_the_warning_names_it_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = hold(tmp_path / "data", says(sounds.truncated(tmp_path / "said.wav")))
    told = capsys.readouterr().err
    assert "cut short" in told
    assert told.count("said.wav") == 1
    (turn,) = held.report.turns
    assert (turn.heard or "").startswith("Hi, I lost my")
    assert turn.spoken


def test_an_hour_of_silence_is_asked_after_then_released(tmp_path: Path) -> None:
    held = hold(tmp_path / "data", says(sounds.silence(tmp_path / "hour.wav", 3600)))
    silence = held.made and answered.local_parts().behaviour.silence
    assert [turn.cause for turn in held.report.agent_turns] == ["greeting", "silence", "silence"]
    assert held.spoken[1:] == [silence.ask, silence.release]
    assert held.report.ended == "agent_hung_up"
    assert held.report.duration_s is not None
    assert held.report.duration_s < 60


def test_pure_noise_is_never_taken_for_words(tmp_path: Path) -> None:
    held = hold(tmp_path / "data", says(sounds.noise(tmp_path / "noise.wav")))
    assert held.report.turns == ()
    assert held.report.ended is not None
    answered.assert_sound(tmp_path / "data")
