"""All versions of the behaviour stream on Kafka."""

from __future__ import annotations

from streams.behaviour_versions import Version
from streams.kafka.behaviours import KafkaBehaviours
from streams.kafka.topics import BrokerUnreachableError


class KafkaVersions(KafkaBehaviours):
    def versions(self) -> list[Version]:
        """Raises ``BrokerUnreachableError``."""
        try:
            self._run(self._catch_up())
        except TimeoutError:
            raise BrokerUnreachableError("the behaviours can't be read: no broker answered") from None
        return [Version(seq, *version) for seq, version in enumerate(self._versions, 1)]
