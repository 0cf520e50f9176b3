"""Callers who hesitate, at a recogniser that takes an "uh", or half a sentence, for all they say: real sound, the real Flux
client, real voices."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_core.audio import pcm_silence
from agent_core.wav import write_wav
from console.settings import Settings
from providers.whisper import shared_whisper
from schemas import decisions as d
from schemas import facts as f
from tests.calls import answered
from tests.calls.answered import DEMO, LOST_CARD, Held, clip
from tests.calls.vendors_emulated import answered_at_once, emulated, vendor_settings

SHORT = DEMO / "6-okay.wav"  # sounds in place of an "uh"
PAUSES_MS = (600, 900, 1200, 1500)
HALF = "Well, I'd like to"
ASKS_AGAIN = "didn't quite get"


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Held]:
    folder = tmp_path_factory.mktemp("calls")
    hesitant = b"".join(clip(SHORT) + pcm_silence(pause_ms) for pause_ms in PAUSES_MS) + clip(LOST_CARD)
    write_wav(folder / "hesitant.wav", hesitant)
    fillers = ("Uh.", "Um, uh...", "Uhh.", "Er,")
    with pytest.MonkeyPatch.context() as monkeypatch:
        goes_on = _held(
            folder / "a", monkeypatch, "goes-on", folder / "hesitant.wav", (*fillers, "I lost my card."), 300
        )
        no_more = _held(folder / "b", monkeypatch, "no-more", SHORT, ("Uh.",), 12_000)
        write_wav(folder / "half.wav", clip(SHORT) + pcm_silence(1200) + clip(LOST_CARD))
        half = _held(folder / "c", monkeypatch, "half", folder / "half.wav", (HALF, "report that I lost my card."), 300)
        only_half = _held(folder / "d", monkeypatch, "only-half", SHORT, (HALF,), 6000)
    return {**goes_on, **no_more, **half, **only_half}


def _held(
    folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, wav: Path, heard: tuple[str, ...], then_ms: int
) -> dict[str, Held]:
    script = f"caller:\n  - wav: {wav}\nhang_up_after_ms: {then_ms}\n"

    def calls(url: str) -> dict[str, Settings]:
        return {name: vendor_settings(url, tts={"provider": "local"})}

    return answered_at_once(folder, emulated([], "We can block it.", heard), calls, monkeypatch, script).held


def test_who_hesitates_and_goes_on_is_answered_once(held: dict[str, Held]) -> None:
    call = held["goes-on"]
    heard = [said.text for said in call.payloads(f.UtteranceHeard) if said.final]
    assert heard == ["Uh. Um, uh... Uhh. Er, I lost my card."]
    assert [turn.intent for turn in call.report.turns] == ["lost_card"]
    assert not any(turn.cut_in for turn in call.report.turns)


def test_who_only_hesitates_is_asked_whether_they_are_there_and_never_what_they_meant(held: dict[str, Held]) -> None:
    call = held["no-more"]
    dismissed = call.payloads(f.CallerSpeechDismissed)
    assert [each.text for each in dismissed if each.why == "filler"] == ["Uh."]
    assert {each.why for each in dismissed} <= {"filler", "no_words"}, "a sound may begin before its words are known"
    assert call.payloads(f.UtteranceHeard) == []
    assert call.spoken[1] == "Are you still there?"
    assert {turn.cause for turn in call.report.agent_turns} == {"greeting", "silence"}
    assert not [formed for formed in call.payloads(d.CandidateFormed) if formed.action == "clarify"]


def test_who_breaks_off_in_a_sentence_and_goes_on_is_answered_once(held: dict[str, Held]) -> None:
    call = held["half"]
    heard = [said.text for said in call.payloads(f.UtteranceHeard) if said.final]
    assert heard == ["Well, I'd like to report that I lost my card."]
    assert [turn.intent for turn in call.report.turns] == ["lost_card"]
    assert not any(turn.cut_in for turn in call.report.turns)


def test_who_breaks_off_and_says_no_more_is_asked_what_they_meant(held: dict[str, Held]) -> None:
    call = held["only-half"]
    assert [said.text for said in call.payloads(f.UtteranceHeard)] == [HALF]
    assert ASKS_AGAIN in call.spoken[1]
    assert not call.payloads(f.HoldingPlayed), "nothing is looked up for who thinks"


@pytest.mark.parametrize(
    ("name", "asked_again"), [("goes-on", False), ("no-more", False), ("half", False), ("only-half", True)]
)
def test_nobody_hears_that_they_were_not_understood_but_who_said_half_a_sentence(
    name: str, asked_again: bool, held: dict[str, Held]
) -> None:
    agent = answered.one_channel(held[name].made.recording, 1)
    pieces = [agent[at : at + 20 * 32_000] for at in range(0, len(agent), 20 * 32_000)]
    heard = " ".join(shared_whisper().transcribe(piece).text for piece in pieces)
    assert heard
    assert (ASKS_AGAIN in heard) == asked_again


@pytest.mark.parametrize("name", ["goes-on", "no-more", "half", "only-half"])
def test_the_log_is_sound(held: dict[str, Held], name: str) -> None:
    answered.assert_sound(held[name].made.recording.parent.parent)
