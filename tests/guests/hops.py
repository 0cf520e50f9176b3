"""``python tests/guests/hops.py [TURNS]``: what a guest costs a turn, on one broker: the figures of docs/guests.md.

On the owner's clock, from the step in which the guest was asked to the one that its verdict is in: two hops of the log and
the guest between them. A guest that judges nothing more than a pattern.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from statistics import quantiles

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "streams"), str(HERE.parents[1])]

from broker import bootstrap, topics_for  # noqa: E402
from go_programs import run_go  # noqa: E402
from guested_call import APPROVED, Turn, bank, guest, guested_call  # noqa: E402
from test_guests_on_kafka import GRANTS, Running, in_go, in_python  # noqa: E402

from schemas import decisions as d  # noqa: E402
from schemas import facts as f  # noqa: E402
from streams.key_server import serving  # noqa: E402
from streams.keys import MemoryKeyStore  # noqa: E402

TURNS = 300
WARM_UP = 20


def main(turns: int) -> None:
    bootstrap()
    with tempfile.TemporaryDirectory() as directory:
        program = Path(directory) / "compliance"
        run_go("build", "-o", str(program), "./compliance")
        ways: dict[str, Running] = {
            "Go": lambda topics, url: in_go(program, Path(directory) / "token", topics, url),
            "Python": in_python,
        }
        for language, running in ways.items():
            took = sorted(asyncio.run(waits(running, Path(directory) / language, turns)))
            p50, p95, p99 = (quantiles(took, n=100)[at - 1] for at in (50, 95, 99))
            print(f"{language}: {len(took)} verdicts, p50 {p50:.1f} ms, p95 {p95:.1f} ms, p99 {p99:.1f} ms")


async def waits(running: Running, directory: Path, turns: int) -> list[float]:
    topics, keys = topics_for(directory, 1), MemoryKeyStore()
    async with (
        serving(keys, GRANTS) as url,
        guested_call(topics, keys, bank(guest("compliance"))) as call,
        running(topics, url),
    ):
        call.models_say = {"What does it cost": APPROVED}
        await call.answered()
        for _ in range(WARM_UP):
            await call.asks("What does it cost")
        return [_wait_ms(await call.asks("What does it cost")) for _ in range(turns)]


def _wait_ms(turn: Turn) -> float:
    (asked,) = (event for event in turn.events if isinstance(event.payload, d.GuestAsked))
    (posted,) = (event for event in turn.events if isinstance(event.payload, f.GuestVerdictPosted))
    return (posted.accepted_at_us - asked.accepted_at_us) / 1000


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else TURNS)
