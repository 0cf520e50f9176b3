"""``ledgerline forget``: what a subject said can't be read any more, by anyone, anywhere that this log reaches."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import msgspec

from console.commands.hold import CALL, pseudonym_of
from console.custody import CustodyRecord, custody_record, named
from console.erasing import Erased, erase
from console.failures import FailedError, UsageError
from console.find_call import find_call
from console.output import print_json
from console.settings import Settings, load_settings
from console.workspace import Workspace, open_workspace
from projections.forgetting import refusal
from projections.subjects import Standing, standing_of, subjects_by_conversation
from schemas.custody import ConversationForgotten, ForgettingRefused, SubjectForgotten
from schemas.event import derived_id
from streams.pseudonyms import Pseudonyms


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """``subject``: the pseudonym under which the custody record names them. ``erased``: what was destroyed this time; of a
    forgetting that was broken off, the rest."""

    subject: str
    conversations: tuple[str, ...]
    erased: Erased


def run(
    *, subject: str, reference: str, by: str, store: str | None, data: Path | None, log: str | None, as_json: bool
) -> int:
    reference, by = named("--reference", reference), named("--by", by)
    forgotten = asyncio.run(_forget(load_settings(data, log), subject, reference, by, store))
    if as_json:
        print_json(forgotten)
    else:
        print(_told(forgotten))
    return 0


async def _forget(settings: Settings, subject: str, reference: str, by: str, store: str | None) -> Forgotten:
    """Raises ``UsageError``, ``FailedError`` where it is refused."""
    async with open_workspace(settings, create=False) as workspace:
        await workspace.bring_keys()
        if subject.startswith(CALL):
            subject = CALL + await find_call(workspace, subject.removeprefix(CALL))
        pseudonym = await pseudonym_of(workspace, subject)
        async with custody_record(workspace) as record:
            wanted = await _note(workspace, record, subject, pseudonym, reference, by)
        erased = await erase(workspace, settings, wanted, store)
        return Forgotten(subject=pseudonym, conversations=wanted, erased=erased)


async def _note(
    workspace: Workspace, record: CustodyRecord, subject: str, pseudonym: str, reference: str, by: str
) -> tuple[str, ...]:
    """What is to be forgotten, once the log says so. Raises ``UsageError``, ``FailedError``."""
    named_in = await subjects_by_conversation(workspace.stores.ledger, workspace.codec)
    custody = await record.read()
    begun = {name for each in custody.forgotten if each.subject == pseudonym for name in each.conversations}
    found = {subject.removeprefix(CALL)} if subject.startswith(CALL) else set()
    found |= {name for name, subjects in named_in.items() if subject in subjects}
    wanted = tuple(sorted(found | begun))
    if not wanted:
        raise UsageError("nobody on this log is known by that name: a subject's id, a caller's number, or call:CALL")
    standings: dict[str, Standing] = {}
    for conversation_id in wanted:
        standing = await standing_of(workspace.stores.ledger, conversation_id)
        if standing is not None:
            standings[conversation_id] = standing
    pseudonyms = await Pseudonyms.of_log(workspace.keys)
    concerned = {
        name: {pseudonym, *(pseudonyms.of("subject", who) for who in (CALL + name, *named_in.get(name, ())))}
        for name in wanted
    }
    no = refusal(standings, concerned, custody, time.time_ns() // 1000)
    if no is not None:
        await record.note(ForgettingRefused(subject=pseudonym, reason=no.reason, reference=reference, by=by))
        raise FailedError(f"nothing was forgotten: {no.message}")
    if set(wanted) - begun:
        await record.note(SubjectForgotten(subject=pseudonym, reference=reference, by=by, conversations=wanted))
    for conversation_id in wanted:
        event_id = derived_id(conversation_id, "forgotten", pseudonym)
        await record.note(ConversationForgotten(subject=pseudonym, reference=reference), conversation_id, event_id)
    return wanted


def _told(forgotten: Forgotten) -> str:
    erased = forgotten.erased
    lines = [
        f"{len(forgotten.conversations)} conversations are forgotten (subject {forgotten.subject}): {erased.keys} keys "
        f"destroyed, {erased.recordings} recordings removed, {erased.dead_letters} dead letters emptied, "
        f"{len(erased.read_models)} read models rebuilt"
    ]
    if erased.dead_letters_kept:
        lines.append(
            f"{erased.dead_letters_kept} dead letters of them stand on Kafka, where a record can't be emptied: see "
            f"docs/forgetting.md"
        )
    return "\n".join(lines)
