"""``python -m console.licences``: the licence of every package that a call needs, from what is installed.

Reads the names from locks/voice.lock. A package that the lock names for other platforms only is left out.
"""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

LOCK = Path(__file__).resolve().parent.parent / "locks" / "voice.lock"
_NAME = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)
_LONGEST = 60  # a metadata field that holds the licence's whole text names it in its first line


def licences(lock: str) -> list[tuple[str, str, str]]:
    """(name, version, licence) of each installed package, by name. Licence is ``unknown`` where metadata has none."""
    found = []
    for name in sorted(set(_NAME.findall(lock))):
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found.append((name, package.version, _licence(package)))
    return found


def _licence(package: metadata.Distribution) -> str:
    for field in ("License-Expression", "License"):
        text = next(iter(package.metadata.get_all(field) or []), "").strip().split("\n")[0]
        if text and len(text) <= _LONGEST:
            return text
    classified = [c.rpartition("::")[2].strip() for c in package.metadata.get_all("Classifier") or [] if "License" in c]
    return ", ".join(classified) or "unknown"


def main() -> int:
    print("| package | version | licence |\n|---|---|---|")
    for name, version, licence in licences(LOCK.read_text()):
        print(f"| {name} | {version} | {licence} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
