"""Which brokers left a request unanswered, as all clients of a connection know it together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

SET_ASIDE_S = 30.0  # from then on it is asked again like any other, though nobody had an answer from it


class Address(NamedTuple):
    host: str
    port: int


class Silence:
    """A broker is silent from the first request that it left unanswered to the next that it answers."""

    def __init__(self) -> None:
        self._until_s: dict[Address, float] = {}
        self._replaced: set[Address] = set()
        self._listeners: set[Callable[[int], None]] = set()

    def __contains__(self, address: Address) -> bool:
        return self._until_s.get(address, 0.0) > asyncio.get_running_loop().time()

    def fell(self, address: Address) -> None:
        self._until_s[address] = asyncio.get_running_loop().time() + SET_ASIDE_S

    def spoke(self, address: Address) -> None:
        if address in self._until_s:
            del self._until_s[address]
            self._replaced.discard(address)

    def replaced(self, address: Address, node_id: int) -> None:
        """The others don't count it any more. Every client hears of it once."""
        if address not in self._replaced:
            self._replaced.add(address)
            for listener in tuple(self._listeners):
                listener(node_id)

    def tell(self, listener: Callable[[int], None]) -> None:
        """``listener`` is told the number of each broker that was replaced."""
        self._listeners.add(listener)

    def tell_no_more(self, listener: Callable[[int], None]) -> None:
        self._listeners.discard(listener)
