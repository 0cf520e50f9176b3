"""The address of a log: ``sqlite``, or ``kafka://HOST:PORT[,HOST:PORT…][/PREFIX][?partitions=8&replication=3]``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from streams.kafka.brokers import IN_PLAIN_TEXT, Brokers, Security

if TYPE_CHECKING:
    from streams.kafka.topics import Topics

PARTITIONS = 8
_SCHEME = "kafka"
_PREFIX = re.compile(r"[A-Za-z0-9-]{1,40}")  # of topic names; dots separate, and underscores collide with them
_USUAL = "127.0.0.1:9092"
_MOST_PARTITIONS = 1_000


class LogUrlError(ValueError):
    """It can't be read. The message says what is expected."""


class KafkaUrl(NamedTuple):
    """``prefix``: of topic names, with its dot; another one is another log on the same brokers. ``security``: no part of the
    address; settings have it."""

    bootstrap: str
    prefix: str = ""
    partitions: int = PARTITIONS
    replication: int = 1
    security: Security = IN_PLAIN_TEXT

    @property
    def brokers(self) -> Brokers:
        return Brokers(self.bootstrap, self.security)

    @property
    def topics(self) -> Topics:
        from streams.kafka.topics import Topics  # with the client library, which the embedded log has no need of

        return Topics(self.partitions, self.prefix)


def parse(url: str) -> KafkaUrl | None:
    """None: the embedded log on SQLite. ``kafka`` alone is a broker at its usual port here. Raises ``LogUrlError``."""
    if url in ("", "sqlite"):
        return None
    if url == _SCHEME:
        return KafkaUrl(_USUAL)
    if "@" in url:  # told in none of its parts
        raise LogUrlError(
            "the address of a log holds neither user nor password: kafka://HOST:PORT[,HOST:PORT][/PREFIX]"
        )
    try:
        parts = urlsplit(url)
    except ValueError:  # half an IPv6 address
        parts = None
    if parts is None or parts.scheme != _SCHEME or not parts.netloc:
        raise LogUrlError(f"{url!r} is no address of a log: sqlite, or kafka://HOST:PORT[,HOST:PORT][/PREFIX]")
    prefix = parts.path.strip("/")
    if prefix and not _PREFIX.fullmatch(prefix):
        raise LogUrlError(f"{prefix!r} can't begin a topic's name: letters, digits and dashes, 40 at most")
    numbers = _numbers(parts.query)
    partitions, replication = numbers.get("partitions", PARTITIONS), numbers.get("replication", 1)
    return KafkaUrl(_addresses(parts.netloc), f"{prefix}." if prefix else "", partitions, replication)


def _addresses(netloc: str) -> str:
    addresses = []
    for address in netloc.split(","):
        host, _, port = address.rpartition(":") if re.search(r":\d+$", address) else (address, "", "9092")
        if not host or not 0 < int(port) < 65_536:
            raise LogUrlError(f"{address!r} is no HOST:PORT")
        addresses.append(f"{host}:{port}")
    return ",".join(addresses)


def _numbers(query: str) -> dict[str, int]:
    most = {"partitions": _MOST_PARTITIONS, "replication": 9}
    numbers: dict[str, int] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in most:
            raise LogUrlError(f"{name}: no such part of a log's address; there are {', '.join(most)}")
        if not value.isdecimal() or not 0 < int(value) <= most[name]:
            raise LogUrlError(f"{name}={value}: a number from 1 to {most[name]}")
        numbers[name] = int(value)
    return numbers
