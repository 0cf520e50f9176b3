"""The router: order, parking, failover, validation and urgency, on models made of data."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from agent_core.ports import CompletionRequest, CompletionResult, FailureReason, LanguageModel, Message, ProviderError
from providers.json_shape import UnknownKeywordError, shape_problem
from providers.language_check import in_other_language
from providers.model_router import Attempted, ModelRouter
from providers.openai_compatible import OpenAICompatible, OpenAISettings
from providers.urgency_gate import UrgencyGate
from tests.emulators.harness import KEY, quick_config, running
from tests.support import unhurried


class Scripted:
    """Answers, or fails, in the order given; the last entry for ever."""

    def __init__(self, name: str, *script: str | ProviderError) -> None:
        self.name = name
        self.asked: list[CompletionRequest] = []
        self.closed = 0
        self._script = list(script) or [f"from {name}"]

    async def complete(self, request: CompletionRequest) -> CompletionResult:
        self.asked.append(request)
        await asyncio.sleep(0)
        step = self._script[0] if len(self._script) == 1 else self._script.pop(0)
        if isinstance(step, ProviderError):
            raise step
        return CompletionResult(text=step, provider=self.name, model="m", output_tokens=3)

    async def close(self) -> None:
        self.closed += 1


class Stuck(Scripted):
    async def complete(self, request: CompletionRequest) -> CompletionResult:
        self.asked.append(request)
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


def error(reason: FailureReason, retry_after_s: float | None = None) -> ProviderError:
    return ProviderError(reason, "vendor", retry_after_s=retry_after_s)


def request(**changes: Any) -> CompletionRequest:
    defaults: dict[str, Any] = {"purpose": "answer", "model": "answer", "messages": (Message("user", "hello"),)}
    return CompletionRequest(**(defaults | changes))


def outcome(models: Sequence[LanguageModel], asked: CompletionRequest | None = None, **options: Any) -> str:
    """Who answered, or the reason why nobody did."""

    async def scene() -> str:
        try:
            return (await ModelRouter({"answer": models}, **options).complete(asked or request())).provider
        except ProviderError as failed:
            return failed.reason.value

    return unhurried(scene())


def test_the_first_provider_answers_and_the_second_is_left_alone() -> None:
    first, second = Scripted("first"), Scripted("second")
    assert outcome([first, second]) == "first"
    assert second.asked == []


@pytest.mark.parametrize(("attempt", "provider"), [(0, "a"), (1, "b"), (2, "c"), (3, "a")])
def test_another_attempt_begins_at_another_provider(attempt: int, provider: str) -> None:
    models = [Scripted("a"), Scripted("b"), Scripted("c")]
    assert outcome(models, request(attempt=attempt)) == provider


@pytest.mark.parametrize("reason", sorted(set(FailureReason) - {FailureReason.REFUSED, FailureReason.CANCELLED}))
def test_a_failure_moves_on_to_the_next_provider(reason: FailureReason) -> None:
    assert outcome([Scripted("first", error(reason)), Scripted("second")]) == "second"


def test_a_refusal_is_an_answer_and_is_not_asked_elsewhere() -> None:
    second = Scripted("second")
    assert outcome([Scripted("first", error(FailureReason.REFUSED)), second]) == "refused"
    assert second.asked == []


def test_when_all_fail_the_last_failure_is_reported() -> None:
    models = [Scripted("a", error(FailureReason.UNAVAILABLE)), Scripted("b", error(FailureReason.INVALID))]
    assert outcome(models) == "invalid"


def test_a_parked_provider_is_passed_over_until_its_retry_after() -> None:
    first, second = Scripted("first", error(FailureReason.RATE_LIMITED, 0.15), "back"), Scripted("second")

    async def scene() -> list[str]:
        router = ModelRouter({"answer": [first, second], "classify": [first, second]})
        answered = [(await router.complete(request(model=name))).provider for name in ("answer", "answer", "classify")]
        await asyncio.sleep(0.2)
        return [*answered, (await router.complete(request())).provider]

    assert unhurried(scene()) == ["second", "second", "second", "first"]
    assert len(first.asked) == 2


def test_with_nobody_else_to_ask_the_router_waits_for_retry_after_and_asks_again() -> None:
    only = Scripted("only", error(FailureReason.RATE_LIMITED, 0.05), "fine")
    assert outcome([only]) == "only"
    assert len(only.asked) == 2


def test_a_retry_after_beyond_the_timeout_is_not_waited_for() -> None:
    only = Scripted("only", error(FailureReason.RATE_LIMITED, 60.0))

    async def scene() -> list[ProviderError]:
        router = ModelRouter({"answer": [only]})
        failures = []
        for _ in range(2):
            with pytest.raises(ProviderError) as caught:
                await router.complete(request(timeout_ms=500))
            failures.append(caught.value)
        return failures

    first, second = unhurried(scene())
    assert first.reason is second.reason is FailureReason.RATE_LIMITED
    assert second.retry_after_s is not None
    assert second.retry_after_s > 50
    assert len(only.asked) == 1  # parked: the second request didn't reach it


def test_a_wrong_key_is_not_tried_again_turn_after_turn() -> None:
    wrong = Scripted("wrong", error(FailureReason.UNAUTHORISED))

    async def scene() -> list[str]:
        router = ModelRouter({"answer": [wrong, Scripted("good")]})
        return [(await router.complete(request())).provider for _ in range(3)]

    assert unhurried(scene()) == ["good", "good", "good"]
    assert len(wrong.asked) == 1


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("   ", {}),
        ("not json", {"json_schema": {"type": "object"}}),
        ('{"passed": "yes"}', {"json_schema": {"type": "object", "properties": {"passed": {"type": "boolean"}}}}),
        ("Das weiß ich leider nicht, bitte rufen Sie uns morgen an und wir helfen Ihnen.", {}),
    ],
)
def test_a_completion_that_is_none_counts_as_a_failure(text: str, changes: dict[str, Any]) -> None:
    asked = request(language="en", **changes)
    assert outcome([Scripted("bad", text), Scripted("good", '{"passed": true}')], asked) == "good"
    assert outcome([Scripted("bad", text)], asked) == "invalid"


def test_a_stuck_provider_is_held_to_the_timeout_and_named() -> None:
    seen: list[Attempted] = []

    async def scene() -> ProviderError:
        router = ModelRouter({"answer": [Stuck("stuck")]}, observe=seen.append)
        with pytest.raises(ProviderError) as caught:
            await router.complete(request(timeout_ms=50))
        return caught.value

    failed = unhurried(scene())
    assert (failed.reason, failed.provider) == (FailureReason.TIMED_OUT, "stuck")
    assert [(a.provider, a.reason) for a in seen] == [("stuck", FailureReason.TIMED_OUT)]


def test_every_attempt_is_observed_with_what_it_cost() -> None:
    seen: list[Attempted] = []
    outcome([Scripted("a", " "), Scripted("b")], request(label="t1"), observe=seen.append)
    assert [(a.label, a.provider, a.reason) for a in seen] == [("t1", "a", FailureReason.INVALID), ("t1", "b", None)]
    assert seen[0].result is not None
    assert seen[0].result.output_tokens == 3


def test_a_later_provider_gets_what_is_left_of_the_timeout() -> None:
    second = Scripted("second")

    class Slow(Scripted):
        async def complete(self, request: CompletionRequest) -> CompletionResult:
            await asyncio.sleep(0.1)
            raise error(FailureReason.UNAVAILABLE)

    assert outcome([Slow("slow"), second], request(timeout_ms=2000)) == "second"
    assert second.asked[0].timeout_ms <= 1901


def test_an_unknown_route_is_missing_and_a_route_needs_a_provider() -> None:
    assert outcome([Scripted("a")], request(model="unheard of")) == "missing"
    with pytest.raises(ValueError, match="at least one"):
        ModelRouter({"answer": []})


def test_a_name_without_a_route_may_have_somebody_to_be_asked() -> None:
    """A behaviour that came with a call names its models as it likes; who is configured answers for all names."""
    one, other = Scripted("one", "fine"), Scripted("other", "fine")

    async def scene() -> tuple[str, int | None]:
        router = ModelRouter({"answer": [one]}, others=[other])
        answered = await router.complete(request(model="unheard of"))
        pace = router.pace("unheard of", request().purpose, None)
        await router.close()
        return answered.provider, pace.samples if pace else None

    assert unhurried(scene()) == ("other", 1)
    assert (one.closed, other.closed) == (1, 1)


def test_deferrable_work_waits_for_room_and_urgent_work_never_does() -> None:
    async def scene() -> list[str]:
        gate, order = UrgencyGate(limit=2), list[str]()
        leave = {name: asyncio.Event() for name in ("u1", "u2", "u3", "d1", "d2")}

        async def work(name: str) -> None:
            async with gate.enter(urgent=name.startswith("u")):
                order.append(name)
                await leave[name].wait()

        async with asyncio.TaskGroup() as group:

            async def start(name: str) -> None:
                group.create_task(work(name))
                await asyncio.sleep(0)

            for name in ("u1", "u2", "d1", "d2", "u3"):
                await start(name)
            for name in ("u1", "u2", "u3", "d1", "d2"):
                order.append(f"-{name}")
                leave[name].set()
                for _ in range(5):
                    await asyncio.sleep(0)
        return order

    assert unhurried(scene()) == ["u1", "u2", "u3", "-u1", "-u2", "d1", "-u3", "d2", "-d1", "-d2"]


def test_a_deferrable_request_that_gives_up_leaves_no_hole_in_the_queue() -> None:
    async def scene() -> str:
        hold, stuck = Scripted("quick"), Stuck("stuck")
        router = ModelRouter({"slow": [stuck], "answer": [hold]}, limit=1)
        urgent = asyncio.create_task(router.complete(request(model="slow", timeout_ms=60_000)))
        await asyncio.sleep(0)
        with pytest.raises(ProviderError) as caught:
            await router.complete(request(urgent=False, timeout_ms=30))
        assert caught.value.reason is FailureReason.TIMED_OUT
        waiting = asyncio.create_task(router.complete(request(urgent=False)))
        await asyncio.sleep(0)
        assert hold.asked == []
        urgent.cancel()
        return (await waiting).provider

    assert unhurried(scene()) == "quick"


def test_a_provider_of_two_routes_is_closed_once() -> None:
    model = Scripted("a")
    unhurried(ModelRouter({"answer": [model], "classify": [model, model]}).close())
    assert model.closed == 1


def test_through_the_real_sdk_a_limited_vendor_hands_over_to_the_next() -> None:
    config = quick_config(faults=[{"fault": "rate_limited", "model": "limited", "retry_after_s": 30}])

    async def scene() -> list[str]:
        async with running(config) as server:
            models = [
                OpenAICompatible(OpenAISettings(api_key=KEY, model=name, url=f"{server.url}/v1", name=name))
                for name in ("limited", "open")
            ]
            router = ModelRouter({"answer": models})
            answered = await asyncio.gather(*(router.complete(request(attempt=n % 2)) for n in range(6)))
            await router.close()
            return [result.provider for result in answered]

    assert set(unhurried(scene())) == {"open"}


@pytest.mark.parametrize(
    ("text", "schema", "fits"),
    [
        ('{"a": 1}', {"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}, True),
        ('{"a": true}', {"type": "object", "properties": {"a": {"type": "integer"}}}, False),
        ('{"a": 1, "b": 2}', {"properties": {"a": {}}, "additionalProperties": False}, False),
        ('{"b": "x"}', {"additionalProperties": {"type": "string"}}, True),
        ('["x", 1]', {"type": "array", "items": {"type": "string"}}, False),
        ('"lost"', {"enum": ["lost", "found"]}, True),
        ("1", {"enum": [True]}, False),
        ("0.5", {"type": "number", "minimum": 0, "maximum": 1}, True),
        ("1.5", {"type": "number", "minimum": 0, "maximum": 1}, False),
        ("null", {"anyOf": [{"type": "string"}, {"type": "null"}]}, True),
        ("1", {"anyOf": [{"type": "string"}, {"type": "null"}]}, False),
        ('{"a": {"a": 1}}', {"type": "object", "properties": {"a": {"$ref": "#"}}}, False),
        ("{", {}, False),
    ],
)
def test_json_fits_its_schema_or_it_does_not(text: str, schema: dict[str, Any], fits: bool) -> None:
    assert (shape_problem(text, schema) is None) is fits


def test_a_schema_that_is_not_fully_checked_is_refused() -> None:
    with pytest.raises(UnknownKeywordError):
        shape_problem("{}", {"patternProperties": {}})


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("I have blocked your card, and a new one is on its way to you.", False),
        ("IBAN DE12 5001 0517, 1.250,00 EUR", False),
        ("Hola.", False),
        ("Die Filiale in der Hauptstraße is open from nine to five, please come by.", False),
        ("Das weiß ich leider nicht. Bitte rufen Sie uns morgen noch einmal an, dann helfen wir Ihnen gerne.", True),
        ("Je suis désolé, je ne peux pas vous aider avec votre carte pour le moment.", True),
        ("申し訳ございませんが、お答えできません。", True),
        ("", False),
    ],
)
def test_another_language_is_noticed_only_on_clear_evidence(text: str, other: bool) -> None:
    assert in_other_language(text, "en") is other
