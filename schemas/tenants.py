"""Whose conversation it is, as its id says: ``bank-a~call-…`` is the tenant ``bank-a``'s.

An id stands on every event, in every record's key and in the name of every recording, so whoever counts or filters by
tenant needs neither a key nor the conversation's first event.
"""

from __future__ import annotations

import re

DEFAULT_TENANT = "default"  # of ids that name none
SEPARATOR = "~"  # may stand in file names and URLs as it is, and in no tenant's name
NAME = r"[a-z0-9][a-z0-9-]{0,62}"

_OWNED = re.compile(f"({NAME}){SEPARATOR}")


def tenant_of(conversation_id: str) -> str:
    owned = _OWNED.match(conversation_id)
    return owned[1] if owned else DEFAULT_TENANT


def owned_by(tenant: str, conversation_id: str) -> str:
    """The id that names ``tenant``. The default tenant's is as it was.

    Raises ``ValueError`` for a name that isn't up to 63 lower-case letters, digits and dashes.
    """
    if not re.fullmatch(NAME, tenant):
        raise ValueError("no tenant's name: up to 63 lower-case letters, digits and dashes")
    return conversation_id if tenant == DEFAULT_TENANT else f"{tenant}{SEPARATOR}{conversation_id}"
