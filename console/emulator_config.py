"""What the emulators are told, from a file: ``ledgerline schema emulators`` prints its JSON Schema."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from console.failures import UsageError
from emulators.config import EmulatorConfig


def load_config(path: Path | None) -> EmulatorConfig:
    """Raises ``UsageError``."""
    if path is None:
        return EmulatorConfig()
    try:
        return EmulatorConfig.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: can't be read: {error.strerror or error}") from None
    except ValidationError as error:
        lines = [": ".join((str(path), *_place(issue["loc"]), issue["msg"])) for issue in error.errors()]
        raise UsageError("\n".join(lines)) from None


def _place(location: tuple[int | str, ...]) -> tuple[str, ...]:
    """None where the file isn't JSON at all."""
    return (".".join(map(str, location)),) if location else ()
