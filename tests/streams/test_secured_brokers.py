"""A log on brokers that want TLS and a login: workers and gateways over it, and what is said to whom they don't let in."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from adapters import Adapter
from aiokafka.errors import GroupAuthorizationFailedError
from broker import topics_for
from grants import Grant, give
from hosting import Hosted, assert_sound
from secured import Secured, secured
from support import DataDirectory, run
from test_conformance import (
    Check,
    checker,
    test_a_follower_sees_what_is_put_later,
    test_a_step_larger_than_a_batch_is_appended_and_read_whole,
    test_many_follow_their_conversations_at_once_each_from_its_own_offset,
    test_pipelined_appends_land_in_the_order_of_the_calls_with_receipts_that_join,
    test_putting_a_fact_again_is_safe,
    test_what_was_acknowledged_is_there_when_the_log_is_opened_again,
)

from servers.kafka_security import OWNER, STRANGER
from streams.kafka.brokers import Brokers, SaslMechanism, Security
from streams.kafka.errors import BrokerRefusedError, RightsMissingError
from streams.kafka.log import opened
from streams.kafka.rights import Operation
from streams.kafka.topics import Topics, create_topics, topics_exist

CONFORMANCE = (
    test_a_follower_sees_what_is_put_later,
    test_a_step_larger_than_a_batch_is_appended_and_read_whole,
    test_many_follow_their_conversations_at_once_each_from_its_own_offset,
    test_pipelined_appends_land_in_the_order_of_the_calls_with_receipts_that_join,
    test_putting_a_fact_again_is_safe,
    test_what_was_acknowledged_is_there_when_the_log_is_opened_again,
)
WAYS: dict[str, Callable[[Secured], Brokers]] = {
    "SCRAM": Secured.by_password,
    "PLAIN": lambda brokers: brokers.by_password(SaslMechanism.PLAIN),
    "certificate": Secured.by_certificate,
}

Change = Callable[[Secured, Security], Brokers]


@pytest.fixture
def topics(tmp_path: Path) -> Topics:
    return topics_for(tmp_path, 1)


@pytest.fixture
def check(tmp_path: Path) -> Check:
    adapter = Adapter("secured", lambda directory, count: opened(secured().by_password(), topics_for(directory, count)))
    return checker(adapter, tmp_path, 1)


@pytest.mark.parametrize(("host", "way"), [("aiokafka", "SCRAM"), ("faust", "PLAIN"), ("faust", "certificate")])
def test_a_worker_decides_what_a_gateway_puts(host: str, way: str, data: DataDirectory, tmp_path: Path) -> None:
    hosted = Hosted(host, data, topics_for(tmp_path, 2), WAYS[way](secured()))
    facts = [f"fact-{number}" for number in range(8)]

    async def scenario() -> None:
        async with hosted.worker() as worker, hosted.client() as gateway:
            assert worker.owned == {0, 1}
            await hosted.put(gateway, facts)
            assert_sound(await hosted.until(gateway, facts), facts)

    run(scenario())


def login(security: Security, **other: object) -> Security:
    assert security.login
    return replace(security, login=replace(security.login, **other))


WRONG: dict[str, tuple[Change, str]] = {
    "password": (lambda b, s: Brokers(b.bootstrap, login(s, password="no")), "LEDGERLINE_LOG__SASL_PASSWORD"),
    "user": (lambda b, s: Brokers(b.bootstrap, login(s, username="nobody")), "it doesn't know nobody"),
    "mechanism": (
        lambda b, s: Brokers(b.bootstrap, login(s, mechanism=SaslMechanism.SCRAM_SHA_256)),
        "it knows no SCRAM-SHA-256",
    ),
    "authority": (
        lambda b, s: Brokers(b.bootstrap, replace(s, tls=ssl.create_default_context())),
        "LEDGERLINE_LOG__SSL_CA_LOCATION",
    ),
    "host name": (
        lambda b, s: Brokers(b.bootstrap.replace("127.0.0.1", "localhost"), s),
        "its certificate is another host's",
    ),
    "plain text to TLS": (lambda b, s: Brokers(b.bootstrap), "it speaks TLS there"),
    "a login in plain text to TLS": (lambda b, s: Brokers(b.bootstrap, replace(s, tls=None)), "it speaks TLS there"),
    "no login": (lambda b, s: Brokers(b.bootstrap, replace(s, login=None)), "SECURITY_PROTOCOL: SASL_SSL"),
    "no certificate": (lambda b, s: Brokers(b.certified, replace(s, login=None)), "SSL_CERTIFICATE_LOCATION"),
    "a login where none is taken": (
        lambda b, s: Brokers(b.certified, replace(b.by_certificate().security, login=s.login)),
        "it takes no login there (LEDGERLINE_LOG__SECURITY_PROTOCOL: SSL)",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_who_is_not_let_in_is_told_why_and_not_the_password(wrong: str, topics: Topics) -> None:
    brokers, right = secured(), secured().by_password().security
    change, words = WRONG[wrong]
    with pytest.raises(BrokerRefusedError) as told:
        run(topics_exist(change(brokers, right), topics))
    assert words in str(told.value)
    assert brokers.made.password not in str(told.value)


def test_tls_to_a_broker_in_plain_text_is_told_so(topics: Topics) -> None:
    from broker import bootstrap

    with pytest.raises(BrokerRefusedError, match="it speaks plain text there, and TLS was asked for"):
        run(topics_exist(Brokers(str(bootstrap()), secured().by_password().security), topics))


def test_a_user_without_rights_is_told_which(topics: Topics) -> None:
    async def scenario() -> None:
        stranger = secured().stranger()
        with pytest.raises(RightsMissingError, match=f"Read on topic {topics.log}.*User:{STRANGER}"):
            await topics_exist(stranger, topics)
        await create_topics(secured().by_password(), topics)
        with pytest.raises(RightsMissingError, match=f"Read on topic {topics.log}"):
            await topics_exist(stranger, topics)

    run(scenario())


def test_a_worker_that_may_not_write_the_log_or_join_the_group_ends_and_says_so(
    topics: Topics, data: DataDirectory
) -> None:
    owner, hosted = secured().by_password(), Hosted("aiokafka", data, topics, secured().stranger())
    reads = [Grant(Operation.READ, "topic", name) for name in topics.configured()]
    writes = [Grant(Operation.WRITE, "topic", name) for name in topics.configured()]

    async def refused() -> str:
        with pytest.raises((RightsMissingError, GroupAuthorizationFailedError)) as told:
            async with hosted.worker():
                raise AssertionError("it may own nothing")
        return repr(told.value)

    async def scenario() -> None:
        await create_topics(owner, topics)
        await give(owner, STRANGER, *reads)
        said = await refused()
        assert f"Write on topic {topics.log}" in said
        assert f"Write on topic {topics.inbox}" not in said  # gateways put facts
        await give(owner, STRANGER, *writes)
        assert "ledgerline-owners" in await refused()

    run(scenario())


def test_nothing_prints_the_password() -> None:
    brokers = secured().by_password()
    for printed in (repr(brokers), str(brokers), f"{brokers.security}", repr(brokers.security)):
        assert secured().made.password not in printed
    assert str(brokers.security) == f"SASL_SSL, {OWNER} by SCRAM-SHA-512"
