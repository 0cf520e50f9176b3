"""Production owners under commands in any order that hypothesis finds: what lands, what is lost, who wakes and when.

The exhaustive search beside this file visits everything that a small model of the protocol can do; here the code itself
does it, with more owners, more facts and more steps than could be visited whole.
"""

from __future__ import annotations

from itertools import pairwise

import broken
import pytest
from driven_log import DrivenOwners
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from schemas.base import Kind
from schemas.control import OwnerTook
from schemas.event import Event
from schemas.facts import KeyPressed
from streams.codec import Body
from streams.effective import BrokenStepError, EffectiveReader
from streams.fact_writer import fact_event
from streams.ports import InboxRecord, LogRecord

MOST_OWNERS = 5
NUMBERS = st.integers(0, MOST_OWNERS - 1)
NO_BYTES = Body("", 0, b"")
SETTINGS = settings(
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=False,
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
    stateful_step_count=40,
)


class Owners(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.log = DrivenOwners()
        self._facts = 0
        self._decoded: list[Event] = []

    def teardown(self) -> None:
        self.log.close()

    # --- what may happen ---

    @precondition(lambda self: len(self.log.owners) < MOST_OWNERS)
    @rule()
    def an_owner_begins(self) -> None:
        self.log.start_owner()

    @rule(key=st.sampled_from("123"), conversation=st.sampled_from(("c1", "c2")))
    def a_fact_is_put(self, key: str, conversation: str) -> None:
        self._put(fact_event(conversation, KeyPressed(key=key), event_id=f"f{self._facts}", occurred_at_us=0))
        self._facts += 1

    @precondition(lambda self: self.log.durable.inbox)
    @rule(back=st.integers(1, 4))
    def a_fact_is_put_again(self, back: int) -> None:
        inbox = self.log.durable.inbox
        inbox.append(inbox[-min(back, len(inbox))]._replace(offset=len(inbox)))

    @precondition(lambda self: self.log.owners)
    @rule(acts=st.lists(st.tuples(st.sampled_from(("lands", "is answered", "sees")), NUMBERS), min_size=1, max_size=12))
    def the_world_goes_on(self, acts: list[tuple[str, int]]) -> None:
        """Records land, owners hear of it, facts reach them; of which owner, the number says."""
        for act, number in acts:
            if able := self._able(act):
                owner = self.log.owners[able[number % len(able)]]
                self.log.command(
                    {"lands": owner.ledger.land, "is answered": owner.ledger.answer, "sees": owner.inbox.show_one}[act]
                )

    @precondition(lambda self: self._able("lands"))
    @rule(number=NUMBERS)
    def what_was_sent_is_lost(self, number: int) -> None:
        able = self._able("lands")
        self.log.command(self.log.owners[able[number % len(able)]].ledger.lose)

    @rule()
    def a_second_passes(self) -> None:
        self.log.let_pass(1.01)

    # --- what must be true ---

    @invariant()
    def the_filter_delivers_what_the_rule_says(self) -> None:
        assert [event.event_id for event in self._effective()] == _by_the_rule(self._read())

    @invariant()
    def each_fact_takes_effect_once_and_in_its_place(self) -> None:
        events = self._effective()
        for conversation in ("c1", "c2"):
            own = [event for event in events if event.conversation_id == conversation]
            assert [event.seq for event in own] == list(range(1, len(own) + 1))
            assert len({event.event_id for event in own}) == len(own)
            for before, after in pairwise(own):
                assert after.prev_hash == before.hash

    @invariant()
    def marks_are_true(self) -> None:
        effective: set[str] = set()
        for event in self._effective():
            effective.add(event.event_id)
            missing = self._ids(event.inbox_mark) - effective
            assert not missing, f"a mark says that {missing} was dealt with"

    @invariant()
    def what_is_held_is_true_and_a_reader_may_start_there(self) -> None:
        events = self._read()
        whole = self._effective()
        for held in self.log.durable.saved:
            before, after = EffectiveReader(), EffectiveReader(held.epoch)
            delivered = _fed(before, events, 0, held.offset)
            assert (before.epoch, before.holds_half_a_step) == (held.epoch, False), held
            assert self._ids(held.inbox_mark) <= {event.event_id for event in delivered}, held
            assert [*delivered, *_fed(after, events, held.offset)] == whole, held

    @invariant()
    def owners_end_by_saying_why(self) -> None:
        assert not self.log.failures()

    # --- helpers ---

    def _put(self, fact: Event) -> None:
        body, _ = self.log.codec.encode(fact)
        inbox = self.log.durable.inbox
        inbox.append(InboxRecord(0, len(inbox), fact.conversation_id, body))

    def _able(self, to: str) -> list[int]:
        owners = enumerate(self.log.owners)
        if to == "sees":
            seen = len(self.log.durable.inbox)
            return [n for n, one in owners if one.reigned and self.log.still_owns(n) and one.inbox.shown < seen]
        if to == "lands":
            return [n for n, one in owners if one.ledger.in_the_net]
        return [n for n, one in owners if one.ledger.unanswered]

    def _read(self) -> list[Event]:
        for record in self.log.durable.log[len(self._decoded) :]:
            self._decoded.append(self.log.codec.decode(record.body))
        return self._decoded

    def _effective(self) -> list[Event]:
        return _fed(EffectiveReader(), self._read(), 0)

    def _ids(self, mark: int) -> set[str]:
        return {self.log.codec.decode(one.body).event_id for one in self.log.durable.inbox[: mark + 1]}


def _fed(reader: EffectiveReader, events: list[Event], start: int, end: int | None = None) -> list[Event]:
    delivered: list[Event] = []
    for offset, event in enumerate(events[start:end], start):
        record = LogRecord(0, offset, event.conversation_id, NO_BYTES)
        delivered.extend(reader.feed(record, event))
    return delivered


def _by_the_rule(events: list[Event]) -> list[str]:
    """The rule in other words: within the stretch after each announcement that is above all before it, the records of its
    epoch count; and of those, steps that are whole."""
    in_force, stretch, delivered = 0, list[Event](), list[str]()
    for event in [*events, None]:
        took = event.payload if event and event.kind is Kind.CONTROL else None
        if event is None or (isinstance(took, OwnerTook) and took.epoch > in_force):
            for end in range(len(stretch)):
                size = stretch[end].step_size
                step = stretch[end + 1 - size : end + 1]
                if stretch[end].step_index == size - 1 and len({one.step_id for one in step}) == 1:
                    delivered.extend(one.event_id for one in step)
            stretch = []
            in_force = took.epoch if isinstance(took, OwnerTook) else in_force
        elif event.kind is not Kind.CONTROL and event.epoch == in_force:
            stretch.append(event)
    return delivered


def test_owners_keep_the_protocol_in_whatever_order_things_happen() -> None:
    run_state_machine_as_test(Owners, settings=settings(SETTINGS, max_examples=400))


@pytest.mark.parametrize("left_out", broken.ALL, ids=lambda one: one.name)
def test_a_rule_that_is_left_out_is_noticed(left_out: broken.Break) -> None:
    first_found = settings(SETTINGS, max_examples=2_000, phases=[Phase.generate])
    with broken.broken(left_out), pytest.raises((AssertionError, BrokenStepError)):
        run_state_machine_as_test(Owners, settings=first_found)
