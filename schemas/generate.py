"""Writes ``schemas/avro/*.avsc`` and ``schemas/lock.json`` from the typed classes: ``python -m schemas.generate``.

``--check`` writes nothing and fails if anything would change. A released schema is never rewritten: raise ``VERSION``.
"""

from __future__ import annotations

import hashlib
import json
import sys
from typing import Any

from schemas.avro import avro_schema
from schemas.registry import AVRO_DIR, EVENT_TYPES, LOCK_FILE


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=1) + "\n"


def fingerprint(schema: dict[str, Any]) -> str:
    """SHA-256 (hex, 32 characters) of the schema without its prose, so a docstring may be corrected."""
    bare = {key: value for key, value in schema.items() if key != "doc"}
    return hashlib.sha256(json.dumps(bare, sort_keys=True).encode()).hexdigest()[:32]


def generate(*, check: bool) -> list[str]:
    """Returns what differs (or was written). Raises ``SystemExit`` when a released schema would change."""
    lock: dict[str, dict[str, Any]] = json.loads(LOCK_FILE.read_text()) if LOCK_FILE.exists() else {}
    changed: list[str] = []
    for name, payload in EVENT_TYPES.items():
        entry, schema = f"{name}.v{payload.VERSION}", avro_schema(payload)
        known = lock.get(entry)
        if known and known["fingerprint"] != fingerprint(schema):
            raise SystemExit(
                f"{entry} is released and its fields changed: raise VERSION of {name} and keep the old file"
            )
        if not known:
            lock[entry] = {
                "id": 1 + max((e["id"] for e in lock.values()), default=0),
                "fingerprint": fingerprint(schema),
            }
        path = AVRO_DIR / f"{entry}.avsc"
        if not path.exists() or path.read_text() != _text(schema):
            changed.append(path.name)
            if not check:
                AVRO_DIR.mkdir(exist_ok=True)
                path.write_text(_text(schema))
    text = json.dumps(lock, indent=1, sort_keys=True) + "\n"
    if not LOCK_FILE.exists() or LOCK_FILE.read_text() != text:
        changed.append(LOCK_FILE.name)
        if not check:
            LOCK_FILE.write_text(text)
    return changed


def main() -> None:
    check = "--check" in sys.argv[1:]
    changed = generate(check=check)
    print("\n".join(changed) if changed else "schemas are up to date")
    if check and changed:
        raise SystemExit("run: python -m schemas.generate")


if __name__ == "__main__":
    main()
