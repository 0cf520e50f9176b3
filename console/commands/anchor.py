"""``ledgerline anchor``: signs what all conversations end with now, into a file that is kept elsewhere."""

from __future__ import annotations

import asyncio
import fcntl
import os
import time
from pathlib import Path

import msgspec

from console.failures import FailedError
from console.output import print_json
from console.settings import Settings, load_settings
from console.stopping import heed_stopping
from console.workspace import open_workspace
from projections.anchors import (
    Anchor,
    Anchors,
    BadAnchorsError,
    following,
    line_of,
    next_anchor,
    no_anchors,
    read_anchors,
)
from streams.ports import Ledger
from streams.signing import BadSigningKeyError, SigningKey


class AnchorTold(msgspec.Struct, frozen=True, kw_only=True):
    """``number``: null where the log gained nothing since the last anchor. ``changed``: heads that are new in it.
    ``key``: the public key that signs what comes next, hex."""

    number: int | None
    heads: int
    changed: int
    root: str | None
    key: str


def run(
    *,
    file: Path,
    every_s: float | None,
    rotate: bool,
    signing_key: Path | None,
    data: Path | None,
    log: str | None,
    as_json: bool,
) -> int:
    settings = load_settings(data, log)
    path = signing_key or signing_key_path(settings)
    try:
        asyncio.run(_run(settings, file, path, every_s, rotate, as_json))
    except (BadAnchorsError, BadSigningKeyError) as error:
        raise FailedError(str(error)) from None
    return 0


def signing_key_path(settings: Settings) -> Path:
    return settings.data / "keys" / "signing.key"


async def _run(settings: Settings, file: Path, path: Path, every_s: float | None, rotate: bool, as_json: bool) -> None:
    stopped = asyncio.Event() if every_s is None else heed_stopping()
    async with open_workspace(settings, create=False) as workspace:
        anchors = _AnchorFile(file, path)
        while True:
            _tell(await anchors.add(workspace.stores.ledger, rotate=rotate), as_json)
            if every_s is None:
                return
            try:
                async with asyncio.timeout(every_s):
                    await stopped.wait()
                    return
            except TimeoutError:
                continue


class _AnchorFile:
    """Remembers what it read and wrote last, so that who anchors every minute reads the file once."""

    def __init__(self, file: Path, key: Path) -> None:
        self._file, self._key = file, key
        self._known, self._known_bytes = no_anchors(), 0

    async def add(self, ledger: Ledger, *, rotate: bool) -> AnchorTold:
        """One process at a time writes into the file. Raises ``BadAnchorsError``, ``BadSigningKeyError``."""
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if os.fstat(descriptor).st_size != self._known_bytes:
                os.ftruncate(descriptor, self._file.read_bytes().rfind(b"\n") + 1)  # a line that was broken off goes
                self._known = read_anchors(self._file)
            told = await self._add(descriptor, ledger, rotate=rotate)
            self._known_bytes = os.fstat(descriptor).st_size
            return told
        finally:
            os.close(descriptor)

    async def _add(self, descriptor: int, ledger: Ledger, *, rotate: bool) -> AnchorTold:
        key = _key(self._key, self._known)
        successor = SigningKey.generate() if rotate else None
        now_us = time.time_ns() // 1000
        new = await next_anchor(self._known, ledger, key, now_us, next_key=successor.public if successor else None)
        if successor:  # on disk before the anchor that names it
            _next(self._key).unlink(missing_ok=True)
            successor.keep(_next(self._key))
        if new:
            line = line_of(new)
            if os.write(descriptor, line + b"\n") <= len(line):
                raise FailedError(f"{self._file}: the disk is full, and the anchor is not whole")
            os.fsync(descriptor)
            self._known = following(self._known, line, str(self._file))
        if successor:
            _hand_over(self._key, key)
        return _told(new, self._known, (successor or key).public)


def _key(path: Path, before: Anchors) -> SigningKey:
    """Finishes a rotation that was broken off behind the anchor that named the new key."""
    key = SigningKey.at(path)
    if before.key in (None, key.public) or not _next(path).exists():
        return key
    if SigningKey.at(_next(path)).public == before.key:
        _hand_over(path, key)
    return SigningKey.at(path)


def _next(path: Path) -> Path:
    return path.with_name(f"{path.name}.next")


def _hand_over(path: Path, former: SigningKey) -> None:
    """The former key stays beside it, under its name: destroy it once its last anchor is where it should be."""
    os.replace(path, path.with_name(f"{path.name}.{former.public[:16]}"))
    os.replace(_next(path), path)


def _told(new: Anchor | None, known: Anchors, key: str) -> AnchorTold:
    if new is None:
        return AnchorTold(number=None, heads=len(known.heads), changed=0, root=None, key=key)
    return AnchorTold(number=new.number, heads=new.heads, changed=len(new.changed), root=new.root, key=key)


def _tell(told: AnchorTold, as_json: bool) -> None:
    if as_json:
        print_json(told)
    elif told.number is None:
        print(f"nothing is new since the last anchor ({told.heads} conversations)", flush=True)
    else:
        print(f"anchor {told.number}: {told.heads} conversations, {told.changed} of them new or longer", flush=True)
        print(f"root {told.root}, public key {told.key}", flush=True)
