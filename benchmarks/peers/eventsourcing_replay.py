"""Replays aggregates with pyeventsourcing from a SQLite file: run by the peers' Python, told what to do on stdin.

``eventsourcing_replay.py DIRECTORY AGGREGATES EVENTS VALUES`` writes so many aggregates of so many events each, says
``ready``, and for each line on stdin replays all of them once and prints the events a second of CPU. Each event carries five
values, and ``VALUES`` more of the length of an id. Mapping, transcoder and recorder are the library's own defaults.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from uuid import UUID, uuid4

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event

_AT_ONCE = 50  # events that are saved together
_TEXT = "A new card takes three to five working days by post."


class Call(Aggregate):
    """Remembers as much as a fold must: how many, the newest text, what is open."""

    def __init__(self) -> None:
        self.noted = 0
        self.newest = ""
        self.open: dict[str, str] = {}

    @event("Noted")
    def note(self, turn_id: str, ask_id: str, text: str, attempt: int, elapsed_ms: float, more: dict[str, str]) -> None:
        self.noted += 1
        self.newest = text
        self.open = {ask_id: turn_id}


def _written(app: Application[UUID], aggregates: int, events: int, values: int) -> list[UUID]:
    ids, more = [], {f"value_{number}": str(uuid4()) for number in range(values)}
    for _ in range(aggregates):
        call = Call()
        for number in range(events - 1):
            call.note(f"t{number % 9}", f"t{number % 9}.s1.answer", _TEXT, number % 2, 412.5, more)
            if len(call.pending_events) >= _AT_ONCE:
                app.save(call)
        app.save(call)
        ids.append(call.id)
    return ids


def main() -> None:
    directory = Path(sys.argv[1])
    aggregates, events, values = map(int, sys.argv[2:5])
    env = {"PERSISTENCE_MODULE": "eventsourcing.sqlite", "SQLITE_DBNAME": os.fspath(directory / "eventsourcing.db")}
    app: Application[UUID] = Application(env=env)
    ids = _written(app, aggregates, events, values)
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.process_time()
        folded = sum(app.repository.get(aggregate_id).version for aggregate_id in ids)
        print(folded / (time.process_time() - began), flush=True)


if __name__ == "__main__":
    main()
