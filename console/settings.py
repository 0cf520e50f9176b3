"""Configuration: ``ledgerline.toml`` in the working directory, then environment (``LEDGERLINE_``, ``__`` for nesting).

The vendors' usual variables work too (DEEPGRAM_API_KEY, ELEVENLABS_API_KEY, OPENAI_API_KEY, OPENAI_BASE_URL): a vendor
is used where its key is set, the local part otherwise, unless ``provider`` says which.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

CONFIG_FILE = "ledgerline.toml"
EXAMPLE_BEHAVIOUR = Path(__file__).resolve().parent.parent / "examples" / "bank"


class ConfigurationError(ValueError):
    """A setting that can't be used. One line a problem: its name and what is wrong."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SttSettings(_Part):
    provider: Literal["auto", "local", "deepgram"] = "auto"
    url: str | None = None
    api_key: SecretStr | None = None
    options: dict[str, Any] = Field(default_factory=dict)  # passed through to the vendor


class TtsSettings(_Part):
    provider: Literal["auto", "local", "elevenlabs"] = "auto"
    url: str | None = None
    api_key: SecretStr | None = None
    voice: str = "21m00Tcm4TlvDq8ikWAM"
    model: str = "eleven_flash_v2_5"
    options: dict[str, Any] = Field(default_factory=dict)


class LlmProvider(_Part):
    name: str = "openai"
    url: str | None = None
    api_key: SecretStr | None = None
    model: str = "gpt-4.1-mini"
    emulated: bool = False  # found out, not configured: our emulator names each draw by a header


class LlmSettings(_Part):
    """``url``, ``api_key`` and ``model`` for one provider; ``providers`` for several, in order of preference."""

    url: str | None = None
    api_key: SecretStr | None = None
    model: str = "gpt-4.1-mini"
    providers: list[LlmProvider] = Field(default_factory=list)

    def all(self) -> list[LlmProvider]:
        if self.providers:
            return self.providers
        if self.url or self.api_key:
            return [LlmProvider(url=self.url, api_key=self.api_key, model=self.model)]
        return []


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="LEDGERLINE_", env_nested_delimiter="__", toml_file=CONFIG_FILE, extra="forbid"
    )

    data: Path = Path(".ledgerline")
    behaviour: Path = EXAMPLE_BEHAVIOUR
    stt: SttSettings = SttSettings()
    tts: TtsSettings = TtsSettings()
    llm: LlmSettings = LlmSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(data: Path | None = None, environment: Mapping[str, str] = os.environ) -> Settings:
    """``data`` is the command line's ``--data``. Raises ``ConfigurationError``."""
    try:
        settings = Settings(data=data) if data else Settings()
    except ValidationError as error:
        lines = [f"{_variable(issue['loc'])}: {issue['msg']}" for issue in error.errors()]
        raise ConfigurationError("\n".join(lines)) from None
    except ValueError as error:  # a broken TOML file, or JSON in a variable that can't be read
        raise ConfigurationError(f"{CONFIG_FILE} or a LEDGERLINE_ variable can't be read: {error}") from None
    _take_usual_variables(settings, environment)
    return settings


def _take_usual_variables(settings: Settings, environment: Mapping[str, str]) -> None:
    def secret(name: str) -> SecretStr | None:
        return SecretStr(environment[name]) if environment.get(name) else None

    settings.stt.api_key = settings.stt.api_key or secret("DEEPGRAM_API_KEY")
    settings.tts.api_key = settings.tts.api_key or secret("ELEVENLABS_API_KEY")
    settings.llm.api_key = settings.llm.api_key or secret("OPENAI_API_KEY")
    settings.llm.url = settings.llm.url or environment.get("OPENAI_BASE_URL") or None


def _variable(location: tuple[int | str, ...]) -> str:
    return "LEDGERLINE_" + "__".join(str(part).upper() for part in location)
