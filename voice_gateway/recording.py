"""A call's recording: a stereo WAV, caller on the left, agent on the right, both on the call's own clock.

The file is a valid WAV at every moment: samples are appended first, then the sizes in the header are set, so a
process that is killed between the two leaves a header that says a little less than there is. ``repair_recording``
brings such a file's header up to its length.
"""

from __future__ import annotations

import errno
import os
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from agent_core.audio import AudioError
from agent_core.ports import SAMPLE_RATE_HZ
from agent_core.wav import interleave, wav_header

_HEADER_BYTES = 44
_FRAME_BYTES = 4  # one sample of each channel
_SETTLE_MS = 1000  # how late a piece of sound may come and still get its place
_JITTER_MS = 60  # a piece this close to where the last one ended belongs right behind it: no clicks
_FLUSH_MS = 250
_MAX_BYTES = 0xFFFFFFFF - 36  # 18 hours: more doesn't fit in a WAV


class RecordingFailure(StrEnum):
    """Why a recording ended before its call; ends up in an event."""

    DISK_FULL = "disk_full"
    NOT_WRITABLE = "not_writable"
    TOO_LONG = "too_long"


class _Channel:
    """Samples not yet written, and where on the call's clock they begin."""

    def __init__(self) -> None:
        self.waiting = bytearray()
        self.begins_at = 0  # in samples since the start of the call

    @property
    def ends_at(self) -> int:
        return self.begins_at + len(self.waiting) // 2

    def place(self, pcm: bytes, at: int) -> None:
        """Put ``pcm`` at sample ``at``; a gap becomes silence, what would overlap goes right behind."""
        gap = at - self.ends_at
        if gap > SAMPLE_RATE_HZ * _JITTER_MS // 1000:
            self.waiting += bytes(2 * gap)
        self.waiting += pcm[: len(pcm) // 2 * 2]

    def take(self, until: int) -> bytes:
        """Everything before sample ``until``, silence where there is nothing."""
        size = 2 * max(0, until - self.begins_at)
        taken = bytes(self.waiting[:size]).ljust(size, b"\0")
        del self.waiting[:size]
        self.begins_at += size // 2
        return taken


def _for_its_owner(path: str, flags: int) -> int:
    """Opens a file that no other account can read: it holds what callers say, and nothing encrypts it."""
    return os.open(path, flags, 0o600)


class StereoRecorder:
    """Writes one call. Times are seconds on the event loop's clock (``loop.time()``), the same for both channels.

    A disk that fills up ends the recording, never the call: ``failure`` then holds the reason. Raises ``OSError``
    only from the constructor.
    """

    def __init__(self, path: str | os.PathLike[str], started_at_s: float) -> None:
        self.path = Path(path)
        self.failure: RecordingFailure | None = None
        self._started_at_s = started_at_s
        self._left, self._right = _Channel(), _Channel()
        self._data_bytes = 0
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO | None = open(self.path, "wb", buffering=0, opener=_for_its_owner)  # noqa: SIM115
        self._file.write(wav_header(0, channels=2))

    @property
    def duration_ms(self) -> float:
        """How much is in the file by now."""
        return self._data_bytes / _FRAME_BYTES * 1000 / SAMPLE_RATE_HZ

    def caller(self, pcm: bytes, began_at_s: float) -> None:
        self._record(self._left, pcm, began_at_s)

    def agent(self, pcm: bytes, began_at_s: float) -> None:
        self._record(self._right, pcm, began_at_s)

    def close(self) -> None:
        """Write what is left. Safe to call twice."""
        self._write(max(self._left.ends_at, self._right.ends_at))
        self._end(None)

    def _record(self, channel: _Channel, pcm: bytes, began_at_s: float) -> None:
        if self._file is None:
            return
        channel.place(pcm, max(0, round((began_at_s - self._started_at_s) * SAMPLE_RATE_HZ)))
        settled = channel.ends_at - SAMPLE_RATE_HZ * _SETTLE_MS // 1000
        if settled - self._left.begins_at >= SAMPLE_RATE_HZ * _FLUSH_MS // 1000:
            self._write(settled)

    def _write(self, until: int) -> None:
        if self._file is None:
            return
        samples = interleave(self._left.take(until), self._right.take(until))
        if self._data_bytes + len(samples) > _MAX_BYTES:
            self._end(RecordingFailure.TOO_LONG)
            return
        try:
            _append(self._file, samples, self._data_bytes)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            self._end(RecordingFailure.DISK_FULL if full else RecordingFailure.NOT_WRITABLE)
            return
        self._data_bytes += len(samples)

    def _end(self, failure: RecordingFailure | None) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
            self.failure = failure


def _append(file: BinaryIO, samples: bytes, data_bytes: int) -> None:
    """Samples first, then the header that counts them."""
    _write_all(file, samples, _HEADER_BYTES + data_bytes)
    _write_all(file, wav_header(data_bytes + len(samples), channels=2), 0)


def _write_all(file: BinaryIO, raw: bytes, at: int) -> None:
    file.seek(at)
    view = memoryview(raw)
    while view:
        view = view[file.write(view) :]


def repair_recording(path: str | os.PathLike[str]) -> int:
    """Make the header of a recording count all samples that are in the file; the bytes it had missed.

    Raises ``AudioError`` for a file that isn't a recording of ours, ``OSError`` for one that can't be opened.
    """
    with Path(path).open("r+b") as file:
        header = file.read(_HEADER_BYTES)
        if len(header) < _HEADER_BYTES or header[:40] != _with_riff_size(wav_header(0, channels=2), header)[:40]:
            raise AudioError(f"{path}: not a recording of this product: nothing was changed")
        counted = int.from_bytes(header[40:44], "little")
        there = file.seek(0, os.SEEK_END) - _HEADER_BYTES
        whole = there - there % _FRAME_BYTES
        if whole != counted:
            file.seek(0)
            file.write(wav_header(whole, channels=2))
        return whole - counted


def _with_riff_size(header: bytes, other: bytes) -> bytes:
    return header[:4] + other[4:8] + header[8:]
