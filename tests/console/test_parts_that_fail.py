"""What was opened for a call is closed again where the rest of it can't be had."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from agent_core.ports import FailureReason, ProviderError, Speech
from console import vendors
from console.settings import Settings
from console.vendor_trouble import VendorTrouble
from console.vendors import open_speech


class Ears:
    def __init__(self, name: str, refuses: FailureReason | None = None) -> None:
        self.name, self._refuses = name, refuses
        self.closed = 0

    async def open(self) -> Any:
        if self._refuses:
            raise ProviderError(self._refuses, self.name)
        return self.Session()

    async def close(self) -> None:
        self.closed += 1

    class Session:
        async def close(self) -> None:
            pass


class Voice:
    name = "somebody"

    def __init__(self, fails: bool) -> None:
        self._fails = fails
        self.closed = 0

    async def speak(self, text: str) -> AsyncGenerator[Speech, None]:
        if self._fails:
            raise ProviderError(FailureReason.UNAUTHORISED, self.name)
        yield Speech(b"\0\0")

    async def close(self) -> None:
        self.closed += 1


def opened(monkeypatch: pytest.MonkeyPatch, ears: list[Ears], voice: Voice) -> None:
    monkeypatch.setattr(vendors, "_recognisers", lambda settings: ears)
    monkeypatch.setattr(vendors, "_voices", lambda settings: [voice])
    asyncio.run(open_speech(Settings(), VendorTrouble()))


def test_without_a_voice_the_ears_are_closed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    ears, voice = Ears("flux"), Voice(fails=True)
    with pytest.raises(ProviderError):
        opened(monkeypatch, [ears], voice)
    assert (ears.closed, voice.closed) == (1, 1)


def test_a_recogniser_that_refuses_its_key_is_closed_and_the_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    refused, kept, voice = Ears("flux", FailureReason.UNAUTHORISED), Ears("local"), Voice(fails=False)
    opened(monkeypatch, [refused, kept], voice)
    assert (refused.closed, kept.closed, voice.closed) == (1, 0, 0)
