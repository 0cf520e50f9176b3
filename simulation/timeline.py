"""A run as text: what landed on the log, what processes did and what was heard, in order of virtual time.

0.412  log  17 e1 1/4   c0.1  TurnOpened t2 {...}     a record: offset, epoch, place in its step; ~ marks a void one
0.620  g1   sound_began hold "One moment."            what a gateway did
0.700  o1   dies at ledger.append:after               what befell a process
"""

from __future__ import annotations

from collections.abc import Iterator

from simulation.history import Act, Did
from simulation.raw_log import decode, read_raw
from simulation.violation import Violation
from simulation.world import Run

START_S = 1000.0  # where the virtual clock begins
_LONG = 48
_LEFT_OUT = {"messages", "passages", "evidence", "phrases", "request_digest", "guardrail_version"}


def timeline(run: Run, violations: list[Violation]) -> str:
    lines = sorted([*_records(run), *_acts(run), *_notes(run)], key=lambda line: line[0])
    shown = [f"seed {run.seed}; faults in play: {', '.join(sorted(run.faults.in_play)) or 'none'}", ""]
    shown += [f"{at_s - START_S:9.3f}  {text}" for at_s, text in lines]
    shown += ["", f"{len(violations) or 'no'} violations"]
    shown += [f"{violation.invariant}: {violation.message}" for violation in violations]
    return "\n".join(shown)


def _records(run: Run) -> Iterator[tuple[float, str]]:
    void = read_raw(run.durable).void
    for record, at_s, writer in zip(run.durable.log, run.durable.landed_s, run.durable.written_by, strict=True):
        rec = decode(record, run.durable)
        place = f"{rec.env['step_index'] + 1}/{rec.env['step_size']}" if rec.env["step_size"] else "-"
        mark = "~" if rec.offset in void else " "
        payload = {name: _short(value) for name, value in rec.payload.items() if name not in _LEFT_OUT}
        yield (
            at_s,
            f"{mark}log {rec.offset:4} e{rec.env['epoch']} {place:6} by {writer:4} {rec.conversation_id:5} "
            f"{rec.seq:4} {rec.type} {rec.turn_id or ''} {payload}",
        )


def _acts(run: Run) -> Iterator[tuple[float, str]]:
    for trace in run.traces:
        for act in trace.acts:
            if act.did is not Did.READ:
                yield act.at_s, f" {trace.name:8} {trace.call_id} take {trace.take}: {_told(act)}"


def _told(act: Act) -> str:
    if act.sound is not None:
        return f'{act.did.value} {act.sound.kind} {act.sound.sound_id} "{act.sound.text}"'
    return f"{act.did.value} {type(act.payload).__name__ if act.payload else ''}".rstrip()


def _notes(run: Run) -> Iterator[tuple[float, str]]:
    for note in run.notes:
        yield note.at_s, f" {note.who:8} {note.what}"


def _short(value: object) -> object:
    return value[:_LONG] + "..." if isinstance(value, str) and len(value) > _LONG else value
