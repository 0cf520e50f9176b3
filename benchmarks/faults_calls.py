"""Calls for fault runs: real gateways on a real log, each with a caller who asks when told to and times the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from agent_core.behaviour import Behaviour
from benchmarks.faults_line import TONE, LineClosedError, ToldLine, ToldRecogniser, ToneActivity, ToneVoice
from console.workspace import Workspace
from processors.opening import CLOSING_ID
from schemas import decisions as d
from schemas import facts as f
from schemas.event import Event
from streams.codec import Body
from streams.fact_writer import FactWriter, fact_event
from streams.ports import Inbox
from streams.tail import ConversationTail
from voice_gateway.commands import SoundKind
from voice_gateway.gateway import Gateway, Heard, Line

QUESTIONS = (
    "Hi, I lost my credit card.",
    "How long will the new card take to arrive?",
    "What are your opening hours?",
    "Should I invest my savings in shares?",
)
GIVE_UP_S = 12.0  # with no answer for so long the turn is counted as unanswered
HOLDING_FRAMES = 10


class CallOverError(Exception):
    """The agent hung up on a caller who had something to say. The message says why; its cause, what the gateway failed of."""


class NotGreetedError(Exception):
    """The line was answered, and the greeting was not said in time."""


class Ended(StrEnum):
    """What ended a turn at the caller's ear."""

    REPLY = "reply"
    FALLBACK = "fallback"  # the owner gave up honestly
    CLOSING = "closing"  # the gateway did, by its own timer
    NOTHING = "nothing"


class Turn(NamedTuple):
    """ms from the end of the caller's speech to the moment when a frame of sound left; None: none did."""

    call_id: str
    began_at: float  # the end of speech on the loop's clock, s
    first_ms: float | None
    answer_ms: float | None
    ended: Ended
    held: int
    replies: int

    def was_open(self, at_s: float) -> bool:
        """Whether the caller had no answer yet, at this moment on the loop's clock."""
        return self.answer_ms is None or self.began_at + self.answer_ms / 1000 > at_s


class RecordingInbox:
    """Notes which facts were acknowledged. ``times``: how often each is put, as by somebody who never trusts an answer."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self.times = 1
        self.partitions = inbox.partitions
        self.follow = inbox.follow
        self.acknowledged: dict[str, str] = {}

    async def put(self, conversation_id: str, event_id: str, body: Body) -> None:
        for _ in range(self.times):
            await self._inbox.put(conversation_id, event_id, body)
        self.acknowledged[event_id] = conversation_id


class PhoneCall:
    """One call on one gateway, for as long as it is entered."""

    def __init__(self, call_id: str, workspace: Workspace, inbox: Inbox, behaviour: Behaviour, seq: int) -> None:
        self.call_id = call_id
        self.line = ToldLine()
        self._arrived = f.CallArrived(channel="voice", behaviour_seq=seq, behaviour_hash=behaviour.content_hash)
        self._writer = FactWriter(inbox, workspace.codec)
        stores = workspace.stores
        self._tail = ConversationTail(stores.ledger, workspace.codec, call_id, states=stores.states)
        granted = dict.fromkeys((*(phrase.id for phrase in behaviour.holding), CLOSING_ID), TONE * HOLDING_FRAMES)
        line = Line(self.line, [ToldRecogniser(self.line)], ToneVoice(), ToneActivity(), granted)
        self._gateway = Gateway(call_id, f"gateway-{call_id}", 1, line, self._writer, self._tail, on_event=self._read)
        self._running: asyncio.Task[Heard] | None = None
        self._fallbacks: set[str] = set()
        self._blocked: list[str] = []  # which guardrail each candidate was blocked by
        self._completed: set[str] = set()  # candidate ids, as the log has them
        self._closings = 0
        self.spoken_on_the_log: set[str] = set()  # candidate ids that this gateway read as chosen

    @property
    def heard(self) -> Heard:
        return self._gateway.heard

    async def ring(self) -> None:
        """Returns when the greeting was heard. Raises what ends the call before, and ``NotGreetedError``."""
        await self._writer.put(fact_event(self.call_id, self._arrived))
        self._running = asyncio.create_task(self._gateway.run())
        greeted = asyncio.create_task(self.line.idle.wait())
        try:
            await asyncio.wait([self._running, greeted], return_when=asyncio.FIRST_COMPLETED)
        finally:
            greeted.cancel()
        if self._running.done():
            self._running.result()
        if all(kind is not SoundKind.REPLY for _, kind, _ in self.heard.sounds):
            raise NotGreetedError(f"{self.call_id} heard {self._told()} and no greeting ({self._blocked})")

    async def ask(self, words: str, after_s: float = 0.0) -> Turn:
        """Says it, and waits until it was answered, in whatever way. Raises ``CallOverError``."""
        await asyncio.sleep(after_s)
        try:
            self.line.say(words)
            ended_at = await self.line.end_of_speech()
        except LineClosedError as error:
            raise await self._call_over(str(error))  # noqa: B904  its cause is the gateway's failure
        try:
            async with asyncio.timeout(GIVE_UP_S):
                while True:
                    await self.line.idle.wait()
                    if (turn := self._turn(ended_at)).ended is not Ended.NOTHING:
                        return turn
                    self.line.idle.clear()  # what ended was said to a silent caller, who spoke over it
        except TimeoutError:
            return self._turn(ended_at)

    @property
    def is_settled(self) -> bool:
        """Whether the log knows of every reply and closing line that was heard: both ways to it are open."""
        ended = [(kind, sound_id) for _, kind, sound_id in self.heard.sounds if kind is not SoundKind.HOLD]
        closings = sum(kind is SoundKind.CLOSING for kind, _ in ended)
        return self._closings == closings and self._completed >= {i for kind, i in ended if kind is SoundKind.REPLY}

    @property
    def was_released(self) -> bool:
        """Whether the agent said goodbye to a caller who had said nothing for long."""
        if not self._running or not self._running.done() or self._running.cancelled() or self._running.exception():
            return False
        said = [kind for _, kind, _ in self.heard.sounds if kind is not SoundKind.HOLD]
        return said[-1:] == [SoundKind.REPLY]

    def unsettled(self) -> str:
        """Which sounds the log doesn't know of."""
        known = f"the log has {self._closings} closing lines and {sorted(self._completed)}"
        return f"{self.call_id} heard {self._told()}; {known}"

    async def must_go_on(self) -> None:
        """Raises ``CallOverError`` where the gateway has ended the call."""
        if self._running and self._running.done():
            raise await self._call_over("the call is over")

    async def hang_up(self) -> None:
        """Returns when the gateway has let go of the call."""
        self.line.hang_up()
        if self._running:
            await self._running

    async def drop(self) -> None:
        """Whatever state it is in: nothing of it runs on."""
        if self._running and not self._running.done():
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _call_over(self, what: str) -> CallOverError:
        assert self._running is not None
        await asyncio.wait([self._running])
        over = CallOverError(f"{self.call_id}: {what} ({self.heard.hung_up}; heard {self._told()}; {self._blocked})")
        over.__cause__ = None if self._running.cancelled() else self._running.exception()
        return over

    def _told(self) -> list[str]:
        """What was heard but holding lines."""
        return [f"{kind.value} {sound_id}" for _, kind, sound_id in self.heard.sounds if kind is not SoundKind.HOLD]

    def _read(self, event: Event) -> None:
        if isinstance(event.payload, f.SpeechCompleted):
            self._completed.add(event.payload.candidate_id)
        if isinstance(event.payload, f.FallbackPlayed):
            self._closings += 1
        if isinstance(event.payload, d.CandidateDropped) and event.payload.reason.startswith("blocked:"):
            self._blocked.append(event.payload.reason)
        if isinstance(event.payload, d.Spoken):
            self.spoken_on_the_log.add(event.payload.candidate_id)
        if isinstance(event.payload, d.ReplyChosen) and event.payload.action == "fallback":
            self._fallbacks.add(event.payload.candidate_id)

    def _turn(self, ended_at: float) -> Turn:
        audible = [at for at in self.line.audible_at if at >= ended_at]
        sounds = [(at, kind, sound_id) for at, kind, sound_id in self.heard.sounds if at >= ended_at]
        held = sum(kind is SoundKind.HOLD for _, kind, _ in sounds)
        replies = sum(kind is SoundKind.REPLY for _, kind, _ in sounds)
        first_ms = (audible[0] - ended_at) * 1000 if audible else None
        for at, kind, sound_id in sounds:
            left = [moment for moment in audible if moment >= at]
            if kind is not SoundKind.HOLD and left:
                answer_ms = (left[0] - ended_at) * 1000
                return Turn(self.call_id, ended_at, first_ms, answer_ms, self._end(kind, sound_id), held, replies)
        return Turn(self.call_id, ended_at, first_ms, None, Ended.NOTHING, held, replies)

    def _end(self, kind: SoundKind, sound_id: str) -> Ended:
        if kind is SoundKind.CLOSING:
            return Ended.CLOSING
        return Ended.FALLBACK if sound_id in self._fallbacks else Ended.REPLY


async def ask_all(calls: Sequence[PhoneCall], turn: int, spread_s: float) -> list[Turn]:
    """All callers speak at once, give or take ``spread_s``: so many turns are in flight together."""
    step_s = spread_s / max(1, len(calls))
    words = QUESTIONS[turn % len(QUESTIONS)]
    return list(await asyncio.gather(*(call.ask(words, n * step_s) for n, call in enumerate(calls))))
