"""Takes conversations that were read elsewhere into this log, which nobody else owns meanwhile.

Each enters as a copy does (``streams.transfer``): under the importing owner's epoch, at its own times. Read again, it adds
what is new of it and nothing else; one that reads otherwise now is left as it is here, and named. What was forgotten here
stays forgotten.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import NamedTuple

import msgspec

from schemas.event import Event
from schemas.history import MessageImported, ModelCallImported
from streams.codec import Body, Codec
from streams.effective_records import EffectiveRecords
from streams.history.facts import Told, chained, conversation_id_of, facts_of, with_ids
from streams.history.transcript import BadHistoryError, Read
from streams.keys import KeyStore
from streams.ports import Ledger
from streams.pseudonyms import Pseudonyms
from streams.sealed_only import SealedOnly
from streams.transfer import Importer
from streams.transfer_file import Item, Progress, StoredEvent


class ImportedHistory(msgspec.Struct, frozen=True, kw_only=True):
    """``events`` of ``conversations`` were read, of which ``added`` are new here. ``turns``: that a caller began or an
    agent did. ``wordless``: conversations in which models were called and nobody said anything, as far as it was recorded.
    ``differing``: conversations that read otherwise when they were imported first, left as they are.
    ``forgotten``: conversations that were imported once and forgotten since."""

    source: str
    conversations: int
    turns: int
    events: int
    added: int
    wordless: int
    differing: tuple[str, ...]
    forgotten: tuple[str, ...]


class Conversation(NamedTuple):
    id: str
    facts: list[Told]


def all_read(reads: Iterable[Read], source: str, pseudonyms: Pseudonyms, now_us: int) -> list[Conversation]:
    """Everything, checked before anything is taken; oldest first. What stands there twice in the same words, as in exports
    that were put together, is one. Raises ``BadHistoryError``."""
    places: dict[str, str] = {}
    found: dict[str, Conversation] = {}
    for read in reads:
        facts = facts_of(read, source, now_us)
        conversation_id = conversation_id_of(read, source, pseudonyms)
        former = places.setdefault(conversation_id, read.place)
        if found.setdefault(conversation_id, Conversation(conversation_id, facts)).facts != facts:
            raise BadHistoryError(
                f"{read.place}: the same conversation stands at {former}, and reads otherwise there: import them as one"
            )
    return sorted(found.values(), key=lambda conversation: conversation.id)


async def import_history(
    conversations: list[Conversation],
    source: str,
    ledger: Ledger,
    keys: KeyStore,
    importer: Importer,
    progress: Progress = lambda done, of: None,
) -> ImportedHistory:
    """``progress``: is told how many conversations were read and taken, of how many. Raises ``ImportInterruptedError``, ``KeysUnavailableError``."""
    taking = _Taking(conversations, ledger, keys, progress)
    imported = await importer.take_all(taking.items())
    return ImportedHistory(
        source=source,
        conversations=len(conversations),
        turns=sum(len({told.turn_id for told in each.facts if told.turn_id}) for each in conversations),
        events=sum(len(each.facts) for each in conversations),
        added=imported.added,
        wordless=sum(map(_is_wordless, conversations)),
        differing=tuple(sorted({*taking.differing, *imported.differing})),
        forgotten=tuple(taking.forgotten),
    )


def _is_wordless(conversation: Conversation) -> bool:
    payloads = [told.payload for told in conversation.facts]
    return any(isinstance(payload, ModelCallImported) for payload in payloads) and not any(
        isinstance(payload, MessageImported) for payload in payloads
    )


class _Taking:
    def __init__(self, conversations: list[Conversation], ledger: Ledger, keys: KeyStore, progress: Progress) -> None:
        self._conversations, self._ledger, self._keys, self._progress = conversations, ledger, keys, progress
        self.differing: list[str] = []
        self.forgotten: list[str] = []

    async def items(self) -> AsyncIterator[Item]:
        for done, conversation in enumerate(self._conversations):
            self._progress(done, len(self._conversations))
            here = await self._recorded(conversation.id)
            await self._keys.prepare([conversation.id], create=not here)
            if here and self._keys.get(conversation.id) is None:
                self.forgotten.append(conversation.id)
                continue
            facts = list(with_ids(conversation.id, conversation.facts, self._keys.create(conversation.id)))
            if [event.event_id for event, _ in here] != [event_id for event_id, _ in facts[: len(here)]]:
                self.differing.append(conversation.id)
                continue
            newest = here[-1][0] if here else None
            added = list(chained(conversation.id, facts[len(here) :], Codec(self._keys), newest))
            for _, body in (*here, *added):
                yield StoredEvent(conversation.id, body)

    async def _recorded(self, conversation_id: str) -> list[tuple[Event, Body]]:
        records = EffectiveRecords(Codec(SealedOnly()))
        return [
            (event, at.body)
            for record in await self._ledger.read_conversation(conversation_id)
            for event, at in records.take(record)
        ]
