"""Which partitions a worker should own, from what it hears."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.seats import LOST_AFTER, SETTLED_AFTER, Heartbeat, Seats


def beats(seats: Seats, count: int) -> None:
    """The worker's own heartbeats come back, with what it owns."""
    for _ in range(count):
        seats.hear(Heartbeat(seats.worker_id, {}))


def owning(worker_id: str, *partitions: int, epoch: int = 1) -> Seats:
    seats = Seats(worker_id)
    seats.assign(partitions)
    for partition in partitions:
        seats.reign(partition, epoch)
    return seats


def test_what_the_group_assigns_is_wanted() -> None:
    seats = Seats("a")
    seats.assign({0, 1})
    assert seats.wanted() == {0, 1}


def test_a_partition_that_moves_is_taken_from_its_living_holder() -> None:
    seats = Seats("a")
    seats.hear(Heartbeat("b", {3: 7}))
    seats.assign({3})
    seats.hear(Heartbeat("b", {3: 7}))
    assert seats.wanted() == {3}


def test_what_is_no_longer_assigned_is_given_up() -> None:
    seats = owning("a", 0, 1)
    seats.assign({0})
    assert seats.wanted() == {0}


def test_who_was_superseded_does_not_fight_for_the_partition() -> None:
    seats = owning("a", 0, 1)
    seats.ended(0, superseded_by=2)
    assert seats.wanted() == {1}
    beats(seats, LOST_AFTER - 1)
    assert seats.wanted() == {1}
    seats.hear(Heartbeat("b", {0: 2}))
    beats(seats, LOST_AFTER - 1)
    assert seats.wanted() == {1}


def test_a_partition_whose_new_owner_is_never_heard_of_is_taken_back() -> None:
    seats = owning("a", 0)
    seats.ended(0, superseded_by=2)
    beats(seats, LOST_AFTER)
    assert seats.wanted() == {0}


def test_a_woken_zombie_learns_from_a_heartbeat_that_it_lost_its_partition() -> None:
    seats = owning("zombie", 0)
    seats.hear(Heartbeat("b", {0: 2}))
    assert seats.wanted() == frozenset()


def test_a_woken_zombie_that_is_assigned_what_it_had_takes_it_back() -> None:
    """Whether it hears first of its successor or of its assignment."""
    for hears_late in (False, True):
        seats = owning("zombie", 0)
        if hears_late:
            seats.assign({0})
        seats.hear(Heartbeat("b", {0: 2}))
        seats.ended(0, superseded_by=2)
        if not hears_late:
            assert seats.wanted() == frozenset()
            seats.assign({0})
        assert seats.wanted() == {0}
        seats.reign(0, 3)
        assert seats.wanted() == {0}


def test_what_is_lost_behind_an_assignment_that_has_settled_is_not_fought_for() -> None:
    seats = owning("a", 0)
    seats.assign({0})
    beats(seats, SETTLED_AFTER)
    seats.hear(Heartbeat("b", {0: 2}))
    seats.ended(0, superseded_by=2)
    assert seats.wanted() == frozenset()


def test_a_zombies_stale_heartbeat_moves_nobody() -> None:
    seats = owning("a", 0, epoch=2)
    seats.hear(Heartbeat("zombie", {0: 1}))
    assert seats.wanted() == {0}


def test_a_silent_workers_partitions_are_claimed() -> None:
    seats = Seats("a")
    seats.hear(Heartbeat("b", {0: 1, 1: 1}))
    beats(seats, LOST_AFTER)
    assert seats.wanted() == {0, 1}


def test_silence_is_not_counted_while_no_heartbeat_passes() -> None:
    """No broker, or this process stood still: then nobody is taken for dead."""
    seats = Seats("a")
    seats.hear(Heartbeat("b", {0: 1}))
    beats(seats, LOST_AFTER - 1)
    seats.hear(Heartbeat("b", {0: 1}))
    beats(seats, LOST_AFTER - 1)
    assert seats.wanted() == frozenset()


def test_who_dies_before_it_owned_what_it_was_given_is_replaced_too() -> None:
    seats = owning("a", 0, epoch=4)
    seats.hear(Heartbeat("b", {0: 0}))
    seats.assign(())
    seats.ended(0)
    beats(seats, LOST_AFTER)
    assert seats.wanted() == {0}


def test_news_out_of_turn_counts_no_silence() -> None:
    seats = Seats("a")
    seats.hear(Heartbeat("b", {0: 1}))
    for _ in range(LOST_AFTER):
        seats.hear(Heartbeat("a", {}, regular=False))
    assert seats.wanted() == frozenset()


def test_a_claim_ends_when_the_group_gives_the_partition_to_another() -> None:
    seats = Seats("a")
    seats.hear(Heartbeat("dead", {0: 1}))
    beats(seats, LOST_AFTER)
    assert seats.wanted() == {0}
    seats.reign(0, 2)
    seats.hear(Heartbeat("c", {0: 3}))
    assert seats.wanted() == frozenset()


def test_who_leaves_in_good_order_leaves_nothing_to_claim() -> None:
    """The group assigns its partitions anew; a standby that claimed them too would only be in the way."""
    seats = Seats("a")
    seats.hear(Heartbeat("b", {0: 1}))
    seats.hear(Heartbeat("b", {}, leaving=True))
    beats(seats, LOST_AFTER)
    assert seats.wanted() == frozenset()
    assert seats.others() == 0


def test_an_assigned_partition_is_retaken_when_its_claimant_leaves() -> None:
    seats = owning("a", 0)
    seats.ended(0, superseded_by=2)
    seats.hear(Heartbeat("b", {0: 2}))
    assert seats.wanted() == frozenset()
    seats.hear(Heartbeat("b", {}, leaving=True))
    assert seats.wanted() == {0}


@given(st.sets(st.text("abcdefgh", min_size=1, max_size=4), min_size=2, max_size=6), st.integers(1, 24))
def test_of_the_living_exactly_one_claims_each_partition_of_the_dead(workers: set[str], partitions: int) -> None:
    dead, *living = sorted(workers)
    seats = {worker: Seats(worker) for worker in living}
    for mine in seats.values():
        mine.hear(Heartbeat(dead, dict.fromkeys(range(partitions), 1)))
    for _ in range(LOST_AFTER):
        for mine in seats.values():
            for worker in living:
                mine.hear(Heartbeat(worker, {}))
    claimed = [partition for mine in seats.values() for partition in mine.wanted()]
    assert sorted(claimed) == list(range(partitions))
