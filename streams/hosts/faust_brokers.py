"""What a Faust app is told of the brokers, by its names."""

from __future__ import annotations

from typing import Any

from faust import SASLCredentials, SSLCredentials

from streams.kafka.brokers import Brokers


def broker_settings(brokers: Brokers) -> dict[str, Any]:
    told: dict[str, Any] = {"broker": [f"kafka://{address}" for address in brokers.addresses.split(",")]}
    security = brokers.security
    if login := security.login:
        told["broker_credentials"] = SASLCredentials(
            username=login.username,
            password=login.password,
            mechanism=login.mechanism.value,
            ssl_context=security.tls,
        )
    elif security.tls:
        told["broker_credentials"] = SSLCredentials(security.tls)
    return told
