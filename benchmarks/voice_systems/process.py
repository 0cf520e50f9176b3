"""``python -m benchmarks.voice_systems.process``: one system in a process of its own, as the plan on stdin says."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import importlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import uvloop

from benchmarks.voice_systems.far_end import FarEnd
from benchmarks.voice_systems.plan import Plan, Ran, Turn
from benchmarks.voice_systems.system import System

# System → module: imported in its own environment only.
SYSTEMS = {
    "ledgerline": "ours",
    "bare": "bare",
    "livekit": "livekit_agents",
    "pipecat": "pipecat_bot",
}
LOOKS_A_S = 100
_PR_SET_PTRACER = 0x59616D61  # prctl(2)
_SPREAD_S = 4.0  # calls begin within so long: a second call is never in step with the first
_WATCH_S = 0.25
_LONGEST_S = 20.0  # a turn, at most: a call that hangs is a failure


class _Watched:
    def __init__(self) -> None:
        self._process = psutil.Process()
        self.idle = self.most = self._now()

    def _now(self) -> int:
        return int(self._process.memory_info().rss)

    async def watch(self) -> None:
        while True:
            self.most = max(self.most, self._now())
            await asyncio.sleep(_WATCH_S)


async def _run(plan: Plan) -> Ran:
    module = importlib.import_module(f"benchmarks.voice_systems.{SYSTEMS[plan.system]}")
    system: System = module.open_system(plan)
    await system.open()
    gc.collect()
    gc.freeze()
    watched = _Watched()
    watching = asyncio.create_task(watched.watch())
    failures: list[str] = []
    answered: list[tuple[FarEnd, Callable[[float], bool]]] = []
    seconds: list[float] = []

    async def call(number: int) -> None:
        await asyncio.sleep(_SPREAD_S * number / plan.calls)
        far_end = FarEnd(f"voice-{number:03}", plan.turns, Path(plan.directory))
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(_LONGEST_S * (plan.turns + 1)):
                answered.append((far_end, await system.answer(far_end)))
        except Exception as error:  # each is counted, named, and shown
            logging.getLogger(__name__).exception("a call failed")
            failures.append(type(error).__name__)
        finally:
            seconds.append(time.monotonic() - began_s)
            far_end.close()

    with _profiled(plan):
        began_cpu_s = time.process_time()
        await asyncio.gather(*(call(number) for number in range(plan.calls)))
        cpu_s = time.process_time() - began_cpu_s
    watching.cancel()
    await system.close()
    turns: list[Turn] = [turn for far_end, is_reply in answered for turn in far_end.heard(is_reply)]
    return Ran(turns, cpu_s, sum(seconds), watched.idle, watched.most, failures)


@contextmanager
def _profiled(plan: Plan) -> Iterator[None]:
    """py-spy looks on, where the plan names it."""
    options = plan.options or {}
    if "profiler" not in options:
        yield
        return
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(-1), 0, 0, 0)  # a child may look into this process
    arguments = [
        "record",
        "--pid",
        str(os.getpid()),
        "--rate",
        str(LOOKS_A_S),
        "--format",
        "raw",
        "--output",
        options["stacks"],
    ]
    looking = subprocess.Popen([options["profiler"], *arguments], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        looking.send_signal(signal.SIGINT)  # it writes what it saw
        looking.wait()


def main() -> None:
    plan = Plan.from_json(sys.stdin.readline())
    if plan.core is not None:
        os.sched_setaffinity(0, {plan.core})
    told = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print is no answer
    ran = uvloop.run(_run(plan))
    told.write(ran.as_json() + "\n")
    told.close()
    os._exit(0)  # threads of libraries that wait for ever don't keep the process


if __name__ == "__main__":
    main()
