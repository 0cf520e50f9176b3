"""Which schema id stands in front of an event's bytes: a registry's, or the lock file's where no registry is used."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from schemas.registry import UnknownSchemaError, lock

MAGIC = b"\x00"
ID_BYTES = 4
# What a frame's id is to be looked up in. So no reader takes one of the lock file's for one of its registry's.
OF_REGISTRY = b"application/vnd.confluent.avro"
OF_LOCK_FILE = b"application/vnd.ledgerline.avro"


class SchemaIds:
    """``ids``: ``{"Type.vN": id}``. ``content_type``: ``OF_REGISTRY`` or ``OF_LOCK_FILE``."""

    def __init__(self, ids: Mapping[str, int], content_type: bytes) -> None:
        self.ids, self.content_type = ids, content_type
        self._frames: dict[tuple[str, int], bytes] = {}
        for name, schema_id in ids.items():
            event_type, _, version = name.rpartition(".v")
            self._frames[event_type, int(version)] = MAGIC + schema_id.to_bytes(ID_BYTES, "big")

    def frame(self, event_type: str, version: int) -> bytes:
        """Five bytes. Raises ``UnknownSchemaError``."""
        try:
            return self._frames[event_type, version]
        except KeyError:
            raise UnknownSchemaError(f"{event_type} v{version} was never released") from None


@cache
def lock_file_ids() -> SchemaIds:
    return SchemaIds({name: int(released["id"]) for name, released in lock().items()}, OF_LOCK_FILE)
