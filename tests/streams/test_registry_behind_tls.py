"""A schema registry that is reached over https with a password; and what is said where one of the two is wrong."""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from support import run

from console.settings import LogSettings
from servers.certificates import Certificates
from streams.kafka.registry import RegistryRefusedError, SchemaRegistry

_ALLOWED = f"Basic {b64encode(b'bank:p@ss:word').decode()}"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    made = Certificates(tmp_path_factory.mktemp("certificates"))
    made.make("bank")
    return made


@asynccontextmanager
async def registry(files: Certificates) -> AsyncIterator[str]:
    """Answers every question about a subject with the id 7, to who may ask."""

    async def answer(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != _ALLOWED:
            return web.Response(status=401, text="<html>who are you?</html>")
        return web.json_response({"id": 7})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(files.server)
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    try:
        assert site._server
        yield f"https://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
    finally:
        await runner.cleanup()


def asked(files: Certificates, ca: Path | None, password: str) -> int | None:
    async def scenario() -> int | None:
        async with registry(files) as url:
            log = LogSettings(
                registry=url, registry_username="bank", registry_password=password, registry_ca_location=ca
            )
            assert password not in repr(log)
            async with SchemaRegistry(log.registry_address() or "", tls=log.registry_tls()) as asking:
                assert asking.name == url
                return await asking.find("a-subject", "{}")

    return run(scenario())


def test_a_registry_is_asked_over_tls_with_a_password(files: Certificates) -> None:
    assert asked(files, files.authority, "p@ss:word") == 7


def test_another_password_is_said_to_be_wrong(files: Certificates) -> None:
    with pytest.raises(RegistryRefusedError, match=r"401: .*LEDGERLINE_LOG__REGISTRY_PASSWORD") as told:
        asked(files, files.authority, "wr0ng-0ne")
    assert "wr0ng-0ne" not in str(told.value)


def test_an_authority_that_is_not_trusted_is_named(files: Certificates) -> None:
    with pytest.raises(RegistryRefusedError, match=r"isn't trusted here.*LEDGERLINE_LOG__REGISTRY_CA_LOCATION"):
        asked(files, None, "p@ss:word")
