"""``ledgerline simulate``: the production owner, deciders and gateway on a virtual clock, under seeded faults."""

from __future__ import annotations

from console.failures import UsageError
from console.output import print_json
from simulation.run import FAULTS, Report, simulate, timeline_of


def run(*, seeds: int, first_seed: int, faults: str, timeline: bool, as_json: bool) -> int:
    chosen = _faults(faults)
    report = simulate(range(first_seed, first_seed + seeds), chosen)
    if as_json:
        print_json(report)
    else:
        print(_told(report))
    if timeline:
        print(timeline_of(report.failing[0].seed if report.failing else first_seed, chosen))
    return 1 if report.violations else 0


def _faults(text: str) -> frozenset[str]:
    if text == "all":
        return frozenset(FAULTS)
    if text == "none":
        return frozenset()
    chosen = frozenset(name.strip() for name in text.split(",") if name.strip())
    unknown = sorted(chosen - set(FAULTS))
    if unknown:
        raise UsageError(f"unknown faults {', '.join(unknown)}: there are {', '.join(sorted(FAULTS))}, or all, or none")
    return chosen


def _told(report: Report) -> str:
    lines = [f"{report.seeds} seeds: {report.violations or 'no'} violations"]
    for failing in report.failing:
        lines.append(f"seed {failing.seed}: {failing.invariant}: {failing.message}\n  {failing.command}")
    return "\n".join(lines)
