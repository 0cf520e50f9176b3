"""Cartesia speaks in calls: chosen by its settings, interrupted, failing, and never with somebody else's key."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import pytest

from console.settings import Settings, load_settings
from console.vendor_trouble import VendorTrouble
from console.vendors import open_speech
from emulators.state import ServiceStats
from providers.cartesia_voice import DEFAULT_MODEL, DEFAULT_VOICE
from schemas import decisions as d
from schemas import facts as f
from simulation.virtual_loop import run_virtual
from tests.calls import answered
from tests.calls.answered import DEMO, LOST_CARD, Held
from tests.calls.commands import failed, forget_settings, ledgerline
from tests.calls.test_vendors_in_calls import approved_first_step
from tests.calls.vendors_emulated import WORDS, answered_at_once, emulated, vendor_settings

INTERRUPTS = "Wait, stop. What are your opening hours?"
SECRET = "sk-very-secret-0123456789"
SCRIPT = f"""
caller:
  - wav: {LOST_CARD}
    after: agent_started
    pause_ms: 200
  - wav: {DEMO / "3-stop-opening-hours.wav"}
    after: agent_started
    pause_ms: 1200
hang_up_after_ms: 200
"""
FAULTS: list[dict[str, Any]] = [
    {"fault": "rate_limited", "service": "tts", "model": "^plan-used-up$"},
    {"fault": "stall_before_audio", "stall_s": 20, "model": "^stalls$"},
]


class Scene:
    def __init__(self, held: dict[str, Held], told: str, voice: ServiceStats) -> None:
        self.held, self.told, self.voice = held, told, voice


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    told = io.StringIO()
    with pytest.MonkeyPatch.context() as monkeypatch, contextlib.redirect_stderr(told):
        config = emulated(FAULTS, approved_first_step(), (WORDS, INTERRUPTS))
        answered_all = answered_at_once(tmp_path_factory.mktemp("calls"), config, all_calls, monkeypatch, SCRIPT)
    return Scene(answered_all.held, told.getvalue(), answered_all.voice)


def all_calls(url: str) -> dict[str, Settings]:
    cartesia = {"provider": "cartesia"}
    calls = {"well": vendor_settings(url, tts=cartesia)}
    calls |= {name: vendor_settings(url, tts={**cartesia, "voice": name}) for name in ("plan-used-up", "stalls")}
    return calls | {"wrong-key": vendor_settings(url, tts={**cartesia, "api_key": "wrong-key"})}


def test_cartesia_speaks_and_is_called_in_use(scene: Scene) -> None:
    held = scene.held["well"]
    assert held.report.providers[1] == "tts:cartesia (emulated)"
    assert held.report.turns[0].heard == WORDS
    assert held.payloads(f.SpeechStarted)


def test_an_interruption_leaves_what_was_heard_to_the_word(scene: Scene) -> None:
    held = scene.held["well"]
    whole = approved_first_step()
    chosen = next(reply for reply in held.payloads(d.ReplyChosen) if whole.startswith(reply.text))  # its first sentence
    (heard,) = [
        cut.spoken_so_far for cut in held.payloads(f.SpeechInterrupted) if cut.candidate_id == chosen.candidate_id
    ]
    said, reply = heard.split(), whole.split()
    assert 0 < len(said) < len(reply)
    assert said == reply[: len(said)]


@pytest.mark.parametrize("name", ["plan-used-up", "stalls", "wrong-key"])
def test_a_cartesia_that_does_not_speak_is_replaced_and_not_called_in_use(name: str, scene: Scene) -> None:
    held = scene.held[name]
    assert held.report.turns[0].outcome == "reply"
    assert held.report.providers[1].startswith("tts:local-voice")


def test_no_call_sends_text_to_a_context_that_is_over(scene: Scene) -> None:
    assert set(scene.voice.refused) <= {"401", "429"}
    assert scene.voice.in_flight == 0


def test_a_wrong_key_is_told_with_the_variable_to_set_and_never_shown(scene: Scene) -> None:
    (line,) = [line for line in scene.told.splitlines() if "cartesia refused the key" in line]
    assert "LEDGERLINE_TTS__API_KEY or CARTESIA_API_KEY" in line
    assert "ELEVENLABS" not in line
    assert "wrong-key" not in scene.told


def test_every_log_is_sound(scene: Scene) -> None:
    for held in scene.held.values():
        answered.assert_sound(held.made.recording.parent.parent)


# --- settings ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def nothing_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_settings(monkeypatch, tmp_path)


def configured(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load_settings()


class AskedError(Exception):
    """Cartesia's voice was put together."""


def cartesia_settings(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Any:
    """The vendor's own settings that come out of ours."""
    asked: list[Any] = []

    def refuse(given: Any) -> None:
        asked.append(given)
        raise AskedError

    monkeypatch.setattr("providers.cartesia_voice.CartesiaVoice", refuse)
    settings.stt.provider = "local"
    with pytest.raises(AskedError):
        run_virtual(open_speech(settings, VendorTrouble()))
    return asked[0]


@pytest.mark.usefixtures("nothing_configured")
def test_cartesia_is_set_by_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = configured(
        monkeypatch,
        LEDGERLINE_TTS__PROVIDER="cartesia",
        LEDGERLINE_TTS__URL="https://voice.example",
        LEDGERLINE_TTS__API_KEY=SECRET,
        LEDGERLINE_TTS__VOICE="a-voice",
        LEDGERLINE_TTS__MODEL="a-model",
        LEDGERLINE_TTS__OPTIONS='{"language": "de"}',
    )
    asked = cartesia_settings(monkeypatch, settings)
    assert (asked.api_key, asked.url, asked.voice_id) == (SECRET, "https://voice.example", "a-voice")
    assert (asked.model, asked.options) == ("a-model", {"language": "de"})


@pytest.mark.usefixtures("nothing_configured")
def test_its_usual_variable_is_enough_and_its_defaults_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = configured(monkeypatch, CARTESIA_API_KEY=SECRET)
    assert (settings.vendors(), settings.tts.vendor()) == (["tts"], "cartesia")
    asked = cartesia_settings(monkeypatch, settings)
    assert (asked.api_key, asked.voice_id, asked.model) == (SECRET, DEFAULT_VOICE, DEFAULT_MODEL)


@pytest.mark.usefixtures("nothing_configured")
@pytest.mark.parametrize(
    ("provider", "vendor", "key"),
    [
        ("auto", "elevenlabs", "e"),
        ("elevenlabs", "elevenlabs", "e"),
        ("cartesia", "cartesia", "c"),
        ("local", None, "e"),
    ],
)
def test_with_both_keys_each_vendor_is_sent_its_own(
    provider: str, vendor: str | None, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = configured(monkeypatch, LEDGERLINE_TTS__PROVIDER=provider, ELEVENLABS_API_KEY="e", CARTESIA_API_KEY="c")
    assert settings.tts.vendor() == vendor
    assert settings.tts.api_key is not None
    assert settings.tts.api_key.get_secret_value() == key


@pytest.mark.usefixtures("nothing_configured")
def test_without_a_key_it_is_refused_before_the_call_and_the_doctor_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGERLINE_TTS__PROVIDER", "cartesia")
    monkeypatch.setenv("ELEVENLABS_API_KEY", SECRET)
    ran = ledgerline("call", "--wav", LOST_CARD, "--json", "--data", tmp_path / "d")
    failed(ran, 2, "LEDGERLINE_TTS__API_KEY", "CARTESIA_API_KEY")
    diagnosed = ledgerline("doctor", "--json")
    checks = {check["name"]: check for check in diagnosed.json["checks"]}
    assert checks["text to speech"]["found"] == "cartesia"
    assert "CARTESIA_API_KEY" in checks["cartesia"]["advice"]
    assert SECRET not in ran.out + ran.err + diagnosed.out + diagnosed.err
