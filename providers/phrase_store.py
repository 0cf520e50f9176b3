"""Phrases rendered beforehand: what must be sayable with no vendor in the way is made once and kept."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from pathlib import Path

from agent_core.audio import AudioError
from agent_core.ports import FailureReason, ProviderError, SpeechSynthesiser
from agent_core.wav import load_wav, write_wav


class PhraseStore:
    """Audio by text, for one voice; in memory, and in ``folder`` so that the next start finds it.

    Files are named by a hash of voice and text and appear whole or not at all, so processes may share the folder.
    """

    def __init__(self, voice: SpeechSynthesiser, folder: Path | None = None) -> None:
        self._voice = voice
        self._folder = folder
        self._rendered: dict[str, bytes] = {}
        self._making: dict[str, asyncio.Task[bytes]] = {}

    def ready(self, text: str) -> bytes | None:
        """The audio if it is at hand right now: a gateway's timer can't wait for more."""
        return self._rendered.get(text)

    async def render(self, text: str) -> bytes:
        """16 kHz PCM16, made at most once however many ask at once. Raises ``ProviderError`` from the voice."""
        if text in self._rendered:
            return self._rendered[text]
        if text not in self._making:
            making = asyncio.get_running_loop().create_task(self._make(text))
            self._making[text] = making
            making.add_done_callback(lambda _: self._making.pop(text, None))
        return await asyncio.shield(self._making[text])

    async def _make(self, text: str) -> bytes:
        path = self._path(text)
        pcm = _read(path)
        if pcm is None:
            pcm = await self._spoken(text)
            _keep(self._path(text), pcm)  # under the name of the voice that spoke, should another have stepped in
        self._rendered[text] = pcm
        return pcm

    async def _spoken(self, text: str) -> bytes:
        """All of the audio. Where a voice breaks off and another steps in under its own name, that one says it all."""
        asked: set[str] = set()
        while True:
            name = self._voice.name
            asked.add(name)
            try:
                pcm = b"".join([speech.pcm async for speech in self._voice.speak(text)])
            except ProviderError:
                if self._voice.name in asked:
                    raise
                continue
            if not pcm:
                raise ProviderError(FailureReason.INVALID, name, "no audio came for a phrase")
            return pcm

    def _path(self, text: str) -> Path | None:
        if self._folder is None:
            return None
        digest = hashlib.sha256(f"{self._voice.name}\0{text}".encode()).hexdigest()
        return self._folder / f"{digest}.wav"


def _read(path: Path | None) -> bytes | None:
    """None where it has to be made; a broken file counts as none."""
    if path is None or not path.exists():
        return None
    try:
        clip = load_wav(path)
    except AudioError:
        return None
    return None if clip.warnings else clip.pcm


def _keep(path: Path | None, pcm: bytes) -> None:
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        os.close(handle)
        write_wav(temporary, pcm)
        os.replace(temporary, path)
    except OSError:
        return  # a full disk costs the next start some time, and this call nothing
