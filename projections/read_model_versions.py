"""Which read models may go on with this code, and building a new version of one beside the old."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from projections.projecting import Caught, Log, Member, Progress, catch_up
from projections.read_model_store import Generation, ReadModelStore, State
from projections.read_models.definition import ReadModel, code_hash
from schemas.registry import is_released


class Fit(StrEnum):
    FITS = "fits"
    NEW = "new"  # nothing was projected yet
    OUTDATED = "outdated"  # its rows are of an older version
    CHANGED = "changed"  # its code changed, its version didn't
    INCOMPLETE = "incomplete"  # they lack events that older code passed over and this code knows
    NEWER = "newer"  # its rows are of a newer version than this code


class Standing(NamedTuple):
    """``live``: None where nothing was projected yet. ``lacks``: types and versions of events that aren't in its
    rows, and should be."""

    model: ReadModel
    live: Generation | None
    fit: Fit
    lacks: tuple[tuple[str, int], ...] = ()

    @property
    def advice(self) -> str | None:
        """What is wrong and what to do; None where it goes on."""
        name, file = self.model.name, self.model.module.replace(".", "/") + ".py"
        if self.fit is Fit.OUTDATED:
            assert self.live is not None
            return (
                f"{name}: its rows are of version {self.live.version}, this code is version {self.model.version}: "
                f"ledgerline project rebuild {name}"
            )
        if self.fit is Fit.CHANGED:
            return (
                f"{name}: its code changed and its version didn't: raise version in {file}, then "
                f"ledgerline project rebuild {name}"
            )
        if self.fit is Fit.INCOMPLETE:
            lacks = ", ".join(f"{kind} v{version}" for kind, version in self.lacks)
            return (
                f"{name}: its rows lack events ({lacks}) that the code of their time didn't know and this "
                f"code does: ledgerline project rebuild {name}"
            )
        if self.fit is Fit.NEWER:
            return f"{name}: its rows are of a newer version than this code knows: use the code that made them"
        return None


def standings(store: ReadModelStore, models: Mapping[str, ReadModel]) -> list[Standing]:
    live, passed_over = store.generations(), store.passed_over()
    known: list[Standing] = []
    for name, model in models.items():
        here = live.get(name)
        fit = _fit(model, here)
        missing = passed_over.get((here.name, here.generation), []) if here and fit is Fit.FITS else []
        lacks = tuple(sorted(each for each in missing if is_released(*each)))
        known.append(Standing(model, here, Fit.INCOMPLETE if lacks else fit, lacks))
    return known


def _fit(model: ReadModel, live: Generation | None) -> Fit:
    if live is None:
        return Fit.NEW
    if live.version != model.version:
        return Fit.OUTDATED if live.version < model.version else Fit.NEWER
    return Fit.FITS if live.code_hash == code_hash(model) else Fit.CHANGED


def members_of(store: ReadModelStore, known: list[Standing]) -> list[Member]:
    """Those that go on, begun where they weren't."""
    fits = [standing for standing in known if standing.advice is None]
    return [(standing.model, standing.live or store.begin(standing.model)) for standing in fits]


async def rebuild(store: ReadModelStore, log: Log, model: ReadModel, progress: Progress | None = None) -> Caught:
    """Builds ``model`` anew from the log's beginning, beside the live rows, then switches. Nothing else is done.

    One that was broken off is gone on with, unless the code changed since. Raises ``MovedElsewhereError``.
    """
    building = store.begin(model, beside=True)
    caught = await catch_up(store, log, [(model, building)], progress)
    if building.state is State.BUILDING:
        store.switch(model, building)
    return caught
