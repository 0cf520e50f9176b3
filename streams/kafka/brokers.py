"""Where the brokers are and how they are reached: what every client of them is made with. Nobody else knows it.

Loaded without the client library: settings hold it too.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class SecurityProtocol(StrEnum):
    """As librdkafka's ``security.protocol`` and Java's."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"

    @property
    def has_tls(self) -> bool:
        return self in (SecurityProtocol.SSL, SecurityProtocol.SASL_SSL)

    @property
    def has_login(self) -> bool:
        return self in (SecurityProtocol.SASL_PLAINTEXT, SecurityProtocol.SASL_SSL)


class SaslMechanism(StrEnum):
    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


@dataclass(frozen=True)
class Login:
    mechanism: SaslMechanism
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class Security:
    """``tls``: whom to trust, and the client's own certificate where it has one; None: in plain text."""

    tls: ssl.SSLContext | None = field(default=None, repr=False, compare=False)
    login: Login | None = None

    @property
    def protocol(self) -> SecurityProtocol:
        if self.login:
            return SecurityProtocol.SASL_SSL if self.tls else SecurityProtocol.SASL_PLAINTEXT
        return SecurityProtocol.SSL if self.tls else SecurityProtocol.PLAINTEXT

    @property
    def password_is_told_to_anybody(self) -> bool:
        """Whoever listens on the way reads it. Of the other mechanisms they get what a password can be guessed by."""
        return self.tls is None and self.login is not None and self.login.mechanism is SaslMechanism.PLAIN

    def __str__(self) -> str:
        """For people: never the password."""
        if not self.login:
            return self.protocol
        return f"{self.protocol}, {self.login.username} by {self.login.mechanism}"


IN_PLAIN_TEXT = Security()


@dataclass(frozen=True)
class Brokers:
    """``addresses``: ``host:port[,host:port…]``, of some of them."""

    addresses: str
    security: Security = IN_PLAIN_TEXT

    def __str__(self) -> str:
        return self.addresses

    def client(self) -> dict[str, Any]:
        """What each of aiokafka's clients is told of them, by its names."""
        told: dict[str, Any] = {
            "bootstrap_servers": self.addresses,
            "security_protocol": self.security.protocol.value,
            "ssl_context": self.security.tls,
        }
        if login := self.security.login:
            told |= {
                "sasl_mechanism": login.mechanism.value,
                "sasl_plain_username": login.username,
                "sasl_plain_password": login.password,
            }
        return told
