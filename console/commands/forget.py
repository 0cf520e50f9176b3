"""``ledgerline forget``: what a subject said can't be read any more, by anyone, anywhere that this log reaches."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import NamedTuple, NoReturn

import msgspec

from agent_core.conversation import Status
from console.commands.hold import CALL, pseudonym_of
from console.custody import CustodyRecord, custody_record, named
from console.erasing import Erased, erase
from console.failures import FailedError, UsageError
from console.find_call import find_call
from console.intake_messages import messages_naming
from console.output import print_json
from console.settings import Settings, load_settings
from console.workspace import Workspace, open_workspace
from projections.custody import Custody
from projections.forgetting import No, refusal
from projections.subjects import Standing, standing_of, subjects_by_conversation
from schemas.custody import ConversationForgotten, ForgettingRefused, SubjectForgotten
from schemas.event import derived_id, new_id
from streams.history.times import us_of
from streams.pseudonyms import Pseudonyms


class Forgotten(msgspec.Struct, frozen=True, kw_only=True):
    """``subject``: the pseudonym under which the custody record names them. ``erased``: what was destroyed this time; of a
    forgetting that was broken off, the rest."""

    subject: str
    conversations: tuple[str, ...]
    erased: Erased


class _Wanted(NamedTuple):
    """What is to be forgotten. ``messages``: of the intake, by the names of their data keys."""

    conversations: tuple[str, ...]
    messages: tuple[str, ...]


class _Case(NamedTuple):
    """``is_new``: more than was ordered before. ``standings``, ``concerned``: as ``refusal`` takes them."""

    wanted: _Wanted
    is_new: bool
    standings: dict[str, Standing]
    concerned: dict[str, set[str]]


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
        erased = await erase(workspace, settings, wanted.conversations, wanted.messages, store)
        return Forgotten(subject=pseudonym, conversations=wanted.conversations, erased=erased)


async def _note(
    workspace: Workspace, record: CustodyRecord, subject: str, pseudonym: str, reference: str, by: str
) -> _Wanted:
    """What is to be forgotten, once the log says so. Raises ``UsageError``, ``FailedError``."""
    custody, now_us = await record.read(), time.time_ns() // 1000
    case = await _case(workspace, custody, subject, pseudonym)
    if await _settle(record, custody, case, pseudonym):
        custody = await record.read()
        case = await _case(workspace, custody, subject, pseudonym)
    wanted = case.wanted

    async def refuse(no: No, forgetting: str = "") -> NoReturn:
        await record.note(
            ForgettingRefused(subject=pseudonym, reason=no.reason, reference=reference, by=by, forgetting=forgetting)
        )
        raise FailedError(f"nothing was forgotten: {no.message}")

    # What was ordered before and broken off goes on: a hold that was placed behind the order was told that it is too late.
    if case.is_new:
        if no := refusal(case.standings, case.concerned, custody, now_us):
            await refuse(no)
        order = SubjectForgotten(
            subject=pseudonym,
            reference=reference,
            by=by,
            conversations=wanted.conversations,
            messages=wanted.messages,
        )
        event_id = new_id()
        await record.note(order, event_id=event_id)
        # What somebody else ordered meanwhile: the log's order decides, which whoever placed a hold reads too.
        if no := refusal(case.standings, case.concerned, await record.read(before=event_id), now_us):
            await refuse(no, forgetting=event_id)
    for conversation_id in wanted.conversations:
        event_id = derived_id(conversation_id, "forgotten", pseudonym)
        await record.note(ConversationForgotten(subject=pseudonym, reference=reference), conversation_id, event_id)
    return wanted


async def _settle(record: CustodyRecord, custody: Custody, case: _Case, pseudonym: str) -> bool:
    """Refuses former orders of this subject that a hold or the retention stood before: who gave them died before they said
    so, and nothing was destroyed. Whether there were any."""
    refused = False
    for order in (each for each in custody.forgotten if each.subject == pseudonym):
        names = {*order.conversations, *order.messages}
        # That nobody was speaking had been seen when it was ordered.
        standings = {n: s._replace(status=Status.CLOSED) for n, s in case.standings.items() if n in names}
        concerned = {name: who for name, who in case.concerned.items() if name in names}
        if no := refusal(standings, concerned, await record.read(before=order.event_id), us_of(order.at)):
            fact = ForgettingRefused(
                subject=pseudonym,
                reason=no.reason,
                reference=order.reference,
                by=order.by,
                forgetting=order.event_id,
            )
            await record.note(fact, event_id=derived_id(order.event_id, "refused", pseudonym))
            refused = True
    return refused


async def _case(workspace: Workspace, custody: Custody, subject: str, pseudonym: str) -> _Case:
    """Raises ``UsageError`` where nobody is known by that name."""
    named_in = await subjects_by_conversation(workspace.stores.ledger, workspace.codec)
    former = [each for each in custody.forgotten if each.subject == pseudonym]
    begun = _Wanted(
        tuple({name for each in former for name in each.conversations}),
        tuple({name for each in former for name in each.messages}),
    )
    found = {subject.removeprefix(CALL)} if subject.startswith(CALL) else set()
    found |= {name for name, subjects in named_in.items() if subject in subjects}
    conversations = found | set(begun.conversations)
    letters = await messages_naming(workspace, {*conversations, subject.removeprefix(CALL)})
    wanted = _Wanted(tuple(sorted(conversations)), tuple(sorted(letters.keys() | set(begun.messages))))
    if not any(wanted):
        raise UsageError("nobody on this log is known by that name: a subject's id, a caller's number, or call:CALL")
    standings = {name: message.standing for name, message in letters.items()}
    for conversation_id in wanted.conversations:
        standing = await standing_of(workspace.stores.ledger, conversation_id)
        if standing is not None:
            standings[conversation_id] = standing
    pseudonyms = await Pseudonyms.of_log(workspace.keys)
    parties = {name: (CALL + name, *named_in.get(name, ())) for name in wanted.conversations}
    parties |= {name: tuple(message.named) for name, message in letters.items()}
    concerned = {
        name: {pseudonym, *(pseudonyms.of("subject", who) for who in parties.get(name, ()))}
        for name in (*wanted.conversations, *wanted.messages)
    }
    is_new = any(set(now) - set(before) for now, before in zip(wanted, begun, strict=True))
    return _Case(wanted, is_new, standings, concerned)


def _told(forgotten: Forgotten) -> str:
    erased = forgotten.erased
    lines = [
        f"{len(forgotten.conversations)} conversations are forgotten (subject {forgotten.subject}): {erased.keys} keys "
        f"destroyed, {erased.messages} messages of the intake, {erased.recordings} recordings removed, "
        f"{erased.dead_letters} dead letters emptied, {len(erased.read_models)} read models rebuilt"
    ]
    if erased.dead_letters_kept:
        lines.append(
            f"{erased.dead_letters_kept} dead letters of them stand in the clear on Kafka, where a record can't be "
            f"emptied: see docs/forgetting.md"
        )
    return "\n".join(lines)
