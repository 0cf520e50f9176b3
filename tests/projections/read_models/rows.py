"""Rows of a store, as tests compare them."""

from __future__ import annotations

from typing import Any

from mixed_log import log_of
from support import DataDirectory, run

from projections.projecting import catch_up
from projections.read_model_store import ReadModelStore
from projections.read_model_tables import names_of
from projections.read_models.catalogue import READ_MODELS
from projections.read_models.definition import ReadModel, Sealed


def projected(store: ReadModelStore, data: DataDirectory, name: str) -> list[dict[str, Any]]:
    """The rows of one read model that hold at the log's end."""
    model = READ_MODELS[name]
    run(catch_up(store, log_of(data), [(model, store.generations().get(name) or store.begin(model))]))
    return current_rows(store, name)


def current_rows(store: ReadModelStore, name: str) -> list[dict[str, Any]]:
    names = [column.name for column in READ_MODELS[name].columns]
    return history(store, READ_MODELS[name], names=names, where="to_offset is null")


def history(
    store: ReadModelStore, model: ReadModel, *, names: list[str] | None = None, where: str = ""
) -> list[dict[str, Any]]:
    """Every version with its interval, by key."""
    flags = {column.name for column in model.columns if column.kind is bool}
    sealed = {column.name for column in model.columns if column.kind is Sealed}
    wanted = names or list(names_of(model))

    def cell(name: str, value: Any) -> Any:
        if value is None:
            return None
        return bool(value) if name in flags else bytes(value) if name in sealed else value

    batches = store.rows(model, wanted, where, order=True)
    return [{n: cell(n, v) for n, v in zip(wanted, row, strict=True)} for batch in batches for row in batch]


def everything(store: ReadModelStore) -> dict[str, list[dict[str, Any]]]:
    live = store.generations()
    return {name: history(store, model) for name, model in READ_MODELS.items() if name in live}
