"""What keeps Cartesia's SDK out of ``providers/`` (docs/decisions/0021). Should one of these fail after an update, the
decision may be looked at again."""

from __future__ import annotations

import json

import pytest
from websockets.exceptions import ConnectionClosed

from tests.emulators.cartesia_client import connected, context, received
from tests.emulators.harness import quick_config
from tests.support import unhurried


def test_the_sdk_never_tells_a_context_that_its_socket_is_gone() -> None:
    drop = {"fault": "drop_mid_audio", "after_ms": 200, "close_code": 1011}

    async def scene() -> None:
        async with connected(quick_config(faults=[drop])) as (_, connection):
            speaking = context(connection, timeout=0.5)
            await speaking.push("Long enough to be dropped in the middle.", continue_=False)
            with pytest.raises(TimeoutError):
                await received(speaking)

    unhurried(scene())


def test_the_sdk_reconnects_to_the_very_socket_that_was_closed() -> None:
    async def scene() -> None:
        async with connected(quick_config(tts={"idle_s": 0.05})) as (_, connection):
            await connection._connection.wait_closed()
            with pytest.raises(ConnectionClosed):
                await context(connection).push("Hello.")

    unhurried(scene())


def test_the_sdk_drops_an_error_that_names_no_context() -> None:
    async def scene() -> None:
        async with connected() as (_, connection):
            speaking = context(connection, timeout=0.3)
            connection._dispatch_listener()
            await connection._connection.send(json.dumps([]))
            with pytest.raises(TimeoutError):
                await received(speaking)

    unhurried(scene())
