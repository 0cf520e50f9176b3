"""From the caller's true end of speech to the first sound and to the first reply, as the far end hears them."""

from __future__ import annotations

import asyncio
import logging
from typing import NamedTuple

from pydantic import SecretStr

from benchmarks.ear_calls import Exchange, Heard, clips
from benchmarks.emulator_process import KEY, emulator
from benchmarks.figures import share, spread
from benchmarks.loop import run_async
from benchmarks.report import SPREAD_COLUMNS, Cell, Report, Table, spread_cells
from benchmarks.temporary_log import temporary_log
from console.call import open_parts
from console.settings import LlmProvider, LlmSettings, Settings, SttSettings, TtsSettings
from emulators.config import EmulatorConfig, Utterance
from emulators.config import SttSettings as EmulatedStt

SILENT_MS = 1200
_PAUSES_MS = 120  # a clip's own last pause may begin this much before its end


class Plan(NamedTuple):
    at_once: int
    rounds: int


def run(*, quick: bool) -> Report:
    logging.getLogger("websockets").setLevel(logging.ERROR)
    vendors, local = (Plan(2, 1), Plan(1, 1)) if quick else (Plan(6, 2), Plan(1, 3))
    return run_async(_run(vendors, local))


async def _run(vendors: Plan, local: Plan) -> Report:
    with emulator(emulated()) as url:
        over_vendors = await calls_heard(vendor_settings(url), vendors)
    stt, tts = SttSettings(provider="local"), TtsSettings(provider="local")
    spoken = await calls_heard(Settings(stt=stt, tts=tts, llm=LlmSettings()), local)
    groups = (("emulated vendors", over_vendors), ("local parts", spoken))
    notes = (
        "from the true end of the caller's speech (known from the clip) to the first audible frame that leaves for the "
        "far end; a holding line is a sound and never a reply; decision: read from the log by the gateway",
        "emulated vendors: Flux (eager end 100 ms, end 200 ms after speech), ElevenLabs (150-300 ms), a model with "
        "300 ms to the first token in the median and 900 ms at p95; real SDKs",
        f"{vendors.at_once} calls at once with emulated vendors, {local.at_once} with local parts, one owner each",
    )
    return Report(
        "ear",
        [
            Table(
                "End of speech to what the caller hears, ms", ("calls", *SPREAD_COLUMNS), latency_rows(groups), notes
            ),
            Table(
                "Silence, holding, speculation",
                ("calls", "turns", f"silent over {SILENT_MS} ms", "held", "never answered", "speculation paid off"),
                [_shares(name, group) for name, group in groups],
                ("speculation paid off: the final words were the eager ones, so the work begun on them counted",),
            ),
        ],
    )


def latency_rows(groups: tuple[tuple[str, list[Heard]], ...]) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    for name, group in groups:
        turns = [turn for heard in group for turn in heard.turns]
        for what, values in (
            ("decision", [turn.decision_ms for turn in turns]),
            ("first sound", [turn.first_sound_ms for turn in turns]),
            ("first reply", [turn.first_reply_ms for turn in turns]),
        ):
            known = [value for value in values if value is not None]
            rows.append((f"{name}: {what}", *spread_cells(spread(known))))
    return rows


def _shares(name: str, group: list[Heard]) -> tuple[Cell, ...]:
    turns = [turn for heard in group for turn in heard.turns]
    silent = sum(turn.first_sound_ms is None or turn.first_sound_ms > SILENT_MS for turn in turns)
    unanswered = sum(turn.first_reply_ms is None for turn in turns)
    eager = [eager for heard in group for eager in heard.eager]
    shares = (
        share(silent, len(turns)),
        share(sum(t.held for t in turns), len(turns)),
        share(unanswered, len(turns)),
        share(sum(eager), len(eager)),
    )
    return (name, len(turns), *(None if value is None else f"{value:.0%}" for value in shares))


async def calls_heard(settings: Settings, plan: Plan) -> list[Heard]:
    said = clips()
    heard: list[Heard] = []
    with temporary_log() as workspace:
        workspace.recordings.mkdir(parents=True, exist_ok=True)
        parts = await open_parts(settings, workspace)
        assert parts.agent, "it is decided here"
        exchange = Exchange(workspace, parts)
        try:
            async with exchange.open():
                for number in range(plan.rounds):
                    ids = [f"ear-{number * plan.at_once + n:02}" for n in range(plan.at_once)]
                    heard += await asyncio.gather(*(exchange.call(call_id, said) for call_id in ids))
        finally:
            await parts.agent.model.close()
            await parts.speech.close()
    return heard


def emulated() -> EmulatorConfig:
    """Default latencies; each connection hears the clips' own words, no turn ends within a clip."""
    lines = tuple(Utterance(text=clip.text, duration_ms=clip.speech_ms - _PAUSES_MS) for clip in clips())
    return EmulatorConfig(seed=11, stt=EmulatedStt(transcripts=lines))


def vendor_settings(url: str) -> Settings:
    key = SecretStr(KEY)
    return Settings(
        stt=SttSettings(provider="deepgram", url=url, api_key=key),
        tts=TtsSettings(provider="elevenlabs", url=url, api_key=key),
        llm=LlmSettings(providers=[LlmProvider(name="emulated", url=f"{url}/v1", api_key=key, model="emulated")]),
    )
