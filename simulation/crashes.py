"""Whether a process dies at the point that it passes, and a count of who stood where."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from simulation.aims import AT_NOTHING, Aim
from simulation.cells import narrow_targets
from simulation.crash_plan import CrashPlan
from simulation.crash_points import GATEWAY_POINTS, OWNER_POINTS
from simulation.faults import Fault, Faults
from simulation.history import Crash
from simulation.line import Holder, Line
from simulation.process import Process
from simulation.stages import Stage, State, stages_at


class _Kind:
    """Owners, or gateways: those that may die, and where they stood."""

    def __init__(self, name: str, fault: Fault, faults: Faults, plan: CrashPlan) -> None:
        self.name, self.fault, self.plan = name, fault, plan
        self.may_die = fault in faults.in_play
        self.passed: dict[tuple[str, State], int] = {}


class Crashes:
    """``crashes``: those that happened, of those processes that may die."""

    def __init__(
        self, faults: Faults, aim: Aim | None, lines: dict[str, Line], note: Callable[[str, str], None]
    ) -> None:
        self._faults, self._lines, self._note = faults, lines, note
        self.holders: dict[str, Holder] = {}  # a gateway's name -> its end of the line
        self.crashes: list[Crash] = []
        aim = aim or AT_NOTHING
        plan = CrashPlan(
            faults.rng("crash/owner"), OWNER_POINTS, aim.owner, narrow_targets("owner"), aim, faults.happened
        )
        self._owners = _Kind("owner", Fault.CRASH_OWNER, faults, plan)
        plan = CrashPlan(
            faults.rng("crash/gateway"), GATEWAY_POINTS, aim.gateway, narrow_targets("gateway"), aim, faults.happened
        )
        self._gateways = _Kind("gateway", Fault.CRASH_GATEWAY, faults, plan)

    def at(self, process: Process, point: str, call_id: str) -> None:
        """Kills the process if it is to die here; one whose main task is over is gone. ``call_id``: see ``Process.at``."""
        holder = self.holders.get(process.name)
        kind = self._gateways if holder else self._owners
        if not kind.may_die or self._faults.over or process.frozen or process.ended.is_set():
            return
        state = holder.state if holder else self.stage(point, call_id)
        at = (point, state)
        kind.passed[at] = kind.passed.get(at, 0) + 1
        if kind.plan.due(point, state):
            struck = len(self._faults.happened)
            self._faults.happened[kind.fault] += 1
            now_s = asyncio.get_running_loop().time()
            self.crashes.append(Crash(now_s, process.name, f"{kind.name}:{point}", state, struck))
            self._note(process.name, f"dies at {point}")
            process.kill()

    def stage(self, point: str = "", call_id: str = "") -> Stage:
        """Of this call; of the newest one where it is none."""
        line = self._lines.get(call_id) or next(reversed(self._lines.values()), None)
        return stages_at(point)[line.state] if line else Stage.RINGING

    def passed(self) -> dict[tuple[str, str], int]:
        """(Crash point, state of the call) → how often a process stood there that might have died."""
        return {
            (f"{kind.name}:{point}", state.value): times
            for kind in (self._owners, self._gateways)
            for (point, state), times in kind.passed.items()
        }
