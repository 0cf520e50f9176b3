"""A read model is built anew beside the old one; code that changed without saying so is found."""

from __future__ import annotations

import ast
import inspect
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import msgspec
import pytest
from forging import Forger
from mixed_log import RECORDED, log_of, mixed_log
from rows import everything, history
from support import DataDirectory, run

from projections import cut_ins, read_model_versions, sealed_text
from projections.projecting import catch_up
from projections.read_model_store import MovedElsewhereError, ReadModelStore, State
from projections.read_model_versions import Fit, members_of, rebuild, standings
from projections.read_models import definition, turns
from projections.read_models.catalogue import READ_MODELS
from projections.read_models.turns import TURNS


class StoppedError(Exception):
    """The process dies here."""


def project(store: ReadModelStore, data: DataDirectory) -> None:
    run(catch_up(store, log_of(data), members_of(store, standings(store, READ_MODELS))))


@pytest.mark.parametrize("name", ["conversations", "turns", "candidates", "verdicts", "model_calls"])
def test_a_read_model_that_is_rebuilt_is_equal_row_by_row(
    data: DataDirectory, sqlite_store: ReadModelStore, name: str
) -> None:
    mixed_log(data, names=RECORDED[:3])
    project(sqlite_store, data)
    before = everything(sqlite_store)
    assert before[name]
    former = sqlite_store.generations()[name]
    run(rebuild(sqlite_store, log_of(data), READ_MODELS[name]))
    assert everything(sqlite_store) == before
    assert sqlite_store.generations()[name].generation == former.generation + 1


def test_a_rebuild_that_was_broken_off_leaves_the_old_rows_and_goes_on(
    data: DataDirectory, store: ReadModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed_log(data, names=RECORDED[:3])
    project(store, data)
    before = everything(store)
    monkeypatch.setattr("projections.projecting.COMMIT_AFTER", 20)
    monkeypatch.setattr("projections.projecting.READ", 100)
    calls: list[int] = []

    def dies(done: int, of: int) -> None:
        calls.append(done)
        if done > of // 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        run(rebuild(store, log_of(data), TURNS, dies))
    assert everything(store) == before
    building = store.generations(State.BUILDING)["turns"]
    reached = store.checkpoints(building)[0].offset
    assert reached > 0
    project(store, data)  # meanwhile the old one lives on
    caught = run(rebuild(store, log_of(data), TURNS))
    whole = sum(int(row["events"]) for row in before["conversations"] if row["events"])  # type: ignore[call-overload]
    assert 0 < caught.events < whole
    assert everything(store) == before
    assert store.generations(State.BUILDING) == {}


def test_rows_of_older_code_are_named_with_what_to_do(data: DataDirectory, store: ReadModelStore) -> None:
    mixed_log(data, names=RECORDED[:1])
    project(store, data)
    newer = msgspec.structs.replace(TURNS, version=TURNS.version + 1)
    (standing,) = standings(store, {"turns": newer})
    assert (standing.fit, members_of(store, [standing])) == (Fit.OUTDATED, [])
    assert standing.advice is not None
    assert "ledgerline project rebuild turns" in standing.advice
    before = history(store, TURNS)
    run(rebuild(store, log_of(data), newer))
    (standing,) = standings(store, {"turns": newer})
    assert standing.fit is Fit.FITS
    assert history(store, newer) == before
    (standing,) = standings(store, {"turns": TURNS})
    assert standing.fit is Fit.NEWER


def test_code_that_changed_without_a_version_is_found_and_its_words_are_not(
    data: DataDirectory, sqlite_store: ReadModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed_log(data, names=RECORDED[:1])
    project(sqlite_store, data)
    source = inspect.getsource(turns)

    def fit_of(changed: str, module: ModuleType = turns) -> Fit:
        ast.parse(changed)
        real = inspect.getsource
        with monkeypatch.context() as patched:
            patched.setattr(definition.inspect, "getsource", lambda m: changed if m is module else real(m))
            (standing,) = standings(sqlite_store, {"turns": TURNS})
        if standing.fit is Fit.CHANGED:
            assert standing.advice is not None
            assert "raise version in projections/read_models/turns.py" in standing.advice
        return standing.fit

    assert fit_of(source) is Fit.FITS
    assert fit_of(source.replace("Holding lines that were played.", "How often it held.")) is Fit.FITS
    assert fit_of(source.replace("# what was played in that pause answered nothing", "")) is Fit.FITS
    assert fit_of(source.replace("turn.row.holds + 1", "turn.row.holds + 2")) is Fit.CHANGED
    assert fit_of(source.replace('_FALLBACK = "fallback"', '_FALLBACK = "closing"')) is Fit.CHANGED
    for helper in (cut_ins, sealed_text):  # of another folder, but what they say stands in the rows
        assert fit_of(inspect.getsource(helper) + "\nANOTHER = 1\n", helper) is Fit.CHANGED
    fewer = msgspec.structs.replace(TURNS, key=("turn_id",))
    (standing,) = standings(sqlite_store, {"turns": fewer})
    assert standing.fit is Fit.CHANGED


def test_processes_that_begin_at_once_project_into_the_same_rows(store: ReadModelStore) -> None:
    known = standings(store, READ_MODELS)  # of both, before either began
    first, second = members_of(store, known), members_of(store, known)
    assert first == second
    assert store.generations(State.BUILDING) == {}


def test_rows_that_another_process_switched_to_stay_where_a_second_rebuild_ends(
    data: DataDirectory, store: ReadModelStore
) -> None:
    mixed_log(data, names=RECORDED[:2])
    project(store, data)
    before = everything(store)
    ours, theirs = store.begin(TURNS, beside=True), store.begin(TURNS, beside=True)
    assert ours == theirs
    run(catch_up(store, log_of(data), [(TURNS, ours)]))
    store.switch(TURNS, theirs)
    store.switch(TURNS, ours)
    assert everything(store) == before


def test_a_rebuild_that_another_process_dropped_is_not_switched_to(store: ReadModelStore) -> None:
    store.begin(TURNS)
    built = store.begin(TURNS, beside=True)
    store.begin(msgspec.structs.replace(TURNS, version=TURNS.version + 1), beside=True)  # other code's
    with pytest.raises(MovedElsewhereError, match="rebuilt turns meanwhile"):
        store.switch(TURNS, built)


def test_stores_that_are_opened_at_once_are_made_once(store_url: str) -> None:
    def opened(_: int) -> int:
        with ReadModelStore(store_url) as store:
            return store.begin(TURNS).generation

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(opened, range(8))) == {1}


def test_rows_that_lack_what_older_code_did_not_know_are_found_and_built_anew(
    data: DataDirectory, store: ReadModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed_log(data, names=RECORDED[:1])
    forger = Forger(data)
    newer = next(o for o in forger.offsets(f"{RECORDED[0]}-0") if forger.read(o).type == "SpeechCompleted")
    forger.set_column(newer, "type", "SpeechCompletedX")
    project(store, data)
    assert {s.fit for s in standings(store, READ_MODELS)} == {Fit.FITS}, "this code knows no more either"
    forger.set_column(newer, "type", "SpeechCompleted")
    before = everything(store)
    monkeypatch.setattr(
        read_model_versions, "is_released", lambda name, version: (name, version) == ("SpeechCompletedX", 1)
    )
    lacking = [s for s in standings(store, READ_MODELS) if s.model.fold]
    assert {s.fit for s in lacking} == {Fit.INCOMPLETE}
    assert members_of(store, lacking) == []
    assert lacking[0].advice is not None
    assert "lack events (SpeechCompletedX v1)" in lacking[0].advice
    for standing in lacking:
        run(rebuild(store, log_of(data), standing.model))
    assert {s.fit for s in standings(store, READ_MODELS)} == {Fit.FITS}
    assert everything(store)["turns"] != before["turns"]
