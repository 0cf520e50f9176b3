"""The server as a whole: brownouts, control from Python, the synchronous entry, starting and stopping."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import urllib.request

import aiohttp
import pytest

from emulators.config import EmulatorConfig
from emulators.faults import Service
from emulators.server import EmulatorServer
from emulators.state import EmulatorState
from tests.emulators.harness import KEY, quick_config, running
from tests.support import PATIENCE_S


def slowness(brownouts: list[dict[str, object]], service: Service = Service.LLM) -> float:
    async def scene() -> float:
        return EmulatorState(EmulatorConfig.model_validate({"brownouts": brownouts})).slowness(service)

    return asyncio.run(scene())


def test_a_brownout_slows_its_service_within_its_window() -> None:
    now: dict[str, object] = {"multiplier": 4.0}
    assert slowness([now]) == 4.0
    assert slowness([now, {"multiplier": 2.0, "until_s": 60}]) == 8.0
    assert slowness([now], Service.TTS) == 1.0
    assert slowness([{"multiplier": 4.0, "from_s": 60}]) == 1.0
    assert slowness([{"multiplier": 4.0, "until_s": 0}]) == 1.0


def test_a_configuration_can_be_applied_from_python_and_counters_read() -> None:
    async def scene() -> tuple[list[int], dict[str, int]]:
        async with running() as server, aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as http:

            async def ask() -> int:
                body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
                async with http.post(f"{server.url}/v1/chat/completions", json=body) as response:
                    return response.status

            first = await ask()
            server.apply(quick_config(faults=[{"fault": "server_error", "status": 503}]))
            return [first, await ask()], dict(server.stats(Service.LLM).refused)

    assert asyncio.run(scene()) == ([200, 503], {"503": 1})


def test_a_server_starts_once_stops_twice_and_starts_again() -> None:
    async def scene() -> None:
        server = EmulatorServer(quick_config())
        with pytest.raises(RuntimeError):
            _ = server.url
        await server.start()
        with pytest.raises(RuntimeError):
            await server.start()
        taken = EmulatorServer()
        with pytest.raises(OSError, match="in use"):
            await taken.start(port=server.port)
        await server.stop()
        await server.stop()
        with pytest.raises(RuntimeError):
            _ = server.port
        await server.start()
        await server.stop()

    asyncio.run(scene())


def test_the_synchronous_entry_serves_until_it_is_told_to_stop() -> None:
    program = "from emulators.run import serve; serve(started=lambda url: print(url, flush=True))"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with urllib.request.urlopen(f"{url}/_stats", timeout=PATIENCE_S) as response:
            assert response.status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE_S) == 0
        assert process.stdout.read() == ""
