"""What the brokers let our user do, where they have an authorizer: told by name."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from aiokafka.errors import (  # type: ignore[import-untyped]
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from streams.kafka.brokers import Security
from streams.kafka.errors import RightsMissingError

if TYPE_CHECKING:
    from streams.kafka.topics import Topics  # which asks about rights itself


class Operation(IntEnum):
    """Kafka's own numbers of them (``AclOperation``)."""

    READ = 3
    WRITE = 4
    CREATE = 5

    def __str__(self) -> str:
        return self.name.capitalize()


class Right(NamedTuple):
    operation: Operation
    of: str  # topic, group or cluster
    name: str = ""

    def __str__(self) -> str:
        return f"{self.operation} on {self.of} {self.name}".rstrip()


def of_owners(topics: Topics) -> list[Right]:
    """What a worker does to the topics. Its group is the brokers' own business: they say no when it joins."""
    writes = {topics.log, topics.state, topics.snapshot, topics.workers, topics.dead_letters}
    reads = writes | {topics.inbox, topics.behaviour, topics.knowledge}
    return [
        *(Right(Operation.READ, "topic", name) for name in sorted(reads)),
        *(Right(Operation.WRITE, "topic", name) for name in sorted(writes)),
    ]


def missing_rights(rights: Iterable[Right], security: Security) -> RightsMissingError:
    user = security.login.username if security.login else None
    principal = f"User:{user}" if user else "the client certificate's principal" if security.tls else "User:ANONYMOUS"
    return RightsMissingError(
        f"the brokers don't let {user or 'this client'} do what it has to: {', '.join(map(str, rights))} (whoever runs them "
        f"adds it with kafka-acls --add --allow-principal, for {principal})"
    )


def in_words(error: KafkaError, security: Security, operation: Operation) -> RightsMissingError | None:
    """``operation``: what was tried. None: it is about no right."""
    if isinstance(error, GroupAuthorizationFailedError):
        return missing_rights([Right(Operation.READ, "group", name) for name in _names_in(error)], security)
    if isinstance(error, TopicAuthorizationFailedError):
        return missing_rights([Right(operation, "topic", name) for name in _names_in(error)], security)
    if isinstance(error, ClusterAuthorizationFailedError):
        return missing_rights([Right(operation, "cluster")], security)
    return None


def _names_in(error: KafkaError) -> list[str]:
    (told, *_) = error.args or ("",)
    return [told] if isinstance(told, str) else sorted(map(str, told))
