"""Looks for words in bytes, as they stand and in the forms in which they might hide."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as parquet


def forms_of(words: str | bytes) -> list[bytes]:
    """As they are, in UTF-16, and in base64 at each of its three alignments."""
    plain = words.encode() if isinstance(words, str) else words
    forms = [plain]
    if isinstance(words, str):
        forms += [words.encode("utf-16-le"), words.encode("utf-16-be")]
    for lead in range(3):
        encoded = base64.b64encode(b"\x00" * lead + plain + b"\x00\x00")
        forms.append(encoded[4 if lead else 0 : -4])
    return forms


def found_in(content: bytes, *words: str | bytes) -> bool:
    """Whether any of them stands there."""
    needles = [needle for one in words for needle in forms_of(one)]
    return any(needle in each for each in (content, *_inflated(content)) for needle in needles)


def files_with(directory: Path, *words: str | bytes) -> list[Path]:
    """Every file below ``directory`` in which any of them stands, Parquet's columns opened too."""
    return [path for path in sorted(directory.rglob("*")) if path.is_file() and found_in(_content(path), *words)]


def _content(path: Path) -> bytes:
    """Without the zeros at its end, of which a broker's index has ten million, but for those that UTF-16 ends with."""
    content = path.read_bytes().rstrip(b"\x00") + b"\x00\x00"
    if path.suffix == ".parquet":
        content += repr(parquet.ParquetFile(path).read().to_pylist()).encode()
    return content


def _inflated(content: bytes) -> Iterator[bytes]:
    """What zlib, gzip or bare deflate streams hold that begin anywhere with their usual first bytes."""
    for magic, window in ((b"\x78\x01", 15), (b"\x78\x9c", 15), (b"\x78\xda", 15), (b"\x1f\x8b\x08", 31)):
        at = content.find(magic)
        while at >= 0:
            try:
                yield zlib.decompressobj(window).decompress(content[at:])
            except zlib.error:
                pass
            at = content.find(magic, at + 1)
