"""What can be wrong with a log on Kafka, for whoever has no client library loaded."""

from __future__ import annotations


class TopicMismatchError(Exception):
    """A topic exists with another number of partitions (keys would move), or with settings that refuse or lose what is
    written into it. The message names the topic and what is wrong."""


class BrokerUnreachableError(Exception):
    """No broker answers at this address."""


class BrokerRefusedError(BrokerUnreachableError):
    """A broker answers, and not to us: TLS or the login are others. The message says what, and which setting it is."""


class RightsMissingError(Exception):
    """The user may not do something to a topic or a group. The message names both, and how the right is given."""
