"""Who may ask a key service for what: one token a line with a role, so that tokens can be changed one by one.

A token that stands in several lines has several roles: who forgets reads what is to be forgotten, and destroys it.
"""

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


def roles_of(grants: Sequence[Grant], authorization: str) -> frozenset[Role]:
    """The roles that an ``Authorization`` header proves. It takes as long whichever token it bears, or none."""
    scheme, _, token = authorization.partition(" ")
    digest = _digest(token.strip())
    found = frozenset(grant.role for grant in grants if hmac.compare_digest(grant.digest, digest))
    return found if scheme.lower() == "bearer" else frozenset()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()
