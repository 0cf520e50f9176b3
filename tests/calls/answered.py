"""Answered calls for tests: the local models are loaded once a process, every call has a log of its own."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Coroutine
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from agent_core.wav import load_wav
from console.call import CallMade, CallParts, make_call, open_parts
from console.callers import Caller, files_caller, script_caller
from console.demo_stage import hold_demo
from console.settings import EXAMPLE_BEHAVIOUR, LlmSettings, Settings, SttSettings, TtsSettings
from console.workspace import SqliteWorkspace
from processors.deciders import cascade
from projections.acknowledged import SqliteAcknowledgedFacts
from projections.call_report import CallReport, report_call
from projections.effective_log import conversation_events
from projections.recompute import Recomputer, replay
from projections.recorded_behaviour import recorded_behaviours
from projections.verify import Verification, verify
from providers.embeddings import MiniLM
from schemas.event import Event
from simulation.virtual_loop import run_virtual

T = TypeVar("T")
DEMO = EXAMPLE_BEHAVIOUR / "demo"
LOST_CARD = DEMO / "1-lost-card.wav"
DISCLOSED = "AI assistant"


class Held(NamedTuple):
    """A call that is over. ``report`` as ``call --json`` prints it, but for the true ends of speech."""

    made: CallMade
    report: CallReport
    events: list[Event]

    def payloads(self, kind: type[T]) -> list[T]:
        return [event.payload for event in self.events if isinstance(event.payload, kind)]

    @property
    def spoken(self) -> list[str]:
        """All that the agent said, in order of its turns."""
        turns = sorted((*self.report.turns, *self.report.agent_turns), key=lambda turn: turn.seq_from)
        return [turn.spoken for turn in turns if turn.spoken]


@cache
def _parts_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="ledgerline-parts-")


def kept(name: str) -> Path:
    """A directory for what all tests of this process look at. It goes with the process."""
    folder = Path(_parts_folder().name) / name
    folder.mkdir()
    return folder


def started_before(data: Path) -> Path:
    """``data`` as the directory of a log to be, with what a first start makes: phrases are rendered once for all tests of this
    process (whoever needs one more renders it for all), and what is learnt from is embedded once ``local_parts`` were opened."""
    ready = Path(_parts_folder().name)
    (ready / "phrases").mkdir(exist_ok=True)
    data.mkdir(parents=True, exist_ok=True)
    for made in ("phrases", "embeddings.npz"):
        (data / made).symlink_to(ready / made)
    return data


@cache
def embedder() -> MiniLM:
    """The one of this process, with all sentences in it that were ever learnt from."""
    return MiniLM()


@cache
def local_parts() -> CallParts:
    """No vendor, whatever keys this machine has."""
    folder = Path(_parts_folder().name)
    workspace = SqliteWorkspace(folder)
    try:
        return run_virtual(open_parts(local_settings(folder), workspace))
    finally:
        workspace.close()


def local_settings(data: Path) -> Settings:
    return Settings(
        data=data,
        stt=SttSettings(provider="local"),
        tts=TtsSettings(provider="local"),
        llm=LlmSettings(provider="local"),
    )


async def answer(data: Path, caller: Caller, parts: CallParts) -> Held:
    """Holds one call on the running loop, on a log in ``data``."""
    workspace = SqliteWorkspace(data)
    try:
        seq = workspace.record(parts.behaviour)
        make_media = await caller.prepare(parts.speech.local_voice or parts.speech.voice)
        made = await make_call(workspace, parts._replace(behaviour_seq=seq), make_media)
        events = await conversation_events(workspace.ledger, workspace.codec, made.call_id, _damaged)
        report = report_call(events, recording=str(made.recording))
        assert report is not None
        return Held(made, report, events)
    finally:
        workspace.close()


def hold(data: Path, caller: Caller, parts: CallParts | None = None) -> Held:
    """One call with the local parts, on a virtual clock."""
    return run_virtual(answer(data, caller, parts or local_parts()))


def demo(data: Path) -> Held:
    """The demo's call, with the local ears and voice, on a virtual clock."""
    reported = run_virtual(hold_demo(local_settings(started_before(data))))
    return Held(reported.made, reported.report, reported.events)


def says(*wavs: Path) -> Caller:
    return files_caller(list(wavs))


def follows(script: Path) -> Caller:
    return script_caller(script)


def write_script(folder: Path, text: str) -> Path:
    path = folder / "call.yaml"
    path.write_text(text)
    return path


def verified(data: Path) -> Verification:
    """As ``ledgerline verify`` does it."""
    workspace = SqliteWorkspace(data, create=False)
    try:
        return run_virtual(
            verify(
                workspace.ledger,
                workspace.codec,
                _recomputer(workspace),
                states=workspace.states,
                acknowledged=SqliteAcknowledgedFacts(workspace.store),
                dead_letters=workspace.dead_letters,
            )
        )
    finally:
        workspace.close()


def replays_identically(data: Path, call_id: str) -> bool:
    workspace = SqliteWorkspace(data, create=False)

    async def again() -> Any:
        return await replay(workspace.ledger, workspace.codec, _recomputer(workspace), call_id, _damaged)

    try:
        return run_virtual(_result(again())) is True
    finally:
        workspace.close()


async def _result(replaying: Coroutine[Any, Any, Any]) -> bool | None:
    identical: bool | None = (await replaying).identical
    return identical


def assert_sound(data: Path) -> None:
    found = verified(data)
    assert found.problems == (), Counter(problem.kind for problem in found.problems)


def loudness(pcm: bytes) -> float:
    """Root mean square of PCM16."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    return float(np.sqrt(np.mean(samples**2))) if len(samples) else 0.0


def one_channel(recording: Path, channel: int) -> bytes:
    """The caller's (0) or the agent's (1) side of a recording, PCM16."""
    raw = recording.read_bytes()[44:]
    return np.frombuffer(raw, "<i2").reshape(-1, 2)[:, channel].tobytes()


def clip(path: Path = LOST_CARD) -> bytes:
    return load_wav(path).pcm


def _recomputer(workspace: SqliteWorkspace) -> Recomputer:
    return Recomputer(cascade(), recorded_behaviours(workspace.behaviours), workspace.keys)


def _damaged(damage: Any) -> None:
    raise AssertionError(f"the log is damaged: {damage.message}")
