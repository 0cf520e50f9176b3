"""Run the emulator from a synchronous program until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from emulators.config import EmulatorConfig
from emulators.flux_hearing import Recognise
from emulators.server import EmulatorServer
from emulators.speaking import Synthesise


def serve(
    config: EmulatorConfig | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    started: Callable[[str], None] | None = None,
    recognise: Recognise | None = None,
    synthesise: Synthesise | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM. ``started`` is told the base URL. Raises OSError where the port is taken."""
    asyncio.run(_serve(EmulatorServer(config, recognise=recognise, synthesise=synthesise), host, port, started))


async def _serve(server: EmulatorServer, host: str, port: int, started: Callable[[str], None] | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await server.start(host, port)
    try:
        if started is not None:
            started(server.url)
        await stop.wait()
    finally:
        await server.stop()
