"""Change and watch a running emulator: ``GET``/``PUT /_control`` and ``GET /_stats``. No key is asked for."""

from __future__ import annotations

from aiohttp import web
from pydantic import ValidationError

from emulators.config import EmulatorConfig
from emulators.state import EmulatorState


class Control:
    def __init__(self, state: EmulatorState) -> None:
        self._state = state

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/_control", self.read), web.put("/_control", self.replace), web.get("/_stats", self.stats)]

    async def read(self, request: web.Request) -> web.Response:
        return web.json_response(self._state.config.model_dump(mode="json"))

    async def replace(self, request: web.Request) -> web.Response:
        """Replace the whole configuration; what the body leaves out is at its default. 422 where it isn't valid."""
        try:
            config = EmulatorConfig.model_validate_json(await request.read())
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False, include_input=False)
            return web.json_response({"problems": problems}, status=422)
        self._state.apply(config)
        return await self.read(request)

    async def stats(self, request: web.Request) -> web.Response:
        return web.json_response({service.value: stats.as_json() for service, stats in self._state.stats.items()})
