"""The faults of a run: which are in play, when they strike, and a count of what really happened.

Every draw comes from a generator that is seeded by (seed, name of who draws), so that a run is a function of its seed.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from enum import StrEnum


class Fault(StrEnum):
    """What may go wrong. The value is the name on the command line."""

    CRASH_OWNER = "crash_owner"  # an owner dies at a point where it touches the world
    CRASH_GATEWAY = "crash_gateway"  # so does a gateway; another one takes the call
    ZOMBIE = "zombie"  # an owner stands still while another takes over, then wakes; its appends land late
    ROLLING = "rolling"  # the partition moves to another owner while the old one is well, and may not know
    GATEWAY_PAUSE = "gateway_pause"  # a gateway's loop stands still; sometimes another one takes the call meanwhile
    APPEND_UNKNOWN = "append_unknown"  # an append fails though it landed, or because it didn't
    HALF_STEP = "half_step"  # a step lands in two parts, or only its beginning lands
    DUPLICATE = "duplicate"  # a fact stands on the inbox twice
    DELAY = "delay"  # appends, acknowledgements, puts and deliveries take long
    SHORT_READ = "short_read"  # a read returns fewer records than there are
    INBOX_DOWN = "inbox_down"  # the inbox takes nothing for a while, or takes a fact and doesn't say so
    FOLLOW_CUT = "follow_cut"  # nothing new reaches those who follow the log
    STALL = "stall"  # vendors are slow, or hang until their time is up
    STREAM_BREAKS = "stream_breaks"  # replies go out by sentence, and streams stall or die between and within them
    VENDOR_ERROR = "vendor_error"  # 429, 5xx, refused
    BAD_COMPLETION = "bad_completion"  # a model says what a guardrail must block
    VOICE_FAIL = "voice_fail"  # no voice can render a reply, or it takes for ever, or it breaks off in one
    GUESTS_FAIL = "guests_fail"  # guests judge, and are late, silent, contradictory, twice there, or lie
    POISON = "poison"  # what no owner can take stands on the inbox
    STATE_LOST = "state_lost"  # the state store is empty, or holds what was true long ago
    CLOCK_SKEW = "clock_skew"  # the wall clocks of processes differ


ALL = frozenset(Fault)


def faults_named(names: str) -> frozenset[Fault]:
    """``all``, ``none`` or names with commas between. Raises ``ValueError``, which names what there is."""
    if names == "all":
        return ALL
    if names in ("none", ""):
        return frozenset()
    known = {fault.value for fault in Fault}
    unknown = sorted({name for name in names.split(",") if name not in known})
    if unknown:
        raise ValueError(f"no fault {', '.join(unknown)}; there are: {', '.join(sorted(known))}")
    return frozenset(Fault(name) for name in names.split(","))


class Faults:
    """``mixed``: each fault of ``allowed`` is in play in about a third of the seeds, and those of ``needed`` are;
    otherwise all of them always are."""

    def __init__(
        self,
        seed: int,
        allowed: frozenset[Fault],
        *,
        mixed: bool,
        horizon_s: float,
        needed: frozenset[Fault] = frozenset(),
    ) -> None:
        self.seed = seed
        draw = self.rng("faults")
        drawn = frozenset(f for f in sorted(allowed) if not mixed or draw.random() < 0.3)
        self.in_play = drawn | (needed & allowed)
        self.happened: Counter[Fault] = Counter()
        self.over = False  # once set, nothing goes wrong any more
        self._windows: dict[Fault, tuple[tuple[float, float], ...]] = {
            fault: self._draw_windows(fault, horizon_s)
            for fault in (Fault.INBOX_DOWN, Fault.FOLLOW_CUT)
            if fault in self.in_play
        }

    def rng(self, who: str) -> random.Random:
        return random.Random(f"{self.seed}/{who}")

    def has(self, fault: Fault) -> bool:
        return fault in self.in_play and not self.over

    def strikes(self, fault: Fault, rng: random.Random, probability: float) -> bool:
        """Whether the fault happens here and now."""
        if not self.has(fault) or rng.random() >= probability:
            return False
        self.happened[fault] += 1
        return True

    def window_ends(self, fault: Fault) -> float | None:
        """The loop time at which the present outage ends; None where there is none."""
        if self.over:
            return None
        now = asyncio.get_running_loop().time()
        for begin, end in self._windows.get(fault, ()):
            if begin <= now < end:
                self.happened[fault] += 1
                return end
        return None

    def _draw_windows(self, fault: Fault, horizon_s: float) -> tuple[tuple[float, float], ...]:
        draw = self.rng(f"windows/{fault.value}")
        began = asyncio.get_running_loop().time()
        windows: list[tuple[float, float]] = []
        for _ in range(draw.randint(1, 3)):
            begin = began + draw.uniform(0, horizon_s)
            windows.append((begin, begin + draw.choice((0.3, 1.0, 4.0)) * draw.uniform(0.5, 1.5)))
        return tuple(windows)
