"""One seed: processes, callers and faults on one virtual clock, from the first ring to the last record.

The world starts owners and gateways, replaces those that die, freezes some, and moves the partition between owners.
When the callers are done, faults cease and everything settles; then the checker looks at what is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from agent_core.behaviour import Behaviour
from simulation.aims import Aim, aim_of
from simulation.callers import ACTS, READS, TALK, TALKS_OVER, WRITES, Caller, PlainCaller
from simulation.cells import gateway_targets, owner_targets
from simulation.crashes import Crashes
from simulation.customers import Channel, until_landed
from simulation.durable import Durable
from simulation.faults import Fault, Faults
from simulation.gateway import GatewayProcess
from simulation.guests import Guests, with_guests
from simulation.hedged import with_hedging
from simulation.history import Act, Crash, Did, GatewayTrace
from simulation.late_reads import with_late_reads
from simulation.ledger import Latencies
from simulation.line import Line
from simulation.ownership import Group, OwnerProcess
from simulation.poison import poison
from simulation.process import Process
from simulation.read_once import SimCodec
from simulation.small_bank import small_bank
from simulation.stages import Stage
from simulation.streaming import by_sentence

HORIZON_S = 20.0  # outages begin within it
LAST_MOMENT_S = 400.0  # a run that isn't over by then never ends
SETTLE_S = 12.0
TURNS = 5  # that callers mean to take; who interrupts, follows or is asked back takes more: twice as many come of it
MORE_TO_CHANGE = 3  # turns, of who wants something changed: they are asked who they are, and whether it shall be so
LEAST_TURNS = 6  # of a run
MOST_CALLED_AGAIN = 4
HEDGED = 0.4  # share of mixed runs in which everything is hedged
LATE = 0.3  # share of mixed runs in which what a tool finds late is told; not of those in which callers want a change
_ANY: frozenset[Stage] = frozenset()
_SOON_S = 5.0


class Note(NamedTuple):
    at_s: float
    who: str
    what: str


@dataclass
class Run:
    """What one seed left behind."""

    seed: int
    behaviour: Behaviour
    durable: Durable
    faults: Faults
    crashes: list[Crash]
    passed: dict[tuple[str, str], int] = field(default_factory=dict)  # as ``Played`` has it
    traces: list[GatewayTrace] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    died_of: list[str] = field(default_factory=list)  # exceptions that no process may end with
    standstills: dict[str, list[tuple[float, float]]] = field(default_factory=dict)  # process -> (begin, end) in s
    ended_at_s: float = 0.0


class Scene(NamedTuple):
    """What a run is made of besides its seed. ``callers`` call at once."""

    faults: frozenset[Fault]
    mixed: bool = True
    behaviour: Behaviour = small_bank()
    latencies: Latencies = Latencies()
    callers: int | None = None  # drawn where None
    hedged: bool | None = None  # whether everything is hedged; where None: drawn in a mixed run, not else
    writes: bool = False  # callers want something changed, and are let
    aim: Aim | None = None  # where processes die; where None: by seed in a mixed run
    script: tuple[str, ...] = ()  # one caller who says just this; in place of those who act by seed


class World:
    def __init__(self, seed: int, scene: Scene) -> None:
        self._scene = scene
        by_seed = aim_of(seed, owner_targets(), gateway_targets()) if scene.mixed else None
        self._aim = aim = scene.aim or by_seed
        needed = aim.faults() if aim else frozenset()
        self._at_tools = aim is not None and aim.at_tools
        self._at_writes = scene.writes or (aim is not None and aim.at_writes)
        allowed = frozenset(fault for fault in scene.faults if fault in needed or not aim or aim.may_be_drawn(fault))
        self._faults = Faults(seed, allowed, mixed=scene.mixed, horizon_s=HORIZON_S, needed=needed)
        self._durable = Durable()
        if Fault.GUESTS_FAIL in self._faults.in_play:
            scene = self._scene = scene._replace(behaviour=with_guests(scene.behaviour))
        if Fault.STREAM_BREAKS in self._faults.in_play:
            scene = self._scene = scene._replace(behaviour=by_sentence(scene.behaviour))
        drawn = scene.mixed and self._faults.rng("hedged").random() < HEDGED
        if drawn if scene.hedged is None else scene.hedged:
            scene = self._scene = scene._replace(behaviour=with_hedging(scene.behaviour))
        self._reads = scene.mixed and not self._at_writes and self._faults.rng("late").random() < LATE
        if self._reads:
            scene = self._scene = scene._replace(behaviour=with_late_reads(scene.behaviour))
        self._durable.behaviours[1, scene.behaviour.content_hash] = scene.behaviour
        self._lines: dict[str, Line] = {}
        self._crashes = Crashes(self._faults, aim, self._lines, self.note)
        self.run = Run(seed, scene.behaviour, self._durable, self._faults, self._crashes.crashes)
        self._rng = self._faults.rng("world")
        self._group = Group(self._faults)
        self._processes: list[Process] = []
        self._owner: Process | None = None
        self._gateways: dict[str, Process] = {}
        self._helpers: list[asyncio.Task[None]] = []
        self._channels: list[asyncio.Task[None]] = []
        self._frozen_at: dict[str, float] = {}

    async def play(self) -> Run:
        self._new_owner()
        for fault, driver in _DRIVERS.items():
            if fault in self._faults.in_play:
                self._help(driver(self))
        try:
            async with asyncio.timeout(LAST_MOMENT_S):
                await self._callers()
                await self._settle()
        except TimeoutError:
            self.run.died_of.append("the run never ended")
        await self._stop()
        self.run.ended_at_s = asyncio.get_running_loop().time()
        self.run.passed = self._crashes.passed()
        return self.run

    def note(self, who: str, what: str) -> None:
        self.run.notes.append(Note(asyncio.get_running_loop().time(), who, what))

    # --- callers ---

    async def _callers(self) -> None:
        if self._scene.script:
            await PlainCaller(self._scene.script, self._opener(0), self._patience_s).run()
            return
        count = self._scene.callers or (1 if self._at_writes else self._rng.choice((1, 1, 2)))
        all_turns = TURNS + MORE_TO_CHANGE * self._at_writes
        turns = [all_turns // count + (index < all_turns % count) for index in range(count)]
        await asyncio.gather(*(self._caller(index, turns[index]).run() for index in range(count)))
        for again in range(MOST_CALLED_AGAIN):  # where the line went dead on them, or words were lost
            opened = sum(record.body.type == "TurnOpened" for record in self._durable.log)
            missing = LEAST_TURNS - opened
            if missing > 0:
                await self._caller(count + again, missing).run()

    @property
    def _patience_s(self) -> float:
        return self._scene.behaviour.budget.hard_ms / 1000 + 3.0

    def _caller(self, index: int, turns: int) -> Caller:
        talk = ("card",) if self._at_tools else WRITES if self._at_writes else READS if self._reads else TALK
        acts = TALKS_OVER if self._aim and self._aim.talks_over else ACTS
        restless = self._aim is not None and self._aim.restless
        rng, opener = self._faults.rng(f"caller/{index}"), self._opener(index)
        return Caller(rng, turns, opener, self._patience_s, talk=talk, acts=acts, restless=restless)

    def _opener(self, index: int) -> Callable[[], Coroutine[Any, Any, Line]]:
        calls = 0

        async def open_line() -> Line:
            nonlocal calls
            calls += 1
            call_id = f"c{index}.{calls}"
            line = self._lines[call_id] = Line()
            line.phone = self._durable.phones.setdefault(call_id, [])
            self._new_gateway(call_id)
            channel = Channel(self._faults.rng(f"channel/{call_id}"), call_id, self._durable, line)
            self._channels.append(self._help(self._signs_in(channel)))
            if self._aim and self._aim.hangs_up_on_tools:
                self._help(self._hang_up_on_tools(call_id, self._aim.hangs_up_on_tools))
            if Fault.GUESTS_FAIL in self._faults.in_play:
                self._help(Guests(call_id, self._durable, self._faults).run())
            return self._lines[call_id]

        return open_line

    def _signs_in(self, channel: Channel) -> Coroutine[Any, Any, None]:
        if self._at_tools:
            return channel.run_brief()
        if self._at_writes:
            return channel.run_for_writes()
        return channel.run_for_reads() if self._reads else channel.run()

    async def _hang_up_on_tools(self, call_id: str, share: float) -> None:
        draw = self._faults.rng(f"hangs_up/{call_id}")
        await until_landed(self._durable, call_id, ("ToolRequested", "WriteRequested"), draw, share)
        await asyncio.sleep(draw.uniform(0.0, 0.3))
        self._lines[call_id].close()

    # --- processes ---

    def _spawn(self, name: str, main: Callable[[Process], Coroutine[Any, Any, None]]) -> Process:
        process = Process(name, self._crashes.at)
        self._processes.append(process)
        process.start(main(process))
        return process

    def _new_owner(self, former_hears_after_s: float = 0.0) -> Process:
        number = sum(process.name.startswith("o") for process in self._processes) + 1

        def main(process: Process) -> Coroutine[Any, Any, None]:
            hosted = OwnerProcess(process, self._group, self._durable, self._faults, self._scene.latencies, self.note)
            return self._watched(process, hosted.main(), self._replace_owner)

        owner = self._spawn(f"o{number}", main)
        self._owner = owner
        self._group.assign(owner, former_hears_after_s=former_hears_after_s)
        return owner

    def _new_gateway(self, call_id: str) -> None:
        number = sum(process.name.startswith("g") for process in self._processes) + 1

        def main(process: Process) -> Coroutine[Any, Any, None]:
            gateway = GatewayProcess(
                process,
                call_id,
                self._lines[call_id],
                (1, self._scene.behaviour.content_hash),
                self._durable,
                self._faults,
                self._scene.latencies,
                self.run.traces,
            )
            self._crashes.holders[process.name] = gateway.holder
            return self._watched(process, gateway.main(), lambda dead: self._replace_gateway(call_id, dead))

        self._gateways[call_id] = self._spawn(f"g{number}", main)

    async def _watched(
        self, process: Process, main: Coroutine[Any, Any, None], replace: Callable[[Process], None]
    ) -> None:
        try:
            await main
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.run.died_of.append(f"{process.name} ended with {_story(error)}")
            process.dead = True
        finally:
            if process.dead:
                replace(process)

    def _later(self, delay_s: float, act: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_later(delay_s, act, context=self._durable.broker)

    def _replace_owner(self, dead: Process) -> None:
        if self._owner is dead:
            self._later(self._rng.uniform(0.05, 1.5), lambda: self._take_its_place(dead))

    def _take_its_place(self, dead: Process) -> None:
        if self._owner is dead:
            self._new_owner()

    def _replace_gateway(self, call_id: str, dead: Process) -> None:
        for trace in self.run.traces:
            if trace.name == dead.name and trace.acts and trace.acts[-1].did is not Did.EVICTED:
                trace.acts.append(Act(asyncio.get_running_loop().time(), Did.DIED))
        if self._gateways.get(call_id) is dead:
            self._later(self._rng.uniform(0.05, 1.0), lambda: self._new_gateway_for(call_id, dead))

    def _new_gateway_for(self, call_id: str, former: Process) -> None:
        if self._gateways.get(call_id) is former:
            self._new_gateway(call_id)

    # --- the end ---

    async def _settle(self) -> None:
        """Faults cease; every gateway puts what it has left, and the owner takes it."""
        self._faults.over = True
        for process in self._processes:
            self._thaw(process)
        await asyncio.sleep(2.0)
        while pending := [p for p in self._gateways.values() if not p.ended.is_set() or p.dead]:
            await asyncio.sleep(0.5)
            if all(p.dead for p in pending):  # its place is about to be taken
                await asyncio.sleep(2.0)
        for channel in self._channels:  # what one puts in the very last moment nobody would be there to take
            channel.cancel()
        await asyncio.sleep(SETTLE_S)

    async def _stop(self) -> None:
        self._faults.over = True
        for task in self._helpers:
            task.cancel()
        await asyncio.gather(*self._helpers, return_exceptions=True)
        self._owner = None
        self._gateways.clear()
        for process in self._processes:
            process.kill()
        for process in self._processes:
            await process.gone()
        while left := [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]:
            await asyncio.wait(left)

    def _help(self, main: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(main)
        self._helpers.append(task)
        return task

    # --- what strikes from outside ---

    def _freeze(self, process: Process) -> None:
        self._frozen_at[process.name] = asyncio.get_running_loop().time()
        self.note(process.name, "stands still")
        process.freeze()

    def _thaw(self, process: Process) -> None:
        if process.frozen:
            self.note(process.name, "wakes")
            stood = (self._frozen_at[process.name], asyncio.get_running_loop().time())
            self.run.standstills.setdefault(process.name, []).append(stood)
            process.thaw()

    async def _until_call_is_in(self, stages: frozenset[Stage]) -> None:
        """What is needed for a crash in one state of the call strikes in it, if the call comes to it soon."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _SOON_S
        while stages and self._crashes.stage() not in stages and loop.time() < deadline:
            newest = next(reversed(self._lines.values()), None)
            await (newest.until_change(0.2) if newest else asyncio.sleep(0.1))

    async def _zombies(self) -> None:
        draw = self._faults.rng("zombies")
        while True:
            await asyncio.sleep(draw.uniform(1.0, 12.0))
            owner = self._owner
            if owner is None or owner.dead or owner.frozen or not self._faults.has(Fault.ZOMBIE):
                continue
            self._faults.happened[Fault.ZOMBIE] += 1
            self._freeze(owner)
            session_s = draw.uniform(0.2, 1.5)
            await asyncio.sleep(session_s)
            if self._owner is owner and not self._faults.over:
                self._new_owner(former_hears_after_s=draw.choice((0.0, 1.0, 5.0)))
            await asyncio.sleep(draw.choice((0.0, 0.01, 0.5, 3.0)))
            self._thaw(owner)

    async def _rolling(self) -> None:
        draw = self._faults.rng("rolling")
        while True:
            await asyncio.sleep(draw.uniform(2.0, 15.0))
            await self._until_call_is_in(self._aim.takeovers if self._aim else _ANY)
            if self._faults.has(Fault.ROLLING):
                self._faults.happened[Fault.ROLLING] += 1
                self._new_owner(former_hears_after_s=draw.choice((0.0, 0.1, 2.0)))

    async def _pauses(self) -> None:
        draw = self._faults.rng("pauses")
        while True:
            await asyncio.sleep(draw.uniform(0.5, 8.0))
            await self._until_call_is_in(self._aim.pauses if self._aim else _ANY)
            calls = [c for c, p in self._gateways.items() if not (p.dead or p.frozen or p.ended.is_set())]
            if not calls or not self._faults.has(Fault.GATEWAY_PAUSE):
                continue
            call_id = draw.choice(sorted(calls))
            gateway = self._gateways[call_id]
            self._faults.happened[Fault.GATEWAY_PAUSE] += 1
            self._freeze(gateway)
            await asyncio.sleep(draw.choice((0.15, 0.3, 0.6, 2.0)))
            if draw.random() < 0.4:
                self._new_gateway_for(call_id, gateway)
                await asyncio.sleep(draw.choice((0.0, 0.005, 0.05, 0.5)))
            self._thaw(gateway)

    async def _poison(self) -> None:
        draw = self._faults.rng("poison")
        while True:
            await asyncio.sleep(draw.uniform(0.2, 5.0))
            await self._until_call_is_in(self._aim.poisons if self._aim else _ANY)
            if self._faults.has(Fault.POISON):
                self._faults.happened[Fault.POISON] += 1
                newest = next(reversed(self._lines), "c0.1")
                call_id = newest if draw.random() < 0.5 else draw.choice(sorted(self._lines) or [newest])
                conversation_id, event_id, body = poison(draw, call_id, SimCodec(self._durable))
                self._durable.receive(conversation_id, event_id, body)


_DRIVERS: dict[Fault, Callable[[World], Coroutine[Any, Any, None]]] = {
    Fault.ZOMBIE: World._zombies,
    Fault.ROLLING: World._rolling,
    Fault.GATEWAY_PAUSE: World._pauses,
    Fault.POISON: World._poison,
}


def _story(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_story(inner) for inner in error.exceptions)
    return f"{type(error).__name__}: {error}"
