"""The tables of read models, made from their definitions: one definition for SQLite and Postgres.

Each version of a read model's code has tables of its own (a *generation*), so that a new one is built beside the old. Two
views per read model stand for the live generation: NAME holds what is so now, NAME_history every version with the
interval in which it held.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, LargeBinary, MetaData, String, Table
from sqlalchemy.types import TypeEngine

from projections.read_models.definition import ReadModel, Sealed
from projections.versions import INTERVAL

HISTORY = "_history"
CONTROL = MetaData()

GENERATIONS = Table(
    "read_model",
    CONTROL,
    Column("name", String, primary_key=True),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    Column("code_hash", String, nullable=False),
    Column("state", String, nullable=False),
)
CHECKPOINTS = Table(
    "read_model_checkpoint",
    CONTROL,
    Column("name", String, primary_key=True),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
)
# Events that the code of its time didn't know: they are missing in its rows, also once the code does.
PASSED_OVER = Table(
    "read_model_passed_over",
    CONTROL,
    Column("name", String, primary_key=True),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("type", String, primary_key=True),
    Column("type_version", Integer, primary_key=True, autoincrement=False),
)

PROJECTED = Table(
    "read_model_log",
    CONTROL,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("first_record", String, nullable=False),
)

_TYPES: dict[Any, type[TypeEngine[Any]]] = {
    str: String,
    int: BigInteger,
    float: Float,
    bool: Boolean,
    Sealed: LargeBinary,
}


def table_of(model: ReadModel, generation: int) -> Table:
    return Table(f"{model.name}_g{generation}", MetaData(), *_columns(model))


def _columns(model: ReadModel) -> Iterator[Column[Any]]:
    for column in model.columns:
        yield Column(
            column.name,
            _TYPES[column.kind],
            primary_key=column.name in model.key,
            autoincrement=False,
            nullable=column.nullable,
            comment=column.meaning,
        )
    yield Column("partition", Integer, nullable=True)
    yield Column("from_offset", BigInteger, primary_key=True, autoincrement=False)
    yield Column("from_us", BigInteger, nullable=True)
    yield Column("to_offset", BigInteger, nullable=True)
    yield Column("to_us", BigInteger, nullable=True)


def names_of(model: ReadModel) -> tuple[str, ...]:
    """The columns of a stored version, in order."""
    return (*(column.name for column in model.columns), *INTERVAL)


def view_statements(model: ReadModel, generation: int) -> list[str]:
    """Make the two views stand for ``generation``."""
    table, name = f"{model.name}_g{generation}", model.name
    current = ", ".join(f'"{column.name}"' for column in model.columns)
    return [
        f'drop view if exists "{name}"',
        f'drop view if exists "{name}{HISTORY}"',
        f'create view "{name}" as select {current} from "{table}" where to_offset is null',
        f'create view "{name}{HISTORY}" as select * from "{table}"',
    ]
