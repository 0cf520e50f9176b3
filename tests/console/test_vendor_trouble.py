"""What a person is told when a vendor fails in a call."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web

from agent_core.behaviour_loader import load
from agent_core.ports import CompletionRequest, FailureReason, Message, ProviderError
from console.agent import make_model
from console.settings import LlmSettings
from console.vendor_trouble import VendorTrouble
from providers.local_voice import LocalVoice
from tests.providers.vendor_server import serving

BANK = Path(__file__).parents[2] / "examples" / "bank"


def test_who_has_mistyped_a_models_name_is_told_the_vendors_word_and_what_to_check(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def unknown_model(request: web.Request) -> web.Response:
        return web.json_response({"error": {"message": "no", "code": "model_not_found"}}, status=404)

    async def scene() -> None:
        trouble = VendorTrouble()
        async with serving("/v1/chat/completions", unknown_model, "POST") as url:
            settings = LlmSettings.model_validate({"url": f"{url}/v1", "api_key": "k", "model": "gtp-4.1"})
            model = make_model(
                settings, load(BANK), lambda error: trouble.tell("llm", error, "approved wordings are said")
            )
            try:
                with pytest.raises(ProviderError) as caught:
                    await model.complete(
                        CompletionRequest(purpose="answer", model="answer", messages=(Message("user", "hello"),))
                    )
            finally:
                await model.close()
            assert caught.value.reason is FailureReason.MISSING

    asyncio.run(scene())
    assert capsys.readouterr().err == (
        "ledgerline: openai can't be used (HTTP 404 model_not_found): check LEDGERLINE_LLM__URL "
        "(LEDGERLINE_LLM__PROVIDERS for several) or OPENAI_BASE_URL, the model's name and the account; approved wordings are said\n"
    )


def test_a_local_voice_that_fails_has_nothing_to_do_with_the_network(capsys: pytest.CaptureFixture[str]) -> None:
    class Stuck:
        name = "piper"

        def render(self, text: str) -> bytes:
            raise ProviderError(FailureReason.TIMED_OUT, self.name, "its process doesn't answer")

        def close(self) -> None:
            pass

    async def scene() -> None:
        voice, trouble = LocalVoice(Stuck()), VendorTrouble()
        with pytest.raises(ProviderError) as caught:
            _ = [piece async for piece in voice.speak("Hello.")]
        trouble.tell("tts", caught.value, "")
        await voice.close()

    asyncio.run(scene())
    told = capsys.readouterr().err
    assert told == (
        "ledgerline: local-voice:piper didn't answer in time (its process doesn't answer): "
        "this machine may be too busy for it\n"
    )
