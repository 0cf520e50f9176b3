"""What a seed aims at: where its processes die, in which state of the call, and beside which faults.

Three seeds in four aim at two crash points of an owner and one of a gateway in one state: seed after seed goes through all
of them, so that two thousand seeds leave few out by chance.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import NamedTuple

from simulation.crash_points import SELDOM
from simulation.faults import ALL, Fault
from simulation.line import LineState
from simulation.stages import Stage, State, stages_at

IN_THE_WAY = frozenset({Fault.STALL, Fault.VENDOR_ERROR, Fault.GUESTS_FAIL, Fault.VOICE_FAIL})
_TALKED_OVER = {Stage.CALLER_SPEAKS, Stage.AGENT_SPEAKS}
_CALLED_AGAIN = {Stage.RINGING, Stage.OVER}


class Target(NamedTuple):
    """A crash at ``point`` while a gateway's line, or an owner's call, is in ``state``."""

    point: str
    state: State

    @property
    def is_seldom(self) -> bool:
        return self.point.startswith(SELDOM)

    @property
    def stage(self) -> Stage:
        return stages_at(self.point)[self.state] if isinstance(self.state, LineState) else self.state


class Aim(NamedTuple):
    """What a seed aims at. ``beside``: faults that are in play for it; ``after``: those of them that must have struck before
    anybody dies at a seldom target, or at the only one where it is ``alone``."""

    owner: tuple[Target, ...]
    gateway: tuple[Target, ...]
    beside: frozenset[Fault]
    after: frozenset[Fault]
    alone: bool = False

    @property
    def at_tools(self) -> bool:
        """Whether callers must ask for what tools read, and channels must let them."""
        return any(target.point.startswith("tool") for target in self.owner) and not self.at_writes

    @property
    def at_writes(self) -> bool:
        """Whether callers must want something changed, and be let."""
        return any(target.point.startswith("write") for target in self.owner)

    @property
    def hangs_up_on_tools(self) -> float:
        """The share of tools over which callers must hang up while one is under way."""
        seldom = [target for target in self.owner if target.is_seldom]
        if any(target.state is Stage.OVER for target in seldom):
            return 0.7
        return 0.2 if seldom else 0.0

    def may_be_drawn(self, fault: Fault) -> bool:
        """A change stands at the end of four turns or more: with vendors, guests and voices that fail beside the fault
        that is aimed at, hardly a caller gets there."""
        return not self.at_writes or fault not in IN_THE_WAY

    def faults(self) -> frozenset[Fault]:
        """What must be in play, so that the points are passed at all, and passed after the faults struck."""
        needed = {Fault.CRASH_OWNER, Fault.CRASH_GATEWAY, *self.beside}
        if self.takeovers:
            needed.add(Fault.ROLLING)
        if self.poisons:
            needed.add(Fault.POISON)
        if self.pauses:
            needed.add(Fault.GATEWAY_PAUSE)
        return frozenset(needed)

    @property
    def restless(self) -> bool:
        """Whether callers must hang up and call again, so that the line rings, and is over while something is under way."""
        return any(t.stage in _CALLED_AGAIN and not t.is_seldom for t in (*self.owner, *self.gateway))

    @property
    def talks_over(self) -> bool:
        """Whether callers must speak while the agent does, or holds."""
        return any(target.stage in _TALKED_OVER for target in (*self.owner, *self.gateway)) or any(
            target.state is LineState.AGENT_HOLDS for target in self.gateway
        )

    @property
    def takeovers(self) -> frozenset[Stage]:
        """States of the call in which an owner must take over: then these points are passed."""
        return _stages(self.owner, ("states.load", "snapshots.refresh", "snapshots.load", "ledger.read"))

    @property
    def poisons(self) -> frozenset[Stage]:
        return _stages(self.owner, ("dead_letters",))

    @property
    def pauses(self) -> frozenset[Stage]:
        """A gateway passes these when it takes the call, or stood still."""
        return _stages(self.gateway, ("states.load", "ledger.read", "ledger.end"))


AT_NOTHING = Aim((), (), frozenset(), frozenset())


def aim_of(seed: int, owner: tuple[Target, ...], gateway: tuple[Target, ...]) -> Aim | None:
    """``owner``, ``gateway``: all that there is to aim at. One seed in four aims at nothing."""
    if seed % 4 == 0:
        return None
    lap, number = divmod(seed - seed // 4, len(owner))
    first = owner[number]
    among = [target for target in owner if target.state is first.state]
    # lap by lap another one beside it: who dies before something seldom comes to what is after it
    second = among[(among.index(first) + 1 + lap % (len(among) - 1)) % len(among)]
    order = random.Random(f"beside/{lap // 2}").sample(sorted(ALL), len(ALL))
    beside, after = frozenset(order[(lap + number) % 2 :: 2]), frozenset[Fault]()
    if (lap + number) % 3:
        beside |= {Fault.STREAM_BREAKS}  # it strikes in few streams
    if first.is_seldom or second.is_seldom:
        faults = sorted(IN_THE_WAY) if lap % 2 else order
        after = frozenset({faults[(lap // 2 + number) % len(faults)]})
        beside = (beside - IN_THE_WAY) | after
    fitting = [target for target in gateway if target.stage is first.state] or list(gateway)
    return Aim((first, second), (fitting[(lap + number) % len(fitting)],), beside, after)


def aim_at(kind: str, target: Target, fault: Fault) -> Aim:
    """At this one alone, once the fault has struck. ``kind``: owner or gateway."""
    at, after = (target,), frozenset({fault})
    return Aim(at if kind == "owner" else (), at if kind == "gateway" else (), after, after, alone=True)


def _stages(targets: Iterable[Target], points: tuple[str, ...]) -> frozenset[Stage]:
    return frozenset(target.stage for target in targets if target.point.startswith(points))
