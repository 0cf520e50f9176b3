"""``ledgerline simulate``: the production owner, deciders and gateway on a virtual clock, under seeded faults."""

from __future__ import annotations

import signal
import sys

from console.failures import UsageError
from console.output import print_json
from console.progress import Progress
from simulation.faults import Fault, faults_named
from simulation.report import Report, Tally
from simulation.run import play_all, timeline_of


def run(*, seeds: int, first_seed: int, faults: str, timeline: bool, as_json: bool) -> int:
    chosen = _faults(faults)
    report = _play(range(first_seed, first_seed + seeds), chosen, faults)
    if as_json:
        print_json(report)
    else:
        print(_told(report))
    if timeline:
        print(timeline_of(report.failing[0].seed if report.failing else first_seed, chosen))
    return 1 if report.violations or report.seeds < seeds else 0


def _play(seeds: range, chosen: frozenset[Fault], faults: str) -> Report:
    """Interrupted or terminated, the report is of what was played by then, and stderr says how to go on."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    tally = Tally(chosen)
    with Progress("seeds") as progress:
        try:
            for played in play_all(seeds, chosen):
                tally.add(played)
                progress(tally.seeds, len(seeds))
        except KeyboardInterrupt:
            left = seeds[tally.seeds :]
            go_on = f"ledgerline simulate --first-seed {left.start} --seeds {len(left)} --faults {faults}"
            print(f"stopped before seed {left.start}; to go on: {go_on}", file=sys.stderr)
        finally:
            signal.signal(signal.SIGTERM, before)
    return tally.report()


def _faults(text: str) -> frozenset[Fault]:
    try:
        return faults_named(text.replace(" ", ""))
    except ValueError as error:
        raise UsageError(str(error)) from None


def _told(report: Report) -> str:
    lines = [f"{report.seeds} seeds: {report.violations or 'no'} violations"]
    for failing in report.failing:
        lines.append(f"seed {failing.seed}: {failing.invariant}: {failing.message}\n  {failing.command}")
    if report.violations > len(report.failing):
        lines.append(f"and {report.violations - len(report.failing)} more")
    if report.empty < report.cells:
        died = f"{report.cells - report.empty} of {report.cells} cells"
        lines.append(f"crash point × state of the call × fault: a process died in {died}")
    return "\n".join(lines)
