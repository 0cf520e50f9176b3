"""Whose code a spoken call's CPU goes to: the vendors' SDKs, the line, the recording, this product's parts.

py-spy (of ``make setup-voice-peers``) looks at the threads that run, 100 times a second. A sample belongs to the innermost
frame that is named below: what a library does for an SDK is the SDK's. What no sample accounts for is the loop's own.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.report import CannotRunError, Cell, Report, Table
from benchmarks.voice import OURS, measure, peers_directory
from benchmarks.voice_systems.process import LOOKS_A_S

_OPENAI = "OpenAI's SDK, with httpx and pydantic"
_SPEECH = "Deepgram's and ElevenLabs' SDKs, with websockets"
_DECIDING = "deciders, guardrails and the reducer"
_LOG = "owner, log, schemas and keys"
_PASSED_OVER = ("agent_core/audio.py", "agent_core/wav.py", "benchmarks/voice_systems/process.py")  # whoever calls them
_OWNERS = (
    *((f"{package}/", _OPENAI) for package in ("openai", "httpx", "httpx2", "httpcore", "httpcore2", "h11", "anyio")),
    *((f"{package}/", _SPEECH) for package in ("deepgram", "elevenlabs", "websockets")),
    ("providers/voice_activity.py", "voice activity: Silero on onnxruntime"),
    ("providers/embeddings.py", "embeddings of words and replies"),
    ("providers/", "adapters to the vendors, hedging"),
    ("voice_gateway/recording.py", "recording"),
    ("voice_gateway/wav_media.py", "the callers' line"),
    ("benchmarks/", "the callers' line"),
    ("voice_gateway/", "voice gateway"),
    ("processors/", _DECIDING),
    ("agent_core/", _DECIDING),
    ("streams/", _LOG),
    ("schemas/", _LOG),
    ("console/", "the command line's parts"),
)
REST = "sockets, the event loop, waking up"


def run(*, quick: bool) -> Report:
    profiler = peers_directory() / "bin" / "py-spy"
    if not profiler.exists():
        raise CannotRunError("py-spy isn't there; make setup-voice-peers brings it")
    calls, turns = (3, 3) if quick else (12, 25)
    with tempfile.TemporaryDirectory(prefix="ledgerline-profile-") as directory:
        stacks = Path(directory) / "stacks"
        ran = measure(OURS, calls, turns, 0.0, profile=(profiler, stacks)).ran
        if not stacks.exists():
            raise CannotRunError(
                "py-spy may not look into processes here: it needs ptrace (as root, or ptrace_scope 0)"
            )
        looks = by_owner(stacks.read_text().splitlines())
    minutes = ran.call_s / 60
    seconds = {owner: count / LOOKS_A_S for owner, count in looks.most_common()}
    seconds[REST] = max(0.0, ran.cpu_s - sum(seconds.values()))
    rows: list[tuple[Cell, ...]] = [
        (owner, f"{spent / minutes:.3f}", f"{spent / ran.cpu_s:.1%}") for owner, spent in seconds.items()
    ]
    return Report(
        "voice_cpu",
        [
            Table(
                "Whose code the CPU of a spoken call goes to",
                ("code", "CPU s a call-minute", "share"),
                [*rows, ("all of it", f"{ran.cpu_s / minutes:.3f}", "100.0%")],
                (f"{OURS.name}; {calls} calls at once, {turns} turns each, no fault",),
            )
        ],
    )


def by_owner(stacks: Iterable[str]) -> Counter[str]:
    """Looks by whose code ran. A line is ``frame;frame;… count``, the outermost first, each ``name (file:line)``."""
    found: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        owner = next((owner for file in _files(stack) if (owner := _owner(file))), None)
        if owner:
            found[owner] += int(count)
    return found


def _files(stack: str) -> Iterator[str]:
    """Innermost first."""
    for frame in reversed(stack.split(";")):
        yield frame.rpartition(" (")[2].removesuffix(")").rpartition(":")[0]


def _owner(file: str) -> str | None:
    if file in _PASSED_OVER:
        return None
    return next((owner for prefix, owner in _OWNERS if file.startswith(prefix)), None)
