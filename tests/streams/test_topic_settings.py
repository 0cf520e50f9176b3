"""A log isn't written into topics that would refuse or lose it: they may have been made by hand, or changed since."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from broker import bootstrap, topics_for
from support import run

from streams.kafka.errors import TopicMismatchError
from streams.kafka.topic_settings import refuse_unfit
from streams.kafka.topics import Topics, create_topics


async def made(topics: Topics, by_hand: dict[str, dict[str, str]]) -> None:
    """``by_hand``: topic → its settings; the others are made by us."""
    admin = AIOKafkaAdminClient(bootstrap_servers=str(bootstrap()))
    await admin.start()
    try:
        wanted = topics.configured()
        await admin.create_topics([NewTopic(name, wanted[name][0], 1, topic_configs=by_hand[name]) for name in by_hand])
    finally:
        await admin.close()
    await create_topics(bootstrap(), topics)
    await refuse_unfit(bootstrap(), topics)


def test_our_own_topics_are_right(tmp_path: Path) -> None:
    run(made(topics_for(tmp_path, 2), {}))


def test_every_setting_that_loses_something_is_named_with_what_to_type(tmp_path: Path) -> None:
    """A week is what brokers give to a topic of which nothing is said."""
    topics = topics_for(tmp_path, 2)
    by_hand = {topics.log: {"retention.ms": "604800000"}, topics.inbox: {"cleanup.policy": "compact"}, topics.state: {}}
    with pytest.raises(TopicMismatchError) as refused:
        run(made(topics, by_hand))
    inbox, state, log = sorted(str(refused.value).splitlines()[1:], key=lambda line: line.split(": ")[1])
    assert f"{topics.inbox}: cleanup.policy is compact, must be delete" in inbox
    assert f"{topics.state}: cleanup.policy is delete, must be compact" in state
    assert f"{topics.log}: retention.ms is 604800000, must be -1" in log
    assert f"--entity-name {topics.log} --add-config retention.ms=-1" in log


def test_a_topic_that_is_too_small_for_a_step_is_named(tmp_path: Path) -> None:
    """It would be decided and refused for ever, and nothing behind it taken."""
    topics = topics_for(tmp_path, 2)
    with pytest.raises(TopicMismatchError, match=r"max\.message\.bytes is 10000, must be 1000000 or more"):
        run(made(topics, {topics.log: {"max.message.bytes": "10000", "retention.ms": "-1"}}))


def test_the_inbox_may_be_kept_for_as_long_as_anybody_likes(tmp_path: Path) -> None:
    topics = topics_for(tmp_path, 2)
    run(made(topics, {topics.inbox: {"retention.ms": "86400000"}}))
