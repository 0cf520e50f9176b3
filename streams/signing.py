"""The key that signs anchors and evidence: Ed25519 (RFC 8032), in a PEM file that its owner alone can read."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)


class BadSigningKeyError(Exception):
    """The file holds no Ed25519 key."""


class SigningKey:
    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    @classmethod
    def generate(cls) -> SigningKey:
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def at(cls, path: Path) -> SigningKey:
        """The key in ``path``; made if there is none. Raises ``BadSigningKeyError``, ``OSError``."""
        if not path.exists():
            with suppress(FileExistsError):  # another process was first: its key holds
                cls.generate().keep(path)
        try:
            found = load_pem_private_key(path.read_bytes(), None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise BadSigningKeyError(f"{path} is no private key in PEM without a passphrase") from None
        if not isinstance(found, Ed25519PrivateKey):
            raise BadSigningKeyError(f"{path} holds a key of another kind: Ed25519 is needed")
        return cls(found)

    def keep(self, path: Path) -> None:
        """It appears under its name once it is whole and on disk. Raises ``FileExistsError``, ``OSError``."""
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
        descriptor = os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
                file.flush()
                os.fsync(file.fileno())
            os.link(whole, path)
        finally:
            os.unlink(whole)

    def sign(self, message: bytes) -> str:
        """Hex."""
        return self._private.sign(message).hex()


def is_signed(message: bytes, signature: str, public: str) -> bool:
    """``signature`` and ``public`` in hex."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)).verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True
