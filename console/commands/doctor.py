"""``ledgerline doctor``: what is installed, configured and working here, and what to do about what isn't."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from enum import StrEnum
from pathlib import Path

import msgspec

from console.output import print_json, table
from console.settings import CONFIG_FILE, ConfigurationError, Settings, load_settings

LOW_DISK_BYTES = 1 << 30


class State(StrEnum):
    OK = "ok"
    NOTE = "note"  # works, with less
    BROKEN = "broken"


class Check(msgspec.Struct, frozen=True):
    name: str
    state: State
    found: str
    advice: str = ""


class Diagnosis(msgspec.Struct, frozen=True):
    healthy: bool
    checks: tuple[Check, ...]


def run(*, data: Path | None, log: str | None, as_json: bool) -> int:
    checks = tuple(_checks(data, log))
    diagnosis = Diagnosis(all(check.state is not State.BROKEN for check in checks), checks)
    if as_json:
        print_json(diagnosis)
    else:
        table(("part", "state", "found", "what to do"), [(c.name, c.state, c.found, c.advice) for c in checks])
    return 0 if diagnosis.healthy else 1


def _checks(data: Path | None, log: str | None) -> Iterator[Check]:
    version = sys.version.split()[0]
    yield Check("python", State.OK if sys.version_info >= (3, 11) else State.BROKEN, version)
    try:
        settings = load_settings(data, log)
    except ConfigurationError as error:
        yield Check("configuration", State.BROKEN, str(error), f"correct {CONFIG_FILE} or the variable that is named")
        return
    yield Check("configuration", State.OK, CONFIG_FILE if Path(CONFIG_FILE).exists() else "defaults and environment")
    yield _behaviour(settings)
    yield _part("recogniser", _recogniser, "make setup")
    yield _part("voice", _voice, "make setup")
    yield _part("embeddings", _embeddings, "make setup")
    yield from _vendors(settings)
    yield _microphone()
    yield check_data(settings)
    yield _kafka(settings) if settings.log.kafka() else _log(settings)


def _part(name: str, probe: Callable[[], str], advice: str) -> Check:
    from agent_core.ports import ProviderError

    try:
        return Check(name, State.OK, probe())
    except ProviderError as error:
        return Check(name, State.BROKEN, error.detail or error.reason.value, advice)


def _recogniser() -> str:
    from providers.voice_activity import open_voice_activity
    from providers.whisper import shared_whisper

    shared_whisper()
    return f"whisper tiny.en, {type(open_voice_activity()).__name__}"


def _voice() -> str:
    from providers.local_voice import ENGINES, open_local_voice

    voice = open_local_voice(tuple(ENGINES))
    return voice.name


def _embeddings() -> str:
    from providers.embeddings import MiniLM

    embedder = MiniLM()
    return f"{embedder.name}, {embedder.embed(['hello']).shape[1]} dimensions"


def _behaviour(settings: Settings) -> Check:
    from agent_core.behaviour_loader import BehaviourError, load

    try:
        behaviour = load(settings.behaviour)
    except BehaviourError as error:
        return Check("behaviour", State.BROKEN, str(error), "correct the file and line that are named")
    return Check(
        "behaviour", State.OK, f"{behaviour.name} {behaviour.content_hash[:12]}, {len(behaviour.intents)} intents"
    )


def _vendors(settings: Settings) -> Iterator[Check]:
    """Whether a key is set, never the key."""
    vendors = settings.vendors()
    stt = "deepgram" if "stt" in vendors else "local"
    tts = settings.tts.vendor() or "local"
    models = ", ".join(p.name for p in settings.llm.all()) or "approved answers (no model is configured)"
    yield Check("speech to text", State.OK, stt)
    yield Check("text to speech", State.OK, tts)
    yield Check("language model", State.OK, models)
    yield from _language(settings, stt, tts)
    if settings.stt.provider == "deepgram" and settings.stt.api_key is None:
        yield Check("deepgram", State.BROKEN, "no key", "set LEDGERLINE_STT__API_KEY or DEEPGRAM_API_KEY")
    if settings.tts.vendor() and settings.tts.api_key is None:
        yield Check(tts, State.BROKEN, "no key", f"set LEDGERLINE_TTS__API_KEY or {tts.upper()}_API_KEY")


def _language(settings: Settings, stt: str, tts: str) -> Iterator[Check]:
    """Said only where a part in use doesn't know the behaviour's."""
    from agent_core.behaviour_loader import BehaviourError, load
    from console.spoken_language import foreign_to

    with suppress(BehaviourError):  # the check of the behaviour itself says what is wrong with it
        if foreign := foreign_to(stt, tts, load(settings.behaviour).language):
            found, advice = foreign.split(": ")
            yield Check("language", State.NOTE, found, advice)


def _microphone() -> Check:
    try:
        import sounddevice  # type: ignore[import-untyped]
    except (ImportError, OSError):
        return Check("sound card", State.NOTE, "no PortAudio", "only for --mic: apt-get install libportaudio2")
    devices = len(sounddevice.query_devices())
    if not devices:
        return Check("sound card", State.NOTE, "none", "only for --mic; files and scripts need none")
    return Check("sound card", State.OK, f"{devices} devices")


def check_data(settings: Settings) -> Check:
    """Keys and recordings stand there wherever the log is."""
    data = settings.data
    existing = next(parent for parent in (data, *data.absolute().parents) if parent.exists())
    if not existing.is_dir():
        return Check("data", State.BROKEN, f"{existing} is a file", "--data names a directory")
    if not os.access(existing, os.W_OK | os.X_OK):
        advice = "what lies there can be read; calls and workers need another --data, or the right to write"
        return Check("data", State.BROKEN, f"{existing} can't be written", advice)
    free = shutil.disk_usage(existing).free
    if free < LOW_DISK_BYTES:
        advice = "make room: a full disk silences calls"
        return Check("data", State.BROKEN, f"{free >> 20} MB free at {existing}", advice)
    return Check("data", State.OK, f"{data}, {free >> 30} GB free")


def _kafka(settings: Settings) -> Check:
    import asyncio

    try:
        from aiokafka.errors import KafkaError  # type: ignore[import-untyped]

        from streams.kafka.errors import (
            BrokerRefusedError,
            BrokerUnreachableError,
            RightsMissingError,
            TopicMismatchError,
        )
        from streams.kafka.heartbeats import living_workers
        from streams.kafka.rights import Operation, in_words
        from streams.kafka.topic_settings import refuse_unfit
        from streams.kafka.topics import topics_exist
    except ImportError:
        return Check("log", State.BROKEN, "no client for Kafka", "make setup-dev (or pip install ledgerline[kafka])")
    url = settings.log.kafka()
    assert url is not None, "asked for a log on Kafka only"

    answers = f"{url.bootstrap} answers ({url.security})"
    aloud = (
        "whoever listens on the way reads the password: SASL_SSL" if url.security.password_is_told_to_anybody else ""
    )
    state = State.NOTE if aloud else State.OK

    async def probe() -> Check:
        from streams.kafka.connection import connected

        if not await topics_exist(url.brokers, url.topics):
            return Check("log", state, f"{answers}; no log there yet", aloud or "the first call makes it")
        await refuse_unfit(url.brokers, url.topics)
        async with connected(url.brokers) as connection:
            workers = await living_workers(connection, url.topics)
        found = f"{answers}, {workers} workers"
        return Check("log", state, found, aloud or ("" if workers else "ledgerline worker owns its conversations"))

    try:
        return asyncio.run(probe())
    except BrokerRefusedError as error:
        return Check("log", State.BROKEN, str(error), "correct what is named in brackets")
    except BrokerUnreachableError as error:
        return Check("log", State.BROKEN, str(error), "start it (make kafka), or correct LEDGERLINE_LOG__URL")
    except TopicMismatchError as error:
        found = " ".join(str(error).split())  # in one line of the table
        return Check("log", State.BROKEN, found, "set them right; nothing writes into them before")
    except RightsMissingError as error:
        return Check("log", State.BROKEN, str(error), "whoever runs the brokers gives these rights")
    except KafkaError as error:
        said = in_words(error, url.security, Operation.READ) or error
        return Check("log", State.BROKEN, f"{url.bootstrap}: {said}", "whoever runs the brokers knows more")


def _log(settings: Settings) -> Check:
    from streams.sqlite_store import SqliteStore, StoreUnreadableError

    path = settings.data / "ledger.db"
    if not path.exists():
        return Check("log", State.OK, f"none yet at {settings.data}")
    try:
        store = SqliteStore(path)
    except StoreUnreadableError as error:
        return Check("log", State.BROKEN, str(error), "restore it from a backup, or choose another --data")
    (events,) = store.db.execute("select count(*) from log").fetchone()
    store.close()
    return Check("log", State.OK, f"{events} records at {settings.data}", "ledgerline verify checks them")
