"""The same spoken turns answered by this product, by bare asyncio and by the frameworks of the field."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import httpx

from agent_core.behaviour_loader import load
from benchmarks.emulator_process import emulator
from benchmarks.figures import share, spread
from benchmarks.report import CannotRunError, Cell, Report, Table, spread_cells
from benchmarks.voice_systems.far_end import MS_PER_CHAR
from benchmarks.voice_systems.plan import Plan, Ran, Turn
from benchmarks.voice_systems.said import QUESTIONS, clip, question
from benchmarks.voice_virtual import calls_heard
from console.settings import EXAMPLE_BEHAVIOUR
from emulators.config import EmulatorConfig, Scripted, Utterance
from emulators.config import LlmSettings as EmulatedLlm
from emulators.config import SttSettings as EmulatedStt
from emulators.config import TtsSettings as EmulatedTts
from simulation.virtual_loop import run_virtual

ROOT = Path(__file__).parents[1]
STALL_SHARE = 0.05
PRICES = {"input": 0.40, "cached_input": 0.10, "output": 1.60}  # micros a token, as OpenAI lists gpt-4.1-mini
SILENT_MS, LONG_SILENT_MS = 1200, 3000
_SPREADS = ("system", "turns", "sound p50", "p95", "p99", "reply p50", "p95", "p99")
_SILENCES = (f"silent > {SILENT_MS / 1000:.1f} s", f"> {LONG_SILENT_MS / 1000:.0f} s")
_ALWAYS_3 = (
    ("  attempts: 2 ", "  hedging: {answer: {now: 3}, classify: {now: 3}, guard: {now: 3}}\n  # "),
    ("  hold_marks_ms: [950, ", "  hold_marks_ms: [1080, "),
)
_ENDS_EARLY_MS = 120  # a clip's own last pause may begin this much before its end
_HEARD_IN_FULL = 0.8
_STARTED_S = 900.0


class Way(NamedTuple):
    """One row. ``python``: the environment, beside the project's directory, that has what it needs."""

    name: str
    system: str
    options: Mapping[str, str]
    python: str = ".venv"


OURS = Way("ledgerline, all guardrails, always 3", "ledgerline", {"hedging": "always 3"})
LIVEKIT = Way("LiveKit Agents, one call, no guard", "livekit", {"model": "one"}, ".venv-voice-peers")
WAYS = (
    OURS,
    Way("ledgerline, all guardrails, the example bank's own", "ledgerline", {"hedging": "own"}),
    Way("bare asyncio, one call, no guard", "bare", {}),
    LIVEKIT,
    Way("LiveKit Agents, its fallback adapter", "livekit", {"model": "fallback"}, ".venv-voice-peers"),
    Way("LiveKit Agents, a hedge written by hand", "livekit", {"model": "hedged"}, ".venv-voice-peers"),
    Way("Pipecat, one call, no guard", "pipecat", {}, ".venv-voice-peers"),
)
LOADS = (1, 10, 25, 50)


class Size(NamedTuple):
    """``calls`` at once, so many ``turns`` each; ``load_turns`` where loads are compared."""

    calls: int
    turns: int
    loads: tuple[int, ...]
    load_turns: int
    virtual_turns: int


WHOLE = Size(12, 25, LOADS, 8, 2100)
QUICK = Size(3, 3, (1, 3), 3, 30)


class Measured(NamedTuple):
    ran: Ran
    asked: Mapping[str, int]  # what the emulated model counted


def run(*, quick: bool) -> Report:
    size = QUICK if quick else WHOLE
    ways = [way for way in WAYS if way.name in only] if (only := _only()) else WAYS
    return Report(
        "voice",
        [
            _latencies("No fault", 0.0, size, ways),
            _latencies(f"{STALL_SHARE:.0%} of completions stall 10 s after two tokens", STALL_SHARE, size, ways),
            _loads(size, [way for way in ways if way in (OURS, LIVEKIT)]),
            *([_on_a_virtual_clock(size)] if OURS in ways else []),
        ],
    )


def measure(
    way: Way,
    calls: int,
    turns: int,
    stall_share: float,
    *,
    one_core: bool = False,
    profile: tuple[Path, Path] | None = None,
) -> Measured:
    """One run of a system. ``profile``: py-spy, and where it puts the stacks that it saw while calls ran. Raises
    ``CannotRunError`` where its environment isn't there, or it ended without a word."""
    python = _python(way)
    with tempfile.TemporaryDirectory(prefix="ledgerline-voice-") as directory:
        options = dict(way.options)
        if way.system == "ledgerline":
            options["behaviour"] = str(_behaviour(options["hedging"], Path(directory)))
        if profile:
            options |= {"profiler": str(profile[0]), "stacks": str(profile[1])}
        cores = sorted(os.sched_getaffinity(0))
        pinned = one_core and len(cores) > 1
        with emulator(emulated(turns, stall_share), core=cores[-1] if pinned else None) as url:
            plan = Plan(way.system, url, calls, turns, directory, cores[0] if pinned else None, options)
            done = subprocess.run(
                [python, "-m", "benchmarks.voice_systems.process"],
                input=plan.as_json() + "\n",
                stdout=subprocess.PIPE,
                text=True,
                cwd=ROOT,
                timeout=_STARTED_S,
                check=False,
            )
            if not done.stdout.strip():
                raise CannotRunError(f"{way.name} ended with code {done.returncode}")
            asked = httpx.get(f"{url}/_stats").json()["llm"]
    return Measured(Ran.from_json(done.stdout), asked)


def emulated(turns: int, stall_share: float = 0.0) -> EmulatorConfig:
    """Default latencies. Each connection hears the same words; a turn doesn't end within a clip."""
    lines = tuple(
        Utterance(text=question(turn).text, duration_ms=clip(turn).duration_ms - _ENDS_EARLY_MS)
        for turn in range(turns)
    )
    script = tuple(Scripted(match=asked.text, reply=asked.reply) for asked in QUESTIONS)
    return EmulatorConfig(
        seed=5,
        stt=EmulatedStt(transcripts=lines),
        llm=EmulatedLlm(script=script, stall_share=stall_share),
        tts=EmulatedTts(ms_per_char=MS_PER_CHAR),
    )


def _behaviour(hedging: str, directory: Path) -> Path:
    """The example bank as it is, or with three attempts at all that is asked of a model.

    With three attempts nearly every reply comes before 1.1 s: a first holding line at 950 ms would mostly keep one waiting
    that is about to start.
    """
    if hedging == "own":
        return EXAMPLE_BEHAVIOUR
    behaviour = directory / "behaviour"
    shutil.copytree(EXAMPLE_BEHAVIOUR, behaviour)
    head = behaviour / "behaviour.yaml"
    text = head.read_text()
    for own, other in _ALWAYS_3:
        if own not in text:
            raise CannotRunError(f"the example bank has no {own.strip()!r} any more")
        text = text.replace(own, other)
    head.write_text(text)
    return behaviour


def _python(way: Way) -> str:
    if way.python == ".venv":
        return sys.executable
    python = peers_directory() / "bin" / "python"
    if not python.exists():
        raise CannotRunError(f"{way.name}: no environment; make setup-voice-peers brings it")
    return str(python)


def peers_directory() -> Path:
    """The environment of ``make setup-voice-peers``."""
    return Path(os.environ.get("LEDGERLINE_VOICE_PEERS", ROOT / LIVEKIT.python))


def _only() -> frozenset[str]:
    """For a look at some rows alone: their names, parted by ``;``."""
    return frozenset(name for name in os.environ.get("LEDGERLINE_VOICE_ROWS", "").split(";") if name)


def _latencies(title: str, stall_share: float, size: Size, ways: list[Way] | tuple[Way, ...]) -> Table:
    rows = [row(way.name, size.calls, measure(way, size.calls, size.turns, stall_share)) for way in ways]
    return Table(
        f"End of speech to what the caller hears, ms; {title[0].lower()}{title[1:]}",
        (
            *_SPREADS,
            "held",
            "cut in",
            *_SILENCES,
            "answered in full",
            "model calls a turn",
            "micros a turn",
            "CPU s a call-minute",
            "MB a call",
        ),
        rows,
        (
            f"{size.calls} calls at once, {size.turns} turns each, in real time; the same words, replies and draws for all",
            "sound: from the true end of the caller's words to the first audible frame that leaves for the caller; reply: "
            "to the first one of a reply, which a holding line or a fallback never is",
            "CPU of the system's process alone, with the line and the recording of the call, which are the same for all; "
            "MB: what its memory grew by, over the calls",
        ),
    )


def row(name: str, calls: int, measured: Measured) -> tuple[Cell, ...]:
    ran, asked = measured
    turns = ran.turns
    count = len(turns)
    sounds = spread([t.first_sound_ms for t in turns if t.first_sound_ms is not None])
    replies = spread([t.first_reply_ms for t in turns if t.first_reply_ms is not None])
    return (
        name if not ran.failures else f"{name} ({len(ran.failures)} calls failed)",
        count,
        sounds.p50,
        sounds.p95,
        sounds.p99,
        replies.p50,
        replies.p95,
        replies.p99,
        _percent(sum(t.held for t in turns), count),
        _percent(sum(t.cut_in for t in turns), count),
        _percent(silent(turns, SILENT_MS), count),
        _percent(silent(turns, LONG_SILENT_MS), count),
        _percent(sum(t.heard_ms >= _HEARD_IN_FULL * t.expected_ms for t in turns), count),
        asked["requests"] / count if count else None,
        cost_micros(asked) / count if count else None,
        _cpu(ran),
        (ran.rss_most_bytes - ran.rss_idle_bytes) / calls / 1e6,
    )


def _loads(size: Size, ways: list[Way]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for way in ways:
        alone: float | None = None
        for calls in size.loads:
            # A load of one is as many turns as a load of ten, so that its percentiles can be known.
            turns = size.load_turns * (10 if calls == 1 and size is WHOLE else 1)
            measured = measure(way, calls, turns, 0.0, one_core=True)
            replies = [t.first_reply_ms for t in measured.ran.turns if t.first_reply_ms is not None]
            seen = spread(replies)
            alone = seen.p95 if alone is None else alone
            ran = measured.ran
            rows.append(
                (
                    f"{way.name}: {calls}",
                    len(ran.turns),
                    seen.p50,
                    seen.p95,
                    seen.p99,
                    f"{(seen.p95 / alone - 1):+.0%}" if seen.p95 is not None and alone else None,
                    _percent(silent(ran.turns, SILENT_MS), len(ran.turns)),
                    _cpu(ran),
                    (ran.rss_most_bytes - ran.rss_idle_bytes) / calls / 1e6,
                    len(ran.failures),
                )
            )
    return Table(
        "Calls at once on one core: end of speech to first reply, ms",
        (
            "calls",
            "turns",
            "p50",
            "p95",
            "p99",
            "p95 by one call's",
            "silent > 1.2 s",
            "CPU s a call-minute",
            "MB a call",
            "failed",
        ),
        rows,
        ("the system's process is pinned to one core, the emulators to the other", "no fault"),
    )


def _on_a_virtual_clock(size: Size) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for way in (way for way in WAYS if way.system == "ledgerline"):
        for name, stall_share in (("no fault", 0.0), ("stalls", STALL_SHARE)):
            with tempfile.TemporaryDirectory(prefix="ledgerline-voice-") as directory:
                behaviour = load(_behaviour(way.options["hedging"], Path(directory)))
            calls = size.virtual_turns // size.turns
            heard = calls_heard(behaviour, emulated(size.turns, stall_share), calls, size.turns)
            turns = run_virtual(heard, inline_executor=True)
            sounds = spread([t.first_sound_ms for t in turns if t.first_sound_ms is not None])
            replies = spread([t.first_reply_ms for t in turns if t.first_reply_ms is not None])
            rows.append(
                (
                    f"{way.name}: {name}",
                    len(turns),
                    *spread_cells(sounds)[1:],
                    *spread_cells(replies)[1:],
                    _percent(sum(t.held for t in turns), len(turns)),
                    _percent(silent(turns, SILENT_MS), len(turns)),
                    _percent(silent(turns, LONG_SILENT_MS), len(turns)),
                )
            )
    return Table(
        "The same on a virtual clock, ms",
        (*_SPREADS, "held", *_SILENCES),
        rows,
        (
            "production gateway, owner, log, deciders and guardrails; the emulators' machines and draws without sockets: "
            "what SDKs and this machine cost isn't in it",
        ),
    )


def silent(turns: Sequence[Turn], for_ms: float) -> int:
    return sum(t.first_sound_ms is None or t.first_sound_ms > for_ms for t in turns)


def _cpu(ran: Ran) -> str | None:
    """Seconds a minute of call."""
    return f"{ran.cpu_s / (ran.call_s / 60):.2f}" if ran.call_s else None


def _percent(hits: int, of: int) -> str | None:
    part = share(hits, of)
    return None if part is None else f"{part:.1%}"


def cost_micros(asked: Mapping[str, int]) -> float:
    fresh = asked["prompt_tokens"] - asked["cached_tokens"]
    return (
        fresh * PRICES["input"]
        + asked["cached_tokens"] * PRICES["cached_input"]
        + asked["completion_tokens"] * PRICES["output"]
    )
