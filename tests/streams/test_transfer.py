"""A log is copied: what counts of it, byte for byte, into another log, once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import fastavro
import pytest
from adapters import ADAPTERS, Adapter
from msgspec.structs import replace
from owning import Inbox, effective, reigning, until
from support import DataDirectory, run
from written import CODEC, entry, pressed, step, took

from schemas import facts as f
from schemas.event import GENESIS, Event
from streams.behaviour_versions import BehaviourNumbersDifferError, SqliteVersions, Version
from streams.codec import Body
from streams.key_file import BadKeyFileError, PuttingKeyStore, read_keys, write_keys
from streams.partitioner import partition_of
from streams.ports import AppendUnknownError, Entry, LogRecord, Receipt
from streams.transfer import Exported, Imported, Importer, ImportInterruptedError, LogExport, stretch
from streams.transfer_file import BadTransferFileError, Item, StoredEvent, TransferReader, TransferWriter

CALLS = ("c1", "c2", "c3", "c4", "c5")


class _Refusing:
    """A ledger that takes so many appends and no more."""

    def __init__(self, data: DataDirectory, takes: int) -> None:
        self._ledger, self._left = data.ledger, takes
        self.partitions = data.ledger.partitions

    def append(self, partition: int, entries: Sequence[Entry], *, hurry: bool = True) -> Awaitable[Receipt]:
        if self._left == 0:
            failed: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
            failed.set_exception(AppendUnknownError("the log took nothing"))
            return failed
        self._left -= 1
        return self._ledger.append(partition, entries, hurry=hurry)

    def __getattr__(self, name: str) -> object:
        return getattr(self._ledger, name)


class _Overtaken(_Refusing):
    """A ledger on which another owner announces itself before the last append that it takes."""

    def append(self, partition: int, entries: Sequence[Entry], *, hurry: bool = True) -> Awaitable[Receipt]:
        if self._left == 1:
            self._ledger.append(partition, [entry(took(99, "another"))])
        return super().append(partition, entries, hurry=hurry)


class _Noting(_Refusing):
    """A ledger that notes what it was given at once."""

    def __init__(self, data: DataDirectory) -> None:
        super().__init__(data, -1)
        self.appends: list[list[Entry]] = []

    def append(self, partition: int, entries: Sequence[Entry], *, hurry: bool = True) -> Awaitable[Receipt]:
        self.appends.append(list(entries))
        return super().append(partition, entries, hurry=hurry)


@pytest.fixture
def target(tmp_path: Path) -> Iterator[DataDirectory]:
    directory = DataDirectory(tmp_path / "target")
    yield directory
    directory.close()


async def record(data: DataDirectory, calls: Sequence[str] = CALLS, presses: int = 3) -> None:
    """Calls whose records lie between each other's; all but the last are closed."""
    inbox = Inbox(data)
    async with reigning(data):
        for press in range(presses):
            for call in calls:
                await inbox.put(f.KeyPressed(key="2"), f"{call}-press-{press}", call)
        for call in calls[:-1]:
            await inbox.put(f.CallEnded(reason="caller_hung_up"), f"{call}-ended", call)
        await until(data, f"{calls[-2]}-ended")


def exporting(data: DataDirectory) -> LogExport:
    return LogExport(data.ledger, SqliteVersions(data.store))


async def read_out(data: DataDirectory) -> list[Item]:
    return [item async for item in exporting(data).items()]


async def given(items: Sequence[Item]) -> AsyncIterator[Item]:
    for item in items:
        yield item


async def take(data: DataDirectory, items: Sequence[Item], ledger: object = None) -> Imported:
    importer = Importer(
        ledger or data.ledger,  # type: ignore[arg-type]
        data.states,
        SqliteVersions(data.store),
        importer_id="import-test",
        now_us=lambda: 1,
    )
    return await importer.take_all(given(items))


def share_keys(data: DataDirectory, target: DataDirectory) -> None:
    store = PuttingKeyStore(target.path / "keys")
    for call in CALLS:
        store.put(call, data.keys.create(call))
    store.close()


def bodies(items: Sequence[Item]) -> dict[str, list[Body]]:
    """By conversation, in order."""
    found: dict[str, list[Body]] = {}
    for item in items:
        if isinstance(item, StoredEvent):
            found.setdefault(item.conversation_id, []).append(item.body)
    return found


async def raw(data: DataDirectory) -> list[LogRecord]:
    found: list[LogRecord] = []
    for partition in range(data.ledger.partitions):
        end = await data.ledger.end(partition)
        found += [each async for each in stretch(data.ledger, partition, 0, end)]
    return found


# --- what is copied --------------------------------------------------------------------------------------------------


def test_a_copy_has_every_event_with_its_bytes_in_order(data: DataDirectory, target: DataDirectory) -> None:
    async def scenario() -> None:
        await record(data)
        items = await read_out(data)
        assert [item.body for item in items if isinstance(item, StoredEvent)] == [
            each.body for each in await raw(data) if each.conversation_id
        ]
        imported = await take(target, items)
        assert (imported.conversations, imported.open, imported.is_whole) == (5, 1, True)
        assert imported.added == imported.events == len(items)
        assert await read_out(target) == items
        assert [e.hash for e in await effective(target)] == [e.hash for e in await effective(data)]

    run(scenario())


def test_what_is_void_or_half_done_is_not_copied(data: DataDirectory) -> None:
    def chained(events: list[Event]) -> list[Event]:
        stamped: list[Event] = []
        for seq, event in enumerate(events, 1):
            before = stamped[-1].hash if stamped else GENESIS
            stamped.append(CODEC.encode(replace(event, seq=seq, prev_hash=before))[1])
        return stamped

    async def scenario() -> Exported:
        whole = chained(step(2, "s1", 2))
        zombie, half = step(1, "s0", 2), step(2, "s2", 3, "c9")
        for written in (took(1), zombie[0], took(2), whole[0], zombie[1], whole[1], half[0], half[1]):
            await data.ledger.append(0, [entry(written)])
        export = exporting(data)
        copied = [item async for item in export.items() if isinstance(item, StoredEvent)]
        assert [CODEC.decode(item.body).event_id for item in copied] == ["s1", "s1.1"]
        return export.told()

    told = run(scenario())
    assert (told.events, told.conversations, told.void, told.broken) == (2, 1, 2, ())


def test_a_damaged_conversation_is_copied_up_to_the_damage_and_named(
    data: DataDirectory, target: DataDirectory
) -> None:
    async def scenario() -> None:
        await record(data)
        at = next(each.offset for each in await raw(data) if each.conversation_id == "c2" and each.offset > 6)
        (body,) = data.store.db.execute("select data from log where offset = ?", (at,)).fetchone()
        data.store.db.execute("update log set data = ? where offset = ?", (body[:-40] + b"\x00" + body[-39:], at))
        export = exporting(data)
        items = [item async for item in export.items()]
        assert export.told().broken == ("c2",)
        before = [each.body for each in await raw(data) if each.conversation_id == "c2" and each.offset < at]
        assert bodies(items)["c2"] == before
        imported = await take(target, items)
        assert imported.is_whole
        assert imported.events == len(items)

    run(scenario())


def test_a_hole_in_what_is_imported_leaves_the_rest_of_that_conversation_out(
    data: DataDirectory, target: DataDirectory
) -> None:
    async def scenario() -> None:
        await record(data)
        items = await read_out(data)
        hole = next(i for i, item in enumerate(items) if isinstance(item, StoredEvent) and item.conversation_id == "c3")
        imported = await take(target, [*items[:hole], *items[hole + 1 :]])
        assert imported.broken == ("c3",)
        assert set(bodies(await read_out(target))) == set(CALLS) - {"c3"}

    run(scenario())


# --- once ------------------------------------------------------------------------------------------------------------


def test_importing_twice_adds_nothing_not_even_an_owner(data: DataDirectory, target: DataDirectory) -> None:
    async def scenario() -> None:
        await record(data)
        items = await read_out(data)
        await take(target, items)
        before = await raw(target)
        again = await take(target, items)
        assert (again.added, again.events, again.is_whole) == (0, len(items), True)
        assert await raw(target) == before

    run(scenario())


def test_an_import_that_broke_off_is_finished_by_importing_again(
    data: DataDirectory, target: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.transfer.BATCH", 4)

    async def scenario() -> None:
        await record(data)
        items = await read_out(data)
        with pytest.raises(ImportInterruptedError, match="import again"):
            await take(target, items, _Refusing(target, takes=3))
        stands = sum(1 for each in await raw(target) if each.conversation_id)
        assert 0 < stands < len(items)
        assert items[stands - 1] != items[-1]
        finished = await take(target, items)
        assert (finished.added, finished.is_whole) == (len(items) - stands, True)
        assert await read_out(target) == items

    run(scenario())


def test_an_import_never_leaves_half_a_step(
    data: DataDirectory, target: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.transfer.BATCH", 2)

    async def scenario() -> None:
        await record(data)
        with pytest.raises(ImportInterruptedError):
            await take(target, await read_out(data), _Refusing(target, takes=4))
        last = (await effective(target))[-1]
        assert last.step_index == last.step_size - 1

    run(scenario())


def test_what_is_appended_at_once_is_whole_steps_that_a_broker_takes_at_once(
    data: DataDirectory, target: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Brokers take up to some bytes whole or not at all. What is more is cut, and an import may be killed at the cut."""
    monkeypatch.setattr("streams.transfer.BATCH_BYTES", 3_000)

    async def scenario() -> None:
        await record(data)
        items, noting = await read_out(data), _Noting(target)
        await take(target, items, noting)
        copied = [entries for entries in noting.appends if entries[0].conversation_id]
        assert len(copied) > 2
        for entries in copied:
            assert sum(len(entry.body.data) for entry in entries) <= 3_000
            events = [data.codec.decode(entry.body, entry.conversation_id) for entry in entries]
            assert events[0].step_index == 0
            assert events[-1].step_index == events[-1].step_size - 1
        assert await read_out(target) == items
        monkeypatch.setattr("streams.transfer.BATCH_BYTES", 10)  # less than any step has
        await record(data, ["c6", "c7"])
        more = _Noting(target)
        await take(target, await read_out(data), more)
        steps = {event.step_id for event in await effective(data) if event.conversation_id == "c6"}
        assert len([entries for entries in more.appends if entries[0].conversation_id == "c6"]) == len(steps)

    run(scenario())


def test_an_importer_that_was_replaced_stops_and_what_it_wrote_behind_is_void(
    data: DataDirectory, target: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.transfer.BATCH", 4)

    async def scenario() -> None:
        await record(data)
        items = await read_out(data)
        with pytest.raises(ImportInterruptedError, match="another owner took partition 0"):
            await take(target, items, _Overtaken(target, takes=4))
        counted = await read_out(target)
        assert counted == items[: len(counted)]
        assert len(counted) < sum(1 for each in await raw(target) if each.conversation_id)
        assert (await take(target, items)).is_whole
        assert await read_out(target) == items

    run(scenario())


def test_a_conversation_that_went_on_otherwise_is_left_as_it_is_and_named(
    data: DataDirectory, target: DataDirectory
) -> None:
    async def scenario() -> None:
        await record(data, ("c1", "c2"), presses=1)
        share_keys(data, target)
        await take(target, await read_out(data))
        for directory, key in ((data, "3"), (target, "4")):
            async with reigning(directory):
                await Inbox(directory).put(f.KeyPressed(key=key), "another", "c2")
                await until(directory, "another")
        kept = bodies(await read_out(target))["c2"]
        imported = await take(target, await read_out(data))
        assert imported.differing == ("c2",)
        assert bodies(await read_out(target))["c2"] == kept

    run(scenario())


def test_an_older_copy_adds_nothing_to_a_conversation_that_went_on(data: DataDirectory, target: DataDirectory) -> None:
    async def scenario() -> None:
        await record(data, ("c1", "c2"), presses=1)
        older = await read_out(data)
        async with reigning(data):
            await Inbox(data).put(f.KeyPressed(key="3"), "another", "c2")
            await until(data, "another")
        await take(target, await read_out(data))
        imported = await take(target, older)
        assert (imported.added, imported.differing) == (0, ())
        changed = [item for item in older if isinstance(item, StoredEvent) and item.conversation_id == "c1"]
        foreign = await _foreign_beginning("c2")
        assert (await take(target, [*changed, foreign])).differing == ("c2",)

    run(scenario())


async def _foreign_beginning(conversation_id: str) -> StoredEvent:
    event = replace(pressed(conversation_id, "foreign"), seq=1, step_id="foreign", step_size=1)
    return StoredEvent(conversation_id, CODEC.encode(event)[0])


# --- where it stands afterwards --------------------------------------------------------------------------------------


@pytest.mark.parametrize("adapter", [a for a in ADAPTERS if a.many_partitions], ids=lambda a: a.name)
def test_every_conversation_lies_in_its_own_partition_of_the_new_log(
    adapter: Adapter, data: DataDirectory, tmp_path: Path
) -> None:
    @asynccontextmanager
    async def there() -> AsyncIterator[Importer]:
        async with adapter.open(tmp_path, 3) as stores:
            versions = SqliteVersions(data.store)  # of the source: their numbers agree in any case
            yield Importer(stores.ledger, stores.states, versions, importer_id="import-test", now_us=lambda: 1)

    async def scenario() -> None:
        await record(data)
        items = await read_out(data)
        async with there() as importer:
            assert (await importer.take_all(given(items))).is_whole
        async with adapter.open(tmp_path, 3) as stores:
            export = LogExport(stores.ledger, SqliteVersions(data.store))
            copied = [item async for item in export.items()]
            assert bodies(copied) == bodies(items)
            for call in CALLS:
                read = await stores.ledger.read_conversation(call)
                assert [each.body for each in read if each.conversation_id] == bodies(items)[call]
                assert {each.partition for each in read} == {partition_of(call, 3)}

    adapter.run(scenario())


def test_the_next_owner_goes_on_with_what_was_imported(data: DataDirectory, target: DataDirectory) -> None:
    async def scenario() -> None:
        await record(data)
        share_keys(data, target)
        await take(target, await read_out(data))
        async with reigning(target):
            await Inbox(target).put(f.KeyPressed(key="2"), "c5-press-0", "c5")  # it was taken in the other log
            await Inbox(target).put(f.KeyPressed(key="2"), "new", "c5")
            events = [e for e in await until(target, "new") if e.conversation_id == "c5"]
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert all(after.prev_hash == before.hash for before, after in pairwise(events))
        assert sum(event.event_id == "c5-press-0" for event in events) == 1
        assert events[-1].epoch == 2

    run(scenario())


# --- behaviours ------------------------------------------------------------------------------------------------------


def test_behaviours_keep_their_number_and_hash(data: DataDirectory, target: DataDirectory) -> None:
    async def scenario() -> None:
        for name in ("a", "b", "c"):
            SqliteVersions(data.store).record(name, name.encode())
        SqliteVersions(target.store).record("a", b"a")
        assert (await take(target, await read_out(data))).behaviours == 2
        assert SqliteVersions(target.store).get(3, "c") == b"c"

    run(scenario())


@pytest.mark.parametrize("here", [["x"], ["b"], ["a", "x"]])
def test_where_a_number_is_taken_nothing_is_imported(
    data: DataDirectory, target: DataDirectory, here: list[str]
) -> None:
    async def scenario() -> None:
        await record(data)
        for name in ("a", "b"):
            SqliteVersions(data.store).record(name, name.encode())
        for name in here:
            SqliteVersions(target.store).record(name, name.encode())
        with pytest.raises(BehaviourNumbersDifferError, match="calls pin behaviour"):
            await take(target, await read_out(data))
        assert await raw(target) == []
        assert [version.hash for version in SqliteVersions(target.store).versions()] == here

    run(scenario())


# --- the file --------------------------------------------------------------------------------------------------------


def written_to(path: Path, items: Iterable[Item]) -> Path:
    with TransferWriter(path) as writer:
        for item in items:
            writer.write(item)
    return path


def read_back(path: Path) -> list[Item]:
    with TransferReader(path) as reader:
        return list(reader.items())


@pytest.fixture
def items(data: DataDirectory) -> list[Item]:
    async def scenario() -> list[Item]:
        await record(data)
        SqliteVersions(data.store).record("a", b"{}")
        return await read_out(data)

    return run(scenario())


def test_a_file_gives_back_what_was_written_and_is_the_same_file_each_time(items: list[Item], tmp_path: Path) -> None:
    first, second = written_to(tmp_path / "1", items), written_to(tmp_path / "2", items)
    assert read_back(first) == items
    assert isinstance(items[0], Version)
    assert first.read_bytes() == second.read_bytes()


def test_any_avro_library_reads_the_file(items: list[Item], tmp_path: Path) -> None:
    with written_to(tmp_path / "1", items).open("rb") as file:
        found = list(fastavro.reader(file))
    assert found[0] == {"seq": 1, "hash": "a", "content": b"{}"}
    assert len(found) == len(items)


def test_what_breaks_off_leaves_no_file(items: list[Item], tmp_path: Path) -> None:
    def writing() -> Iterator[Item]:
        yield items[0]
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        written_to(tmp_path / "1", writing())
    assert not list(tmp_path.glob("1*"))


@pytest.mark.parametrize("kept", [0.0, 0.02, 0.5, 0.999])
def test_a_file_that_was_cut_off_is_refused(items: list[Item], tmp_path: Path, kept: float) -> None:
    path = written_to(tmp_path / "1", items)
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(BadTransferFileError):
        read_back(path)


def test_a_file_with_any_byte_changed_is_refused(items: list[Item], tmp_path: Path) -> None:
    path = written_to(tmp_path / "1", items)
    whole = path.read_bytes()
    for at in {*range(0, len(whole), 37), *range(700), len(whole) - 1}:
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x01]) + whole[at + 1 :])
        with pytest.raises(BadTransferFileError):
            read_back(path)


def test_foreign_files_are_told_from_damaged_ones(tmp_path: Path) -> None:
    path = tmp_path / "1"
    path.write_bytes(b"SQLite format 3\x00" + bytes(200))
    with pytest.raises(BadTransferFileError, match="no export of a log"):
        read_back(path)
    with path.open("wb") as file:
        fastavro.writer(file, fastavro.parse_schema("string"), ["a"])
    with pytest.raises(BadTransferFileError, match="an Avro file, and no export"):
        read_back(path)


def test_a_file_of_another_form_says_so(items: list[Item], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.transfer_file.FORM", "2")
    path = written_to(tmp_path / "1", items)
    monkeypatch.undo()
    with pytest.raises(BadTransferFileError, match="of form '2'"):
        read_back(path)


# --- the keys --------------------------------------------------------------------------------------------------------


def test_keys_go_their_own_way_under_a_passphrase(data: DataDirectory, target: DataDirectory, tmp_path: Path) -> None:
    kept = data.keys.create("c1")
    assert write_keys(tmp_path / "k", "a passphrase", ["c1", "forgotten"], data.keys) == 1
    assert kept.secret not in (tmp_path / "k").read_bytes()
    assert (tmp_path / "k").stat().st_mode & 0o077 == 0
    store = PuttingKeyStore(target.path / "keys")
    for named in read_keys(tmp_path / "k", "a passphrase"):
        assert store.put(*named)
        assert store.put(*named), "again is no other key"
    store.close()
    found = target.keys.get("c1")
    assert found is not None
    assert (found.key_id, found.secret) == (kept.key_id, kept.secret)
    assert target.keys.get("forgotten") is None


def test_a_conversation_keeps_the_key_that_it_has(data: DataDirectory, target: DataDirectory) -> None:
    kept = target.keys.create("c1").secret
    store = PuttingKeyStore(target.path / "keys")
    assert not store.put("c1", data.keys.create("c1"))
    store.close()
    found = target.keys.get("c1")
    assert found is not None
    assert found.secret == kept


def test_keys_that_do_not_open_are_refused_by_name(data: DataDirectory, tmp_path: Path) -> None:
    data.keys.create("c1")
    path = tmp_path / "k"
    write_keys(path, "a passphrase", ["c1"], data.keys)
    with pytest.raises(BadKeyFileError, match="another passphrase"):
        read_keys(path, "a passphrasf")
    lines = path.read_bytes().splitlines(keepends=True)
    for cut in (lines[:1], lines[:2], [lines[0], lines[2]], [*lines[:2], b'{"keys":1']):
        path.write_bytes(b"".join(cut))
        with pytest.raises(BadKeyFileError, match="cut off"):
            read_keys(path, "a passphrase")
    path.write_bytes(b"")
    with pytest.raises(BadKeyFileError, match="no file of keys"):
        read_keys(path, "a passphrase")
