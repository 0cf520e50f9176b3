"""How the demo caller's audio was made: flite's voice "rms", 6 % higher, so another person than the agent's voice.

It was chosen by machine: of 18 voices and pitches this is the one of which Whisper tiny.en writes down all lines
word for word, wherever in the stream they begin. Run it again after changing a line; it needs the program ``flite``:

    python examples/bank/demo/make_audio.py
"""

from __future__ import annotations

from pathlib import Path

from agent_core.audio import pcm_silence, pcm_to_float, resample_pcm, speech_bounds
from agent_core.wav import write_wav
from providers.command_voice import flite_voice

LINES = {
    "1-lost-card": "Hi, I lost my credit card.",
    "2-how-long": "How long will the new card take to arrive?",
    "3-stop-opening-hours": "Wait, stop. What are your opening hours?",
    "4-shares": "Should I invest my savings in shares?",
    "5-goodbye": "No that's all, thank you, goodbye.",
    "6-okay": "Okay.",
    "7-block-card": "Please block my credit card.",
    "8-yes-please": "Yes, please.",
}
HIGHER = 1.06
"""Pitch and formants are raised by playing the voice faster; it speaks slower by as much to make up for it."""

PACE = {"6-okay": 0.7}
"""How much shorter a line is said: who only follows doesn't drawl, and a voice of 600 ms without a word stops the agent."""

MARGIN_MS = 100
"""Silence left around the words, so that no consonant is cut."""


def main() -> None:
    folder = Path(__file__).parent
    for name, line in LINES.items():
        voice = flite_voice("rms", duration_stretch=HIGHER * PACE.get(name, 1.0))
        pcm = resample_pcm(pcm_to_float(voice.render(line)), round(16_000 * HIGHER))
        bounds = speech_bounds(pcm)
        if bounds is None:
            raise SystemExit(f"flite made no sound for {line!r}")
        said = pcm[int(bounds.start_ms) * 32 : int(bounds.end_ms) * 32]
        margin = pcm_silence(MARGIN_MS)
        write_wav(folder / f"{name}.wav", margin + said + margin)
        print(f"{name}.wav  {len(said) / 32000:.1f} s  {line}")


if __name__ == "__main__":
    main()
