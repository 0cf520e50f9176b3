"""The configuration refuses what it can't do, and describes itself."""

from __future__ import annotations

import jsonschema  # type: ignore[import-untyped]
import pytest
from pydantic import ValidationError

from emulators.config import EmulatorConfig


@pytest.mark.parametrize(
    "wrong",
    [
        {"colour": "red"},
        {"faults": [{"fault": "explode"}]},
        {"faults": [{"fault": "rate_limited", "share": 1.5}]},
        {"faults": [{"fault": "rate_limited", "label": "("}]},
        {"faults": [{"fault": "silent_stall", "service": "llm"}]},
        {"llm": {"script": [{"match": "(", "reply": "x"}]}},
        {"llm": {"first_token": {"median_ms": 300, "p95_ms": 200}}},
        {"tts": {"first_audio_ms": [300, 150]}},
        {"stt": {"eager_ms": 300, "end_ms": 200}},
        {"stt": {"transcripts": [""]}},
    ],
)
def test_a_wrong_configuration_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        EmulatorConfig.model_validate(wrong)


def test_the_defaults_are_those_of_the_vendors_on_a_normal_day() -> None:
    config = EmulatorConfig()
    assert (config.llm.first_token.median_ms, config.llm.first_token.p95_ms) == (300.0, 900.0)
    assert config.llm.tokens_per_s == 100
    assert config.tts.first_audio_ms == (150.0, 300.0)
    assert (config.stt.eager_ms, config.stt.end_ms) == (100.0, 200.0)
    assert (config.stt.realistic_end.median_ms, config.stt.realistic_end.p95_ms) == (280.0, 1500.0)


def test_a_configuration_survives_json_and_fits_its_own_schema() -> None:
    config = EmulatorConfig.model_validate(
        {
            "faults": [{"fault": "keep_alives", "form": "empty_delta"}, {"fault": "close_mid_turn"}],
            "stt": {"transcripts": ["I lost my card", {"text": "yes", "duration_ms": 400}]},
            "brownouts": [{"service": "tts", "from_s": 1, "until_s": 2}],
        }
    )
    assert EmulatorConfig.model_validate_json(config.model_dump_json()) == config
    schema = EmulatorConfig.model_json_schema()
    jsonschema.validate(config.model_dump(mode="json"), schema)
    assert "stall_before_first_token" in str(schema)
