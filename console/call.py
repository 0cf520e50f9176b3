"""One call from ring to report: opens the log, owns it, lets a gateway answer, and reads what came of it."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, nullcontext, suppress
from pathlib import Path
from typing import NamedTuple

from agent_core.behaviour import Behaviour
from agent_core.behaviour_loader import load
from agent_core.ports import SpeechSynthesiser
from console.agent import Agent, make_mind
from console.agent_opening import open_agent
from console.reigning import reigning
from console.settings import LlmSettings, Settings
from console.signed_in import Company, open_company
from console.spoken_language import foreign_to, in_language
from console.vendor_trouble import VendorTrouble
from console.vendors import Speech, models_in_use, open_speech
from console.workspace import Workspace
from processors.opening import CLOSING_ID
from providers.call_voice import CallVoice
from providers.phrase_store import PhraseStore
from providers.rehearsed_voice import RehearsedVoice
from providers.voice_activity import open_voice_activity
from schemas.event import Event
from schemas.facts import CallArrived, SubjectAuthenticated
from schemas.tenants import DEFAULT_TENANT, owned_by
from streams.fact_writer import FactWriter, fact_event
from streams.tail import ConversationTail
from voice_gateway.gateway import Gateway, Heard, Line
from voice_gateway.media import Media
from voice_gateway.recording import RecordingFailure, StereoRecorder

CLOSING_S = 5.0

MakeMedia = Callable[[StereoRecorder], Media]


class CallMade(NamedTuple):
    """``heard`` holds moments on the event loop's clock. ``log_failure``: why the log doesn't hold the call to its end."""

    call_id: str
    recording: Path
    providers: tuple[str, ...]
    heard: Heard
    media: Media
    recording_failure: RecordingFailure | None
    log_failure: str | None


class CallParts(NamedTuple):
    """What is opened before the first ring, and may serve one call after another."""

    behaviour: Behaviour
    behaviour_seq: int
    agent: Agent | None  # None: workers elsewhere decide
    speech: Speech
    phrases: PhraseStore
    models: LlmSettings
    company: Company | None = None  # its own systems, where this process decides
    tenant: str = DEFAULT_TENANT  # whose calls these are

    def in_use(self) -> tuple[str, ...]:
        """Which recogniser, voice and models are in use now in this process."""
        models = (*models_in_use(self.models), "embeddings:minilm") if self.agent else ()
        return (*self.speech.in_use(), *models)

    def voice_of_a_call(self) -> SpeechSynthesiser:
        """Renders two texts at most at a time; a rehearsed line waits for none of them."""
        return RehearsedVoice(CallVoice(self.speech.voice), self.phrases)

    async def close(self) -> None:
        if self.agent:
            await self.agent.model.close()
        if self.company:
            await self.company.close()
        await self.speech.close()


async def open_parts(settings: Settings, workspace: Workspace, *, own: bool = True) -> CallParts:
    """Loads behaviour and models, and renders the granted phrases. ``own``: whether this process decides as well.

    Raises ``BehaviourError``, ``ProviderError``.
    """
    behaviour, trouble = load(settings.behaviour), VendorTrouble()
    agent, models = None, settings.llm
    async with AsyncExitStack() as opened:
        if company := open_company(settings) if own else None:
            opened.push_async_callback(company.close)
        if own:
            agent, models = await open_agent(settings, behaviour, workspace, trouble, company)
            opened.push_async_callback(agent.model.close)
        speech = await open_speech(in_language(settings, behaviour.language), trouble)
        opened.push_async_callback(speech.close)
        if foreign := foreign_to(speech.recognisers[0].name, speech.voice.name, behaviour.language):
            print(f"ledgerline: {foreign}", file=sys.stderr)
        phrases = PhraseStore(speech.voice, workspace.directory / "phrases")
        for text in (*_granted_texts(behaviour).values(), *_rehearsed_texts(behaviour)):
            await phrases.render(text)
        seq = workspace.record(behaviour)
        opened.pop_all()  # from here on they are the caller's to close
        return CallParts(behaviour, seq, agent, speech, phrases, models, company, settings.tenant)


async def make_call(
    workspace: Workspace,
    parts: CallParts,
    make_media: MakeMedia,
    *,
    subject: SubjectAuthenticated | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
) -> CallMade:
    """``subject``: whom the channel authenticated before the call rang.

    Raises ``NotAnsweredError``, ``ProviderError``, ``OwnerRefusedError``, ``FailedError``, ``OSError`` (the
    recording)."""
    call_id = owned_by(parts.tenant, new_call_id())
    workspace.recordings.mkdir(parents=True, exist_ok=True)
    recording = workspace.recordings / f"{call_id}.wav"
    recorder = StereoRecorder(recording, asyncio.get_running_loop().time())
    media = make_media(recorder)
    writer = FactWriter(workspace.stores.inbox, workspace.codec)
    mind = make_mind(workspace.behaviour_of, workspace.keys)
    granted = {
        phrase_id: await parts.phrases.render(text) for phrase_id, text in _granted_texts(parts.behaviour).items()
    }
    speech = parts.speech
    line = Line(media, speech.recognisers, parts.voice_of_a_call(), open_voice_activity(), granted, speech.deaf)
    providers = parts.in_use()
    try:
        host = workspace.host(mind, parts.agent.effects) if parts.agent else None
        async with reigning(host, "no call can be answered") if host else nullcontext():
            tail = ConversationTail(workspace.stores.ledger, workspace.codec, call_id)
            await writer.put(fact_event(call_id, _arrived(parts, providers)))
            if subject:
                await writer.put(fact_event(call_id, subject))
            gateway = Gateway(call_id, f"gateway-{secrets.token_hex(3)}", 1, line, writer, tail, on_event=on_event)
            try:
                heard = await gateway.run()
            finally:
                closed = await _until_closed(workspace, call_id)
    finally:
        recorder.close()
    lost = host.reigns_lost if host else []
    log_failure = None if closed else (lost or ["nothing was written in time"])[-1]
    return CallMade(call_id, recording, providers, heard, media, recorder.failure, log_failure)


def new_call_id() -> str:
    """Sorts by time of the ring, to the millisecond."""
    now_ms = time.time_ns() // 1_000_000
    second = time.strftime("call-%Y%m%d-%H%M%S", time.gmtime(now_ms // 1000))
    return f"{second}-{now_ms % 1000:03d}{secrets.token_hex(3)}"


def _arrived(parts: CallParts, providers: tuple[str, ...]) -> CallArrived:
    return CallArrived(
        channel="voice",
        behaviour_seq=parts.behaviour_seq,
        behaviour_hash=parts.behaviour.content_hash,
        providers=providers,
    )


def _granted_texts(behaviour: Behaviour) -> dict[str, str]:
    return {phrase.id: phrase.text for phrase in behaviour.holding} | {CLOSING_ID: behaviour.lines.closing}


def _rehearsed_texts(behaviour: Behaviour) -> tuple[str, ...]:
    """Lines that nearly every call needs, or that are needed when things go wrong."""
    lines, silence = behaviour.lines, behaviour.silence
    return (
        lines.disclosure,
        lines.clarify,
        lines.refusal,
        lines.escalation,
        lines.fallback,
        lines.goodbye,
        silence.ask,
        silence.release,
    )


async def _until_closed(workspace: Workspace, call_id: str) -> bool:
    """The owner writes the end of the call before this process goes; at most some seconds are given to it."""
    tail = ConversationTail(workspace.stores.ledger, workspace.codec, call_id)
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSING_S):
            if any(event.type == "ConversationClosed" for event in await tail.begin()):
                return True
            async for event in tail.events():
                if event.type == "ConversationClosed":
                    return True
    return False
