"""Gives a user rights on a broker that has an authorizer: aiokafka has the request's parts, and no way to send it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from aiokafka.protocol.admin import CreateAclsRequest_v1
from aiokafka.protocol.api import Request

from streams.kafka.admin import administering, asked
from streams.kafka.brokers import Brokers
from streams.kafka.rights import Operation

_TOPIC, _GROUP, _LITERAL, _ALLOW = 2, 3, 3, 3
_KINDS = {"topic": _TOPIC, "group": _GROUP}


class Grant(NamedTuple):
    operation: Operation
    kind: str
    name: str


class _CreateAcls(Request[CreateAclsRequest_v1]):
    API_KEY = 30

    def __init__(self, user: str, given: Iterable[Grant]) -> None:
        self._creations = [
            (_KINDS[grant.kind], grant.name, _LITERAL, f"User:{user}", "*", int(grant.operation), _ALLOW)
            for grant in given
        ]

    def build(self, request_struct_class: type[CreateAclsRequest_v1]) -> CreateAclsRequest_v1:
        return request_struct_class(self._creations)


async def give(brokers: Brokers, user: str, *given: Grant) -> None:
    """``brokers``: reached as somebody who may."""
    async with administering(brokers) as admin:
        answer = await asked(admin, _CreateAcls(user, given))
    assert [code for code, _ in answer.creation_responses] == [0] * len(given)
