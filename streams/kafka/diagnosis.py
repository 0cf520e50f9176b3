"""Why no broker lets us in. aiokafka says that it could not, and keeps the reason to itself; so an address is asked again,
step by step: is it there, does it speak TLS as we do, does it speak Kafka, does it take our login.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
from contextlib import suppress
from typing import NamedTuple

from aiokafka.conn import create_conn  # type: ignore[import-untyped]
from aiokafka.errors import (  # type: ignore[import-untyped]
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest  # type: ignore[import-untyped]

from streams.kafka.brokers import Brokers, Security
from streams.kafka.errors import BrokerRefusedError

STEP_TIMEOUT_S = 3.0
_SETTING = "LEDGERLINE_LOG__"
# ApiVersions, version 0, from nobody in particular: what a broker answers to anyone (kafka.apache.org/protocol).
_WHO_ARE_YOU = struct.pack(">ihhih", 10, 18, 0, 1, -1)
_OTHER_HOST = ("its certificate is another host's", "call it by the name that its certificate has")
_OF_ITS_CERTIFICATE = {  # OpenSSL's X509_V_ERR_…
    10: ("its certificate has expired", "whoever runs it has to renew it"),
    62: _OTHER_HOST,
    64: _OTHER_HOST,
}
_UNTRUSTED = (
    "its certificate is of an authority that isn't trusted here",
    f"{_SETTING}SSL_CA_LOCATION names a file with the certificates of authorities that are",
)
_ABOUT_OURS = ("CERTIFICATE_REQUIRED", "BAD_CERTIFICATE", "UNKNOWN_CA", "CERTIFICATE_UNKNOWN", "HANDSHAKE_FAILURE")


class Host(NamedTuple):
    name: str
    port: int

    def __str__(self) -> str:
        return f"{self.name}:{self.port}"


async def refusal(brokers: Brokers) -> BrokerRefusedError | None:
    """What the first of them that can be reached has against us; None: nothing that was found."""
    for address in brokers.addresses.split(","):
        name, _, port = address.rpartition(":")
        host = Host(name.strip("[]"), int(port))
        if await _is_there(host):
            found = await _refusal(host, brokers.security)
            return (
                BrokerRefusedError(f"the Kafka broker at {host} lets nobody in like this: {found}") if found else None
            )
    return None


async def _refusal(host: Host, security: Security) -> str | None:
    try:
        answers = await _answers(host, security.tls)
    except ssl.SSLCertVerificationError as error:
        return _about_its_certificate(error)
    except ssl.SSLError as error:
        if any(word in (error.reason or "") for word in _ABOUT_OURS):
            return _about_our_certificate()
        answers = False
    if not answers:
        return await _other_language(host, security)
    return await _about_the_login(host, security)


async def _is_there(host: Host) -> bool:
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(STEP_TIMEOUT_S):
            _, writer = await asyncio.open_connection(*host)
            writer.close()
            return True
    return False


async def _answers(host: Host, tls: ssl.SSLContext | None) -> bool:
    """Whether it answers as a broker does. Raises ``ssl.SSLError``."""
    writer = None
    try:
        async with asyncio.timeout(STEP_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(*host, ssl=tls)
            writer.write(_WHO_ARE_YOU)
            _, correlation_id = struct.unpack(">ii", await reader.readexactly(8))
            return bool(correlation_id == 1)
    except ssl.SSLError:
        raise
    except (OSError, EOFError, TimeoutError):
        return False
    finally:
        if writer:
            writer.close()


async def _other_language(host: Host, security: Security) -> str | None:
    """None: it speaks neither."""
    if security.tls:
        if await _answers(host, None):
            return f"it speaks plain text there, and TLS was asked for ({_SETTING}SECURITY_PROTOCOL, or another port)"
        return None
    anybody = ssl.create_default_context()  # told nothing: only whether it speaks TLS
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    try:
        speaks_tls = await _answers(host, anybody)
    except ssl.SSLError as error:
        speaks_tls = any(word in (error.reason or "") for word in _ABOUT_OURS)
    if speaks_tls:
        return f"it speaks TLS there, and was asked in plain text ({_SETTING}SECURITY_PROTOCOL: SSL or SASL_SSL)"
    return None


async def _about_the_login(host: Host, security: Security) -> str | None:
    """None: nothing."""
    told = Brokers(str(host), security).client()
    del told["bootstrap_servers"]
    connection = None
    try:
        connection = await create_conn(*host, request_timeout_ms=round(STEP_TIMEOUT_S * 1000), **told)
        await connection.send(MetadataRequest([]))
    except SaslAuthenticationFailed:
        assert security.login
        return (
            f"it doesn't know {security.login.username}, or by another password, or not by {security.login.mechanism} "
            f"({_SETTING}SASL_USERNAME, {_SETTING}SASL_PASSWORD, {_SETTING}SASL_MECHANISM)"
        )
    except UnsupportedSaslMechanismError:
        assert security.login
        return f"it knows no {security.login.mechanism} ({_SETTING}SASL_MECHANISM)"
    except IllegalSaslStateError:
        return f"it takes no login there ({_SETTING}SECURITY_PROTOCOL: {'SSL' if security.tls else 'PLAINTEXT'})"
    except (OSError, KafkaError, TimeoutError):
        if security.login is None:
            wanted = "SASL_SSL" if security.tls else "SASL_PLAINTEXT"
            return f"it answered, and hung up at the first question without a login ({_SETTING}SECURITY_PROTOCOL: {wanted})"
    finally:
        if connection:
            connection.close()
    return None


def _about_its_certificate(error: ssl.SSLCertVerificationError) -> str:
    problem, advice = _OF_ITS_CERTIFICATE.get(error.verify_code, _UNTRUSTED)
    return f"{problem} ({error.verify_message}): {advice}"


def _about_our_certificate() -> str:
    return (
        "it wants a certificate of ours, of an authority that it trusts "
        f"({_SETTING}SSL_CERTIFICATE_LOCATION, {_SETTING}SSL_KEY_LOCATION)"
    )
