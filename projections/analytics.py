"""SQL over the read models, on DuckDB in memory: as they are now, or as they were at a moment.

Only the tables that a query names are loaded, through Arrow: nothing is installed or fetched at run time, and the query
can reach neither files nor the network. Sealed columns are opened as they are read, with the keys at hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]

from projections.moment import AsOf
from projections.read_model_store import ReadModelStore
from projections.read_model_tables import HISTORY, names_of
from projections.read_models.catalogue import READ_MODELS
from projections.read_models.definition import ReadModel, Sealed
from projections.sealed_text import opened
from projections.versions import INTERVAL
from streams.keys import KeyMissingError, KeyStore

_SQL = {str: "varchar", int: "bigint", float: "double", bool: "boolean", Sealed: "blob"}
_ARROW = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_(), Sealed: pa.binary()}
_US = "_us"
_READING = {duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN}
_SEALED_OFF = (
    "set enable_external_access = false",
    "set python_enable_replacements = false",
    "set lock_configuration = true",
)


class QueryError(Exception):
    """The query can't be answered: what is wrong with it."""


class Answer(NamedTuple):
    columns: list[str]
    rows: list[tuple[Any, ...]]


class Analytics:
    """``with`` it. ``at``: None: as they are now. ``behaviour_seq``: the behaviour of the moment, for what is folded from
    the behaviour stream; None: there was none."""

    def __init__(
        self, store: ReadModelStore, keys: KeyStore, at: AsOf | None = None, behaviour_seq: int | None = None
    ) -> None:
        self._store, self._at, self._behaviour_seq = store, at, behaviour_seq
        offline: dict[str, str | bool | int | float | list[str]] = {
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        self._db = duckdb.connect(":memory:", config=offline)
        self._db.execute("create schema versions")
        self._db.create_function(  # type: ignore[call-overload]
            "opened", lambda sealed: opened(sealed, keys), ["BLOB"], "VARCHAR", null_handling="special"
        )
        for model in READ_MODELS.values():
            for statement in _tables(model):
                self._db.execute(statement)
        self._loaded: set[str] = set()
        self._is_sealed_off = False

    def __enter__(self) -> Analytics:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def ask(self, sql: str) -> Answer:
        """Raises ``QueryError``, ``KeyMissingError``."""
        try:
            self._seal_off()  # first: to find the tables of a query DuckDB opens the files that it names
            statements = self._db.extract_statements(sql)
            if len(statements) != 1:
                raise QueryError(f"one statement at a time, not {len(statements)}")
            if statements[0].type not in _READING:
                raise QueryError(f"read models are only read: {statements[0].type.name} would write or configure")
            self.load({name.lower() for name in self._db.get_table_names(sql)})
            result = self._db.execute(sql)
            return Answer([column[0] for column in result.description or ()], result.fetchall())
        except duckdb.Error as error:
            if KeyMissingError.__name__ in str(error):
                raise KeyMissingError("a private column does not open with its conversation's key") from None
            raise QueryError(str(error).strip()) from None

    def _seal_off(self) -> None:
        for statement in () if self._is_sealed_off else _SEALED_OFF:
            self._db.execute(statement)
        self._is_sealed_off = True

    def load(self, tables: set[str]) -> None:
        for model in READ_MODELS.values():
            for table, where in ((model.name, self._now(model)), (model.name + HISTORY, "")):
                if table in tables - self._loaded:
                    self._loaded.add(table)
                    for batch in self._store.rows(model, where=where):
                        self._insert(model, table, batch)

    def write_parquet(self, model: ReadModel, directory: Path) -> int:
        """The rows that hold at the moment, what is sealed in them as it stands: under ``directory``, a folder for each day
        (``day=2026-11-21``), or one file where rows belong to no day. How many there were.
        """
        self.load({model.name})
        kinds = [(column.name, column.kind) for column in model.columns]
        shown = ", ".join(_shown([(name, bytes if kind is Sealed else kind) for name, kind in kinds]))
        day = f", strftime(make_timestamp({_q(model.day)}), '%Y-%m-%d') as day" if model.day else ""
        directory.mkdir(parents=True)
        target = directory if model.day else directory / f"{model.name}.parquet"
        options = "format parquet, compression zstd" + (", partition_by (day)" if model.day else "")
        rows = f'select {shown}{day} from versions."{model.name}"'
        (count,) = self._db.execute(f"copy ({rows}) to {_text(str(target))} ({options})").fetchone() or (0,)
        self._db.execute(f'delete from versions."{model.name}"')
        self._loaded.discard(model.name)
        return int(count)

    def _insert(self, model: ReadModel, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        kinds = [*(column.kind for column in model.columns), *(int for _ in INTERVAL)]
        columns = zip(*rows, strict=True)
        arrays = [_array(kind, values) for kind, values in zip(kinds, columns, strict=True)]
        self._db.register("batch", pa.table(arrays, names=list(names_of(model))))
        self._db.execute(f'insert into versions."{table}" select * from batch')
        self._db.unregister("batch")

    def _now(self, model: ReadModel) -> str:
        """Which versions hold at the moment."""
        at = self._at
        if at is None:
            return "to_offset is null"
        if model.behaviours:
            return _holding("offset", self._behaviour_seq or 0)
        if at.offset is None:
            return _holding("us", at.at_us)
        here, there = _holding("offset", at.offset), _holding("us", at.at_us)
        return f"((partition = {at.partition} and {here}) or (partition <> {at.partition} and {there}))"


def _holding(by: str, value: int) -> str:
    return f"(from_{by} <= {value} and (to_{by} is null or to_{by} > {value}))"


def _array(kind: Any, values: Sequence[Any]) -> Any:
    if kind is bool:  # SQLite's are 0 and 1
        values = [None if value is None else bool(value) for value in values]
    return pa.array(values, _ARROW[kind])


def _tables(model: ReadModel) -> Iterator[str]:
    """Two tables, of what holds at the moment and of all versions, and a view on each of the same name: the tables that a query
    names are those of the views in some versions of DuckDB, and the ones beneath in others."""
    kinds = [*((column.name, column.kind) for column in model.columns), *((name, int) for name in INTERVAL)]
    columns = ", ".join(f"{_q(name)} {_SQL[kind]}" for name, kind in kinds)
    shown = list(_shown([(column.name, column.kind) for column in model.columns]))
    interval = list(_shown([(name, int) for name in INTERVAL]))
    for table, of in ((model.name, shown), (model.name + HISTORY, shown + interval)):
        yield f'create table versions."{table}" ({columns})'
        yield f'create view "{table}" as select {", ".join(of)} from versions."{table}"'


def _shown(columns: list[tuple[str, Any]]) -> Iterator[str]:
    """A time has its ``_at`` (UTC) beside the ``_us``; what is sealed is opened."""
    for name, kind in columns:
        yield f"opened({_q(name)}) as {_q(name)}" if kind is Sealed else _q(name)
        if name.endswith(_US):
            yield f"make_timestamp({_q(name)}) as {_q(name.removesuffix(_US) + '_at')}"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _q(name: str) -> str:
    return f'"{name}"'
