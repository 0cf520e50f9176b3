"""The checks of ``verify`` on one partition, in one pass over its records."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from projections.anchor_check import AnchorCheck
from projections.effective_log import Damage, Delivered, Located, LogReader, partition_records
from projections.problems import Problem, ProblemKind
from projections.recompute import BEHAVIOUR_MISSING, ConversationReplay, Difference, Recomputer
from projections.step_structure import address_flaws, step_flaws
from schemas.base import Kind
from schemas.control import OwnerTook
from schemas.custody import ConversationForgotten
from schemas.event import GENESIS, NO_INBOX, Event
from schemas.history import ConversationImported
from streams.codec import Codec, digest_of
from streams.keys import KeyMissingError
from streams.ports import Ledger, LogRecord


class _Thread:
    """What is known of one conversation. ``seq`` and ``hash`` are None behind damage: they begin again with what follows."""

    __slots__ = ("copied", "copied_version", "hash", "is_forgotten", "key_is_gone", "replay", "sealed", "seq")

    def __init__(self, replay: ConversationReplay | None, key_is_gone: bool) -> None:
        self.seq: int | None = 0
        self.hash: bytes | None = GENESIS
        self.replay = replay  # None where it can't be recomputed (any more)
        self.key_is_gone = key_is_gone  # or there never was one here
        self.is_forgotten = False  # as an event of its own says
        self.sealed: Located | None = None  # the first event that can't be opened, while nothing says why
        self.copied: list[Located] = []  # of an imported step that isn't over yet
        self.copied_version: str | None = None


class _ReignKind:
    """Whether an owner decides, or copies another log: none does both."""

    def __init__(self) -> None:
        self._epoch = 0
        self._first_copy: Located | None = None
        self._decides = False

    def mixed(self, epoch: int, delivered: Delivered) -> Located | None:
        """A copy among the steps of an owner that decides."""
        if epoch != self._epoch:
            self._epoch, self._first_copy, self._decides = epoch, None, False
        if delivered.imported:
            self._first_copy = self._first_copy or delivered.events[0]
            return delivered.events[0] if self._decides else None
        copied = None if self._decides else self._first_copy
        self._decides = True
        return copied


class PartitionCheck:
    """``ids``: hashes of the event ids of all partitions so far. ``problem`` is told of everything that is wrong."""

    def __init__(
        self,
        partition: int,
        codec: Codec,
        recomputer: Recomputer,
        ids: set[int],
        problem: Callable[[Problem], None],
        *,
        steps_are_atomic: bool,
        anchors: AnchorCheck | None = None,
    ) -> None:
        self._anchors = anchors
        self._partition, self._recomputer, self._ids, self._problem = partition, recomputer, ids, problem
        self._reader = LogReader(codec, self._damage, self._seen, steps_are_atomic=steps_are_atomic)
        self._accepted_at_us = 0
        self._version_of_epoch: dict[int, str] = {}
        self._undated: dict[
            int, list[tuple[Sequence[Located], Difference]]
        ] = {}  # epoch → of steps whose version isn't known yet
        self._reign = _ReignKind()
        self.conversations: dict[str, _Thread] = {}
        self.damaged: set[str] = set()  # conversations of which something can't be read
        self.end = 0
        self.inbox_mark = NO_INBOX
        self.events = self.decisions = self.not_recomputable = self.imported = 0

    @property
    def forgotten(self) -> int:
        return sum(thread.key_is_gone and thread.is_forgotten for thread in self.conversations.values())

    @property
    def without_key(self) -> int:
        return sum(thread.key_is_gone and not thread.is_forgotten for thread in self.conversations.values())

    @property
    def void(self) -> int:
        return self._reader.void

    async def read(self, ledger: Ledger) -> None:
        async for record in partition_records(ledger, self._partition):
            if record.offset != self.end:
                self._note(ProblemKind.OFFSET, record, None, f"records {self.end} to {record.offset - 1} are gone")
            self.end = record.offset + 1
            computed, stated = digest_of(record.body.data)
            if computed != stated:
                self._note(ProblemKind.HASH, record, None, "its bytes are not those that its hash was made over")
            delivered = self._reader.take(record)
            if delivered:
                self._take(delivered)
        self._reader.end()
        for thread in self.conversations.values():
            self._recompute_copied(thread)
            if thread.sealed:
                message = "its key is gone, and no event says that it was forgotten: restore the key store (keys/)"
                self._note(ProblemKind.KEY, thread.sealed.record, thread.sealed.event.seq, message)
        for undated in self._undated.values():
            for step, difference in undated:
                self._differs(step, difference)

    # --- records ---

    def _seen(self, record: LogRecord, event: Event, void: bool) -> None:
        if void and event.epoch > self._reader.epoch:
            message = f"it is of epoch {event.epoch}, which no owner had announced"
            self._note(ProblemKind.EPOCH, record, event.seq, message)
        if isinstance(event.payload, OwnerTook) and event.payload.epoch != event.epoch:
            message = f"it announces epoch {event.payload.epoch} and is stamped with {event.epoch}"
            self._note(ProblemKind.EPOCH, record, None, message)
        if event.kind is Kind.CONTROL:
            for flaw in address_flaws(Located(event, record)):
                self._note(flaw.kind, record, None, flaw.message)

    def _damage(self, damage: Damage) -> None:
        self._note(ProblemKind(damage.kind.value), damage.record, damage.seq, damage.message)
        self.damaged.add(damage.record.conversation_id)
        thread = self.conversations.get(damage.record.conversation_id)
        if thread is None and damage.record.conversation_id:
            thread = self.conversations[damage.record.conversation_id] = _Thread(None, False)
        if thread:
            thread.seq = thread.hash = thread.replay = None

    # --- steps ---

    def _take(self, delivered: Delivered) -> None:
        step = delivered.events
        self.events += len(step)
        if copied := self._reign.mixed(self._reader.epoch, delivered):
            message = "it is stored as a copy, in the reign of an owner that decided by itself"
            self._note(ProblemKind.MISPLACED, copied.record, copied.event.seq, message)
        thread = self._thread(step[0])
        for located in step:
            self._check_event(thread, located)
        if delivered.imported:
            if step[0].event.kind is Kind.FACT:
                self._recompute_copied(thread)
            thread.copied.extend(step)
            return
        self._recompute_copied(thread)
        for flaw in step_flaws(step):
            self._note(flaw.kind, flaw.located.record, flaw.located.event.seq, flaw.message)
        self._check_stamps(step)
        version = self._epoch_version(step)
        first = step[0].event
        if version is None:
            differences = self._recompute(thread, step, self._recomputer.version)
            self._undated.setdefault(first.epoch, []).extend((step, x) for x in differences)
        else:
            for difference in self._recompute(thread, step, version):
                self._differs(step, difference)

    def _thread(self, located: Located) -> _Thread:
        conversation_id = located.event.conversation_id
        thread = self.conversations.get(conversation_id)
        if thread is None:
            replay, key_is_gone = None, False
            try:
                key_is_gone = self._recomputer.forgotten(conversation_id)
                replay = None if key_is_gone else self._recomputer.begin(conversation_id)
            except KeyMissingError as error:
                self._note(ProblemKind.KEY, located.record, located.event.seq, str(error))
            thread = self.conversations[conversation_id] = _Thread(replay, key_is_gone)
        return thread

    def _check_event(self, thread: _Thread, located: Located) -> None:
        event, record = located
        if isinstance(event.payload, ConversationForgotten):
            thread.is_forgotten, thread.sealed = True, None
        elif (
            thread.key_is_gone and not thread.is_forgotten and event.key_id and record.imported_under is None
        ):  # a copy may come without keys
            thread.sealed = thread.sealed or located
        for flaw in address_flaws(located):
            self._note(flaw.kind, record, event.seq, flaw.message)
        if thread.seq is not None and event.seq != thread.seq + 1:
            self._note(ProblemKind.SEQ, record, event.seq, f"seq {event.seq} follows on {thread.seq}")
        if thread.hash is not None and event.prev_hash != thread.hash:
            self._note(ProblemKind.CHAIN, record, event.seq, "it does not name the hash of the event before it")
        thread.seq, thread.hash = event.seq, event.hash
        if self._anchors:
            self._anchors.saw(event, record)
        self.imported += isinstance(event.payload, ConversationImported)
        key = hash(event.event_id)  # 64 bits: a million ids collide by chance once in 37 million logs
        if key in self._ids:
            self._note(ProblemKind.DUPLICATE_ID, record, event.seq, "its id stands on the log already")
        self._ids.add(key)

    def _check_stamps(self, step: Sequence[Located]) -> None:
        """An owner's clock and its inbox mark never go back."""
        event, record = step[0]
        if event.accepted_at_us < self._accepted_at_us:
            self._note(ProblemKind.STAMP, record, event.seq, "it was accepted before the step that stands before it")
        if event.inbox_mark < self.inbox_mark:
            self._note(ProblemKind.STAMP, record, event.seq, "its inbox mark is below one that stands before it")
        self._accepted_at_us = max(self._accepted_at_us, event.accepted_at_us)
        self.inbox_mark = max(self.inbox_mark, event.inbox_mark)

    def _epoch_version(self, step: Sequence[Located]) -> str | None:
        """The deciders' version of the step's reign, as its first decision says; None while it has made none."""
        for event, record in step[1:]:
            stated = event.decider_version or "none"
            known = self._version_of_epoch.get(event.epoch)
            if known is None:
                self._version_of_epoch[event.epoch] = stated
                for earlier, difference in self._undated.pop(event.epoch, ()):
                    if stated == self._recomputer.version:
                        self._differs(earlier, difference)
            elif known != stated:
                message = f"decided by version {stated}, though its owner decided by {known}"
                self._note(ProblemKind.DECIDER_VERSION, record, event.seq, message)
        return self._version_of_epoch.get(step[0].event.epoch)

    # --- decisions ---

    def _recompute(self, thread: _Thread, step: Sequence[Located], version: str) -> tuple[Difference, ...]:
        decisions = sum(located.event.kind is Kind.DECISION for located in step)
        self.decisions += decisions
        check = thread.replay.check([located.event for located in step], version) if thread.replay else None
        if check is None or check.differences is None:
            self.not_recomputable += decisions
            return ()
        if any(difference.stops for difference in check.differences):
            thread.replay = None
        return check.differences

    def _recompute_copied(self, thread: _Thread) -> None:
        """An imported step is over: its own fields speak of another log, so its version is what its decisions say."""
        step, thread.copied = thread.copied, []
        if not step:
            return
        stated = next((e.decider_version for e, _ in step if e.decider_version is not None), None)
        thread.copied_version = stated or thread.copied_version
        for difference in self._recompute(thread, step, thread.copied_version or self._recomputer.version):
            self._differs(step, difference)

    def _differs(self, step: Sequence[Located], difference: Difference) -> None:
        """Names the record that differs; the step's fact where it lacks one."""
        missing = difference.reason.startswith(BEHAVIOUR_MISSING)
        kind = ProblemKind.BEHAVIOUR_MISSING if missing else ProblemKind.DECISION
        place = next((located for located in step if located.event.event_id == difference.event_id), step[0])
        shown = difference.found or difference.expected
        message = f"{shown.type if shown else 'the step'}: {difference.reason}"
        self._note(kind, place.record, difference.seq, message)

    def _note(self, kind: ProblemKind, record: LogRecord, seq: int | None, message: str) -> None:
        self._problem(
            Problem(
                kind=kind,
                partition=record.partition,
                conversation_id=record.conversation_id or None,
                seq=seq,
                offset=record.offset,
                message=message,
            )
        )
