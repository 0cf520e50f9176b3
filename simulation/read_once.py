"""The production codec, which reads the same bytes once a run, whoever reads them: what they say doesn't change while the
key of their conversation stands, and here it does."""

from __future__ import annotations

from schemas.event import Event
from simulation.durable import Durable
from streams.codec import Body, Codec


class SimCodec(Codec):
    def __init__(self, durable: Durable) -> None:
        super().__init__(durable.keys)
        self._read = durable.read

    def decode(self, body: Body, stored_under: str | None = None) -> Event:
        known = self._read.get((body, stored_under))
        if known is None:
            known = self._read[body, stored_under] = super().decode(body, stored_under)
        return known
