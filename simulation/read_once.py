"""The production codec, which reads the same bytes once a run, whoever reads them: what they say doesn't change while the
key of their conversation stands, and here it does. Who reads them under another conversation's name has them read anew."""

from __future__ import annotations

from schemas.event import Event
from simulation.durable import Durable
from streams.codec import Body, Codec


class SimCodec(Codec):
    def __init__(self, durable: Durable) -> None:
        super().__init__(durable.keys)
        self._read = durable.read

    def decode(self, body: Body, stored_under: str | None = None) -> Event:
        known = self._read.get(body)
        if known is None or stored_under not in (None, known.conversation_id):
            known = self._read[body] = super().decode(body, stored_under)
        return known
