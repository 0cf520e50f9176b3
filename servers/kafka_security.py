"""Brokers that want TLS and know who calls: certificates, users and rights, over a directory of their own.

Clients log in over TLS (SASL_SSL; PLAIN and SCRAM-SHA-512), or show a certificate on a port of its own (SSL). Whoever
isn't ``OWNER`` may do nothing that they weren't given. Brokers and controllers call each other in plain text: on loopback.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from servers.certificates import Certificates

OWNER = "ledgerline"  # may do everything; so may who shows the client's certificate
STRANGER = "stranger"  # may do nothing
MECHANISM = "SCRAM-SHA-512"
_SASL = "org.apache.kafka.common.security"

_CLUSTER = """\
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:{owner};User:CN={owner}
listener.name.clients.sasl.enabled.mechanisms=PLAIN,{mechanism}
listener.name.clients.plain.sasl.jaas.config={sasl}.plain.PlainLoginModule required {plain_users};
listener.name.clients.scram-sha-512.sasl.jaas.config={sasl}.scram.ScramLoginModule required;
"""
_LISTENER = """\
listener.name.{name}.ssl.client.auth={client_certificate}
listener.name.{name}.ssl.keystore.type=PEM
listener.name.{name}.ssl.keystore.location={keystore}
listener.name.{name}.ssl.truststore.type=PEM
listener.name.{name}.ssl.truststore.location={truststore}
"""


class KafkaSecurity(NamedTuple):
    directory: Path

    @property
    def certificates(self) -> Certificates:
        return Certificates(self.directory)

    def make(self) -> None:
        """Where there is none yet: data that was formatted knows the password already."""
        password = self.directory / "password"
        if password.exists():
            return
        self.certificates.make(OWNER)
        with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(secrets.token_hex(16))

    @property
    def password(self) -> str:
        """Of both users."""
        return (self.directory / "password").read_text()

    def properties(self) -> str:
        users = " ".join(f'user_{name}="{self.password}"' for name in (OWNER, STRANGER))
        files = self.certificates
        cluster = _CLUSTER.format(owner=OWNER, mechanism=MECHANISM, sasl=_SASL, plain_users=users)
        return cluster + "".join(
            _LISTENER.format(name=name, client_certificate=wanted, keystore=files.server, truststore=files.authority)
            for name, wanted in (("clients", "none"), ("certified", "required"))
        )

    def format_arguments(self) -> Iterator[str]:
        """For the tool that formats a data directory: it writes SCRAM's users into it."""
        for name in (OWNER, STRANGER):
            yield from ("--add-scram", f"{MECHANISM}=[name={name},password={self.password}]")

    def settings(self) -> dict[str, str]:
        """Of a client that logs in, as ledgerline names them."""
        return {
            "SECURITY_PROTOCOL": "SASL_SSL",
            "SASL_MECHANISM": MECHANISM,
            "SASL_USERNAME": OWNER,
            "SASL_PASSWORD": self.password,
            "SSL_CA_LOCATION": str(self.certificates.authority),
        }
