"""Compiles what reads much in C, once: ``make compiled``, or ``python -m streams.native_build`` beside installed packages."""

from __future__ import annotations

import sys

from schemas import native_readers
from schemas.native_build import CannotBuildError, build
from streams.kafka import native_fetched

SOURCES = (native_readers.SOURCE, native_fetched.SOURCE)

if __name__ == "__main__":
    try:
        for source in SOURCES:
            print(f"compiled: {build(source, source.parent)}")
    except CannotBuildError as error:
        sys.exit(f"not compiled: {error}")
