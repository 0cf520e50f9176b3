"""Certificates for servers on loopback, made on the fly: an authority of their own, one for the server, one for a client.

As PEM files. They hold for 30 days and for 127.0.0.1, by no other name: for development and tests.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from servers.ports import HOST

_VALID = dt.timedelta(days=30)
_HERE = x509.IPAddress(ipaddress.ip_address(HOST))


class Certificates(NamedTuple):
    """Files in one directory; ``server`` holds its key as well."""

    directory: Path

    @property
    def authority(self) -> Path:
        return self.directory / "ca.pem"

    @property
    def server(self) -> Path:
        return self.directory / "server.pem"

    @property
    def client(self) -> Path:
        return self.directory / "client.pem"

    @property
    def client_key(self) -> Path:
        return self.directory / "client.key"

    def make(self, client: str) -> None:
        """All of them anew. ``client``: whom its certificate names."""
        self.directory.mkdir(parents=True, exist_ok=True)
        authority = ec.generate_private_key(ec.SECP256R1())
        itself = _signed("ledgerline development", authority, authority, "ledgerline development", None, ())
        server, of_client = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        issuer = "ledgerline development"
        servers = _signed(HOST, server, authority, issuer, ExtendedKeyUsageOID.SERVER_AUTH, (_HERE,))
        clients = _signed(client, of_client, authority, issuer, ExtendedKeyUsageOID.CLIENT_AUTH, ())
        _write(self.authority, itself.public_bytes(Encoding.PEM))
        _write(self.server, _pem(server) + servers.public_bytes(Encoding.PEM))
        _write(self.client, clients.public_bytes(Encoding.PEM))
        _write(self.client_key, _pem(of_client))


def _signed(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    authority: ec.EllipticCurvePrivateKey,
    issuer: str,
    use: x509.ObjectIdentifier | None,
    alternatives: Sequence[x509.GeneralName],
) -> x509.Certificate:
    """``use``: None for the authority's own."""
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(_named(name))
        .issuer_name(_named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + _VALID)
        .add_extension(x509.BasicConstraints(ca=use is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
        .add_extension(_usage(signs=use is None), critical=True)
    )
    if use:
        made = made.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    if alternatives:
        made = made.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return made.sign(authority, SHA256())


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes) -> None:
    """Readable by its owner alone: some hold keys."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
