"""A log as one portable file: an Avro object container file (Avro specification 1.11, "Object Container Files"), which
any Avro library reads.

The items are a union of two records of the namespace ``ledgerline.transfer``. First every behaviour version, by seq; then
events, in the order of their log: each conversation's from its first on, whole steps.

- ``Behaviour``: ``seq``, ``hash`` (SHA-256 of ``content``, in hex), ``content`` (JSON).
- ``Event``: ``conversation_id``, ``type``, ``version``, ``data``. ``data`` is the event's Avro body as it stood on the
  log, under the schema ``schemas/avro/{type}.v{version}.avsc``; its private fields are sealed.

The file's metadata: ``ledgerline.transfer`` is the version of this form; ``ledgerline.sha256`` is, in hex, the SHA-256 of
the whole file with 64 zeros in the place of these digits. A log that didn't change gives the same file again.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple

import fastavro
from fastavro.write import Writer

from streams.behaviour_versions import Version
from streams.codec import Body

FORM = "1"
_FORM, _DIGEST = "ledgerline.transfer", "ledgerline.sha256"
_NO_DIGEST = "0" * 64
_MAGIC = b"Obj\x01"  # of every Avro file
_MOST_HEADER_BYTES = 64 * 1024
_BLOCK_BYTES = 256 * 1024
_SYNC = hashlib.sha256(b"ledgerline.transfer.1").digest()[:16]  # not random: the same log, the same file
_NAMESPACE = "ledgerline.transfer"
_BEHAVIOUR, _EVENT = f"{_NAMESPACE}.Behaviour", f"{_NAMESPACE}.Event"
_SCHEMA: list[dict[str, Any]] = [
    {
        "type": "record",
        "name": "Behaviour",
        "namespace": _NAMESPACE,
        "fields": [
            {"name": "seq", "type": "long"},
            {"name": "hash", "type": "string"},
            {"name": "content", "type": "bytes"},
        ],
    },
    {
        "type": "record",
        "name": "Event",
        "namespace": _NAMESPACE,
        "fields": [
            {"name": "conversation_id", "type": "string"},
            {"name": "type", "type": "string"},
            {"name": "version", "type": "int"},
            {"name": "data", "type": "bytes"},
        ],
    },
]
_PARSED = fastavro.parse_schema(_SCHEMA)

Progress = Callable[[int, int], None]
"""(done, of how many)"""


class BadTransferFileError(Exception):
    """It is no file of ours, of another form, or not as it was written. The message says which, and what to do."""


class StoredEvent(NamedTuple):
    conversation_id: str
    body: Body


Item = Version | StoredEvent


class TransferWriter:
    """Writes beside ``path`` and appears there when it is whole. ``with`` it; an exception leaves nothing behind."""

    def __init__(self, path: Path) -> None:
        self._path, self._part = path, path.with_name(f"{path.name}.part")
        self.size_bytes = 0

    def __enter__(self) -> TransferWriter:
        """Raises ``OSError``."""
        descriptor = os.open(
            self._part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600
        )  # who called when is nobody's business
        self._file: BinaryIO = os.fdopen(descriptor, "w+b")
        metadata = {_FORM: FORM, _DIGEST: _NO_DIGEST}
        self._writer = Writer(
            self._file, _PARSED, codec="deflate", sync_interval=_BLOCK_BYTES, metadata=metadata, sync_marker=_SYNC
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._file.close()
            with suppress(FileNotFoundError):
                self._part.unlink()

    def write(self, item: Item) -> None:
        if isinstance(item, Version):
            self._writer.write({"-type": _BEHAVIOUR, **item._asdict()})
            return
        body = item.body
        event = {"conversation_id": item.conversation_id, "type": body.type, "version": body.version, "data": body.data}
        self._writer.write({"-type": _EVENT, **event})

    def _finish(self) -> None:
        self._writer.flush()
        self.size_bytes = self._file.tell()
        digest_at = _digest_at(_header(self._file))
        digest = _digest(self._file, digest_at, lambda done, total: None)
        self._file.seek(digest_at)
        self._file.write(digest.encode())
        self._file.flush()
        os.fsync(self._file.fileno())
        os.replace(self._part, self._path)


class TransferReader:
    """``with`` it. Opening reads the whole file once, to see that it is as it was written; then ``items`` streams it.

    Raises ``BadTransferFileError``, ``OSError``.
    """

    def __init__(self, path: Path, progress: Progress = lambda done, total: None) -> None:
        self._path, self._progress = path, progress

    def __enter__(self) -> TransferReader:
        self._file = self._path.open("rb")
        try:
            self._check()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def items(self) -> Iterator[Item]:
        size_bytes = os.fstat(self._file.fileno()).st_size
        self._file.seek(0)
        try:
            named: Iterator[Any] = iter(fastavro.reader(self._file, return_record_name=True))
            for name, record in named:
                yield _item(name, record)
                self._progress(self._file.tell(), size_bytes)
        except (ValueError, EOFError, IndexError, TypeError, zlib.error) as error:  # the digest holds: it was made so
            raise BadTransferFileError(f"{self._path} holds what no export writes ({type(error).__name__})") from None

    def _check(self) -> None:
        if self._file.read(len(_MAGIC)) != _MAGIC:
            raise BadTransferFileError(f"{self._path} is no export of a log (ledgerline export writes them)")
        header = _header(self._file)
        metadata = _metadata(header)
        if metadata is None:
            raise BadTransferFileError(f"{self._path} is damaged in its first bytes: export it again")
        if _FORM not in metadata:
            raise BadTransferFileError(f"{self._path} is an Avro file, and no export of a log")
        if metadata[_FORM] != FORM:
            raise BadTransferFileError(
                f"{self._path} is of form {metadata[_FORM]!r}, and this version reads form {FORM}: import it with the "
                f"version that wrote it, or a newer one"
            )
        stated = metadata.get(_DIGEST, "")
        digest_at = header.find(stated.encode()) if len(stated) == len(_NO_DIGEST) else -1
        if digest_at < 0 or _digest(self._file, digest_at, self._progress) != stated:
            raise BadTransferFileError(
                f"{self._path} is cut off or was changed (its checksum does not hold): copy or export it again"
            )
        if metadata.get("avro.schema") is None or json.loads(metadata["avro.schema"]) != _written_schema():
            raise BadTransferFileError(f"{self._path} has another schema than form {FORM} has")


def _header(file: BinaryIO) -> bytes:
    """The first bytes, in which the header ends."""
    file.seek(0)
    return file.read(_MOST_HEADER_BYTES)


def _digest_at(header: bytes) -> int:
    return header.index(_NO_DIGEST.encode())


def _metadata(header: bytes) -> dict[str, str] | None:
    """None where the header can't be read."""
    try:
        return dict(fastavro.reader(io.BytesIO(header)).metadata)
    except (
        ValueError,
        EOFError,
        IndexError,
        KeyError,
        TypeError,
        OverflowError,
        MemoryError,
        fastavro.schema.SchemaParseException,
    ):
        return None


def _written_schema() -> Any:
    """The schema as a file's metadata holds it."""
    written = io.BytesIO()
    Writer(written, _PARSED)
    written.seek(0)
    return json.loads(fastavro.reader(written).metadata["avro.schema"])


def _digest(file: BinaryIO, digest_at: int, progress: Progress) -> str:
    """SHA-256 of the whole file, with zeros in the place of the digest."""
    size_bytes = os.fstat(file.fileno()).st_size
    found = hashlib.sha256()
    file.seek(0)
    found.update(file.read(digest_at) + _NO_DIGEST.encode())
    file.seek(digest_at + len(_NO_DIGEST))
    while chunk := file.read(1 << 20):
        found.update(chunk)
        progress(file.tell(), size_bytes)
    return found.hexdigest()


def _item(name: str, record: dict[str, Any]) -> Item:
    if name == _BEHAVIOUR:
        return Version(record["seq"], record["hash"], record["content"])
    return StoredEvent(record["conversation_id"], Body(record["type"], record["version"], record["data"]))
