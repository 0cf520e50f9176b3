"""What ``schemas/native_reader.pyx`` offers once it is compiled (``streams.native_build``)."""

from collections.abc import Mapping
from typing import Any

from schemas.event import Happening

def source_digest() -> str: ...

class Field: ...
class Text(Field): ...
class Bytes(Field): ...
class Long(Field): ...
class Double(Field): ...
class Boolean(Field): ...

class Fixed(Field):
    def __init__(self, size: int) -> None: ...

class OneOf(Field):
    def __init__(self, values: Mapping[str, Any]) -> None: ...

class Usual(Field):
    def __init__(self, usual: bytes, value: object) -> None: ...

class Optional(Field):
    def __init__(self, inner: Field) -> None: ...

class Array(Field):
    def __init__(self, item: Field) -> None: ...

class Struct(Field):
    def __init__(
        self,
        kind: type,
        names: tuple[str, ...],
        fields: tuple[Field, ...],
        private: tuple[tuple[object, object] | None, ...],
    ) -> None: ...

class Reader:
    def __init__(
        self,
        kind: type[Happening],
        fields: tuple[Field, ...],
        slots: list[int],
        sealed: int,
        under: int,
        misplaced: type[Exception],
    ) -> None: ...
    def read(self, data: bytes, stored_under: str | None) -> Happening: ...
