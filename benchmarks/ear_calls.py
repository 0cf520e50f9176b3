"""Calls for the ear benchmark: the demo's caller, several calls at once on one owner, each through a real gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from agent_core.audio import speech_bounds
from agent_core.ports import VoiceActivity
from agent_core.wav import load_wav
from benchmarks.meter import Meter
from console.agent import make_mind
from console.call import CallParts
from console.settings import EXAMPLE_BEHAVIOUR
from console.workspace import SqliteWorkspace
from processors.opening import CLOSING_ID
from providers.voice_activity import open_voice_activity
from schemas import decisions as d
from schemas.event import Event
from schemas.facts import CallArrived
from streams.fact_writer import FactWriter, fact_event
from streams.hosts.embedded import EmbeddedHost
from streams.tail import ConversationTail
from voice_gateway.commands import SoundKind
from voice_gateway.gateway import Gateway, Line
from voice_gateway.media import Media
from voice_gateway.scripted_caller import Say
from voice_gateway.wav_media import WavMedia

# What the demo's caller says, as examples/bank/demo/make_audio.py has it; here nobody interrupts.
LINES = {
    "1-lost-card": "Hi, I lost my credit card.",
    "2-how-long": "How long will the new card take to arrive?",
    "3-stop-opening-hours": "Wait, stop. What are your opening hours?",
    "4-shares": "Should I invest my savings in shares?",
    "5-goodbye": "No that's all, thank you, goodbye.",
}


class Clip(NamedTuple):
    text: str
    pcm: bytes
    speech_ms: float


class Turn(NamedTuple):
    """ms from the true end of the caller's speech; None where it never came. ``held``: a holding line was played."""

    first_sound_ms: float | None
    first_reply_ms: float | None
    decision_ms: float | None
    held: bool


class Heard(NamedTuple):
    """``eager``: for each committed turn of the caller, whether the work of a speculation counted."""

    turns: list[Turn]
    eager: list[bool]


def clips() -> list[Clip]:
    found = []
    for name, text in LINES.items():
        pcm = load_wav(EXAMPLE_BEHAVIOUR / "demo" / f"{name}.wav").pcm
        bounds = speech_bounds(pcm)
        if bounds is None:
            raise ValueError(f"{name}.wav is silent")
        found.append(Clip(text, pcm, bounds.end_ms - bounds.start_ms))
    return found


@dataclass(frozen=True)
class Held:
    """A call that was held: when each sound was let out, and when the gateway read each event, in s on the loop's clock."""

    sounds: list[tuple[float, SoundKind, str]]
    events: list[tuple[float, Event]]

    def is_reply(self, at_s: float) -> bool:
        """Whether what is heard then belongs to a reply: the sound that was let out last before it. No fallback is one."""
        before = [(kind, sound_id) for began, kind, sound_id in self.sounds if began <= at_s + 0.02]
        return bool(before) and before[-1][0] is SoundKind.REPLY and before[-1][1] not in self._fallbacks

    @cached_property
    def _fallbacks(self) -> set[str]:
        return {
            e.payload.candidate_id
            for _, e in self.events
            if isinstance(e.payload, d.ReplyChosen) and e.payload.action == "fallback"
        }


class Exchange:
    """One owner for many calls. ``activity`` makes a call's detector of voice. Raises what the gateway raises."""

    def __init__(
        self,
        workspace: SqliteWorkspace,
        parts: CallParts,
        activity: Callable[[], VoiceActivity] = open_voice_activity,
    ) -> None:
        self._workspace, self._parts, self._activity = workspace, parts, activity
        self._granted: dict[str, bytes] = {}

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        workspace, behaviour = self._workspace, self._parts.behaviour
        texts = {phrase.id: phrase.text for phrase in behaviour.holding} | {CLOSING_ID: behaviour.lines.closing}
        self._granted = {phrase_id: await self._parts.phrases.render(text) for phrase_id, text in texts.items()}
        mind = make_mind(workspace.behaviour_of, workspace.keys)
        assert self._parts.agent, "it is decided here"
        effects = self._parts.agent.effects
        async with EmbeddedHost(workspace.stores, workspace.codec, mind, effects, workspace.owner_lock()):
            yield

    async def call(self, call_id: str, said: list[Clip]) -> Heard:
        meter = Meter(self._workspace.recordings / f"{call_id}.wav", asyncio.get_running_loop().time())
        media = WavMedia([Say(clip.pcm) for clip in said], recorder=meter)
        try:
            held = await self.hold(call_id, media)
        finally:
            meter.close()
        return _heard(media.true_speech_end_at, meter.audible_at, held)

    async def hold(self, call_id: str, media: Media) -> Held:
        """One call over this media, till it ends."""
        workspace, parts = self._workspace, self._parts
        loop = asyncio.get_running_loop()
        events: list[tuple[float, Event]] = []
        writer = FactWriter(workspace.inbox, workspace.codec)
        tail = ConversationTail(workspace.ledger, workspace.codec, call_id)
        behaviour = parts.behaviour
        arrived = CallArrived(channel="voice", behaviour_seq=parts.behaviour_seq, behaviour_hash=behaviour.content_hash)
        await writer.put(fact_event(call_id, arrived))
        line = Line(media, parts.speech.recognisers, parts.voice_of_a_call(), self._activity(), self._granted)
        gateway = Gateway(
            call_id, "gateway-bench", 1, line, writer, tail, on_event=lambda e: events.append((loop.time(), e))
        )
        heard = await gateway.run()
        return Held(list(heard.sounds), events)


def _heard(ends: list[float], audible_at: list[float], held: Held) -> Heard:
    """Each turn lasts from one true end of speech to the next one."""
    sounds, events = held.sounds, held.events
    turns = []
    for end, until in zip(ends, [*ends[1:], float("inf")], strict=True):
        within = [at for at in audible_at if end <= at < until]
        replies = [at for at in within if held.is_reply(at)]
        decided = [at for at, e in events if end <= at < until and isinstance(e.payload, d.Spoken)]
        first_reply = min(replies, default=until)
        held_on = any(kind is SoundKind.HOLD and end <= at < first_reply for at, kind, _ in sounds)
        turns.append(Turn(_first_ms(within, end), _first_ms(replies, end), _first_ms(decided, end), held_on))
    eager = [e.payload.eager for _, e in events if isinstance(e.payload, d.TurnCommitted)]
    return Heard(turns, eager)


def _first_ms(moments: list[float], since_s: float) -> float | None:
    return round((min(moments) - since_s) * 1000, 1) if moments else None
