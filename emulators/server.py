"""One server, one port: OpenAI's chat API, Deepgram Flux, ElevenLabs and Cartesia, a bank's own systems and its SMS carrier.

The vendors' paths don't collide, so one base URL serves all of their SDKs.
"""

from __future__ import annotations

from aiohttp import web

from emulators.cartesia_sockets import CartesiaSpeech
from emulators.company import CompanyApi
from emulators.config import EmulatorConfig
from emulators.control import Control
from emulators.cut import lost_connections_are_no_errors
from emulators.elevenlabs_http import SpeechOverHttp
from emulators.elevenlabs_sockets import SpeechOverSockets
from emulators.faults import Service
from emulators.flux import FluxApi
from emulators.flux_hearing import Recognise
from emulators.openai_chat import ChatApi
from emulators.speaking import Synthesise
from emulators.state import EmulatorState, ServiceStats

_LARGEST_BODY_BYTES = 16 * 1024 * 1024


class EmulatorServer:
    """Starts on a port of its own choice unless told one.

    ``recognise`` and ``synthesise`` (text to PCM16, 16 kHz, mono) put a real recogniser and a real voice in place of
    the scripted ones; they run in threads.
    """

    def __init__(
        self,
        config: EmulatorConfig | None = None,
        *,
        recognise: Recognise | None = None,
        synthesise: Synthesise | None = None,
    ) -> None:
        self._config = config or EmulatorConfig()
        self._recognise = recognise
        self._synthesise = synthesise
        self._state: EmulatorState | None = None
        self.company: CompanyApi | None = None  # its books and phones, for tests
        self._runner: web.AppRunner | None = None
        self._address: tuple[str, int] | None = None

    @property
    def port(self) -> int:
        """Raises RuntimeError while the server isn't running."""
        return self._running()[1]

    @property
    def url(self) -> str:
        """``http://host:port``; OpenAI's base URL is this with ``/v1``. Raises RuntimeError while not running."""
        host, port = self._running()
        return f"http://{host}:{port}"

    def apply(self, config: EmulatorConfig) -> None:
        """Put another configuration in force, as ``PUT /_control`` does; also before the start."""
        self._config = config
        if self._runner is not None and self._state is not None:
            self._state.apply(config)

    def stats(self, service: Service) -> ServiceStats:
        """The counters since the last start. Raises RuntimeError where there was none."""
        if self._state is None:
            raise RuntimeError("the emulator was never started")
        return self._state.stats[service]

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Raises OSError where the port is taken."""
        if self._runner is not None:
            raise RuntimeError("the emulator is already running")
        state = self._state = EmulatorState(self._config)
        app = web.Application(client_max_size=_LARGEST_BODY_BYTES, middlewares=[lost_connections_are_no_errors])
        app.add_routes([*ChatApi(state).routes(), *Control(state).routes()])
        app.add_routes(FluxApi(state, self._recognise).routes())
        app.add_routes(SpeechOverHttp(state, self._synthesise).routes())
        app.add_routes(SpeechOverSockets(state, self._synthesise).routes())
        app.add_routes(CartesiaSpeech(state, self._synthesise).routes())
        self.company = CompanyApi(state, self._config.company)
        app.add_routes(self.company.routes())
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self._address = (host, runner.addresses[0][1])

    async def stop(self) -> None:
        """Close every connection. Does nothing where the server isn't running."""
        runner, self._runner, self._address = self._runner, None, None
        if runner is not None:
            await runner.cleanup()

    def _running(self) -> tuple[str, int]:
        if self._address is None:
            raise RuntimeError("the emulator isn't running")
        return self._address
