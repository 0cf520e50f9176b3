"""Whether the topics of a log take and keep what is written into them. Somebody may have made them by hand, or changed them since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aiokafka.admin import AIOKafkaAdminClient  # type: ignore[import-untyped]
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType  # type: ignore[import-untyped]

from streams.kafka.admin import administering
from streams.kafka.brokers import Brokers
from streams.kafka.connection import MAX_RECORD_BYTES
from streams.kafka.errors import TopicMismatchError
from streams.kafka.topics import FOREVER, Topics

_POLICY, _SIZE = "cleanup.policy", "max.message.bytes"


async def refuse_unfit(brokers: Brokers, topics: Topics) -> None:
    """For who is about to write. What the brokers don't tell this client is taken to be right.

    Raises ``BrokerUnreachableError``, and ``TopicMismatchError``, which names every setting and what to type.
    """
    async with administering(brokers) as admin:
        found = await _found(admin, topics)
    if wrong := [line for name, settings in sorted(found.items()) for line in _wrong(name, settings, topics)]:
        raise TopicMismatchError(
            "these topics would refuse or lose what is written into them:\n  " + "\n  ".join(wrong)
        )


async def _found(admin: AIOKafkaAdminClient, topics: Topics) -> dict[str, dict[str, str]]:
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in topics.configured()]
    answers = await admin.describe_configs(asked)
    return {
        name: {setting: value for setting, value, *_ in settings}
        for answer in answers
        for error, _, _, name, settings in answer.resources
        if not error
    }


def _wrong(topic: str, found: Mapping[str, str], topics: Topics) -> Iterator[str]:
    """A compacted history keeps one record a call; a state that is deleted is a call that nobody finds again; a step that a
    topic is too small for would be decided, and refused, for ever."""
    for setting, wanted in topics.configured()[topic][1].items():
        must = setting == _POLICY or wanted == FOREVER
        if must and found.get(setting, wanted) != wanted:
            yield _said(topic, setting, found[setting], f"must be {wanted}", wanted)
    if (size := int(found.get(_SIZE, MAX_RECORD_BYTES))) < MAX_RECORD_BYTES:
        yield _said(topic, _SIZE, str(size), f"must be {MAX_RECORD_BYTES} or more", str(MAX_RECORD_BYTES))


def _said(topic: str, setting: str, found: str, rule: str, wanted: str) -> str:
    return (
        f"{topic}: {setting} is {found}, {rule} (kafka-configs --alter --entity-type topics --entity-name {topic} "
        f"--add-config {setting}={wanted})"
    )
