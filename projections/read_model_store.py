"""Rows and checkpoints of read models, on SQLite or Postgres. What belongs together is written in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from projections.checkpoint import BEGINNING, Checkpoint
from projections.read_model_tables import (
    CHECKPOINTS,
    CONTROL,
    GENERATIONS,
    PASSED_OVER,
    PROJECTED,
    names_of,
    table_of,
    view_statements,
)
from projections.read_models.definition import ReadModel, code_hash
from projections.versions import Changes

BATCH = 10_000
CACHE_KIB = 32 * 1024  # SQLite's: a commit of many rows fits, rather than spilling pages that it touches again
_READS = "ledgerline_reads"
_ALONE = 0x1ED6E511  # Postgres' advisory lock of who makes or drops tables
_OF_THIS_DATABASE = {"sqlite": "sqlite+pysqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


class ReadModelsUnreadableError(Exception):
    """The store can't be opened or is not ours. The message says what to do."""


StoreError = sa.exc.SQLAlchemyError  # a full disk, a server that went away: what was under way wasn't written


class MovedElsewhereError(Exception):
    """Another process projects into this store: what was folded here is dropped, nothing is lost."""


class State(StrEnum):
    LIVE = "live"
    BUILDING = "building"


class Generation(NamedTuple):
    """``code_hash``: of the code whose rows these are."""

    name: str
    generation: int
    version: int
    code_hash: str
    state: State


class ProjectedLog(NamedTuple):
    """``first_record``: SHA-256 of the oldest record of ``partition``, in hex."""

    partition: int
    first_record: str


class ReadModelStore:
    """``with`` it. ``url``: sqlite:///FILE or postgresql://USER@HOST/DATABASE."""

    def __init__(self, url: str) -> None:
        """Raises ``ReadModelsUnreadableError``."""
        try:
            self._engine = _engine(url)
            with self._transaction() as connection:
                self._alone(connection)
                CONTROL.create_all(connection)
        except (sa.exc.SQLAlchemyError, ImportError) as error:
            raise ReadModelsUnreadableError(f"the read models can't be opened: {said(error)}") from None

    def __enter__(self) -> ReadModelStore:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    def generations(self, state: State | None = None) -> dict[str, Generation]:
        """By name: the live ones, or those that are being built beside them."""
        wanted = sa.select(GENERATIONS).where(GENERATIONS.c.state == (state or State.LIVE).value)
        with self._reading() as connection:
            rows = connection.execute(wanted).all()
        return {
            row.name: Generation(row.name, row.generation, row.version, row.code_hash, State(row.state)) for row in rows
        }

    def begin(self, model: ReadModel, *, beside: bool = False) -> Generation:
        """The generation that goes on, empty where it is begun here: the live one, or ``beside`` it the one that is being
        built by this code. Processes that begin at once get the same; what other code was building is dropped.

        Raises ``MovedElsewhereError`` where another process began it with other code.
        """
        with self._transaction() as connection:
            self._alone(connection)
            known = _known(connection, model.name)
            state = State.BUILDING if beside and known else State.LIVE
            for former in (generation for generation in known if generation.state is state):
                if (former.version, former.code_hash) == (model.version, code_hash(model)):
                    return former
                if not beside:
                    raise MovedElsewhereError(f"another process projects {model.name} with other code")
                _drop(connection, model, former.generation)
            last = max((generation.generation for generation in known), default=0)
            begun = Generation(model.name, last + 1, model.version, code_hash(model), state)
            connection.execute(sa.insert(GENERATIONS).values(**begun._asdict()))
            table_of(model, begun.generation).create(connection)
            if state is State.LIVE:
                _show(connection, model, begun.generation)
        return begun

    def switch(self, model: ReadModel, built: Generation) -> None:
        """``built`` is live from here on, and what was live is gone. In one transaction.

        Raises ``MovedElsewhereError`` where ``built`` is gone; where another process switched to it, all is as it should be.
        """
        with self._transaction() as connection:
            self._alone(connection)
            states = {generation.generation: generation.state for generation in _known(connection, model.name)}
            if built.generation not in states:
                raise MovedElsewhereError(f"another process rebuilt {model.name} meanwhile")
            if states[built.generation] is State.LIVE:
                return
            _show(connection, model, built.generation)
            for generation in (former for former, state in states.items() if state is State.LIVE):
                _drop(connection, model, generation)
            is_built = sa.and_(GENERATIONS.c.name == model.name, GENERATIONS.c.generation == built.generation)
            connection.execute(sa.update(GENERATIONS).where(is_built).values(state=State.LIVE.value))

    def checkpoints(self, generation: Generation) -> dict[int, Checkpoint]:
        """By partition; a partition that isn't there wasn't begun."""
        wanted = sa.select(CHECKPOINTS).where(
            CHECKPOINTS.c.name == generation.name, CHECKPOINTS.c.generation == generation.generation
        )
        with self._reading() as connection:
            return {row.partition: Checkpoint(row.next_offset, row.epoch) for row in connection.execute(wanted)}

    def passed_over(self) -> dict[tuple[str, int], list[tuple[str, int]]]:
        """By name and generation: types and versions of events that aren't in its rows because the code of their time didn't
        know them."""
        found: dict[tuple[str, int], list[tuple[str, int]]] = {}
        with self._reading() as connection:
            for row in connection.execute(sa.select(PASSED_OVER)):
                found.setdefault((row.name, row.generation), []).append((row.type, row.type_version))
        return found

    def projected_log(self) -> ProjectedLog | None:
        """Whose rows these are; None: nobody told yet."""
        with self._reading() as connection:
            row = connection.execute(sa.select(PROJECTED)).first()
        return None if row is None else ProjectedLog(row.partition, row.first_record)

    def tell_projected_log(self, partition: int, first_record: str) -> ProjectedLog:
        """What stands there then: another process may have been first."""
        with suppress(sa.exc.IntegrityError), self._transaction() as connection:
            connection.execute(sa.insert(PROJECTED).values(partition=partition, first_record=first_record))
        return self.projected_log() or ProjectedLog(partition, first_record)

    def commit(
        self,
        models: Sequence[ReadModel],
        generations: Sequence[Generation],
        changes: Sequence[Changes],
        partition: int,
        former: Checkpoint,
        reached: Checkpoint,
    ) -> None:
        """Rows and checkpoints, all or nothing. ``changes``: of each shard; their places are those of ``models``.

        Raises ``MovedElsewhereError``, with nothing written, where a checkpoint isn't ``former`` any more.
        """
        with self._transaction() as connection:
            for place, (model, generation) in enumerate(zip(models, generations, strict=True)):
                _move(connection, generation, partition, former, reached)
                insert, end = _statements(model, generation.generation, self._engine.dialect.name)
                unknown = set[tuple[str, int]]().union(*(change.unknown for change in changes))
                _pass_over(connection, generation, unknown)
                for change in changes:
                    if change.inserts[place]:
                        connection.exec_driver_sql(insert, [tuple(row) for row in change.inserts[place]])
                    if change.ends[place]:
                        connection.exec_driver_sql(end, change.ends[place])

    def rows(
        self, model: ReadModel, columns: Sequence[str] | None = None, where: str = "", order: bool = False
    ) -> Iterator[list[tuple[Any, ...]]]:
        """Batches of the live generation's versions. ``where``: SQL of ours, never of a user."""
        live = self.generations().get(model.name)
        if live is None:
            return
        names = ", ".join(f'"{name}"' for name in columns or names_of(model))
        key = ", ".join(f'"{name}"' for name in (*model.key, "from_offset"))
        statement = f'select {names} from "{model.name}_g{live.generation}"'
        statement += (f" where {where}" if where else "") + (f" order by {key}" if order else "")
        with self._reading() as connection:
            result = connection.exec_driver_sql(statement)
            while batch := result.fetchmany(BATCH):
                yield [tuple(row) for row in batch]

    def count(self, generation: Generation) -> tuple[int, int]:
        """(rows that hold now, every state of every row)."""
        table = f'"{generation.name}_g{generation.generation}"'
        with self._reading() as connection:
            statement = f"select count(*) - count(to_offset), count(*) from {table}"
            rows, states = connection.exec_driver_sql(statement).one()
            return int(rows), int(states)

    def _reading(self) -> Connection:
        return self._engine.connect().execution_options(**{_READS: True, "stream_results": True})

    def _alone(self, connection: Connection) -> None:
        """Until its transaction ends. On SQLite each that writes is alone as it is."""
        if self._engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"select pg_advisory_xact_lock({_ALONE})")

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        with self._engine.begin() as connection:
            yield connection


def _engine(url: str) -> Engine:
    scheme, _, rest = url.partition(":")
    driver = _OF_THIS_DATABASE.get(scheme)
    if driver is None:
        raise ReadModelsUnreadableError("the read models are kept on sqlite:///FILE or postgresql://…: no other URL")
    try:
        address = sa.make_url(f"{driver}:{rest}")
    except (ValueError, sa.exc.ArgumentError):  # neither is repeated: an address may hold a password
        raise ReadModelsUnreadableError(
            "the read models' address can't be read: such as postgresql://USER@HOST/DATABASE"
        ) from None
    if scheme != "sqlite":
        return sa.create_engine(address, paramstyle="format", hide_parameters=True)
    engine = sa.create_engine(address, connect_args={"timeout": 30}, hide_parameters=True)

    # The driver begins transactions by itself, and not before "create table": it is told to leave that to us.
    @sa.event.listens_for(engine, "connect")
    def _connected(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        connection.execute("pragma journal_mode=wal")
        connection.execute("pragma synchronous=normal")
        connection.execute(f"pragma cache_size=-{CACHE_KIB}")

    @sa.event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        reads = connection.get_execution_options().get(_READS)
        connection.exec_driver_sql("begin" if reads else "begin immediate")

    return engine


def _known(connection: Connection, name: str) -> list[Generation]:
    rows = connection.execute(sa.select(GENERATIONS).where(GENERATIONS.c.name == name)).all()
    return [Generation(row.name, row.generation, row.version, row.code_hash, State(row.state)) for row in rows]


def _show(connection: Connection, model: ReadModel, generation: int) -> None:
    for statement in view_statements(model, generation):
        connection.exec_driver_sql(statement)


def _drop(connection: Connection, model: ReadModel, generation: int) -> None:
    table_of(model, generation).drop(connection, checkfirst=True)
    for control in (GENERATIONS, CHECKPOINTS, PASSED_OVER):
        connection.execute(sa.delete(control).where(control.c.name == model.name, control.c.generation == generation))


def _passed_over(connection: Connection, generation: Generation) -> frozenset[tuple[str, int]]:
    here = (PASSED_OVER.c.name == generation.name, PASSED_OVER.c.generation == generation.generation)
    rows = connection.execute(sa.select(PASSED_OVER.c.type, PASSED_OVER.c.type_version).where(*here))
    return frozenset((row.type, row.type_version) for row in rows)


def _pass_over(connection: Connection, generation: Generation, unknown: set[tuple[str, int]]) -> None:
    for name, version in sorted(unknown - _passed_over(connection, generation)) if unknown else ():
        of = {"name": generation.name, "generation": generation.generation}
        connection.execute(sa.insert(PASSED_OVER).values(**of, type=name, type_version=version))


def _move(
    connection: Connection, generation: Generation, partition: int, former: Checkpoint, reached: Checkpoint
) -> None:
    """Raises ``MovedElsewhereError``."""
    at = {"name": generation.name, "generation": generation.generation, "partition": partition}
    to = {"next_offset": reached.offset, "epoch": reached.epoch}
    here = sa.and_(*(CHECKPOINTS.c[name] == value for name, value in at.items()))
    is_former = sa.and_(CHECKPOINTS.c.next_offset == former.offset, CHECKPOINTS.c.epoch == former.epoch)
    moved = connection.execute(sa.update(CHECKPOINTS).where(here, is_former).values(**to)).rowcount
    if moved == 1:
        return
    if former != BEGINNING:
        raise MovedElsewhereError(f"another process projects {generation.name}, or rebuilt it meanwhile")
    try:
        connection.execute(sa.insert(CHECKPOINTS).values(**at, **to))
    except sa.exc.IntegrityError:
        raise MovedElsewhereError(f"another process projects {generation.name} just now") from None


@cache
def _statements(model: ReadModel, generation: int, dialect: str) -> tuple[str, str]:
    """(insert a version, end one), with the driver's own placeholders: a row is a tuple, nothing is looked up by name."""
    mark = "?" if dialect == "sqlite" else "%s"
    table, names = f'"{model.name}_g{generation}"', names_of(model)
    columns = ", ".join(f'"{name}"' for name in names)
    insert = f"insert into {table} ({columns}) values ({', '.join([mark] * len(names))})"
    where = " and ".join(f'"{name}" = {mark}' for name in (*model.key, "from_offset"))
    return insert, f"update {table} set to_offset = {mark}, to_us = {mark} where {where}"


def said(error: BaseException) -> str:
    """What the database said; never the statement with its parameters."""
    words = str(getattr(error, "orig", None) or error).strip()
    return words.splitlines()[0] if words else type(error).__name__
