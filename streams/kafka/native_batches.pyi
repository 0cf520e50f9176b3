"""What ``streams/kafka/native_batches.pyx`` offers once it is compiled (``streams.native_build``)."""

from collections.abc import Callable

from streams.codec import Body
from streams.ports import LogRecord

def source_digest() -> str: ...

class Kinds:
    def __init__(
        self,
        log_record: type[LogRecord],
        body: type[Body],
        heads: dict[bytes, tuple[str, int]],
        unframed: Callable[[bytes | None], Body],
        under: bytes,
    ) -> None: ...

class Batches:
    def __init__(
        self, data: bytes, partition: int, position: int, checksum: Callable[[memoryview], int], kinds: Kinds
    ) -> None: ...
    @property
    def position(self) -> int: ...
    def log_records(self, until: int, limit: int) -> list[LogRecord]: ...
