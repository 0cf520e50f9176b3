"""The model router in scenes on a virtual clock: providers that are slow, fail, refuse and come back, and what must hold.

A scene is a function of its seed. The checks look at what providers were asked and what came back, never into the router.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from agent_core.ports import CompletionRequest, CompletionResult, FailureReason, Message, ProviderError, Sentence
from providers.extra_calls import ExtraCalls
from providers.model_router import ModelRouter
from simulation.virtual_loop import run_virtual

SHARE, BURST = 0.2, 3
REQUESTS = 160
LEFT_ALONE_AFTER = 40  # failures in a row that a provider may show before nobody asks it but now and then
ASKED_NOW_AND_THEN = 12
BACK_WITHIN_S = 70.0  # a circuit is open for half a minute at most
ASKED_AT_THE_END = 3
SOONEST_HALF_MS = 150.0  # providers take 100 to 400 ms to a first sentence, and 100 from there to the end


@dataclass
class _Provider:
    """``down_s``, ``limited_s``: when it fails, and when it says that it has no more."""

    name: str
    down_s: tuple[float, float]
    limited_s: tuple[float, float]
    draw: random.Random
    asked: list[tuple[float, CompletionRequest]] = field(default_factory=list)
    limited_at_s: float | None = None

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        loop = asyncio.get_running_loop()
        self.asked.append((loop.time(), request))
        await asyncio.sleep(self.draw.uniform(0.1, 0.4))
        if _within(self.limited_s, loop.time()):
            self.limited_at_s = loop.time()
            raise ProviderError(FailureReason.RATE_LIMITED, self.name, retry_after_s=0.2)
        if request.on_sentence:
            request.on_sentence(Sentence(f"{self.name} says so.", self.name, "m", 1.0, 2.0))
            await asyncio.sleep(0.1)
        if _within(self.down_s, loop.time()):
            raise ProviderError(FailureReason.UNAVAILABLE, self.name)
        return CompletionResult(f"{self.name} says so. That is all.", self.name, "m")

    async def close(self) -> None:
        """Nothing is held."""


@dataclass
class _Scene:
    providers: list[_Provider]
    first: int = 0
    extra_answered: int = 0
    mixed: list[list[str]] = field(default_factory=list)
    pressed: list[str] = field(default_factory=list)
    first_ms: float | None = None


@pytest.mark.parametrize("seed", range(1, 25))
def test_the_router_keeps_its_rules(seed: int) -> None:
    broken = list(_check(run_virtual(_play(seed))))
    assert broken == []


async def _play(seed: int) -> _Scene:
    draw = random.Random(seed)
    began_s = asyncio.get_running_loop().time()
    down = draw.random() < 0.5
    providers = [
        _Provider(
            name,
            (began_s, began_s + 60.0) if down and name == "a" else (0.0, 0.0),
            (began_s + 2.0, began_s + 20.0) if not down and draw.random() < 0.7 else (0.0, 0.0),
            random.Random(f"{seed}/{name}"),
        )
        for name in ("a", "b")[: draw.choice((1, 2))]
    ]
    scene = _Scene(providers)
    router = ModelRouter({"answer": providers}, extra=ExtraCalls(SHARE, BURST))
    for number in range(REQUESTS):
        attempt = draw.choice((0, 0, 0, 1, 2))
        scene.first += attempt == 0
        await _ask(router, scene, f"{seed}/{number}", attempt, speaks=draw.random() < 0.5)
        await asyncio.sleep(draw.uniform(0.1, 0.8))
    await asyncio.sleep(BACK_WITHIN_S)
    for _ in range(ASKED_AT_THE_END):
        await _ask(router, scene, f"{seed}/back", 0, speaks=False)
    pace = router.pace("answer", "answer", 0.5)
    scene.first_ms = pace.first_ms if pace else None
    return scene


async def _ask(router: ModelRouter, scene: _Scene, label: str, attempt: int, *, speaks: bool) -> None:
    told: list[str] = []
    before = {provider.name: len(provider.asked) for provider in scene.providers}
    now_s = asyncio.get_running_loop().time()
    pressed = {p.name for p in scene.providers if p.limited_at_s is not None and now_s - p.limited_at_s < 30.0}
    request = CompletionRequest(
        purpose="answer",
        model="answer",
        messages=(Message("user", "hello"),),
        label=label,
        attempt=attempt,
        extra=attempt > 0,
        timeout_ms=4000,
        on_sentence=(lambda sentence: told.append(sentence.provider)) if speaks else None,
    )
    try:
        await router.complete(request)
        scene.extra_answered += attempt > 0
    except ProviderError:
        pass  # what must hold is read from what the providers were asked
    if len(set(told)) > 1:
        scene.mixed.append(told)
    if attempt:
        scene.pressed += [p.name for p in scene.providers if p.name in pressed and len(p.asked) > before[p.name]]


def _check(scene: _Scene) -> Iterator[tuple[str, str]]:
    allowed = BURST + SHARE * scene.first
    if scene.extra_answered > allowed:
        yield "extra_is_a_share", f"{scene.extra_answered} extra calls on {scene.first} first ones"
    if scene.mixed:
        yield "one_run_one_answer", f"one request was told sentences of {scene.mixed[0]}"
    if scene.pressed:
        yield "pressed_gets_nothing_extra", f"{scene.pressed[0]} said that it has no more, and was asked for more"
    if scene.first_ms is not None and scene.first_ms < SOONEST_HALF_MS:
        yield "first_sentence_is_the_clock", f"half of the first sentences are said to take {scene.first_ms:.0f} ms"
    for provider in scene.providers:
        began_s, over_s = provider.down_s
        while_down = sum(began_s <= at_s < over_s for at_s, _ in provider.asked)
        if over_s and while_down > LEFT_ALONE_AFTER + ASKED_NOW_AND_THEN:
            yield "broken_is_left_alone", f"{provider.name} was asked {while_down} times while it was down"
        again = sum(request.label.endswith("/back") for _, request in provider.asked)
        if over_s and again < ASKED_AT_THE_END:
            yield "back_is_asked_again", f"{provider.name} has been well for long, and was asked {again} times"


def _within(window: tuple[float, float], at_s: float) -> bool:
    return window[0] <= at_s < window[1]
