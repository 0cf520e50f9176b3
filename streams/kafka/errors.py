"""What can be wrong with a log on Kafka, for whoever has no client library loaded."""

from __future__ import annotations


class TopicMismatchError(Exception):
    """A topic exists with another number of partitions: keys would move. The message names topic and counts."""


class BrokerUnreachableError(Exception):
    """No broker answers at this address."""
