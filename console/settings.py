"""Configuration: ``ledgerline.toml`` in the working directory, then environment (``LEDGERLINE_``, ``__`` for nesting).

The vendors' usual variables work too (DEEPGRAM_API_KEY, ELEVENLABS_API_KEY, CARTESIA_API_KEY, OPENAI_API_KEY,
OPENAI_BASE_URL): a vendor is used where its key is set, the local part otherwise, unless ``provider`` says which.
"""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from yarl import URL

from schemas.tenants import DEFAULT_TENANT, owned_by
from streams.kafka.brokers import SaslMechanism, SecurityProtocol
from streams.kafka.security import SecurityError, SecuritySettings, security, trusting
from streams.kafka.url import KafkaUrl, LogUrlError, parse

CONFIG_FILE = "ledgerline.toml"
PREFIX = "LEDGERLINE_"
NOT_OURS = frozenset({"TEST_KAFKA", "ENGINES", "VOICE_ROWS"})  # of tests and benchmarks, set in the same terminal
EXAMPLE_BEHAVIOUR = Path(__file__).resolve().parent.parent / "examples" / "bank"


class ConfigurationError(ValueError):
    """A setting that can't be used. One line a problem: its name and what is wrong."""


def _address(url: str) -> str:
    """Raises ``ValueError``, which doesn't repeat it: it may hold a password."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https", "ws", "wss") or not parts.hostname or parts.port == 0:
        raise ValueError("no address: it begins with http://HOST or https://HOST (a socket's with ws:// or wss://)")
    return url


Address = Annotated[str, AfterValidator(_address)]


def _upper(given: object) -> object:
    """librdkafka takes its names in small letters too."""
    return given.upper() if isinstance(given, str) else given


def _told(given: Any) -> Any:
    return given.get_secret_value() if isinstance(given, SecretStr) else given


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Speech(_Part):
    provider: str = "auto"
    url: Address | None = None
    api_key: SecretStr | None = None
    options: dict[str, Any] = Field(default_factory=dict)  # passed through to the vendor

    def wants_vendor(self) -> bool:
        return self.provider != "local" and (self.provider != "auto" or self.api_key is not None)


class SttSettings(_Speech):
    provider: Literal["auto", "local", "deepgram"] = "auto"
    model: str = "flux-general-en"


class TtsSettings(_Speech):
    """``voice`` and ``model``: the vendor's names for them; None: what its file in ``providers/`` has as its default."""

    provider: Literal["auto", "local", "elevenlabs", "cartesia"] = "auto"
    voice: str | None = None
    model: str | None = None

    def vendor(self) -> str | None:
        """Who speaks; None: the local voice. A key with no provider named is ElevenLabs'."""
        if not self.wants_vendor():
            return None
        return "elevenlabs" if self.provider == "auto" else self.provider


class LlmPrices(_Part):
    """Per million tokens, in one currency for all providers."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached_input: float | None = Field(default=None, ge=0)  # None: cached tokens cost as much as others


class LlmLimits(_Part):
    """What the provider allows this process, where its answers' headers don't say it. Of a limit that several processes
    share, each one's share."""

    requests_per_minute: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    tokens_per_minute: float | None = Field(default=None, gt=0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _says_one(self) -> Self:
        if self.requests_per_minute is None and self.tokens_per_minute is None:
            raise ValueError("no limit: it has requests_per_minute, tokens_per_minute or both")
        return self


class _LlmEndpoint(_Part):
    url: Address | None = None
    api_key: SecretStr | None = None
    model: str = "gpt-4.1-mini"
    options: dict[str, Any] = Field(default_factory=dict)  # passed through in the request's body
    prices: LlmPrices | None = None  # None: nothing is known of what a call costs
    limits: LlmLimits | None = None  # None: known from headers or the first 429


class LlmProvider(_LlmEndpoint):
    name: str = "openai"
    emulated: bool = False  # found out, not configured: our emulator names each draw by a header


class LlmSettings(_LlmEndpoint):
    """What an endpoint has, for one provider; ``providers`` for several, in order of preference.

    ``provider``: local is the keyless brain, whatever keys are set.
    """

    provider: Literal["auto", "local"] = "auto"
    providers: list[LlmProvider] = Field(default_factory=list)

    @field_validator("providers")
    @classmethod
    def _told_apart(cls, providers: list[LlmProvider]) -> list[LlmProvider]:
        names = [provider.name for provider in providers]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"the name {', '.join(map(repr, twice))} stands here twice: give each provider its own")
        return providers

    def all(self) -> list[LlmProvider]:
        if self.provider == "local":
            return []
        if self.providers:
            return self.providers
        if self.url or self.api_key:
            return [LlmProvider(**{name: getattr(self, name) for name in _LlmEndpoint.model_fields})]
        return []


class LogSettings(_Part):
    """``url``: sqlite (in the data directory), or kafka://HOST:PORT[,HOST:PORT][/PREFIX][?partitions=8&replication=3].

    ``security_protocol`` and what it needs: how brokers are reached, named as in librdkafka (``streams.kafka.security``).
    ``registry``: a schema registry's address; without one, schema ids are those of this project's lock file.
    """

    url: str = "sqlite"
    security_protocol: Annotated[SecurityProtocol, BeforeValidator(_upper)] = SecurityProtocol.PLAINTEXT
    sasl_mechanism: Annotated[SaslMechanism, BeforeValidator(_upper)] | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_ca_location: Path | None = None
    ssl_certificate_location: Path | None = None
    ssl_key_location: Path | None = None
    ssl_key_password: SecretStr | None = None
    registry: Address | None = Field(default=None, repr=False)  # it may hold a password
    registry_username: str | None = None
    registry_password: SecretStr | None = None
    registry_ca_location: Path | None = None

    def registry_address(self) -> str | None:
        """With what it is opened with: for nobody's eyes."""
        if self.registry is None or self.registry_username is None:
            return self.registry
        password = self.registry_password.get_secret_value() if self.registry_password else None
        return str(URL(self.registry).with_user(self.registry_username).with_password(password))

    def registry_tls(self) -> ssl.SSLContext | None:
        """None: whom the system trusts. Raises ``ConfigurationError``."""
        try:
            return trusting(self.registry_ca_location) if self.registry_ca_location else None
        except SecurityError as error:
            raise ConfigurationError(f"{_variable(('log', 'registry_ca_location'))}: {error}") from None

    @field_validator("url")
    @classmethod
    def _readable(cls, url: str) -> str:
        parse(url)
        return url

    def kafka(self) -> KafkaUrl | None:
        """None: the embedded log. Raises ``ConfigurationError``."""
        url = parse(self.url)
        if url is None:
            return None
        given = {name: _told(getattr(self, name)) for name in SecuritySettings.__annotations__}
        try:
            return url._replace(security=security(SecuritySettings(**given)))
        except SecurityError as error:
            raise ConfigurationError(f"{_variable(('log', error.setting))}: {error}") from None


class KeySettings(_Part):
    """``url``: a key service (``ledgerline keys``), for workers and gateways on several machines; without one, the data
    directory holds the keys. ``token`` has the role create."""

    url: Address | None = None
    token: SecretStr | None = None
    ca: Path | None = None  # whose certificates to trust, where the system's don't do


class ToolSettings(_Part):
    """The company's own systems, as tools and proofs use them. Without ``company_url`` the example customers stand in.

    ``simulated``: nothing real is asked; what each tool finds and does stands in its file of fixtures.
    """

    company_url: Address | None = None
    company_token: SecretStr | None = None
    sms_url: Address = "https://api.twilio.com"
    sms_account: str = ""
    sms_token: SecretStr | None = None
    sms_from: str = ""
    simulated: Path | None = None


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", env_ignore_empty=True, toml_file=CONFIG_FILE, extra="forbid"
    )

    data: Path = Path(".ledgerline")
    behaviour: Path = EXAMPLE_BEHAVIOUR
    customers: Path | None = None  # what tools read, as YAML; the behaviour's customers/example.yaml where there is one
    tenant: str = DEFAULT_TENANT  # whose calls this process answers: part of their ids (``schemas.tenants``)
    stt: SttSettings = SttSettings()
    tts: TtsSettings = TtsSettings()
    llm: LlmSettings = LlmSettings()
    log: LogSettings = LogSettings()
    keys: KeySettings = KeySettings()
    tools: ToolSettings = ToolSettings()

    @field_validator("tenant")
    @classmethod
    def _is_a_name(cls, tenant: str) -> str:
        owned_by(tenant, "")
        return tenant

    def vendors(self) -> list[str]:
        """The parts (stt, tts, llm) that a vendor does."""
        wanted = {"stt": self.stt.wants_vendor(), "tts": self.tts.wants_vendor(), "llm": bool(self.llm.all())}
        return [part for part, vendor in wanted.items() if vendor]

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


def load_settings(
    data: Path | None = None, log: str | None = None, environment: Mapping[str, str] = os.environ
) -> Settings:
    """``data`` and ``log`` are the command line's. Raises ``ConfigurationError``."""
    unknown = [f"{name}: no such setting; there are {', '.join(_settings_at(()))}" for name in _unknown(environment)]
    if unknown:
        raise ConfigurationError("\n".join(unknown))
    try:
        given: dict[str, Any] = {"data": data} if data else {}
        settings = Settings(**given)
    except ValidationError as error:
        raise ConfigurationError("\n".join(_problem(issue, environment) for issue in error.errors())) from None
    except (ValueError, OSError) as error:  # a broken TOML file, or JSON in a variable that can't be read
        broken = [f"{name}: not JSON: {why}" for name, why in _broken_json(environment)]
        raise ConfigurationError("\n".join(broken) or f"{CONFIG_FILE}: {error}") from None
    _take_usual_variables(settings, environment)
    if log is not None:
        settings.log = _given_log(log, settings.log)
    settings.log.kafka()  # what is wrong with it is told before anything is done
    settings.log.registry_tls()
    return settings


def _given_log(url: str, configured: LogSettings) -> LogSettings:
    try:
        parse(url)
    except LogUrlError as error:
        raise ConfigurationError(f"--log: {error}") from None
    return configured.model_copy(update={"url": url})


def _take_usual_variables(settings: Settings, environment: Mapping[str, str]) -> None:
    def secret(name: str) -> SecretStr | None:
        return SecretStr(environment[name]) if environment.get(name) else None

    settings.stt.api_key = settings.stt.api_key or secret("DEEPGRAM_API_KEY")
    _take_voice_key(settings.tts, secret("ELEVENLABS_API_KEY"), secret("CARTESIA_API_KEY"))
    settings.llm.api_key = settings.llm.api_key or secret("OPENAI_API_KEY")
    settings.llm.url = settings.llm.url or _usual_address("OPENAI_BASE_URL", environment)
    for provider in settings.llm.providers:
        if provider.url is None:  # OpenAI itself; nobody else is sent its key
            provider.api_key = provider.api_key or secret("OPENAI_API_KEY")


def _usual_address(name: str, environment: Mapping[str, str]) -> str | None:
    try:
        return _address(environment[name]) if environment.get(name) else None
    except ValueError as error:
        raise ConfigurationError(f"{name}: {error}") from None


def _take_voice_key(tts: TtsSettings, elevenlabs: SecretStr | None, cartesia: SecretStr | None) -> None:
    """Nobody is sent the other vendor's key. With both and nothing said, ElevenLabs speaks."""
    if tts.provider == "auto" and tts.api_key is None and elevenlabs is None and cartesia is not None:
        tts.provider = "cartesia"
    tts.api_key = tts.api_key or (cartesia if tts.provider == "cartesia" else elevenlabs)


# --- what is wrong with a setting, without its value: it may be a key --------------------------------------------------


def _problem(issue: Any, environment: Mapping[str, str]) -> str:
    location: tuple[int | str, ...] = issue["loc"]
    message = str(issue["msg"]).removeprefix("Value error, ")
    if issue["type"] == "extra_forbidden":
        message = f"no such setting; there are {', '.join(_settings_at(location[:-1]))}"
    elif issue["type"] == "model_type":
        message = "expected settings by name, not one value"
    return f"{_named(location, environment)}: {message[:1].lower()}{message[1:]}"


def _named(location: tuple[int | str, ...], environment: Mapping[str, str]) -> str:
    """As whoever set it wrote it: the variable, or the key in the file."""
    name = _variable(location)
    given = {variable.upper() for variable in environment}
    parents = (_variable(location[:depth]) for depth in range(len(location), 0, -1))
    variable = next((parent for parent in parents if parent in given), None)
    if variable is None:
        return f"{CONFIG_FILE}: {'.'.join(map(str, location))}"
    return name if variable == name else f"{variable}: {'.'.join(map(str, location[variable.count('__') + 1 :]))}"


def _settings_at(location: tuple[int | str, ...]) -> list[str]:
    """The names of all settings beside one, as variables."""
    model: Any = Settings
    for part in location:
        if isinstance(part, int):
            continue  # of a list, whose entries' model it is already
        found = model.model_fields.get(part)
        annotation = found.annotation if found else None
        inner = (one for one in (annotation, *get_args(annotation)) if hasattr(one, "model_fields"))
        if (model := next(inner, None)) is None:
            return []
    return [_variable((*location, name)) for name in model.model_fields if name != "emulated"]


def _unknown(environment: Mapping[str, str]) -> Iterator[str]:
    for name in environment:
        first = name.upper().removeprefix(PREFIX).split("__")[0]
        if name.upper().startswith(PREFIX) and first not in NOT_OURS and first.lower() not in Settings.model_fields:
            yield name


def _broken_json(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Variables that hold JSON and can't be read, with where: never with what they hold."""
    parts = {_variable((name,)) for name, found in Settings.model_fields.items() if isinstance(found.default, _Part)}
    inner = {f"{PREFIX}{part}__OPTIONS" for part in ("STT", "TTS", "LLM")} | {f"{PREFIX}LLM__PROVIDERS"}
    for name, value in environment.items():
        if name.upper() in parts | inner:
            try:
                json.loads(value)
            except ValueError as error:
                yield name, str(error)


def _variable(location: tuple[int | str, ...]) -> str:
    return PREFIX + "__".join(str(part).upper() for part in location)
