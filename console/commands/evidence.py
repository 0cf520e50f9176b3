"""``ledgerline evidence``: one call as signed files that are read and checked without this product."""

from __future__ import annotations

import asyncio
import os
import time
import zipfile
from pathlib import Path

import msgspec

from console.commands.anchor import signing_key_path
from console.failures import FailedError, UsageError, tell_damage
from console.find_call import find_call
from console.output import print_json
from console.settings import Settings, load_settings
from console.workspace import Workspace, open_workspace
from projections.anchors import Anchors, BadAnchorsError, read_anchors
from projections.effective_log import conversation_steps
from projections.evidence.bundle import Recorded, bundle
from schemas import decisions as d
from streams.behaviours import BehaviourMissingError
from streams.signing import BadSigningKeyError, SigningKey

_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


class EvidenceTold(msgspec.Struct, frozen=True, kw_only=True):
    """``anchored``: whether a proof is in it that the call stands in an anchor. ``key``: the public key that signed, hex."""

    call_id: str
    path: str
    files: int
    events: int
    anchored: bool
    key: str


def run(
    *,
    call_id: str,
    output: Path,
    anchors: Path | None,
    signing_key: Path | None,
    data: Path | None,
    log: str | None,
    as_json: bool,
) -> int:
    if output.exists():
        raise UsageError(f"{output} exists: evidence goes into a folder or a .zip of its own")
    settings = load_settings(data, log)
    try:
        read = read_anchors(anchors) if anchors else None
        key = SigningKey.at(signing_key or signing_key_path(settings))
        call, files = asyncio.run(_files(settings, call_id, read, key))
    except (BadAnchorsError, BadSigningKeyError) as error:
        raise FailedError(str(error)) from None
    _write(output, files)
    told = EvidenceTold(
        call_id=call,
        path=str(output),
        files=len(files),
        events=files["events.jsonl"].count(b"\n"),
        anchored="anchor.json" in files,
        key=key.public,
    )
    if as_json:
        print_json(told)
    else:
        print(f"{call}: {told.events} events in {told.files} files, signed by {told.key}")
        words = "It holds what callers said." if "key.json" in files else "The call is forgotten: it holds no words."
        print(f"{output}: open index.html; python check.py {told.key[:8]}... checks it. {words}")
    return 0


async def _files(
    settings: Settings, wanted: str, anchors: Anchors | None, signing_key: SigningKey
) -> tuple[str, dict[str, bytes]]:
    async with open_workspace(settings, create=False) as workspace:
        call_id = await find_call(workspace, wanted)
        await workspace.codec.prepare([call_id])
        steps = await conversation_steps(workspace.stores.ledger, workspace.codec, call_id, tell_damage)
        recorded = [Recorded(located.event, located.record.body) for step in steps for located in step.events]
        if not recorded:
            raise FailedError(f"{call_id}: nothing of it can be read (ledgerline verify names why)")
        key, behaviour = workspace.keys.get(call_id), _behaviour(workspace, recorded)
        return call_id, bundle(call_id, recorded, key, behaviour, signing_key, time.time_ns() // 1000, anchors)


def _behaviour(workspace: Workspace, recorded: list[Recorded]) -> bytes | None:
    opened = next((e.payload for e, _ in recorded if isinstance(e.payload, d.ConversationOpened)), None)
    try:
        return workspace.behaviours.get(opened.behaviour_seq, opened.behaviour_hash) if opened else None
    except BehaviourMissingError:
        return None


def _write(output: Path, files: dict[str, bytes]) -> None:
    """Only its owner can read it. Raises ``OSError``."""
    if output.suffix == ".zip":
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(zipfile.ZipInfo(name, _ZIP_DATE), content, zipfile.ZIP_DEFLATED)
        return
    output.mkdir(mode=0o700, parents=True)
    for name, content in files.items():
        path = output / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
