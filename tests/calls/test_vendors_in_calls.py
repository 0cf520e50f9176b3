"""Calls with emulated vendors through their real SDKs: all well, and each of them failing in its own ways."""

from __future__ import annotations

import contextlib
import io
import re
from typing import Any

import pytest

from console.settings import Settings
from emulators.draws import draw_for
from schemas import facts as f
from tests.calls import answered
from tests.calls.answered import LOST_CARD, Held, local_parts
from tests.calls.vendors_emulated import KEY, answered_at_once, emulated, vendor_settings
from tests.speech.word_error import word_errors

SCRIPT = f"""
caller:
  - wav: {LOST_CARD}
    after: agent_started
    pause_ms: 200
hang_up_after_ms: 200
"""
MODEL_FAULTS: dict[str, dict[str, Any]] = {
    "limited": {"fault": "rate_limited", "retry_after_s": 30},
    "limited-a-moment": {"fault": "rate_limited", "retry_after_s": 0.3, "times": 2},
    "broken": {"fault": "server_error", "status": 503},
    "stalls-at-once": {"fault": "stall_before_first_token", "stall_s": 20},
    "stalls-later": {"fault": "stall_after_tokens", "tokens": 2, "stall_s": 20},
    "only-breathes": {"fault": "keep_alives", "for_s": 20},
    "says-nothing": {"fault": "empty_completion"},
    "speaks-german": {"fault": "other_language"},
    "is-cut-short": {"fault": "cut_short"},
    "hangs-up": {"fault": "drop_connection"},
}
STALLS = ("stalls-at-once", "stalls-later", "only-breathes")
VOICE_FAULTS: dict[str, dict[str, Any]] = {
    "voice-dead": {"fault": "server_error", "service": "tts", "status": 500},
    "voice-stalls": {"fault": "stall_before_audio", "stall_s": 20},
    "voice-drops": {"fault": "drop_mid_audio", "after_ms": 1000},
}
EAR_FAULTS: dict[str, dict[str, Any]] = {
    "ear-drops-once": {"fault": "close_mid_turn", "code": 1011, "times": 2},  # the first is the try before the ring
    "ear-stalls": {"fault": "silent_stall"},
    "ear-never-opens": {"fault": "no_connected"},
}


def all_faults() -> list[dict[str, Any]]:
    by_call = [{**fault, "label": f"^call-{name}/"} for name, fault in MODEL_FAULTS.items()]
    by_voice = [{**fault, "model": f"^{name}$"} for name, fault in VOICE_FAULTS.items()]
    by_tag = [{**fault, "label": f"^{listening_label(name)}$"} for name, fault in EAR_FAULTS.items()]
    return [*by_call, *by_voice, *by_tag]


def listening_label(tag: str) -> str:
    """How the emulator labels a connection that has a tag and no label."""
    return draw_for(0, {}, fallback=tag, kind="listen").label


class Scene:
    """All calls, held once; what was told on stderr."""

    def __init__(self, held: dict[str, Held], told: str) -> None:
        self.held, self.told = held, told


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("calls")
    told = io.StringIO()
    with pytest.MonkeyPatch.context() as monkeypatch, contextlib.redirect_stderr(told):
        config = emulated(all_faults(), approved_first_step())
        held = answered_at_once(folder, config, all_calls, monkeypatch, SCRIPT).held
    return Scene(held, told.getvalue())


def all_calls(url: str) -> dict[str, Settings]:
    """Calls with one model share what is known of its provider, and a refusal bars it for all of them: so each has its own."""
    calls = {"well": vendor_settings(url)}
    calls |= {name: vendor_settings(url, llm={"model": f"for-{name}"}) for name in MODEL_FAULTS}
    calls |= {name: vendor_settings(url, tts={"voice": name}) for name in VOICE_FAULTS}
    calls |= {name: vendor_settings(url, stt={"options": {"tag": name}}) for name in EAR_FAULTS}
    no_key_fits = {"stt": {"api_key": "wrong-1"}, "tts": {"api_key": "wrong-2"}, "llm": {"api_key": "wrong-3"}}
    return calls | {"no-keys-fit": vendor_settings(url, **no_key_fits)}


def approved_first_step() -> str:
    behaviour = local_parts().behaviour
    lost_card = behaviour.intent("lost_card")
    assert lost_card is not None
    procedure = behaviour.procedure(lost_card.procedure or "")
    assert procedure is not None
    return procedure.steps[0].say


def replied(held: Held) -> str:
    """What was heard of the reply to the caller, holding lines left out."""
    return held.payloads(f.SpeechCompleted)[-1].spoken


def test_with_all_vendors_well_they_do_it_all(scene: Scene) -> None:
    held = scene.held["well"]
    (turn,) = held.report.turns
    assert (turn.outcome, turn.heard, turn.intent) == ("reply", "Hi, I lost my credit card.", "lost_card")
    assert held.report.providers[:3] == (
        "stt:deepgram-flux (emulated)",
        "tts:elevenlabs (emulated)",
        "llm:openai/emulated (emulated)",
    )
    returned = held.payloads(f.CompletionReturned)
    assert {completion.provider for completion in returned} == {"openai"}
    assert replied(held) == approved_first_step()


@pytest.mark.parametrize("name", MODEL_FAULTS)
def test_whatever_a_model_does_the_caller_is_answered_before_the_hard_mark(name: str, scene: Scene) -> None:
    held = scene.held[name]
    (turn,) = held.report.turns
    assert turn.outcome == "reply"
    assert "freeze the card" in (turn.spoken or "")
    assert not held.payloads(f.FallbackPlayed)
    failures = {failure.reason for failure in held.payloads(f.EffectFailed)}
    answers = {completion.text for completion in held.payloads(f.CompletionReturned)}
    assert failures or answers or held.payloads(f.EffectCancelled)


@pytest.mark.parametrize("name", STALLS)
def test_while_a_model_stalls_the_caller_is_held(name: str, scene: Scene) -> None:
    assert scene.held[name].report.turns[0].held >= 1


@pytest.mark.parametrize("name", ["voice-dead", "voice-stalls"])
def test_a_voice_that_never_speaks_is_replaced_and_not_called_in_use(name: str, scene: Scene) -> None:
    held = scene.held[name]
    (turn,) = held.report.turns
    assert (turn.outcome, replied(held)) == ("reply", turn.chosen)
    assert held.report.providers[1].startswith("tts:local-voice")


def test_an_answer_whose_voice_broke_off_is_said_to_its_end_by_another_one(scene: Scene) -> None:
    held = scene.held["voice-drops"]
    (turn,) = held.report.turns
    assert (turn.outcome, replied(held)) == ("reply", turn.chosen)
    progress = [one.spoken_so_far for one in held.payloads(f.SpeechProgressed) if one.candidate_id == turn.candidate_id]
    assert turn.chosen
    assert all(turn.chosen.startswith(spoken) for spoken in progress)
    assert held.report.providers[1].startswith("tts:elevenlabs")


@pytest.mark.parametrize("name", ["ear-drops-once", "ear-stalls", "ear-never-opens"])
def test_a_recogniser_that_is_lost_in_mid_turn_costs_no_word(name: str, scene: Scene) -> None:
    (turn,) = scene.held[name].report.turns
    assert word_errors("Hi, I lost my credit card.", turn.heard or "") <= 1
    assert (turn.outcome, turn.intent) == ("reply", "lost_card")


@pytest.mark.parametrize("failure", ["code 1011", "fell silent", "never said Connected"])
def test_a_recogniser_that_fails_is_told_with_what_helps_out(failure: str, scene: Scene) -> None:
    (line,) = [line for line in scene.told.splitlines() if failure in line]
    assert "deepgram-flux" in line
    assert "the local recogniser listens instead" in line


def test_a_recogniser_that_never_opens_is_not_called_in_use(scene: Scene) -> None:
    assert scene.held["ear-never-opens"].report.providers[0] == "stt:local-recogniser"


def test_with_wrong_keys_the_local_parts_carry_the_call(scene: Scene) -> None:
    held = scene.held["no-keys-fit"]
    (turn,) = held.report.turns
    assert (turn.outcome, turn.intent) == ("reply", "lost_card")
    stt, tts, llm = held.report.providers[:3]
    assert (stt, llm) == ("stt:local-recogniser", "llm:approved")
    assert tts.startswith("tts:local-voice")


@pytest.mark.parametrize(
    ("vendor", "variables"),
    [
        ("deepgram-flux", ("LEDGERLINE_STT__API_KEY", "DEEPGRAM_API_KEY")),
        ("elevenlabs", ("LEDGERLINE_TTS__API_KEY", "ELEVENLABS_API_KEY")),
        ("openai", ("LEDGERLINE_LLM__API_KEY", "OPENAI_API_KEY")),
    ],
)
def test_a_wrong_key_is_told_once_with_the_variable_to_set(
    vendor: str, variables: tuple[str, ...], scene: Scene
) -> None:
    (line,) = [line for line in scene.told.splitlines() if f"{vendor} refused the key" in line]
    assert all(variable in line for variable in variables)
    assert "401" in line


def test_no_key_is_ever_told(scene: Scene) -> None:
    assert not re.search(f"{KEY}|wrong-[123]", scene.told)
    assert "Traceback" not in scene.told


def test_every_log_is_sound(scene: Scene) -> None:
    for held in scene.held.values():
        answered.assert_sound(held.made.recording.parent.parent)
