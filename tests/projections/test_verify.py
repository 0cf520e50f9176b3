"""Verify names whatever was done to a log behind its owner's back."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from forging import Forger, with_payload, with_some_other_payload
from msgspec.structs import replace
from recorded_calls import owner_of, recomputer, record_call
from support import DataDirectory, run

from processors.cascade import Cascade
from processors.deciders import DECIDERS
from projections.acknowledged import SqliteAcknowledgedFacts
from projections.problems import ProblemKind
from projections.recompute import Recomputer
from projections.recorded_behaviour import recorded_behaviours
from projections.verify import Verification, verify
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Kind
from schemas.event import Event
from streams.behaviours import SqliteBehaviours
from streams.codec import Body
from streams.ports import DeadLetter, Entry, Ledger, LogRecord


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataDirectory]:
    """Two calls, one after the other, each under an owner of its own. Tests leave it as it is (``Forger.attempt``)."""
    data = DataDirectory(tmp_path_factory.mktemp("recorded"))
    run(record_call(data, "call-1"))
    run(record_call(data, "call-2"))
    yield data
    data.close()


@pytest.fixture(scope="module")
def one_call(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataDirectory]:
    """For what is verified over and over. Tests leave it as it is."""
    data = DataDirectory(tmp_path_factory.mktemp("one-call"))
    run(record_call(data, "call-1"))
    yield data
    data.close()


@pytest.fixture
def forger(recorded: DataDirectory) -> Iterator[Forger]:
    forger = Forger(recorded)
    with forger.attempt():
        yield forger


def checked(data: DataDirectory, *, steps_are_atomic: bool = True, by: Recomputer | None = None) -> Verification:
    return run(
        verify(
            data.ledger,
            data.codec,
            by or recomputer(data),
            states=data.states,
            acknowledged=SqliteAcknowledgedFacts(data.store),
            dead_letters=data.dead_letters,
            steps_are_atomic=steps_are_atomic,
        )
    )


def kinds(found: Verification) -> set[ProblemKind]:
    return {problem.kind for problem in found.problems}


def deciding(data: DataDirectory, cascade: Cascade) -> Recomputer:
    return Recomputer(cascade, recorded_behaviours(SqliteBehaviours(data.store)), data.keys)


def offset_of(forger: Forger, kind: type, conversation_id: str = "call-1") -> int:
    """The last event of this type in the call."""
    return [o for o in forger.offsets(conversation_id) if forger.read(o).type == kind.__name__][-1]


# --- a log as it was written -----------------------------------------------------------------------------------------


def test_a_log_as_its_owners_wrote_it_has_no_problems_and_every_decision_was_recomputed(
    recorded: DataDirectory,
) -> None:
    found = checked(recorded)
    assert found.problems == ()
    assert found.conversations == 2
    assert found.decisions > 150
    assert (found.not_recomputable, found.forgotten, found.void) == (0, 0, 0)


def test_an_empty_log_has_no_problems(data: DataDirectory) -> None:
    assert checked(data) == Verification(
        events=0, conversations=0, decisions=0, not_recomputable=0, forgotten=0, void=0, imported=0, problems=()
    )


def one_of_each_type(forger: Forger, offsets: list[int], draw: random.Random) -> list[int]:
    """And as many others again: to verify takes a quarter of a second, and a call has two hundred records."""
    shuffled = draw.sample(offsets, len(offsets))
    of_each = list({forger.read(offset).type: offset for offset in shuffled}.values())
    others = [offset for offset in shuffled if offset not in of_each]
    return of_each + others[: len(of_each)]


# --- changed bytes ---------------------------------------------------------------------------------------------------


def test_one_changed_byte_of_any_record_is_named_at_its_place(one_call: DataDirectory) -> None:
    forger, draw = Forger(one_call), random.Random(7)
    offsets = forger.offsets("call-1") + forger.offsets("")  # the owners' announcements too
    for offset in one_of_each_type(forger, offsets, draw):
        with forger.attempt():
            size = len(one_call.store.db.execute("select data from log where offset = ?", (offset,)).fetchone()[0])
            position = draw.randrange(size)
            forger.flip(offset, position)
            named = [problem.offset for problem in checked(one_call).problems]
            assert offset in named, f"byte {position} of the record at offset {offset} was changed and not named"


@pytest.mark.parametrize("conversation_id", ["call-1", "call-2"])
@pytest.mark.parametrize("position", [0, 1, 40, -70, -33, -32, -1])
def test_one_changed_byte_of_the_last_record_of_a_call_is_named(
    recorded: DataDirectory, forger: Forger, conversation_id: str, position: int
) -> None:
    last = forger.offsets(conversation_id)[-1]
    forger.flip(last, position)
    assert (conversation_id, last) in {(p.conversation_id, p.offset) for p in checked(recorded).problems}


def test_bytes_behind_a_record_are_named(recorded: DataDirectory, forger: Forger) -> None:
    last = forger.offsets("call-1")[-1]
    recorded.store.db.execute("update log set data = cast(data || x'00' as blob) where offset = ?", (last,))
    named = {p.kind for p in checked(recorded).problems if p.offset == last}
    assert named == {ProblemKind.HASH, ProblemKind.UNDECODABLE}  # such bytes are no event: nobody reads it


# --- forged with all hashes recomputed -------------------------------------------------------------------------------


def test_any_changed_decision_is_named_though_every_hash_behind_it_was_made_anew(one_call: DataDirectory) -> None:
    forger, draw = Forger(one_call), random.Random(8)
    decisions = [o for o in forger.offsets("call-1") if forger.read(o).kind is Kind.DECISION]
    for offset in one_of_each_type(forger, decisions, draw):
        with forger.attempt():
            forger.rewrite(offset, with_some_other_payload)
            found = checked(one_call)
            named = [(p.kind, p.offset) for p in found.problems]
            assert (ProblemKind.DECISION, offset) in named, f"a changed {forger.read(offset).type} was not named"
            assert not {ProblemKind.HASH, ProblemKind.CHAIN} & kinds(found), "the forger left a broken chain"


def test_a_verdict_turned_into_its_opposite_is_named(recorded: DataDirectory, forger: Forger) -> None:
    offset = offset_of(forger, d.VerdictIssued)
    forger.rewrite(offset, with_payload(passed=False, reasons=("made_up",)))
    problem = checked(recorded).problems[0]
    assert (problem.kind, problem.offset, problem.conversation_id) == (ProblemKind.DECISION, offset, "call-1")
    assert problem.message == "VerdictIssued: payload: passed, reasons"


def test_a_reply_that_was_never_chosen_is_named_without_its_words(recorded: DataDirectory, forger: Forger) -> None:
    offset = offset_of(forger, d.ReplyChosen)
    forger.rewrite(offset, with_payload(text="Your money is gone."))
    problem = checked(recorded).problems[0]
    assert (problem.kind, problem.offset) == (ProblemKind.DECISION, offset)
    assert "money" not in problem.message


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"turn_id": "t9"}, ProblemKind.DECISION),
        ({"causation_id": "another"}, ProblemKind.DECISION),
        ({"event_id": "another"}, ProblemKind.DECISION),
        ({"decider_version": "0"}, ProblemKind.DECIDER_VERSION),
        ({"decider_version": None}, ProblemKind.DECIDER_VERSION),
        ({"run_id": "another"}, ProblemKind.STAMP),
        ({"occurred_at_us": 1}, ProblemKind.STAMP),
        ({"accepted_at_us": 1}, ProblemKind.STAMP),
        ({"inbox_mark": 999}, ProblemKind.STAMP),
        ({"step_size": 1}, ProblemKind.STAMP),
        ({"step_index": 2}, ProblemKind.BROKEN_STEP),
        ({"step_id": "another"}, ProblemKind.BROKEN_STEP),
        ({"seq": 7}, ProblemKind.SEQ),
        ({"epoch": 1_000}, ProblemKind.EPOCH),
        ({"epoch": 0}, ProblemKind.BROKEN_STEP),
    ],
)
def test_a_changed_envelope_of_a_decision_is_named_though_its_hashes_fit(
    recorded: DataDirectory, forger: Forger, change: dict[str, object], kind: ProblemKind
) -> None:
    forger.rewrite(offset_of(forger, d.TurnEnded), lambda event: replace(event, **change))
    assert kind in kinds(checked(recorded))


def test_a_step_whose_inbox_mark_goes_back_is_named(recorded: DataDirectory, forger: Forger) -> None:
    offsets = forger.offsets("call-1")
    last = forger.read(offsets[-1])
    for offset in (each for each in offsets if forger.read(each).step_id == last.step_id):
        forger.rewrite(offset, lambda event: replace(event, inbox_mark=1))
    said = [p.message for p in checked(recorded).problems if p.kind is ProblemKind.STAMP]
    assert said == ["its inbox mark is below one that stands before it"]


def test_a_changed_fact_breaks_the_decisions_that_rest_on_it(recorded: DataDirectory, forger: Forger) -> None:
    scores = [o for o in forger.offsets("call-1") if forger.read(o).type == "ScoresReturned"]
    classified = next(o for o in scores if forger.read(o).payload.model == "words")
    forger.rewrite(classified, with_payload(scores=(f.Score("goodbye", 0.99),)))
    found = checked(recorded)
    assert ProblemKind.DECISION in kinds(found)
    assert min(p.offset for p in found.problems) > classified, (
        "the fact itself can't be told: only what follows from it"
    )


# --- cut off, moved, doubled -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("conversation_id", ["call-1", "call-2"])
def test_a_cut_off_last_event_leaves_a_step_that_is_not_whole(
    recorded: DataDirectory, forger: Forger, conversation_id: str
) -> None:
    last = forger.offsets(conversation_id)[-1]
    forger.cut(last)
    named = [p for p in checked(recorded).problems if p.conversation_id == conversation_id]
    assert (ProblemKind.HALF_STEP, last - 1) in {(p.kind, p.offset) for p in named}


def test_a_log_that_ends_before_what_its_owner_knew_is_named(recorded: DataDirectory, forger: Forger) -> None:
    held = run(recorded.states.load(0))
    assert held is not None
    run(recorded.states.save(held._replace(offset=run(recorded.ledger.end(0)) + 1)))
    assert kinds(checked(recorded)) == {ProblemKind.OFFSET}


def test_a_step_that_was_cut_out_is_named(recorded: DataDirectory, forger: Forger) -> None:
    first = forger.offsets("call-1")[0]
    step = [o for o in forger.offsets("call-1") if forger.read(o).step_id == forger.read(first).step_id]
    forger.cut(*step)
    assert {ProblemKind.OFFSET, ProblemKind.SEQ, ProblemKind.CHAIN} <= kinds(checked(recorded))


def test_an_announcement_that_is_stamped_with_another_epoch_than_it_names_is_named(
    recorded: DataDirectory, forger: Forger
) -> None:
    records = run(recorded.ledger.read(0, 0, 10_000))
    first, last = (records[place].offset for place in (0, [r.body.type for r in records].index("OwnerTook", 1)))
    for offset, stamped in ((first, 0), (last, 9)):
        forger.rewrite(offset, lambda event, epoch=stamped: replace(event, epoch=epoch))  # type: ignore[misc]
    named = [(p.kind, p.offset, p.message) for p in checked(recorded).problems]
    assert [(kind, offset) for kind, offset, _ in named] == [(ProblemKind.EPOCH, first), (ProblemKind.EPOCH, last)]
    assert named[1][2] == "it announces epoch 2 and is stamped with 9"


def test_two_records_that_changed_places_are_named(recorded: DataDirectory, forger: Forger) -> None:
    a, b = forger.offsets("call-1")[-2:]
    for column in ("type", "version", "data"):
        rows = [
            recorded.store.db.execute(f"select {column} from log where offset = ?", (o,)).fetchone()[0] for o in (a, b)
        ]
        forger.set_column(a, column, rows[1])
        forger.set_column(b, column, rows[0])
    assert ProblemKind.BROKEN_STEP in kinds(checked(recorded))


def test_a_step_that_stands_on_the_log_twice_is_named(data: DataDirectory) -> None:
    run(record_call(data))
    forger = Forger(data)
    last = forger.offsets("call-1")[-1]
    step = forger.read(last).step_id
    again = [o for o in forger.offsets("call-1") if forger.read(o).step_id == step]
    run(append_copies(data, again, lambda event: event))
    assert {ProblemKind.DUPLICATE_ID, ProblemKind.SEQ, ProblemKind.CHAIN} <= kinds(checked(data))


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [
        ("conversation_id", "call-2", ProblemKind.MISPLACED),
        ("type", "SpeechCompletedX", ProblemKind.UNKNOWN_SCHEMA),
        ("type", "CallEnded", ProblemKind.MISPLACED),
        ("version", 99, ProblemKind.UNKNOWN_SCHEMA),
        ("imported_under", 1, ProblemKind.BROKEN_STEP),
    ],
)
def test_a_record_that_is_stored_under_another_address_is_named(
    recorded: DataDirectory, forger: Forger, column: str, value: object, kind: ProblemKind
) -> None:
    kind_of_event = d.TurnEnded if column == "imported_under" else f.SpeechCompleted
    if value == "CallEnded":
        kind_of_event = d.ConversationClosed  # the same fields, another meaning
    forger.set_column(offset_of(forger, kind_of_event), column, value)
    assert kind in kinds(checked(recorded))


def test_whatever_is_made_to_look_like_a_copy_of_another_log_is_named(one_call: DataDirectory) -> None:
    forger = Forger(one_call)
    records = run(one_call.ledger.read(0, 0, 10_000))
    lone = [r.offset for r in records if not r.conversation_id or one_call.codec.decode(r.body).step_size == 1]
    assert len(lone) > 2
    for offset in lone:
        with forger.attempt():
            forger.set_column(offset, "imported_under", 1)
            named = [p for p in checked(one_call).problems if p.offset == offset]
            assert named, offset


def test_an_acknowledged_fact_that_is_nowhere_on_the_log_is_named(recorded: DataDirectory, forger: Forger) -> None:
    recorded.store.db.execute("update inbox set event_id = 'never-taken' where offset = 3")
    problems = checked(recorded).problems
    assert [(p.kind, p.conversation_id) for p in problems] == [(ProblemKind.FACT_LOST, "call-1")]


class Meanwhile:
    """A log whose owner keeps the fact at inbox offset 3 aside while it is read."""

    partitions = 1

    def __init__(self, data: DataDirectory) -> None:
        self._data = data

    async def read(self, partition: int, start: int, limit: int = 1000) -> list[LogRecord]:
        letter = DeadLetter("inbox", 0, 3, "call-1", "no event", Body("", 0, b"noise"))
        await self._data.dead_letters.put(letter)
        return await self._data.ledger.read(partition, start, limit)


def test_a_fact_that_is_kept_aside_while_the_log_is_read_is_not_lost(recorded: DataDirectory, forger: Forger) -> None:
    recorded.store.db.execute("update inbox set event_id = 'kept-aside' where offset = 3")
    reading = verify(
        cast(Ledger, Meanwhile(recorded)),
        recorded.codec,
        recomputer(recorded),
        acknowledged=SqliteAcknowledgedFacts(recorded.store),
        dead_letters=recorded.dead_letters,
    )
    assert run(reading).problems == ()


# --- what is allowed -------------------------------------------------------------------------------------------------


async def append_copies(data: DataDirectory, offsets: list[int], change) -> None:  # type: ignore[no-untyped-def]
    forger = Forger(data)
    events = [change(forger.read(offset)) for offset in offsets]
    await data.ledger.append(0, [Entry(e.conversation_id, data.codec.encode(e)[0]) for e in events])


def test_what_a_replaced_owner_still_wrote_is_void_and_no_problem(data: DataDirectory) -> None:
    run(record_call(data))
    forger = Forger(data)
    step = forger.offsets("call-1")[-2:]

    async def zombie_writes() -> None:
        async with owner_of(data):
            await append_copies(data, step, lambda event: event)

    before = checked(data)
    run(zombie_writes())
    after = checked(data)
    assert after.problems == ()
    assert (after.events, after.void) == (before.events, 2)


def test_half_a_step_is_damage_unless_the_ledger_takes_steps_in_pieces(data: DataDirectory) -> None:
    run(record_call(data))
    half = Forger(data).offsets("call-1")[-2:-1]

    def unfinished(event: Event) -> Event:
        return replace(event, seq=event.seq + 2, step_size=2, accepted_at_us=event.accepted_at_us + 1)

    async def somebody_takes_over() -> None:
        async with owner_of(data):
            pass

    run(append_copies(data, half, unfinished))
    assert kinds(checked(data)) == {ProblemKind.HALF_STEP}
    assert checked(data, steps_are_atomic=False).problems == ()
    run(somebody_takes_over())
    assert kinds(checked(data)) == {ProblemKind.HALF_STEP}
    found = checked(data, steps_are_atomic=False)
    assert (found.problems, found.void) == ((), 1)


def test_calls_that_older_deciders_decided_are_counted_not_called_different(recorded: DataDirectory) -> None:
    found = checked(recorded, by=deciding(recorded, Cascade(DECIDERS, "newer")))
    assert found.problems == ()
    assert found.not_recomputable == found.decisions > 0


def test_deciders_that_decide_otherwise_under_the_same_version_are_found_out(recorded: DataDirectory) -> None:
    without_silence = [decider for decider in DECIDERS if decider.name != "silence"]
    version = recomputer(recorded).version
    found = checked(recorded, by=deciding(recorded, Cascade(without_silence, version)))
    assert {p.message for p in found.problems} >= {"TimerSet: unexpected"}


def test_a_call_whose_key_is_gone_verifies_by_chain_and_structure_and_is_named(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    run(record_call(data))
    data.keys.destroy("call-1")
    found = checked(data)
    assert [(p.kind, p.conversation_id) for p in found.problems] == [(ProblemKind.KEY, "call-1")]
    assert (found.forgotten, found.without_key) == (0, 1)  # nothing on the log says that it was forgotten
    assert found.not_recomputable == found.decisions > 0
    last = Forger(data).offsets("call-1")[-1]
    Forger(data).flip(last, 60)
    assert last in {p.offset for p in checked(data).problems}
    data.close()


def test_a_behaviour_that_is_gone_or_was_changed_is_named_once_a_call(recorded: DataDirectory, forger: Forger) -> None:
    recorded.store.db.execute("update behaviour set content = cast(content || ' ' as blob)")
    assert [(p.kind, p.conversation_id) for p in checked(recorded).problems] == [
        (ProblemKind.BEHAVIOUR_MISSING, "call-1"),
        (ProblemKind.BEHAVIOUR_MISSING, "call-2"),
    ]
    recorded.store.db.execute("delete from behaviour")
    assert kinds(checked(recorded)) == {ProblemKind.BEHAVIOUR_MISSING}


def test_a_copy_of_a_log_under_an_importing_owner_verifies_and_is_recomputed(
    recorded: DataDirectory, tmp_path: Path
) -> None:
    copy = DataDirectory(tmp_path)
    copy.codec, copy.keys = recorded.codec, recorded.keys

    async def imported() -> None:
        async with owner_of(copy):
            records = [r for r in await recorded.ledger.read(0, 0, 10_000) if r.conversation_id]
            await copy.ledger.append(0, [Entry(r.conversation_id, r.body, imported_under=1) for r in records])

    run(imported())
    original = checked(recorded)
    found = run(verify(copy.ledger, recorded.codec, recomputer(recorded)))
    assert found == original
    copy.store.close()


def test_a_damaged_record_is_named_once_and_the_other_call_is_not_blamed(
    recorded: DataDirectory, forger: Forger
) -> None:
    for offset in forger.offsets("call-1")[5:40:7]:
        recorded.store.db.execute("savepoint one")
        recorded.store.db.execute("update log set data = x'00' where offset = ?", (offset,))
        named = [(p.kind, p.offset, p.conversation_id) for p in checked(recorded).problems]
        assert named == [
            (ProblemKind.HASH, offset, "call-1"),
            (ProblemKind.UNDECODABLE, offset, "call-1"),
        ]
        recorded.store.db.execute("rollback to one")
