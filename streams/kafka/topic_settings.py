"""Whether the topics of a log keep what is written into them. Somebody may have made them by hand, or changed them since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from aiokafka.admin import AIOKafkaAdminClient  # type: ignore[import-untyped]
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType  # type: ignore[import-untyped]

from streams.kafka.admin import administering
from streams.kafka.brokers import Brokers
from streams.kafka.errors import TopicMismatchError
from streams.kafka.topics import FOREVER, Topics

_POLICY = "cleanup.policy"


async def refuse_forgetful(brokers: Brokers, topics: Topics) -> None:
    """For who is about to write. What the brokers don't tell this client is taken to be right.

    Raises ``BrokerUnreachableError``, and ``TopicMismatchError``, which names every setting and what to type.
    """
    async with administering(brokers) as admin:
        found = await _found(admin, topics)
    if wrong := [line for name, settings in sorted(found.items()) for line in _wrong(name, settings, topics)]:
        raise TopicMismatchError("these topics would lose what is written into them:\n  " + "\n  ".join(wrong))


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
    """A compacted history keeps one record a call; a state that is deleted is a call that nobody finds again."""
    for setting, wanted in topics.configured()[topic][1].items():
        must = setting == _POLICY or wanted == FOREVER
        if must and found.get(setting, wanted) != wanted:
            yield (
                f"{topic}: {setting} is {found[setting]}, must be {wanted} (kafka-configs --alter --entity-type topics "
                f"--entity-name {topic} --add-config {setting}={wanted})"
            )
