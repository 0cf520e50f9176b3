"""Who may ask a key service for what: one token a line, each with its role, so that tokens can be changed one by one."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

MIN_TOKEN = 32  # characters: what `openssl rand -hex 16` prints


class Role(StrEnum):
    READ = "read"  # gets keys that exist: guests
    CREATE = "create"  # gets keys, and makes those that are missing: workers and gateways
    DESTROY = "destroy"  # forgets conversations, and nothing else


class Grant(NamedTuple):
    """The token itself isn't kept: it is long and random, so its plain SHA-256 tells nothing of it."""

    role: Role
    digest: bytes


class TokensError(ValueError):
    """The text that grants tokens can't be read. The message names the line, never what stands in it."""


def read_grants(text: str) -> tuple[Grant, ...]:
    """Lines of ``role token``; empty ones and those after ``#`` are passed over. Raises ``TokensError``."""
    grants = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or words[0] not in set(Role):
            raise TokensError(f"line {number}: a role ({', '.join(Role)}) and a token are expected")
        if len(words[1]) < MIN_TOKEN:
            raise TokensError(f"line {number}: a token has at least {MIN_TOKEN} characters")
        grants.append(Grant(Role(words[0]), _digest(words[1])))
    if not grants:
        raise TokensError("no token is granted: nobody could ask for anything")
    return tuple(grants)


def role_of(grants: Sequence[Grant], authorization: str) -> Role | None:
    """The role that an ``Authorization`` header proves. It takes as long whichever token it bears, or none."""
    scheme, _, token = authorization.partition(" ")
    digest = _digest(token.strip())
    found = None
    for grant in grants:
        if hmac.compare_digest(grant.digest, digest):
            found = grant.role
    return found if scheme.lower() == "bearer" else None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()
