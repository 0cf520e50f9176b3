"""Every mutation is found by the simulation, each in a process of its own. The search begins at the seed that the table in
docs/invariants.md names, and goes on through all the others where that one shows it no more."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.mutations.find import MOST_SEEDS, ROOT, StaleMutationError, mutated_source
from tests.mutations.mutations import MUTATIONS, Mutation, named
from tests.mutations.table import recorded_seeds

RECORDED_SEEDS = recorded_seeds()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_simulation_finds(mutation: Mutation) -> None:
    seed = found_by(mutation, MOST_SEEDS, RECORDED_SEEDS.get(mutation.name, 1))
    assert seed is not None, f"{mutation.name} goes unseen for {MOST_SEEDS} seeds: {mutation.rule}"


def found_by(mutation: Mutation, seeds: int, first: int) -> int | None:
    command = [sys.executable, "-m", "tests.mutations.find", mutation.name, "--seeds", str(seeds)]
    command += ["--first-seed", str(first)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    seed: int | None = json.loads(done.stdout)["seeds"]
    return seed


def test_the_search_comes_round_to_the_seeds_before_the_one_that_it_began_at() -> None:
    assert found_by(named("speak_without_a_verdict"), seeds=2, first=2) == 1


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
