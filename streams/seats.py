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

_FORGET_AFTER = 10_000
LOST_AFTER = 5  # own heartbeats read back since the last one of another worker


class Heartbeat(NamedTuple):
    """``epochs``: partition → epoch of what the worker owns. ``leaving``: its last one, in good order."""

    worker_id: str
    epochs: Mapping[int, int]
    leaving: bool = False


@dataclass
class _Holder:
    worker_id: str
    epoch: int
    silent: int = 0  # own heartbeats since it was heard


class Seats:
    def __init__(self, worker_id: str) -> None:
        self.worker_id = worker_id
        self._assigned: frozenset[int] = frozenset()
        self._fresh: set[int] = set()  # newly assigned: to be taken, whoever holds it
        self._claimed: set[int] = set()  # owned in place of a lost worker, without an assignment
        self._holders: dict[int, _Holder] = {}
        self._silent: dict[str, int] = {}  # other workers → own heartbeats since they were heard

    def assign(self, partitions: Iterable[int]) -> None:
        """The group's newest word."""
        before, self._assigned = self._assigned, frozenset(partitions)
        self._fresh = {p for p in self._assigned if p not in before or p in self._fresh}
        self._claimed -= self._assigned

    def hear(self, beat: Heartbeat) -> None:
        """A heartbeat as it was read from the topic, own ones too."""
        if beat.worker_id == self.worker_id:
            self._count_silence()
        elif beat.leaving:
            self._silent.pop(beat.worker_id, None)
        else:
            self._silent[beat.worker_id] = 0
        for partition, holder in list(self._holders.items()):
            if holder.worker_id == beat.worker_id and partition not in beat.epochs:
                del self._holders[partition]
        for partition, epoch in beat.epochs.items():
            known = self._holders.get(partition)
            if known is None or epoch >= known.epoch:
                self._hold(partition, beat.worker_id, epoch)

    def reign(self, partition: int, epoch: int) -> None:
        """This worker took the partition."""
        self._fresh.discard(partition)
        self._hold(partition, self.worker_id, epoch)

    def superseded(self, partition: int, epoch: int) -> None:
        """The log says that another one took the partition; its heartbeat may not be here yet."""
        holder = self._holders.get(partition)
        if holder is None or holder.epoch < epoch:
            self._hold(partition, "", epoch)

    def wanted(self) -> frozenset[int]:
        """What this worker should own now."""
        for partition, holder in self._holders.items():
            if partition not in self._assigned and self._is_lost(holder) and self._stands_in(partition):
                self._claimed.add(partition)
        assigned = {p for p in self._assigned if p in self._fresh or self._is_free(p)}
        return frozenset(assigned | self._claimed)

    def others(self) -> int:
        """Other workers that are alive, as far as this one has heard."""
        return sum(silent < LOST_AFTER for silent in self._silent.values())

    def _hold(self, partition: int, worker_id: str, epoch: int) -> None:
        self._holders[partition] = _Holder(worker_id, epoch)
        if worker_id != self.worker_id:
            self._claimed.discard(partition)

    def _count_silence(self) -> None:
        for holder in self._holders.values():
            if holder.worker_id != self.worker_id:
                holder.silent += 1
        self._silent = {worker: silent + 1 for worker, silent in self._silent.items() if silent < _FORGET_AFTER}

    def _is_free(self, partition: int) -> bool:
        holder = self._holders.get(partition)
        return holder is None or holder.worker_id == self.worker_id or self._is_lost(holder)

    def _is_lost(self, holder: _Holder) -> bool:
        return holder.worker_id != self.worker_id and holder.silent >= LOST_AFTER

    def _stands_in(self, partition: int) -> bool:
        """One of the living, the same in everybody's eyes: by rendezvous hashing, so that a lost worker's partitions
        spread over the others."""
        alive = [worker for worker, silent in self._silent.items() if silent < LOST_AFTER]
        return max((self.worker_id, *alive), key=lambda worker: _weight(worker, partition)) == self.worker_id


def _weight(worker_id: str, partition: int) -> bytes:
    return hashlib.sha256(f"{worker_id}/{partition}".encode()).digest()
