"""The passphrase of a file of keys: from a file, or asked for. Never from the command line, which others can read."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from console.failures import UsageError

LEAST_CHARACTERS = 12


def passphrase(file: Path | None, *, is_new: bool) -> str:
    """``is_new``: it is asked for twice, and must be long enough. Raises ``UsageError``, ``OSError``."""
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            raise UsageError(f"{file}: the passphrase isn't UTF-8 text") from None
        given = lines[0] if lines else ""
    elif sys.stdin.isatty():
        given = getpass.getpass("Passphrase of the keys: ")
        if is_new and getpass.getpass("Again: ") != given:
            raise UsageError("these were two passphrases")
    else:
        raise UsageError("the keys need a passphrase: --passphrase-file names a file whose first line it is")
    if is_new and len(given) < LEAST_CHARACTERS:
        raise UsageError(f"a passphrase has {LEAST_CHARACTERS} characters or more: these keys open what callers said")
    return given
