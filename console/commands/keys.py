"""``ledgerline keys``: serves conversation keys to workers, gateways and guests elsewhere."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from console.failures import FailedError, UsageError
from console.output import print_json
from console.settings import ConfigurationError, Settings, load_settings
from console.stopping import heed_stopping
from console.workspace import open_keys
from streams.key_server import InsecureBindError, serving
from streams.key_tokens import Grant, TokensError, read_grants


def run(
    *, tokens: Path, host: str, port: int, certificate: Path | None, key: Path | None, data: Path | None, as_json: bool
) -> int:
    if (certificate is None) != (key is None):
        raise UsageError("--certificate and --key go together")
    grants = _grants(tokens)
    tls = None
    if certificate and key:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        try:
            tls.load_cert_chain(certificate, key)
        except ssl.SSLError as error:
            raise UsageError(f"{certificate}: {error.reason or error}") from None
    try:
        asyncio.run(_serve(load_settings(data), grants, host, port, tls, as_json))
    except InsecureBindError as error:
        raise UsageError(f"{error}: --certificate and --key") from None
    return 0


def _grants(tokens: Path) -> tuple[Grant, ...]:
    try:
        return read_grants(tokens.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise UsageError(f"{tokens}: this file isn't UTF-8 text") from None
    except FileNotFoundError:
        raise UsageError(
            f"{tokens} is missing: a line for each token, `create TOKEN`, `read TOKEN` or `destroy TOKEN` "
            "(openssl rand -hex 16 makes one)"
        ) from None
    except TokensError as error:
        raise UsageError(f"{tokens}: {error}") from None


async def _serve(
    settings: Settings, grants: tuple[Grant, ...], host: str, port: int, tls: ssl.SSLContext | None, as_json: bool
) -> None:
    if settings.keys.url:
        raise ConfigurationError("LEDGERLINE_KEYS__URL names another key service: this process serves its own keys")
    keys = open_keys(settings.data)
    stopped = heed_stopping()
    try:
        async with serving(keys, grants, host=host, port=port, tls=tls) as url:
            if as_json:
                print_json({"url": url})
            else:
                print(f"keys of {settings.data} are served at {url}. Workers and gateways elsewhere:", flush=True)
                print(f"  export LEDGERLINE_KEYS__URL={url} LEDGERLINE_KEYS__TOKEN=...", flush=True)
            await stopped.wait()
    except OSError as error:
        raise FailedError(f"{host}:{port}: {error.strerror or error}") from None
    finally:
        keys.close()
