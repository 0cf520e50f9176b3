"""Modules in C that nothing needs: used where somebody compiled them from the source as it stands (``schemas.native_build``)."""

from __future__ import annotations

import importlib
import warnings
from hashlib import sha256
from pathlib import Path
from types import ModuleType

SHARED = Path(__file__).with_name("native_place.pxi")


def compiled_module(name: str, source: Path) -> ModuleType | None:
    """None where it wasn't compiled, or from another source."""
    try:
        module = importlib.import_module(name)
    except ImportError:
        return None
    if module.source_digest() != source_digest(source):
        warnings.warn(
            f"{module.__file__} was compiled from another source and isn't used: "
            f"'python -m streams.native_build' compiles it anew",
            stacklevel=3,
        )
        return None
    return module


def source_digest(source: Path) -> str:
    """SHA-256 in hex, of what every one of them includes too."""
    return sha256(SHARED.read_bytes() + source.read_bytes()).hexdigest()
