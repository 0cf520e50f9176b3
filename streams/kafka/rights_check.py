"""Asks the brokers what our user may do, before it has to: an owner that may not write would begin a reign after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from aiokafka.errors import IncompatibleBrokerVersion  # type: ignore[import-untyped]
from aiokafka.protocol.api import Request, RequestStruct, Response  # type: ignore[import-untyped]
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String  # type: ignore[import-untyped]

from streams.kafka.admin import administering, asked
from streams.kafka.brokers import IN_PLAIN_TEXT, Brokers
from streams.kafka.leaderships import BROKERS, PARTITIONS
from streams.kafka.rights import Right, missing_rights

_NOT_TOLD = -(2**31)  # by brokers that don't say


async def check_rights(brokers: Brokers, rights: Iterable[Right]) -> None:
    """Of topics that exist. Raises ``RightsMissingError`` with all that are missing, ``BrokerUnreachableError``.

    Asks nothing of brokers in plain text, whose users have no names.
    """
    if brokers.security == IN_PLAIN_TEXT and brokers.security.tls is None:
        return
    rights = list(rights)
    async with administering(brokers) as admin:
        try:
            told = await asked(admin, _Operations([right.name for right in rights]))
        except (IncompatibleBrokerVersion, NotImplementedError):  # what is refused is told when it is
            return
    allowed = {topic["topic"]: topic["authorized_operations"] for topic in told.to_object()["topics"]}
    if missing := list(_missing(rights, allowed)):
        raise missing_rights(missing, brokers.security)


def _missing(rights: Iterable[Right], allowed: Mapping[str, int]) -> Iterator[Right]:
    for right in rights:
        operations = allowed.get(right.name, _NOT_TOLD)
        if operations != _NOT_TOLD and not operations >> right.operation & 1:
            yield right


# --- a request that aiokafka doesn't have: metadata, version 8 (KIP-430) ------------------------------------------------

_API_KEY, _VERSION = 3, 8


class _OperationsAnswer(Response):  # type: ignore[misc]
    API_KEY = _API_KEY
    API_VERSION = _VERSION
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        BROKERS,
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String("utf-8")),
                ("is_internal", Boolean),
                PARTITIONS,
                ("authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class _OperationsRequest(RequestStruct):  # type: ignore[misc]
    API_KEY = _API_KEY
    API_VERSION = _VERSION
    RESPONSE_TYPE = _OperationsAnswer
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _Operations(Request[_OperationsRequest]):  # type: ignore[misc]
    API_KEY = _API_KEY

    def __init__(self, topics: list[str]) -> None:
        self._topics = sorted(set(topics))

    def build(self, request_struct_class: type[_OperationsRequest]) -> _OperationsRequest:
        return request_struct_class(self._topics, False, False, True)
