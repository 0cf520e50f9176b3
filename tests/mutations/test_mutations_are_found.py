"""Every mutation is found by the simulation, each in a process of its own. The search begins at the seed that the table in
docs/invariants.md names, and goes on through all the others where that one shows it no more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.mutations.find import MOST_SEEDS, StaleMutationError, mutated_source
from tests.mutations.forks import Searches, searches
from tests.mutations.mutations import MUTATIONS, Mutation
from tests.mutations.table import recorded_seeds

RECORDED_SEEDS = recorded_seeds()


@pytest.fixture(scope="module")
def search() -> Iterator[Searches]:
    with searches() as begun:
        yield begun


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_simulation_finds(mutation: Mutation, search: Searches) -> None:
    found = search.found(mutation.name, MOST_SEEDS, RECORDED_SEEDS.get(mutation.name, 1))
    assert found["seeds"] is not None, f"{mutation.name} goes unseen for {MOST_SEEDS} seeds: {mutation.rule}"


def test_the_search_comes_round_to_the_seeds_before_the_one_that_it_began_at(search: Searches) -> None:
    assert search.found("speak_without_a_verdict", seeds=2, first_seed=2)["seeds"] == 1


def test_a_search_that_fails_shows_why_and_the_next_one_does_not(search: Searches) -> None:
    with pytest.raises(AssertionError, match="no_such_mutation"):
        search.found("no_such_mutation", seeds=1, first_seed=1)
    assert search.found("speak_without_a_verdict", seeds=1, first_seed=1)["seeds"] == 1


def test_the_table_says_where_most_searches_begin() -> None:
    simulated = {mutation.name for mutation in MUTATIONS if not mutation.test}
    assert len(RECORDED_SEEDS.keys() & simulated) > len(simulated) / 2


def test_a_mutation_whose_text_is_gone_fails_loudly() -> None:
    stale = MUTATIONS[0]._replace(old="this text stands nowhere")
    with pytest.raises(StaleMutationError, match="0 times"):
        mutated_source(stale)


def test_names_are_unique() -> None:
    names = [mutation.name for mutation in MUTATIONS]
    assert len(set(names)) == len(names)
