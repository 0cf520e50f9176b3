"""Every documented setting does what it says, from the environment and the file; what is wrong is told without secrets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import providers.deepgram_flux
import providers.elevenlabs_voice
import providers.openai_compatible
from agent_core.behaviour_loader import load
from agent_core.ports import CompletionRequest, FailureReason, Message, ProviderError
from console.agent import make_model
from console.settings import EXAMPLE_BEHAVIOUR, ConfigurationError, LlmLimits, Settings, load_settings
from console.vendor_trouble import VendorTrouble
from console.vendors import open_speech
from simulation.virtual_loop import run_virtual
from tests.calls.answered import LOST_CARD
from tests.calls.commands import failed, forget_settings, ledgerline

SECRET = "sk-very-secret-0123456789"


@pytest.fixture(autouse=True)
def nothing_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forget_settings(monkeypatch, tmp_path)


class AskedError(Exception):
    """A vendor was put together with these settings."""

    def __init__(self, settings: Any) -> None:
        super().__init__("asked")
        self.settings = settings


def asked_of(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, use: Any) -> Any:
    """The vendor's own settings that come out of ours."""

    def refuse(settings: Any) -> None:
        raise AskedError(settings)

    monkeypatch.setattr(module, name, refuse)
    with pytest.raises(AskedError) as asked:
        use()
    return asked.value.settings


def set_all(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load_settings()


def opened(settings: Settings) -> None:
    run_virtual(open_speech(settings, VendorTrouble()))


def test_with_nothing_set_everything_is_local() -> None:
    settings = load_settings()
    assert settings.vendors() == []
    assert settings.data == Path(".ledgerline")
    assert settings.behaviour == EXAMPLE_BEHAVIOUR


def test_speech_to_text_is_set_by_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = set_all(
        monkeypatch,
        LEDGERLINE_STT__PROVIDER="deepgram",
        LEDGERLINE_STT__URL="wss://ears.example",
        LEDGERLINE_STT__API_KEY=SECRET,
        LEDGERLINE_STT__MODEL="flux-general-multi",
        LEDGERLINE_STT__OPTIONS='{"keyterm": ["Harbour", "IBAN"], "eot_threshold": 0.8}',
    )
    flux = asked_of(monkeypatch, providers.deepgram_flux, "DeepgramFlux", lambda: opened(settings))
    assert (flux.api_key, flux.url, flux.model) == (SECRET, "wss://ears.example", "flux-general-multi")
    assert flux.options == {"keyterm": ["Harbour", "IBAN"], "eot_threshold": 0.8}


def test_text_to_speech_is_set_by_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = set_all(
        monkeypatch,
        LEDGERLINE_STT__PROVIDER="local",
        LEDGERLINE_TTS__PROVIDER="elevenlabs",
        LEDGERLINE_TTS__URL="https://voice.example",
        LEDGERLINE_TTS__API_KEY=SECRET,
        LEDGERLINE_TTS__VOICE="a-voice",
        LEDGERLINE_TTS__MODEL="a-model",
        LEDGERLINE_TTS__OPTIONS='{"voice_settings": {"speed": 1.1}}',
    )
    eleven = asked_of(monkeypatch, providers.elevenlabs_voice, "ElevenLabsVoice", lambda: opened(settings))
    assert (eleven.api_key, eleven.url) == (SECRET, "https://voice.example")
    assert (eleven.voice_id, eleven.model) == ("a-voice", "a-model")
    assert eleven.options == {"voice_settings": {"speed": 1.1}}


def test_one_language_model_is_set_by_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = set_all(
        monkeypatch,
        LEDGERLINE_LLM__URL="https://models.example/v1",
        LEDGERLINE_LLM__API_KEY=SECRET,
        LEDGERLINE_LLM__MODEL="small",
        LEDGERLINE_LLM__OPTIONS='{"temperature": 0}',
    )
    behaviour = load(EXAMPLE_BEHAVIOUR)
    asked = asked_of(
        monkeypatch, providers.openai_compatible, "OpenAICompatible", lambda: make_model(settings.llm, behaviour)
    )
    assert (asked.url, asked.api_key, asked.model) == ("https://models.example/v1", SECRET, "small")
    assert asked.options == {"temperature": 0}


def test_several_language_models_are_a_list_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    several = [
        {"name": "first", "model": "large"},
        {"name": "second", "url": "http://models.example/v1", "model": "small", "options": {"top_p": 0.5}},
    ]
    settings = set_all(monkeypatch, LEDGERLINE_LLM__PROVIDERS=json.dumps(several), OPENAI_API_KEY=SECRET)
    first, second = settings.llm.all()
    assert (first.name, first.model, second.name, second.options) == ("first", "large", "second", {"top_p": 0.5})
    assert first.api_key is not None
    assert first.api_key.get_secret_value() == SECRET
    assert second.api_key is None, "OpenAI's key is nobody else's business"


def test_each_language_model_has_its_own_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = set_all(monkeypatch, LEDGERLINE_LLM__API_KEY=SECRET, LEDGERLINE_LLM__LIMITS__REQUESTS_PER_MINUTE="500")
    assert alone.llm.all()[0].limits == LlmLimits(requests_per_minute=500)
    several = [{"name": "a", "limits": {"tokens_per_minute": 30_000}}, {"name": "b"}]
    first, second = set_all(monkeypatch, LEDGERLINE_LLM__PROVIDERS=json.dumps(several)).llm.all()
    assert (first.limits, second.limits) == (LlmLimits(tokens_per_minute=30_000), None)


def test_a_limit_that_is_stated_is_known_before_the_first_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = set_all(monkeypatch, LEDGERLINE_LLM__API_KEY=SECRET, LEDGERLINE_LLM__LIMITS__TOKENS_PER_MINUTE="30000")
    router = make_model(settings.llm, load(EXAMPLE_BEHAVIOUR))
    extra = CompletionRequest(purpose="answer", model="answer", messages=(Message("user", "hello"),), attempt=1)
    with pytest.raises(ProviderError) as failure:
        run_virtual(router.complete(extra))
    assert failure.value.reason is FailureReason.CAPPED


def test_the_vendors_own_variables_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = set_all(
        monkeypatch,
        DEEPGRAM_API_KEY="d",
        ELEVENLABS_API_KEY="e",
        OPENAI_API_KEY="o",
        OPENAI_BASE_URL="http://ollama.example/v1",
    )
    assert settings.vendors() == ["stt", "tts", "llm"]
    keys = (settings.stt.api_key, settings.tts.api_key, settings.llm.api_key)
    assert [key and key.get_secret_value() for key in keys] == ["d", "e", "o"]
    assert settings.llm.all()[0].url == "http://ollama.example/v1"


def test_our_variables_win_over_the_vendors_and_local_wins_over_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = set_all(
        monkeypatch,
        DEEPGRAM_API_KEY="theirs",
        LEDGERLINE_STT__API_KEY="ours",
        OPENAI_API_KEY="o",
        LEDGERLINE_LLM__PROVIDER="local",
        LEDGERLINE_TTS__PROVIDER="local",
    )
    assert settings.stt.api_key is not None
    assert settings.stt.api_key.get_secret_value() == "ours"
    assert settings.vendors() == ["stt"]


def test_a_variable_that_is_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = {f"LEDGERLINE_{name}": "" for name in ("DATA", "TENANT", "LLM__URL", "STT__API_KEY", "TOOLS")}
    assert set_all(monkeypatch, OPENAI_BASE_URL="", **empty) == Settings()


def test_what_tests_and_benchmarks_read_is_no_mistake_in_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(
        monkeypatch,
        LEDGERLINE_TEST_KAFKA="127.0.0.1:9092",  # `make kafka` prints it beside the address of the log
        LEDGERLINE_ENGINES="Restate",
        LEDGERLINE_VOICE_ROWS="bare",
    )


def test_the_file_is_read_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ledgerline.toml").write_text(
        'data = "from-file"\n[stt]\nprovider = "local"\n[tts]\nvoice = "file-voice"\nmodel = "file-model"\n'
    )
    settings = set_all(monkeypatch, LEDGERLINE_TTS__VOICE="env-voice", LEDGERLINE_DATA="from-env")
    assert (settings.tts.voice, settings.tts.model, settings.stt.provider) == ("env-voice", "file-model", "local")
    assert settings.data == Path("from-env")
    assert load_settings(Path("from-option")).data == Path("from-option")


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("LEDGERLINE_STT__OPTIONS", "{bad", "not JSON"),
        ("LEDGERLINE_LLM__PROVIDERS", "[{", "not JSON"),
        ("LEDGERLINE_LLM__PROVIDERS", '{"a": 1}', "list"),
        ("LEDGERLINE_LLM__PROVIDERS", f'[{{"key": "{SECRET}"}}]', "LEDGERLINE_LLM__PROVIDERS__0__API_KEY"),
        ("LEDGERLINE_STT__PROVIDER", "nobody", "'deepgram'"),
        ("LEDGERLINE_STT__KEY", SECRET, "LEDGERLINE_STT__API_KEY"),
        ("LEDGERLINE_SST__API_KEY", SECRET, "LEDGERLINE_STT"),
        ("LEDGERLINE_TENANT", f"{SECRET}~", "no tenant's name"),
        ("LEDGERLINE_TOOLS", SECRET, "LEDGERLINE_TOOLS: not JSON"),
        ("LEDGERLINE_LLM__PRICES", f'"{SECRET}"', "expected settings by name"),
        ("LEDGERLINE_LLM__LIMITS", f"{{{SECRET}", "expected settings by name"),
        ("LEDGERLINE_LLM__LIMITS", "{}", "requests_per_minute, tokens_per_minute or both"),
        ("LEDGERLINE_LLM__LIMITS", '{"rpm": 5}', "LEDGERLINE_LLM__LIMITS__REQUESTS_PER_MINUTE"),
        ("LEDGERLINE_LLM__LIMITS__REQUESTS_PER_MINUTE", "0", "greater than 0"),
        ("LEDGERLINE_LLM__LIMITS__TOKENS_PER_MINUTE", "-1", "greater than 0"),
        ("LEDGERLINE_LLM__LIMITS__TOKENS_PER_MINUTE", "inf", "finite number"),
        ("LEDGERLINE_LLM__LIMITS__TOKENS_PER_MINUTE", SECRET, "valid number"),
        ("LEDGERLINE_LLM__PROVIDERS", '[{"limits": {"tokens_per_minute": 0}}]', "0.limits.tokens_per_minute: input"),
        ("LEDGERLINE_LLM__URL", f"{SECRET}:8123/v1", "it begins with http://HOST"),
        ("LEDGERLINE_STT__URL", f"http://:{SECRET}@", "it begins with http://HOST"),
        ("LEDGERLINE_LLM__PROVIDERS", '[{"url": "localhost:1"}]', "0.url: no address"),
        ("LEDGERLINE_LLM__PROVIDERS", '[{"model": "a"}, {"model": "b"}]', "the name 'openai' stands here twice"),
        ("OPENAI_BASE_URL", f"{SECRET}/v1", "it begins with http://HOST"),
    ],
)
def test_a_variable_that_is_wrong_is_named_and_its_value_never_is(
    variable: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    ran = ledgerline("calls", "--json")
    failed(ran, 2, variable, told)
    assert SECRET not in ran.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("data = [", "ledgerline.toml"),
        ("[stt]\nbogus = 1\n", "ledgerline.toml: stt.bogus"),
        (f'[stt]\napi_key = "{SECRET}"\nprovider = 3\n', "ledgerline.toml: stt.provider"),
        (f'[stt]\napi_key = ["{SECRET}"]\n', "ledgerline.toml: stt.api_key"),
    ],
)
def test_a_broken_file_is_named_with_its_key(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "ledgerline.toml").write_text(text)
    ran = ledgerline("calls", "--json")
    failed(ran, 2, told)
    assert SECRET not in ran.err


@pytest.mark.parametrize(
    ("part", "provider", "usual"), [("STT", "deepgram", "DEEPGRAM"), ("TTS", "elevenlabs", "ELEVENLABS")]
)
def test_a_vendor_without_a_key_is_refused_before_the_call(
    part: str, provider: str, usual: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"LEDGERLINE_{part}__PROVIDER", provider)
    ran = ledgerline("call", "--wav", LOST_CARD, "--json", "--data", tmp_path / "d")
    failed(ran, 2, f"LEDGERLINE_{part}__API_KEY", f"{usual}_API_KEY")


def test_vendors_keep_no_virtual_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    ran = ledgerline("call", "--wav", LOST_CARD, "--speed", "max", "--json")
    failed(ran, 2, "--speed max", "LEDGERLINE_LLM__PROVIDER=local")


def test_no_secret_is_in_what_settings_print(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = set_all(monkeypatch, LEDGERLINE_STT__API_KEY=SECRET, ELEVENLABS_API_KEY=SECRET, OPENAI_API_KEY=SECRET)
    ran = ledgerline("doctor", "--json")
    assert SECRET not in ran.out + ran.err + repr(settings) + str(settings.model_dump())


def test_settings_that_cant_be_used_raise_one_line_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEDGERLINE_STT__PROVIDER", "a")
    monkeypatch.setenv("LEDGERLINE_TTS__PROVIDER", "b")
    with pytest.raises(ConfigurationError) as error:
        load_settings()
    assert len(str(error.value).splitlines()) == 2
