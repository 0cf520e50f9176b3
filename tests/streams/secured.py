"""A broker that wants TLS and a login, one for all workers of a test run: always a process (``servers.kafka --secured``)."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple

from broker import started_once

from servers.kafka_security import OWNER, STRANGER, KafkaSecurity
from streams.kafka.brokers import Brokers, SaslMechanism, SecurityProtocol
from streams.kafka.security import SecuritySettings, security

_AT = "LEDGERLINE_LOG__URL='kafka://"


class Secured(NamedTuple):
    """``bootstrap`` wants a login over TLS, ``certified`` a client's certificate."""

    bootstrap: str
    certified: str
    made: KafkaSecurity

    def by_password(self, mechanism: SaslMechanism = SaslMechanism.SCRAM_SHA_512, user: str = OWNER) -> Brokers:
        return Brokers(self.bootstrap, security(self._login(mechanism, user)))

    def by_certificate(self) -> Brokers:
        files = self.made.certificates
        return Brokers(
            self.certified,
            security(
                SecuritySettings(
                    SecurityProtocol.SSL,
                    ssl_ca_location=files.authority,
                    ssl_certificate_location=files.client,
                    ssl_key_location=files.client_key,
                )
            ),
        )

    def stranger(self) -> Brokers:
        return self.by_password(user=STRANGER)

    def environment(self, **other: str | None) -> dict[str, str]:
        """Variables of the command line. ``other``: settings that are different; None: not set."""
        settings: dict[str, str | None] = {"URL": f"kafka://{self.bootstrap}", **self.made.settings(), **other}
        return {f"LEDGERLINE_LOG__{name}": value for name, value in settings.items() if value is not None}

    def _login(self, mechanism: SaslMechanism, user: str) -> SecuritySettings:
        return SecuritySettings(
            SecurityProtocol.SASL_SSL,
            sasl_mechanism=mechanism,
            sasl_username=user,
            sasl_password=self.made.password,
            ssl_ca_location=self.made.certificates.authority,
        )


@cache
def secured() -> Secured:
    directory, said = started_once("kafka-secured", _starter, _AT)
    bootstrap = said.partition(_AT)[2].partition("'")[0]
    return Secured(bootstrap, said.split()[-1], KafkaSecurity(directory / "security"))


def _starter(directory: Path, run_pid: int) -> list[str]:
    options = ("--secured", "--port", "0", "--data", str(directory), "--throw-away", "--while-pid", str(run_pid))
    return [sys.executable, "-m", "servers.kafka", *options]
