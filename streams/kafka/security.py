"""From settings, named as librdkafka's with underscores, to how brokers are reached; with what is wrong, by name.

Certificates are always checked, and that they are the host's: there is no setting that turns it off.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from streams.kafka.brokers import Login, SaslMechanism, Security, SecurityProtocol


class SecurityError(ValueError):
    """``setting``: its name. The message says what is wrong with it, and holds no value that is a secret."""

    def __init__(self, setting: str, message: str) -> None:
        super().__init__(message)
        self.setting = setting


@dataclass(frozen=True)
class SecuritySettings:
    """``ssl_ca_location``: whose certificates to trust; None: those that the system does. ``ssl_certificate_location`` and
    ``ssl_key_location``: the client's own, as PEM files; the key may stand in the certificate's."""

    security_protocol: SecurityProtocol = SecurityProtocol.PLAINTEXT
    sasl_mechanism: SaslMechanism | None = None
    sasl_username: str | None = None
    sasl_password: str | None = field(default=None, repr=False)
    ssl_ca_location: Path | None = None
    ssl_certificate_location: Path | None = None
    ssl_key_location: Path | None = None
    ssl_key_password: str | None = field(default=None, repr=False)


def security(settings: SecuritySettings) -> Security:
    """Reads the files that are named. Raises ``SecurityError``."""
    protocol = settings.security_protocol
    given = [name for name, value in vars(settings).items() if value is not None]
    for prefix, wanted, others in (("ssl_", protocol.has_tls, "TLS"), ("sasl_", protocol.has_login, "login")):
        idle = next((name for name in given if name.startswith(prefix)), None)
        if idle and not wanted:
            raise SecurityError(
                "security_protocol", f"it is {protocol}, which has no {others}, and {idle} is set: {_with(prefix)}"
            )
    tls = (
        trusting(
            settings.ssl_ca_location,
            settings.ssl_certificate_location,
            settings.ssl_key_location,
            settings.ssl_key_password,
        )
        if protocol.has_tls
        else None
    )
    return Security(tls, _login(settings) if protocol.has_login else None)


@cache
def trusting(
    ca: Path | None, certificate: Path | None = None, key: Path | None = None, key_password: str | None = None
) -> ssl.SSLContext:
    """One for all clients of a process. Raises ``SecurityError``."""
    if ca:
        _readable("ssl_ca_location", ca)
    try:
        context = ssl.create_default_context(cafile=ca)
    except ssl.SSLError:
        raise SecurityError("ssl_ca_location", f"{ca} holds no certificates: a PEM file is wanted") from None
    if certificate is None:
        for name, value in (("ssl_key_location", key), ("ssl_key_password", key_password)):
            if value is not None:
                raise SecurityError("ssl_certificate_location", f"is missing: {name} is set, and belongs to one")
        return context
    _readable("ssl_certificate_location", certificate)
    if key:
        _readable("ssl_key_location", key)
    try:
        # Asked for where the key is encrypted; without, OpenSSL would ask at the terminal.
        context.load_cert_chain(certificate, key, password=lambda: key_password or "")
    except ssl.SSLError as error:
        raise _unusable(error, certificate, key, key_password) from None
    except ValueError:  # OpenSSL takes no password that is longer
        raise SecurityError("ssl_key_password", "no key has so long a password") from None
    return context


def _readable(setting: str, path: Path) -> None:
    try:
        path.open("rb").close()
    except OSError as error:
        raise SecurityError(setting, f"{path}: {error.strerror}") from None


def _unusable(error: ssl.SSLError, certificate: Path, key: Path | None, key_password: str | None) -> SecurityError:
    if error.reason == "KEY_VALUES_MISMATCH":
        return SecurityError(
            "ssl_key_location", f"{key or certificate}: another certificate's key than {certificate}'s"
        )
    if "-----BEGIN CERTIFICATE-----" not in certificate.read_text(errors="replace"):
        return SecurityError("ssl_certificate_location", f"{certificate} holds no certificate: a PEM file is wanted")
    text = (key or certificate).read_text(errors="replace")
    if "PRIVATE KEY-----" not in text:
        if key is None:
            return SecurityError("ssl_key_location", f"is missing: {certificate} holds no key")
        return SecurityError("ssl_key_location", f"{key} holds no key: a PEM file is wanted")
    if "ENCRYPTED" in text:
        wrong = (
            f"doesn't open {key or certificate}" if key_password else f"is missing: {key or certificate} is encrypted"
        )
        return SecurityError("ssl_key_password", wrong)
    return SecurityError("ssl_certificate_location", f"{certificate} can't be used: {error.reason or error}")


def _login(settings: SecuritySettings) -> Login:
    mechanism, username, password = settings.sasl_mechanism, settings.sasl_username, settings.sasl_password
    wanted = f"is missing: {settings.security_protocol} wants it"
    if mechanism is None:
        raise SecurityError("sasl_mechanism", f"{wanted}: {', '.join(SaslMechanism)}")
    if username is None:
        raise SecurityError("sasl_username", wanted)
    if password is None:
        raise SecurityError("sasl_password", wanted)
    return Login(mechanism, username, password)


def _with(prefix: str) -> str:
    return " or ".join(p for p in SecurityProtocol if (p.has_tls if prefix == "ssl_" else p.has_login))
