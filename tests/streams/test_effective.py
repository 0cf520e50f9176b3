"""The filter through which every reader sees the log: what is void, and when a step is whole."""

from __future__ import annotations

import pytest
from written import body, step, took

from schemas.event import Event
from streams.effective import BrokenStepError, EffectiveReader
from streams.ports import LogRecord


class Log:
    """Feeds a reader and collects what it delivers."""

    def __init__(self, epoch: int = 0) -> None:
        self.reader = EffectiveReader(epoch)
        self.delivered: list[str] = []
        self._offset = 0

    def append(self, *events: Event, imported_under: int | None = None) -> Log:
        for event in events:
            record = LogRecord(0, self._offset, event.conversation_id, body(event), imported_under)
            self._offset += 1
            self.delivered.extend(e.event_id for e in self.reader.feed(record, event))
        return self


def test_a_step_is_delivered_when_its_last_record_was_read() -> None:
    a, b, c = step(1, "s", 3)
    log = Log().append(took(1), a, b)
    assert (log.delivered, log.reader.holds_half_a_step) == ([], True)
    log.append(c)
    assert (log.delivered, log.reader.holds_half_a_step) == (["s", "s.1", "s.2"], False)


def test_nothing_counts_before_an_owner_took_the_partition() -> None:
    log = Log().append(*step(1, "s", 2), took(1), *step(1, "t", 1))
    assert (log.delivered, log.reader.void) == (["t"], 2)


def test_what_a_replaced_owner_still_appends_is_void() -> None:
    log = Log().append(took(1), *step(1, "a", 1), took(2), *step(1, "b", 2), *step(2, "c", 1), *step(1, "d", 1))
    assert (log.delivered, log.reader.void) == (["a", "c"], 3)


def test_the_new_owner_may_decide_the_same_fact_and_only_its_copy_counts() -> None:
    log = Log().append(took(1), took(2), *step(1, "s", 2), *step(2, "s", 2))
    assert log.delivered == ["s", "s.1"]


def test_of_two_owners_that_took_the_same_epoch_the_first_on_the_log_wins() -> None:
    log = Log().append(took(1), took(2, "winner"), took(2, "loser"))
    assert (log.reader.epoch, log.reader.reign, log.reader.void) == (2, "took-winner-2", 1)
    log.append(*step(2, "s", 1))
    assert log.delivered == ["s"]


def test_a_loser_that_reads_again_takes_a_higher_epoch_and_replaces_the_winner() -> None:
    log = Log().append(took(1), took(2, "a"), took(2, "b"), took(3, "b"), *step(2, "of-a", 1), *step(3, "of-b", 1))
    assert (log.delivered, log.reader.reign) == (["of-b"], "took-b-3")


def test_an_announcement_of_a_lower_epoch_changes_nothing() -> None:
    log = Log().append(took(5), took(4), *step(5, "s", 1))
    assert (log.delivered, log.reader.epoch, log.reader.void) == (["s"], 5, 1)


def test_half_a_step_is_dropped_when_another_owner_takes_over() -> None:
    a, b, c = step(1, "s", 3)
    log = Log().append(took(1), a, b, took(2), c, *step(2, "s", 3))
    assert (log.delivered, log.reader.void) == (["s", "s.1", "s.2"], 3)


def test_half_a_step_survives_an_announcement_that_is_void() -> None:
    a, b = step(2, "s", 2)
    assert Log().append(took(2), a, took(1), took(2, "late"), b).delivered == ["s", "s.1"]


def test_void_records_within_a_step_do_not_break_it() -> None:
    a, b = step(2, "s", 2)
    log = Log().append(took(1), took(2), a, *step(1, "zombie", 1), b)
    assert (log.delivered, log.reader.void) == (["s", "s.1"], 1)


@pytest.mark.parametrize(
    "damaged",
    [
        [step(1, "s", 3)[0], step(1, "s", 3)[2]],  # a record is missing
        [step(1, "s", 2)[0], step(1, "t", 2)[1]],  # of another step
        [step(1, "s", 2)[0], step(1, "t", 1)[0]],  # begins within another
        [step(1, "s", 2)[1]],  # begins in the middle
        [step(1, "s", 2)[0], step(1, "s", 2)[0]],  # twice
    ],
)
def test_records_of_a_step_that_do_not_follow_each_other_are_damage(damaged: list[Event]) -> None:
    with pytest.raises(BrokenStepError, match="does not follow"):
        Log().append(took(1), *damaged)


def test_a_reader_may_start_where_an_epoch_is_known_to_be_in_force() -> None:
    log = Log(epoch=4).append(*step(4, "s", 2), *step(3, "zombie", 1))
    assert (log.delivered, log.reader.void, log.reader.reign) == (["s", "s.1"], 1, "")


def test_copied_records_stand_alone_under_the_owner_that_imports_them() -> None:
    copies = [*step(7, "a", 2), *step(9, "b", 1)]  # epochs and steps of the log that they come from
    log = Log().append(took(1)).append(*copies, imported_under=1)
    assert log.delivered == ["a", "a.1", "b"]


def test_copied_records_of_a_replaced_importer_are_void() -> None:
    log = Log().append(took(1), took(2)).append(*step(7, "a", 1), imported_under=1)
    assert (log.delivered, log.reader.void) == ([], 1)


@pytest.mark.parametrize("kept", [(0,), (0, 1), (1, 2), (0, 2), (2,)])
def test_who_gives_up_a_damaged_step_reads_on_with_the_next(kept: tuple[int, ...]) -> None:
    damaged = [step(1, "s", 3)[index] for index in kept]
    log = Log().append(took(1), *step(1, "before", 1))
    for event in [*damaged, *step(1, "after", 2)]:
        try:
            log.append(event)
        except BrokenStepError:
            log.reader.give_up_step()
            log.append(event)
    assert log.delivered == ["before", "after", "after.1"]
    assert log.reader.void == len(kept)
