"""A reply that starts with its first sentence, next to one that is judged whole: same callers, same draws, block by block."""

from __future__ import annotations

import logging
import shutil
import tempfile
from pathlib import Path

from benchmarks.ear import Plan, calls_heard, emulated, latency_rows, vendor_settings
from benchmarks.ear_calls import Heard
from benchmarks.emulator_process import emulator
from benchmarks.loop import run_async
from benchmarks.report import SPREAD_COLUMNS, Report, Table
from console.settings import EXAMPLE_BEHAVIOUR

WAYS = ("whole", "sentence")
_REPAIR = "I'm sorry, I have to leave it there. Is there anything else?"


def run(*, quick: bool) -> Report:
    logging.getLogger("websockets").setLevel(logging.ERROR)
    return run_async(_run(Plan(2, 1) if quick else Plan(6, 1), 1 if quick else 4))


async def _run(plan: Plan, blocks: int) -> Report:
    heard: dict[str, list[Heard]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as directory:
        behaviours = {way: _released(way, Path(directory)) for way in WAYS}
        for _ in range(blocks):
            for way in WAYS:
                with emulator(emulated()) as url:  # anew for each block, so that both get the same draws
                    settings = vendor_settings(url).model_copy(update={"behaviour": behaviours[way]})
                    heard[way] += await calls_heard(settings, plan)
    notes = (
        f"{blocks} blocks a side by turns, {plan.at_once} calls at once; vendors as in the ear benchmark, 100 tokens a second",
        "the example bank's guardrails, all of them; answers of one sentence are the same either way",
    )
    rows = latency_rows(tuple((f"release: {way}", heard[way]) for way in WAYS))
    return Report(
        "sentences", [Table("End of speech to what the caller hears, ms", ("calls", *SPREAD_COLUMNS), rows, notes)]
    )


def _released(way: str, directory: Path) -> Path:
    """The example bank, released this way."""
    behaviour = directory / way
    shutil.copytree(EXAMPLE_BEHAVIOUR, behaviour)
    head = behaviour / "behaviour.yaml"
    lines = head.read_text().split("\nrelease:")[0]
    head.write_text(f"{lines}\nrelease:\n  by: {way}\n  repair: {_REPAIR}\n")
    return behaviour
