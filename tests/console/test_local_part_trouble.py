"""What is said when a part fails names what helps: for who runs on this machine that is no network."""

from __future__ import annotations

import pytest

from agent_core.ports import FailureReason, ProviderError
from console.vendor_trouble import VendorTrouble, is_local


def told(capsys: pytest.CaptureFixture[str], error: ProviderError, instead: str = "") -> str:
    VendorTrouble().tell("tts", error, instead)
    return capsys.readouterr().err


@pytest.mark.parametrize("name", ["local-recogniser", "local-voice:piper"])
def test_a_local_part_that_is_late_sends_nobody_to_the_network(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert is_local(name)
    said = told(capsys, ProviderError(FailureReason.TIMED_OUT, name, "its process doesn't answer"))
    assert said.startswith(f"ledgerline: {name} didn't answer in time (its process doesn't answer): this machine")
    assert "network" not in told(capsys, ProviderError(FailureReason.UNAVAILABLE, name, "its process ended"))


def test_a_vendor_that_is_late_is_looked_for_on_the_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert not is_local("elevenlabs")
    said = told(capsys, ProviderError(FailureReason.TIMED_OUT, "elevenlabs"), "the local voice speaks instead")
    assert "check the network and LEDGERLINE_TTS__URL; the local voice speaks instead" in said
