"""What was known at a moment is what a fresh fold of the log's prefix knows."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

import pytest
from mixed_log import BEGAN_US, RECORDED, append, log_of, mixed_log
from msgspec.structs import replace
from recorded_calls import bank
from rows import everything
from support import DataDirectory, run

from agent_core.behaviour import Behaviour
from projections.analytics import Analytics
from projections.checkpoint import BEGINNING
from projections.knowledge_as_of import article_as_of
from projections.moment import AsOf, MomentError, behaviour_at, events_at, moment_of
from projections.projecting import catch_up
from projections.projector import BehaviourOf, Projector
from projections.read_model_store import ReadModelStore
from projections.read_model_tables import names_of
from projections.read_model_versions import members_of, standings
from projections.read_models.catalogue import READ_MODELS
from projections.read_models.definition import RecordedBehaviour
from projections.recorded_behaviour import behaviours_among
from schemas.event import Event
from streams.behaviours import SqliteBehaviours
from streams.ports import Entry, LogRecord

FOLDED = {name: model for name, model in READ_MODELS.items() if model.fold}
PAIRS = 1_000


def project(store: ReadModelStore, data: DataDirectory) -> None:
    run(catch_up(store, log_of(data), members_of(store, standings(store, READ_MODELS))))


def bare(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("to_offset", "to_us")}


def test_as_of_equals_a_fresh_fold_of_the_prefix_for_a_thousand_random_calls_and_moments(
    data: DataDirectory, sqlite_store: ReadModelStore
) -> None:
    """The fresh fold knows nothing of intervals: it is what a projection makes of the records up to the moment."""
    calls = mixed_log(data, copies=2)
    project(sqlite_store, data)
    versions: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for name, rows in everything(sqlite_store).items():
        for row in rows:
            versions[name, str(row.get("conversation_id"))].append(row)
    chance, end = random.Random(11), run(data.ledger.end(0))
    pairs = {(chance.choice(sorted(calls)), chance.randrange(1, end)) for _ in range(PAIRS + 50)}
    assert len(pairs) >= PAIRS

    behaviour_of = behaviours_among(log_of(data).behaviours)

    async def compared() -> None:
        for call, offset in sorted(pairs):
            fresh = await fresh_fold(data, call, offset, behaviour_of)
            at = await moment_of(f"0:{offset}", data.ledger)
            for name in FOLDED:
                held = {key_of(name, row): bare(row) for row in versions[name, call] if holds(row, offset)}
                assert held == fresh[name], (call, offset, name)
                by_time = {key_of(name, row): bare(row) for row in versions[name, call] if holds_at(row, at.at_us)}
                assert by_time == fresh[name], (call, at, name)

    run(compared())


async def fresh_fold(
    data: DataDirectory, call: str, offset: int, behaviour_of: BehaviourOf
) -> dict[str, dict[Any, dict[str, Any]]]:
    async def history(*_: object) -> list[LogRecord]:
        raise AssertionError("the prefix begins with the call")

    projector = Projector(list(FOLDED.values()), history, 0, BEGINNING, behaviour_of=behaviour_of)
    await projector.take(await data.ledger.read_conversation(call, 0, offset + 1))
    found: dict[str, dict[Any, dict[str, Any]]] = {}
    for (name, model), rows in zip(FOLDED.items(), projector.changes().inserts, strict=True):
        named = [dict(zip(names_of(model), row, strict=True)) for row in rows if row[-2] is None]
        found[name] = {key_of(name, row): bare(row) for row in named}
    return found


def key_of(name: str, row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[column] for column in FOLDED[name].key)


def holds(row: dict[str, Any], offset: int) -> bool:
    return row["from_offset"] <= offset and (row["to_offset"] is None or row["to_offset"] > offset)


def holds_at(row: dict[str, Any], at_us: int) -> bool:
    return row["from_us"] <= at_us and (row["to_us"] is None or row["to_us"] > at_us)


def test_a_query_sees_the_rows_of_its_moment(data: DataDirectory, sqlite_store: ReadModelStore) -> None:
    mixed_log(data, names=RECORDED[:3])
    project(sqlite_store, data)
    end, rows = run(data.ledger.end(0)), everything(sqlite_store)
    for offset in random.Random(3).sample(range(50, end), 6):
        at = run(moment_of(f"0:{offset}", data.ledger))
        expected = sorted((r["conversation_id"], r["turn_id"], r["outcome"]) for r in rows["turns"] if holds(r, offset))
        for moment in (at, AsOf(at.at_us)):
            with Analytics(sqlite_store, data.keys, moment) as analytics:
                answer = analytics.ask("select conversation_id, turn_id, outcome from turns")
            assert sorted(answer.rows, key=str) == sorted(expected, key=str)


def test_a_call_is_shown_with_the_events_that_counted(data: DataDirectory) -> None:
    calls = mixed_log(data, names=RECORDED[:2])
    name, events = next(iter(calls.items()))

    def shown(at: AsOf) -> list[int]:
        return [effective.event.seq for effective in run(events_at(data.ledger, name, data.codec, at))]

    for event in events[::40]:
        before = run(moment_of(f"before:{event.event_id}", data.ledger))
        if before.conversation_id != name:  # copies of a recorded call bear its ids
            continue
        assert shown(before) == [e.seq for e in events if e.accepted_at_us < event.accepted_at_us]
    middle = events[len(events) // 2].accepted_at_us
    assert shown(AsOf(middle)) == [event.seq for event in events if event.accepted_at_us <= middle]
    whole = run(moment_of(f"call:{name}", data.ledger))
    assert shown(whole) == [event.seq for event in events]


def test_just_before_an_event_is_the_place_before_its_step_for_other_partitions_too(data: DataDirectory) -> None:
    """They are taken at the time at which that place was reached, not when the event's own call was heard of last."""
    calls = mixed_log(data, names=RECORDED[:4])
    for name, events in calls.items():
        before = run(moment_of(f"before:{events[-1].event_id}", data.ledger))
        if before.conversation_id == name:
            place = run(moment_of(f"0:{before.offset}", data.ledger))
            assert (before.at_us, before.offset) == (place.at_us, place.offset)


def test_history_that_was_imported_takes_no_place_of_the_log_back_to_its_own_time(data: DataDirectory) -> None:
    """The other partitions are taken at the time that a place had reached: none of their calls was years away by then."""
    ((_, events),) = mixed_log(data, names=RECORDED[:1]).items()
    end, reached_us = run(data.ledger.end(0)), max(event.accepted_at_us for event in events)
    epoch = max(event.epoch for event in events)
    copies = [
        replace(each, conversation_id="call-2024", event_id=f"e{each.seq}", accepted_at_us=each.seq, sealed={})
        for each in events[:300]
    ]
    entries = [Entry(each.conversation_id, data.codec.encode(each)[0], imported_under=epoch) for each in copies]
    append(data, entries)
    for offset in (end, end + 299):
        assert run(moment_of(f"0:{offset}", data.ledger)).at_us == reached_us
    before = run(moment_of(f"before:{copies[200].event_id}", data.ledger))
    assert (before.conversation_id, before.at_us, end <= (before.offset or 0) < end + 200) == (
        "call-2024",
        reached_us,
        True,
    )
    whole = run(moment_of("call:call-2024", data.ledger))
    assert whole == AsOf(reached_us, 0, end + 299, "call-2024", copied_us=300)


def test_a_place_before_any_step_is_before_history_that_was_imported_too(data: DataDirectory) -> None:
    """Which stands behind steps that are younger than it."""
    ((_, events),) = mixed_log(data, names=RECORDED[:1]).items()
    old = replace(events[0], conversation_id="call-2024", event_id="old", accepted_at_us=5, sealed={})
    append(data, [Entry("call-2024", data.codec.encode(old)[0], imported_under=max(e.epoch for e in events))])
    assert run(moment_of("0:0", data.ledger)).at_us < 5


def test_places_of_a_log_that_was_copied_whole_are_of_its_own_times(data: DataDirectory) -> None:
    ((_, events),) = mixed_log(data, names=RECORDED[:1]).items()
    end = run(data.ledger.end(0))
    later = [
        replace(each, conversation_id="copy", accepted_at_us=each.accepted_at_us + 10**12, sealed={}) for each in events
    ]
    entries = [Entry(each.conversation_id, data.codec.encode(each)[0], imported_under=99) for each in later]
    append(data, entries)
    for place in (0, 150, len(later) - 1):
        assert run(moment_of(f"0:{end + place}", data.ledger)).at_us == later[place].accepted_at_us


def test_before_an_event_is_before_its_whole_step(data: DataDirectory) -> None:
    calls = mixed_log(data, names=RECORDED[:1])
    events: list[Event] = next(iter(calls.values()))
    inner = next(event for event in events if event.step_index == 2)
    first = next(event for event in events if event.step_id == inner.step_id)
    assert run(moment_of(f"before:{inner.event_id}", data.ledger)) == run(
        moment_of(f"before:{first.event_id}", data.ledger)
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2001-01-01", "lies before the log began: its first step is of 2025-06-15"),
        ("9999-12-31T23:59:59-14:00", "no moment"),
        ("²:0", "no moment"),
        ("2999-01-01T00:00:00+02:00", "lies after the log's end"),
        ("0:999999", "lies after the log's end: its last record is 0:"),
        ("3:0", "there is no partition 3: the log has 1"),
        ("before:nobody", "no event 'nobody'"),
        ("before:", "names no event"),
        ("call:nobody", "no call 'nobody'"),
        ("yesterday", "no moment: an ISO 8601 time"),
    ],
)
def test_a_moment_that_there_is_not_is_refused_by_name(data: DataDirectory, text: str, said: str) -> None:
    mixed_log(data, names=RECORDED[:1])
    with pytest.raises(MomentError, match=said):
        run(moment_of(text, data.ledger))


def test_an_empty_log_has_no_moments(data: DataDirectory) -> None:
    with pytest.raises(MomentError, match="no event yet"):
        run(moment_of("2025-01-01", data.ledger))
    with pytest.raises(MomentError, match="nothing stands in that partition"):
        run(moment_of("0:0", data.ledger))


def test_the_end_of_the_log_and_its_first_moment_are_moments(data: DataDirectory) -> None:
    mixed_log(data, names=RECORDED[:1])
    end = run(data.ledger.end(0))
    assert run(moment_of(f"0:{end - 1}", data.ledger)).offset == end - 1
    first_us = BEGAN_US + 7_000
    assert run(moment_of("2025-06-15T15:06:40.007", data.ledger)).at_us == first_us
    assert run(moment_of("0:0", data.ledger)).at_us == first_us - 1  # nothing but an owner's announcement stands there


def test_a_moment_of_a_log_that_is_ahead_of_this_clock_is_one(
    data: DataDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of calls on a virtual clock, which take less time than they last."""
    mixed_log(data, names=RECORDED[:1])
    monkeypatch.setattr("projections.moment.time.time_ns", lambda: BEGAN_US * 1000)
    assert run(moment_of("2025-06-15T15:06:40.007", data.ledger)).at_us == BEGAN_US + 7_000
    with pytest.raises(MomentError, match="lies after the log's end"):
        run(moment_of("2025-06-16", data.ledger))


def changed(behaviour: Behaviour, article_id: str, public: str) -> Behaviour:
    articles = tuple(a.model_copy(update={"public": public}) if a.id == article_id else a for a in behaviour.articles)
    return Behaviour(**{**dict(behaviour), "articles": articles})


def recorded_versions(data: DataDirectory) -> tuple[list[RecordedBehaviour], str]:
    """Three versions: the article is changed by the second, another one by the third."""
    stream, first = SqliteBehaviours(data.store), bank()
    article_id, other = first.articles[0].id, first.articles[1].id
    second = changed(first, article_id, "It costs nothing now.")
    third = changed(second, other, "Closed on Mondays.")
    for version in (first, second, third):
        stream.record(version.content_hash, version.canonical())
    return log_of(data).behaviours(), article_id


def test_an_article_is_what_the_pinned_behaviour_had_and_says_for_which_versions(data: DataDirectory) -> None:
    recorded, article_id = recorded_versions(data)
    texts = {}
    for seq in (1, 2, 3):
        article, _ = article_as_of(article_id, seq, recorded)
        assert article is not None
        texts[seq] = (article.public, article.since_behaviour, article.until_behaviour)
    assert texts == {
        1: (bank().articles[0].public, 1, 2),
        2: ("It costs nothing now.", 2, None),
        3: ("It costs nothing now.", 2, None),
    }
    assert article_as_of("nothing", 1, recorded)[0] is None


def test_a_calls_knowledge_is_what_it_pinned_though_it_was_changed_since(
    data: DataDirectory, sqlite_store: ReadModelStore
) -> None:
    recorded, article_id = recorded_versions(data)
    calls = mixed_log(data, names=RECORDED[:1])
    times = [(version.seq, version.recorded_us) for version in recorded]
    call = run(moment_of(f"call:{next(iter(calls))}", data.ledger))
    assert run(behaviour_at(call, data.ledger, times)) == 1
    long_after = AsOf(max(us for _, us in times if us))
    assert run(behaviour_at(long_after, data.ledger, times)) == 3
    assert run(behaviour_at(AsOf(1), data.ledger, times)) is None
    project(sqlite_store, data)
    said: dict[int, str] = {}
    for seq in (1, 2, 3):
        with Analytics(sqlite_store, data.keys, long_after, seq) as analytics:
            (row,) = analytics.ask(f"select public from articles where article_id = '{article_id}'").rows
            said[seq] = row[0]
            newest = analytics.ask("select seq from behaviour_versions where newest").rows
            assert newest == [(seq,)]
    assert said == {1: bank().articles[0].public, 2: "It costs nothing now.", 3: "It costs nothing now."}
