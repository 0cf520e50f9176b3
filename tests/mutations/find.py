"""``python -m tests.mutations.find NAME [--seeds N] [--first-seed N]``: runs the simulation over mutated code until a seed
shows it.

The module's source is replaced as it is imported, in this process alone; nothing is written. Prints JSON:
``{"name", "seeds", "invariant", "message"}``; ``seeds`` is the seed that showed it, null where none did. All of 1 to
``--seeds`` are tried, ``--first-seed`` and those behind it first. A mutation that names a file of tests is shown to them
instead: ``seeds`` is 0 and ``invariant`` the test that failed.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING

from tests.mutations.mutations import Mutation, named

if TYPE_CHECKING:
    import pytest

MOST_SEEDS = 400
ROOT = Path(__file__).resolve().parents[2]


class StaleMutationError(Exception):
    """The text that a mutation replaces isn't in the module, or is there more than once."""


def mutated_source(mutation: Mutation) -> str:
    """Raises ``StaleMutationError``."""
    source = (ROOT / (mutation.module.replace(".", "/") + ".py")).read_text()
    if source.count(mutation.old) != 1:
        raise StaleMutationError(
            f"{mutation.name}: its text stands {source.count(mutation.old)} times in {mutation.module}"
        )
    return source.replace(mutation.old, mutation.new)


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, fullname: str, path: str, source: str) -> None:
        super().__init__(fullname, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, self.path, "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, mutation: Mutation) -> None:
        self._module, self._source = mutation.module, mutated_source(mutation)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._module:
            return None
        file = str(ROOT / (fullname.replace(".", "/") + ".py"))
        return importlib.util.spec_from_file_location(fullname, file, loader=_Loader(fullname, file, self._source))


def find(name: str, most_seeds: int, first_seed: int = 1) -> dict[str, object]:
    mutation = named(name)
    sys.meta_path.insert(0, _Finder(mutation))
    if mutation.test:
        return {"name": name, **_shown_to(mutation.test)}
    from simulation.run import simulate  # only now: what it imports is mutated

    seeds = [*range(first_seed, most_seeds + 1), *range(1, min(first_seed, most_seeds + 1))]
    report = simulate(seeds, processes=1, stop_at_first=True)
    found = report.failing[0] if report.failing else None
    return {
        "name": name,
        "seeds": found.seed if found else None,
        "invariant": found.invariant if found else None,
        "message": found.message if found else None,
    }


class _FirstFailure:
    """A plugin of pytest: which test failed first."""

    name: str | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.name is None:
            self.name = report.nodeid


def _shown_to(test: str) -> dict[str, object]:
    import pytest

    first = _FirstFailure()
    with contextlib.redirect_stdout(io.StringIO()):
        ended = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", test], plugins=[first])
    if ended not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"{test} could not be run: {ended}")
    return {"seeds": 0 if first.name else None, "invariant": first.name, "message": None}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--seeds", type=int, default=MOST_SEEDS)
    parser.add_argument("--first-seed", type=int, default=1)
    arguments = parser.parse_args()
    print(json.dumps(find(arguments.name, arguments.seeds, arguments.first_seed)))
