"""A worker begins with as many open files as its partitions need, or says how many those are."""

from __future__ import annotations

import resource

import pytest

from console.failures import FailedError
from console.open_files import allow_open_files

UNLIMITED = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "raised_to"),
    [(1024, 4096, None), (64, 4096, 156), (64, UNLIMITED, 156), (UNLIMITED, UNLIMITED, None)],
)
def test_the_limit_is_raised_where_it_is_too_low(
    soft: int, hard: int, raised_to: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: raised.append(limits))
    allow_open_files(8)
    assert raised == ([] if raised_to is None else [(raised_to, hard)])


def test_what_may_not_be_raised_is_told_with_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 64))
    with pytest.raises(FailedError, match=r"8 partitions needs up to 156 open files, and may open 64: .*ulimit -n 156"):
        allow_open_files(8)
