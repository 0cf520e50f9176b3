"""What somebody with write access to the database could do to a log."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
from msgspec.structs import replace
from support import DataDirectory

from schemas.event import Event
from streams.codec import Body


class Forger:
    """Works on partition 0. What is done inside ``attempt`` is undone at its end."""

    def __init__(self, data: DataDirectory) -> None:
        self._data, self._db = data, data.store.db

    @contextmanager
    def attempt(self) -> Iterator[None]:
        self._db.execute("begin")
        try:
            yield
        finally:
            self._db.execute("rollback")

    def offsets(self, conversation_id: str) -> list[int]:
        rows = self._db.execute("select offset from log where conversation_id = ? order by offset", (conversation_id,))
        return [row[0] for row in rows]

    def read(self, offset: int) -> Event:
        return self._data.codec.decode(self._body(offset))

    def flip(self, offset: int, position: int) -> None:
        """Changes one byte of a record; ``position`` may be negative."""
        data = bytearray(self._body(offset).data)
        data[position] ^= 0x01
        self._db.execute("update log set data = ? where offset = ?", (bytes(data), offset))

    def set_column(self, offset: int, column: str, value: object) -> None:
        self._db.execute(f"update log set {column} = ? where offset = ?", (value, offset))

    def cut(self, *offsets: int) -> None:
        self._db.executemany("delete from log where offset = ?", [(offset,) for offset in offsets])

    def rewrite(self, offset: int, change: Callable[[Event], Event]) -> None:
        """Changes an event and recomputes every hash of its conversation behind it: a forger who knows the code and has
        the key."""
        original = self.read(offset)
        changed = change(original)
        if changed.payload != original.payload:
            changed = replace(changed, sealed={})
        conversation = self.offsets(original.conversation_id)
        prev_hash = self._write(offset, changed).hash
        for later in conversation[conversation.index(offset) + 1 :]:
            prev_hash = self._write(later, replace(self.read(later), prev_hash=prev_hash)).hash

    def _write(self, offset: int, event: Event) -> Event:
        body, stamped = self._data.codec.encode(event)
        self.set_column(offset, "data", body.data)
        return stamped

    def _body(self, offset: int) -> Body:
        row = self._db.execute("select type, version, data from log where offset = ?", (offset,)).fetchone()
        return Body(*row)


def with_payload(**fields: object) -> Callable[[Event], Event]:
    return lambda event: replace(event, payload=replace(event.payload, **fields))


def with_some_other_payload(event: Event) -> Event:
    """The event with one field of its payload changed to another value of its type."""
    for name in event.payload.__struct_fields__:
        value = getattr(event.payload, name)
        other = _other(value)
        if other is not None:
            return replace(event, payload=replace(event.payload, **{name: other}))
    raise AssertionError(f"{event.type} has no field that this can change")


def _other(value: object) -> object:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, msgspec.Struct):
        return None
    return None
