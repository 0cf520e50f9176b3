"""What a read model is: a typed row, its key, and a fold that says which rows an event makes or changes.

A row is a frozen struct; its fields are the columns, described by ``msgspec.Meta(description=…)``. The unit stands in the
name: ``_ms``, ``_us`` (microseconds since the Unix epoch), ``_micros`` (millionths of the currency), ``_tokens``. Unknown
is None. ``Sealed`` columns hold what people said, as ciphertext (``projections.sealed_text``).

The store keeps every version of a row with the stretch of the log in which it held (``projections.versions``), so a
fold only ever says how its rows look now.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import types
import typing
from collections.abc import Callable, Iterable, Set
from functools import cache
from typing import Annotated, Any, NewType, Protocol

import msgspec
from msgspec import Meta

from agent_core.conversation import Conversation
from schemas.event import Happening

Sealed = NewType("Sealed", bytes)
_OURS = f"{__name__.partition('.')[0]}."
_ATTRIBUTION = f"{__name__.rpartition('.')[0]}.attribution"  # it decides which turn rows belong to
_WORDS = ("about", "description")
ConversationId = Annotated[str, Meta(description="The conversation.")]
TurnId = Annotated[str | None, Meta(description="The turn; NULL outside of turns.")]


class Row(msgspec.Struct, frozen=True):
    """One row. Subclasses add the columns."""


class Seen(msgspec.Struct):
    """An effective event with the conversation before and after it. ``turn_id``: the turn that it tells something about,
    by utterance or candidate, else the one that it names."""

    event: Happening
    before: Conversation
    after: Conversation
    turn_id: str | None


class Fold(Protocol):
    """The rows of one conversation. Pure: what it remembers is a function of the events that it took."""

    def take(self, seen: Seen) -> Iterable[Row]:
        """The rows that this event made or changed, as they are now."""
        ...


class RecordedBehaviour(msgspec.Struct, frozen=True):
    """``recorded_us``: None where the log doesn't say when it was recorded."""

    seq: int
    hash: str
    content: bytes
    recorded_us: int | None


class BehaviourFold(Protocol):
    def take(self, recorded: RecordedBehaviour) -> tuple[Iterable[Row], Iterable[tuple[Any, ...]]]:
        """(rows made or changed, keys of rows that are no more) by this version, given those before it."""
        ...


class Column(msgspec.Struct, frozen=True):
    """``kind``: str, int, float, bool or Sealed."""

    name: str
    kind: Any
    nullable: bool
    meaning: str


class ReadModel(msgspec.Struct, frozen=True, kw_only=True):
    """``version`` rises with every change of what the rows hold. ``handles``: the payload types that ``fold`` takes.

    ``day``: the column whose date says to which day a row belongs; None: rows that belong to none. ``changes``: False where
    no row is ever changed once it was made: nothing of it is kept in memory. Of ``fold`` and ``behaviours`` one is given:
    what is folded, conversations or the behaviour stream.
    """

    name: str
    version: int
    about: str
    row: type[Row]
    key: tuple[str, ...]
    handles: frozenset[type] = frozenset()
    day: str | None = None
    changes: bool = True
    fold: Callable[[], Fold] | None = None
    behaviours: Callable[[], BehaviourFold] | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        return columns_of(self.row)

    @property
    def module(self) -> str:
        return self.row.__module__

    def key_of(self, row: Row) -> tuple[Any, ...]:
        return tuple(getattr(row, name) for name in self.key)


@cache
def columns_of(row: type[Row]) -> tuple[Column, ...]:
    hints = typing.get_type_hints(row, include_extras=True)
    return tuple(_column(field.name, hints[field.name]) for field in msgspec.structs.fields(row))


def _column(name: str, hint: Any) -> Column:
    meaning = ""
    if typing.get_origin(hint) is Annotated:
        hint, *marks = typing.get_args(hint)
        meaning = next(mark.description for mark in marks if isinstance(mark, Meta)) or ""
    nullable = typing.get_origin(hint) in (types.UnionType, typing.Union)
    if nullable:
        hint = next(arg for arg in typing.get_args(hint) if arg is not type(None))
    return Column(name, hint, nullable, meaning)


def code_hash(model: ReadModel) -> str:
    """Of the definition, its module and the helpers that it imports from ``projections``, by whatever way; not of their words.

    Comments, docstrings, layout and what columns are said to mean may change without a version.
    """
    definition = [(c.name, getattr(c.kind, "__name__", str(c.kind)), c.nullable) for c in model.columns]
    hashed = [repr((model.name, model.key, sorted(kind.__name__ for kind in model.handles), definition))]
    shared = (_ATTRIBUTION,) if model.fold else ()
    hashed += [_code_of(name) for name in sorted(_modules_of({model.module, *shared}))]
    return hashlib.sha256("\x1e".join(hashed).encode()).hexdigest()


def _modules_of(modules: Set[str]) -> Set[str]:
    """These and all that they import from their own folder, however far."""
    found: set[str] = set()
    while modules := modules - found:
        found |= modules
        modules = {name for module in modules for name in _imported_by(module)}
    return found


def _imported_by(module: str) -> Iterable[str]:
    tree = ast.parse(inspect.getsource(importlib.import_module(module)))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    return (name for name in imported if name.startswith(_OURS) and name != __name__)


def _code_of(module: str) -> str:
    tree = ast.parse(inspect.getsource(importlib.import_module(module)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            node.body = [statement for statement in node.body if not _is_docstring(statement)]
        elif isinstance(node, ast.Call):
            node.keywords = [keyword for keyword in node.keywords if keyword.arg not in _WORDS]
    return ast.dump(tree)


def _is_docstring(statement: Any) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
