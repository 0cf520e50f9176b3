"""What a mutation is."""

from __future__ import annotations

from typing import NamedTuple


class Mutation(NamedTuple):
    """``module``: dotted name of the module whose source is changed. ``rule``: what it breaks, in a sentence. ``test``: the
    file of tests that must notice; empty: the simulation must."""

    name: str
    module: str
    old: str
    new: str
    rule: str
    test: str = ""
