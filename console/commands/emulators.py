"""``ledgerline emulators``: the vendors' protocols on this machine, with latencies and faults on demand."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from agent_core.ports import ProviderError
from console.emulator_config import load_config
from console.failures import FailedError
from console.output import print_json
from emulators.config import EmulatorConfig
from emulators.run import serve
from providers.local_voice import ENGINES
from providers.whisper import shared_whisper


def run(*, port: int, config: Path | None, as_json: bool) -> int:
    emulated = load_config(config)

    def started(url: str) -> None:
        websocket = url.replace("http", "ws", 1)
        addresses = {
            "LEDGERLINE_STT__PROVIDER": "deepgram",
            "LEDGERLINE_STT__URL": websocket,
            "LEDGERLINE_STT__API_KEY": "emulated",
            "LEDGERLINE_TTS__PROVIDER": "elevenlabs",
            "LEDGERLINE_TTS__URL": url,
            "LEDGERLINE_TTS__API_KEY": "emulated",
            "LEDGERLINE_LLM__URL": f"{url}/v1",
            "LEDGERLINE_LLM__API_KEY": "emulated",
        }
        if as_json:
            print_json({"url": url, "environment": addresses})
        else:
            print(f"Emulators of Deepgram Flux, OpenAI chat, ElevenLabs and Cartesia at {url}; stop with Ctrl-C.")
            print("Use them with these (LEDGERLINE_TTS__PROVIDER=cartesia for the other voice):")
            print("\n".join(f"export {name}={value}" for name, value in addresses.items()))
        sys.stdout.flush()

    try:
        serve(emulated, port=port, started=started, recognise=_local_ears(emulated), synthesise=_local_voice())
    except OSError as error:
        raise FailedError(f"port {port} can't be used: {error.strerror or error}; choose another with --port") from None
    return 0


def _local_ears(config: EmulatorConfig) -> Callable[[bytes], str] | None:
    """Emulated Flux hears what is really said, where the local recogniser is installed and no transcript is scripted."""
    if config.stt.transcripts or config.stt.transcripts_by_tag:
        return None
    try:
        whisper = shared_whisper()
    except ProviderError:
        return None
    return lambda pcm: whisper.transcribe(pcm).text


def _local_voice() -> Callable[[str], bytes] | None:
    """The emulated voices really speak, where a local voice is installed."""
    for name in ("joe", "flite", "espeak-ng"):
        try:
            return ENGINES[name]().render
        except ProviderError:
            continue
    return None
