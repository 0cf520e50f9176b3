"""Which partitions a worker should own. Pure: what it learns comes in as calls, what it should own is a question.

A worker learns of the others in two ways. A *group* of the brokers assigns partitions: that settles who owns what when
workers come and go in good order. *Heartbeats* on a topic tell who is alive and what each owns: that notices a worker
that died or stands still long before a group may (stock brokers wait at least 6 s).

Silence is counted in the worker's own heartbeats as it reads them back, not in seconds: when brokers are away or this
process stood still, nobody's heartbeats pass, its own neither, so nobody is taken for dead. Whoever is wrong about this
does no harm: epochs decide who owns (``streams.takeover``), a wrong guess costs a change of owner.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

_UNHEARD = "?"  # stands for whoever took a partition and was not heard yet
LOST_AFTER = 5  # own heartbeats read back since the last one of another worker
SETTLED_AFTER = 2  # own heartbeats read back since an assignment: what was lost before it is heard of by then


class Heartbeat(NamedTuple):
    """``epochs``: partition → epoch of what the worker owns; 0: what it is about to take. ``regular``: not
    sent out of turn with news; by the regular ones silence is counted. ``leaving``: its last one, in good order."""

    worker_id: str
    epochs: Mapping[int, int]
    regular: bool = True
    leaving: bool = False


@dataclass
class _Other:
    """Another worker, as it was last heard."""

    epochs: dict[int, int]
    silent: int = 0  # own regular heartbeats since then

    @property
    def is_lost(self) -> bool:
        return self.silent >= LOST_AFTER


class Seats:
    def __init__(self, worker_id: str) -> None:
        self.worker_id = worker_id
        self._assigned: frozenset[int] = frozenset()
        self._fresh: set[int] = set()  # by an assignment that is new: to be taken, whoever owns it
        self._beats = 0  # own regular ones since that assignment
        self._claims: set[int] = set()  # taken in place of a lost worker, without an assignment
        self._mine: dict[int, int] = {}  # partition → epoch of this worker's reign
        self._others: dict[str, _Other] = {}

    def assign(self, partitions: Iterable[int]) -> None:
        """The group's newest word: it stands above whoever stood in for this worker before it was spoken.

        A worker that wakes may be assigned what it had, and may hear of the others' reigns before or behind that.
        """
        self._assigned = frozenset(partitions)
        self._fresh, self._beats = set(self._assigned), 0
        self._claims -= self._assigned

    def hear(self, beat: Heartbeat) -> None:
        """A heartbeat as it was read from the topic, own ones too."""
        if beat.worker_id == self.worker_id:
            if beat.regular:
                self._count_silence()
                self._settle()
            return
        if beat.leaving:
            self._others.pop(beat.worker_id, None)
        else:
            self._others[beat.worker_id] = _Other(dict(beat.epochs))
        for partition, epoch in beat.epochs.items():
            self._taken(partition, epoch)
            unheard = self._others.get(f"{_UNHEARD}{partition}")
            if unheard and epoch >= unheard.epochs.get(partition, 0):
                del self._others[f"{_UNHEARD}{partition}"]

    def reign(self, partition: int, epoch: int) -> None:
        """This worker took the partition."""
        self._fresh.discard(partition)
        self._mine[partition] = epoch
        self._taken(partition, epoch)

    def ended(self, partition: int, superseded_by: int | None = None) -> None:
        """This worker's reign is over. ``superseded_by``: the epoch of the owner that took the partition, as the log
        has it; its heartbeat may not be here yet."""
        self._mine.pop(partition, None)
        if superseded_by is not None:
            self._claims.discard(partition)
            unheard = self._others.setdefault(f"{_UNHEARD}{partition}", _Other({}))
            unheard.epochs, unheard.silent = {partition: superseded_by}, 0

    def wanted(self) -> frozenset[int]:
        """What this worker should own now."""
        for partition in self._orphans():
            if self._stands_in(partition):
                self._claims.add(partition)
        return frozenset(p for p in self._assigned | self._claims if p in self._fresh or not self._is_anothers(p))

    def others(self) -> int:
        """Other workers that are alive, as far as this one has heard."""
        return len(self._living())

    def _count_silence(self) -> None:
        for other in self._others.values():
            other.silent += 1
        forgotten = [name for name, other in self._others.items() if other.is_lost and not other.epochs]
        for name in forgotten:
            del self._others[name]

    def _settle(self) -> None:
        """What this worker reigns by then, it has by the assignment; lost from here on, it isn't fought for."""
        self._beats += 1
        if self._beats == SETTLED_AFTER:
            self._fresh -= {p for p in self._mine if not self._is_anothers(p)}

    def _taken(self, partition: int, epoch: int) -> None:
        """Whoever owned it under a lower epoch owns it no more."""
        for other in self._others.values():
            if other.epochs.get(partition, epoch) < epoch:
                del other.epochs[partition]
        if self._mine.get(partition, epoch) < epoch:
            self._claims.discard(partition)

    def _is_anothers(self, partition: int) -> bool:
        """Whether somebody living owns it, by a higher epoch than this worker."""
        mine = self._mine.get(partition, 0)
        return any(other.epochs.get(partition, 0) > mine for other in self._others.values() if not other.is_lost)

    def _orphans(self) -> set[int]:
        """What the lost owned, or were about to take, and nobody living does."""
        lost = {p for other in self._others.values() if other.is_lost for p in other.epochs}
        kept = {p for other in self._others.values() if not other.is_lost for p in other.epochs}
        return lost - kept - self._mine.keys() - self._assigned

    def _stands_in(self, partition: int) -> bool:
        """One of the living, the same in everybody's eyes: by rendezvous hashing, so that a lost worker's partitions
        spread over the others."""
        return max((self.worker_id, *self._living()), key=lambda worker: _weight(worker, partition)) == self.worker_id

    def _living(self) -> list[str]:
        return [name for name, other in self._others.items() if not other.is_lost and not name.startswith(_UNHEARD)]


def _weight(worker_id: str, partition: int) -> bytes:
    return hashlib.sha256(f"{worker_id}/{partition}".encode()).digest()
