"""A gateway's process: the production state machine, fact spool and log tail behind a line without sound."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable
from typing import Any, cast

import msgspec

from schemas import facts as f
from schemas.event import Event, derived_id
from simulation.durable import PARTITION, Durable
from simulation.faults import Fault, Faults
from simulation.history import Act, Did, GatewayTrace, Sound
from simulation.inbox import SimInbox
from simulation.ledger import Latencies, SimLedger
from simulation.line import Holder, Line, Said, duration_s, spoken_part
from simulation.ownership import EPOCH_US
from simulation.process import Process
from simulation.read_once import SimCodec
from simulation.side_stores import SimStates
from streams.fact_writer import FactWriter, fact_event
from streams.tail import ConversationTail
from voice_gateway import commands as c
from voice_gateway.call_machine import CallMachine
from voice_gateway.fact_spool import FactSpool

TICK_S = 0.05
NOT_ANSWERED_S = 10.0
PROGRESS_S = 0.6
DRAIN_S = 60.0


class GatewayProcess:
    """One gateway for one call. ``traces`` gets one trace for each time that it takes the call."""

    def __init__(
        self,
        process: Process,
        call_id: str,
        line: Line,
        behaviour: tuple[int, str],
        durable: Durable,
        faults: Faults,
        latencies: Latencies,
        traces: list[GatewayTrace],
    ) -> None:
        self._process, self._call_id, self._line, self._behaviour = process, call_id, line, behaviour
        self._faults, self._traces = faults, traces
        self._ledger = SimLedger(durable, process, faults, latencies)
        self._codec = SimCodec(durable)
        self._spool = FactSpool(FactWriter(SimInbox(durable, process, faults, latencies), self._codec))
        self._rng = faults.rng(f"gateway/{process.name}")
        # One in two begins where the owner says that the conversation does; the others look all of it up.
        self._states = SimStates(durable, process, faults) if self._rng.random() < 0.5 else None
        self.holder = Holder(line)
        self._sounds: dict[str, asyncio.TimerHandle] = {}
        self._rendering: dict[str, asyncio.Task[None]] = {}
        self._sound: Sound | None = None
        self._began_s = 0.0

    async def main(self) -> None:
        spooling = asyncio.create_task(self._spool.run())
        try:
            self._line.join(self.holder)
            while await self._take_call() and self._line.holder is self.holder:
                """Evicted by a number that another gateway had taken first, and yet the line is ours: take it anew."""
            await self._spool.drained(DRAIN_S)
        finally:
            spooling.cancel()
            await asyncio.gather(spooling, return_exceptions=True)

    async def _take_call(self) -> bool:
        """Whether it ended because another gateway took the call."""
        self.holder.done = False
        self._tail = ConversationTail(
            self._ledger, self._codec, self._call_id, partition=PARTITION, states=self._states
        )
        history = await self._tail.begin()
        take = 1 + max((e.payload.take for e in history if isinstance(e.payload, f.CallTaken)), default=0)
        self._machine = CallMachine(self._call_id, self._process.name, take)
        self._trace = GatewayTrace(self._process.name, self._call_id, take)
        self._traces.append(self._trace)
        self._over, self._answered = asyncio.Event(), asyncio.Event()
        self._catching_up: list[asyncio.Task[None]] = []
        self._machine.remember(history)
        if not any(isinstance(event.payload, f.CallArrived) for event in history):
            self._put_arrival()
        self._do(self._machine.begin(self._now_ms()))
        tasks = [self._task(self._read_log()), self._task(self._listen()), self._task(self._tick())]
        over = self._task(self._until_over())
        try:
            await asyncio.wait([*tasks, over], return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
            return self._machine.evicted
        finally:
            tasks += [over, *self._catching_up, *self._rendering.values()]
            self._rendering.clear()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._silence()
            self.holder.done = True
            self._act(Did.EVICTED if self._machine.evicted else Did.OVER)

    def _task(self, main: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        return asyncio.create_task(main)

    async def _until_over(self) -> None:
        await self._over.wait()

    def _put_arrival(self) -> None:
        seq, content_hash = self._behaviour
        arrived = f.CallArrived(channel="simulated", behaviour_seq=seq, behaviour_hash=content_hash)
        self._put_fact(c.Put(derived_id(self._call_id, "arrived"), arrived, None))

    # --- inputs ---

    async def _read_log(self) -> None:
        following = cast(AsyncGenerator[Event, None], self._tail.events())
        async with contextlib.aclosing(following) as events:
            async for event in events:
                self._take(event)

    def _take(self, event: Event) -> None:
        self._act(Did.READ, event=event)
        self._do(self._machine.read(event, self._now_ms()))
        if self._machine.evicted:
            self._over.set()

    async def _listen(self) -> None:
        try:
            async with asyncio.timeout(NOT_ANSWERED_S if self._machine.take == 1 else None):
                await self._answered.wait()
        except TimeoutError:
            self._line.close()
        if self._line.closed:
            self._hang_up("caller_hung_up")
            return
        while True:
            said = await self.holder.heard.get()
            self._process.at("caller:heard")
            self._hear(said)

    def _hear(self, said: Said) -> None:
        now_ms, machine = self._now_ms(), self._machine
        if said.what == "began":
            self._act(Did.CALLER_BEGAN)
            self._do(machine.speech_began(now_ms))
        elif said.what in ("quiet", "voiced"):
            voiced = said.what == "voiced"
            self._act(Did.CALLER_VOICED if voiced else Did.CALLER_QUIET)
            self._do(machine.voice(voiced, now_ms))
        elif said.what == "words":
            self._act(Did.CALLER_WORDS, text=said.text)
            self._do(machine.words(said.text, now_ms))
        elif said.what == "dismissed":
            self._act(Did.CALLER_DISMISSED)
            self._do(machine.speech_dismissed(now_ms))
        elif said.what == "resumed":
            self._act(Did.CALLER_RESUMED)
            self._do(machine.resumed(now_ms))
        elif said.what == "paused":
            self._act(Did.CALLER_PAUSED, since_s=said.speech_ended_s, text=said.text)
            self._do(machine.maybe_ended(said.text, said.speech_ended_s * 1000, now_ms, 0.9))
        elif said.what == "ended":
            self._act(Did.CALLER_ENDED, since_s=said.speech_ended_s, text=said.text)
            self._do(machine.utterance_ended(said.text, said.speech_ended_s * 1000, now_ms, 0.95))
        elif said.what == "keys":
            for key in said.text:
                self._do(machine.key_pressed(key, now_ms))
        elif said.what == "hung_up":
            self._hang_up("caller_hung_up")

    def _hang_up(self, reason: str) -> None:
        self._do(self._machine.media_ended(reason))
        self._over.set()

    async def _tick(self) -> None:
        last = asyncio.get_running_loop().time()
        while True:
            await asyncio.sleep(TICK_S)
            now = asyncio.get_running_loop().time()
            if now - last > 2 * TICK_S:
                self._act(Did.STOOD_STILL, since_s=last)
            last = now
            self._do(self._machine.tick(now * 1000))

    async def _catch_up(self) -> None:
        async for event in self._tail.to_end():
            self._take(event)
        self._act(Did.CAUGHT_UP)
        self._do(self._machine.caught_up(self._now_ms()))

    # --- commands ---

    def _do(self, commands: Iterable[c.Command]) -> None:
        for command in commands:
            _CARRY_OUT[type(command)](self, command)

    def _put_fact(self, command: c.Put) -> None:
        self._act(Did.PUT, event_id=command.event_id, payload=command.payload)
        now_us = EPOCH_US + round(asyncio.get_running_loop().time() * 1e6)
        self._spool.put(
            fact_event(
                self._call_id,
                command.payload,
                event_id=command.event_id,
                turn_id=command.turn_id,
                occurred_at_us=now_us,
            )
        )

    def _answer(self, _: c.Answer) -> None:
        self._act(Did.ANSWERED)
        self._answered.set()
        self._line.answer()

    def _prepare(self, command: c.Prepare) -> None:
        sound_id = command.sound.sound_id
        self._rendering[sound_id] = asyncio.create_task(self._render(sound_id))

    async def _render(self, sound_id: str) -> None:
        await asyncio.sleep(self._rng.uniform(0.08, 0.25))
        if self._faults.strikes(Fault.VOICE_FAIL, self._rng, 0.25):
            if self._rng.random() < 0.4:
                await asyncio.sleep(self._rng.choice((1.5, 3600.0)))
            self._do(self._machine.preparation_failed(sound_id, "unavailable", self._now_ms()))
            return
        self._process.at("voice:first_audio")
        self._do(self._machine.prepared(sound_id, self._now_ms()))

    def _discard(self, command: c.Discard) -> None:
        task = self._rendering.pop(command.sound_id, None)
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    def _start(self, command: c.Start) -> None:
        self._process.at("sound.start:before")
        sound = command.sound
        loop = asyncio.get_running_loop()
        lasts_s = duration_s(sound.text)
        self._sound = Sound(
            sound.kind.value,
            sound.sound_id,
            sound.text,
            self._line.holder is self.holder,
            lasts_s,
        )
        self._began_s = loop.time()
        self._act(Did.SOUND_BEGAN, sound=self._sound)
        self._line.began(self.holder, sound.kind.value, sound.text)
        if sound.kind is c.SoundKind.REPLY and self._faults.strikes(Fault.VOICE_FAIL, self._rng, 0.2):
            breaks_s = lasts_s * self._rng.random()
            self._sounds["end"] = loop.call_later(breaks_s, self._guarded, lambda: self._break_off(breaks_s))
        else:
            self._sounds["end"] = loop.call_later(lasts_s, self._guarded, self._finish)
        if lasts_s > PROGRESS_S:
            self._sounds["progress"] = loop.call_later(PROGRESS_S, self._guarded, self._progress)
        self._process.at("sound.start:after")

    def _guarded(self, callback: Callable[[], None]) -> None:
        """A callback of the loop may be where the process dies."""
        with contextlib.suppress(asyncio.CancelledError):
            callback()

    def _progress(self) -> None:
        if self._sound is not None:
            self._do(self._machine.progressed(spoken_part(self._sound.text, self._played_s())))

    def _finish(self) -> None:
        self._process.at("sound.end:before")
        sound = self._sound
        self._silence(goes_on=self._machine.more_to_say, heard=sound.text if sound else "")
        if sound is not None:
            self._do(self._machine.finished(sound.text, self._now_ms()))

    def _break_off(self, played_s: float) -> None:
        """The voice is gone in the middle of it, as often as not of a word. A process that stood still hears of it late."""
        self._process.at("sound.end:before")
        sound = self._sound
        if sound is None:
            return
        spoken, exact = spoken_part(sound.text, played_s), self._rng.random() < 0.5
        self._sound = msgspec.structs.replace(sound, duration_s=played_s)
        self._silence(goes_on=True, heard=spoken)
        self._do(self._machine.broke_off(spoken, self._now_ms(), exact=exact))

    def _stop(self, _: c.Stop) -> None:
        spoken = spoken_part(self._sound.text, self._played_s()) if self._sound else ""
        self._silence(heard=spoken)
        self._do(self._machine.stopped(spoken, self._now_ms()))

    def _silence(self, *, goes_on: bool = False, heard: str = "") -> None:
        for timer in self._sounds.values():
            timer.cancel()
        self._sounds.clear()
        if self._sound is not None:
            self._act(Did.SOUND_ENDED, sound=self._sound, text=heard)
            self._sound = None
            self._line.fell_silent(self.holder, goes_on=goes_on)

    def _catch_up_soon(self, _: c.CatchUp) -> None:
        self._catching_up.append(asyncio.create_task(self._catch_up()))

    def _line_down(self, _: c.HangUp) -> None:
        self._line.close()
        self._over.set()

    # --- helpers ---

    def _played_s(self) -> float:
        return asyncio.get_running_loop().time() - self._began_s

    def _act(
        self,
        did: Did,
        *,
        sound: Sound | None = None,
        since_s: float | None = None,
        event: Event | None = None,
        event_id: str = "",
        payload: Any = None,
        text: str = "",
    ) -> None:
        if not self._process.dead:
            now = asyncio.get_running_loop().time()
            self._trace.acts.append(Act(now, did, sound, since_s, event, event_id, payload, text))

    @staticmethod
    def _now_ms() -> float:
        return asyncio.get_running_loop().time() * 1000


_CARRY_OUT: dict[type, Callable[[GatewayProcess, Any], None]] = {
    c.Put: GatewayProcess._put_fact,
    c.Answer: GatewayProcess._answer,
    c.Prepare: GatewayProcess._prepare,
    c.Discard: GatewayProcess._discard,
    c.Start: GatewayProcess._start,
    c.Stop: GatewayProcess._stop,
    c.CatchUp: GatewayProcess._catch_up_soon,
    c.HangUp: GatewayProcess._line_down,
}
