"""What the brokers refuse, in words: which right, of what, for whom."""

from __future__ import annotations

import pytest
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaConnectionError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from streams.kafka.brokers import IN_PLAIN_TEXT, Login, SaslMechanism, Security
from streams.kafka.rights import Operation, in_words

BANK = Security(login=Login(SaslMechanism.PLAIN, "bank", "a-secret"))


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (GroupAuthorizationFailedError("workers"), "Read on group workers"),
        (TopicAuthorizationFailedError("log"), "Create on topic log"),
        (TopicAuthorizationFailedError({"log", "inbox"}), "Create on topic inbox, Create on topic log"),
        (ClusterAuthorizationFailedError(), "Create on cluster"),
    ],
)
def test_a_refusal_names_the_right_and_whom_to_give_it(refusal: KafkaError, words: str) -> None:
    told = str(in_words(refusal, BANK, Operation.CREATE))
    assert f"the brokers don't let bank do what it has to: {words} (" in told
    assert "for User:bank" in told
    assert "a-secret" not in told


def test_whoever_has_no_name_is_anonymous_to_the_brokers() -> None:
    assert "for User:ANONYMOUS" in str(in_words(TopicAuthorizationFailedError("log"), IN_PLAIN_TEXT, Operation.READ))


def test_other_failures_are_about_no_right() -> None:
    assert in_words(KafkaConnectionError("gone"), BANK, Operation.READ) is None
