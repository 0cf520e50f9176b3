"""How brokers are reached, from settings: what contradicts itself or can't be read is named, and no secret is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from servers.certificates import Certificates
from streams.kafka.brokers import IN_PLAIN_TEXT, SaslMechanism, SecurityProtocol
from streams.kafka.security import SecurityError, SecuritySettings, security

SECRET = "sk-very-secret-0123456789"
LOGIN = {"sasl_mechanism": SaslMechanism.PLAIN, "sasl_username": "bank", "sasl_password": SECRET}
SASL_SSL, SSL = SecurityProtocol.SASL_SSL, SecurityProtocol.SSL


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    made = Certificates(tmp_path_factory.mktemp("certificates"))
    made.make("bank")
    key = load_pem_private_key(made.client_key.read_bytes(), None)
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(SECRET.encode()))
    (made.directory / "encrypted.key").write_bytes(encrypted)
    (made.directory / "empty").touch()
    return made


def settings(files: Certificates, protocol: SecurityProtocol, **given: Any) -> SecuritySettings:
    """A path is that of a file of the directory."""
    return SecuritySettings(
        protocol,
        **{name: files.directory / value if isinstance(value, Path) else value for name, value in given.items()},
    )


def test_without_settings_brokers_are_reached_in_plain_text() -> None:
    assert security(SecuritySettings()) == IN_PLAIN_TEXT


@pytest.mark.parametrize("protocol", SecurityProtocol)
def test_each_protocol_is_what_its_parts_make(protocol: SecurityProtocol, files: Certificates) -> None:
    given = (LOGIN if protocol.has_login else {}) | ({"ssl_ca_location": Path("ca.pem")} if protocol.has_tls else {})
    made = security(settings(files, protocol, **given))
    assert made.protocol is protocol
    assert (made.tls is not None) is protocol.has_tls


def test_a_key_that_is_encrypted_is_opened(files: Certificates) -> None:
    own = {"ssl_certificate_location": Path("client.pem"), "ssl_key_location": Path("encrypted.key")}
    assert security(settings(files, SSL, **own, ssl_key_password=SECRET)).tls


def test_a_certificate_may_hold_its_key(files: Certificates) -> None:
    assert security(settings(files, SSL, ssl_certificate_location=Path("server.pem"))).tls


CERTIFICATE, KEY = {"ssl_certificate_location": Path("client.pem")}, {"ssl_key_location": Path("client.key")}
WRONG: list[tuple[SecurityProtocol, dict[str, Any], str, str]] = [
    (SecurityProtocol.PLAINTEXT, LOGIN, "security_protocol", "sasl_mechanism is set: SASL_PLAINTEXT or SASL_SSL"),
    (SecurityProtocol.PLAINTEXT, KEY, "security_protocol", "ssl_key_location is set: SSL or SASL_SSL"),
    (SSL, LOGIN, "security_protocol", "has no login"),
    (SecurityProtocol.SASL_PLAINTEXT, LOGIN | KEY, "security_protocol", "has no TLS"),
    (SASL_SSL, {**LOGIN, "sasl_mechanism": None}, "sasl_mechanism", "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"),
    (SASL_SSL, {**LOGIN, "sasl_username": None}, "sasl_username", "is missing"),
    (SASL_SSL, {**LOGIN, "sasl_password": None}, "sasl_password", "is missing"),
    (SSL, {"ssl_ca_location": Path("nowhere")}, "ssl_ca_location", "No such file"),
    (SSL, {"ssl_ca_location": Path("empty")}, "ssl_ca_location", "holds no certificates"),
    (SSL, KEY, "ssl_certificate_location", "is missing: ssl_key_location is set"),
    (SSL, CERTIFICATE, "ssl_key_location", "holds no key"),
    (SSL, CERTIFICATE | {"ssl_key_location": Path("nowhere")}, "ssl_key_location", "No such file"),
    (SSL, CERTIFICATE | {"ssl_key_location": Path("empty")}, "ssl_key_location", "holds no key"),
    (SSL, CERTIFICATE | {"ssl_key_location": Path("server.pem")}, "ssl_key_location", "another certificate's key"),
    (SSL, CERTIFICATE | {"ssl_key_location": Path("encrypted.key")}, "ssl_key_password", "is missing"),
    (
        SSL,
        CERTIFICATE | {"ssl_key_location": Path("encrypted.key"), "ssl_key_password": "another"},
        "ssl_key_password",
        "doesn't open",
    ),
    (SSL, KEY | {"ssl_certificate_location": Path("empty")}, "ssl_certificate_location", "holds no certificate"),
]


@pytest.mark.parametrize(("protocol", "given", "setting", "words"), WRONG)
def test_what_is_wrong_is_told_by_its_name(
    protocol: SecurityProtocol, given: dict[str, Any], setting: str, words: str, files: Certificates
) -> None:
    with pytest.raises(SecurityError) as told:
        security(settings(files, protocol, **given))
    assert told.value.setting == setting
    assert words in str(told.value)
    assert SECRET not in str(told.value)


def test_no_secret_is_printed() -> None:
    given = SecuritySettings(SecurityProtocol.SASL_PLAINTEXT, **LOGIN, ssl_key_password=None)
    assert SECRET not in repr(given)
    assert SECRET not in repr(security(given))
    assert security(given).password_is_told_to_anybody
