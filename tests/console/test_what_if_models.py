"""Who answers in a what-if: the configured provider, or nobody; never the keyless brain in a language model's place."""

from __future__ import annotations

import msgspec
import pytest
from support import run

from agent_core.conversation import Ask, Context, Conversation, initial
from console.settings import LlmProvider, LlmSettings
from console.what_if_models import KEYLESS, WhatIfModels, answered_by
from schemas import decisions as d
from schemas import facts as f
from schemas.base import Fact
from simulation.small_bank import small_bank

NOBODY = LlmSettings(provider="local")
SOMEBODY = "llm:openai/small"


def conversation() -> Conversation:
    context = Context(lambda seq, content_hash: small_bank(), bytes)
    return msgspec.structs.replace(initial("call", context), behaviour_seq=1, behaviour_hash="h")


def completion(approved: str) -> Ask:
    asked = d.CompletionAsked(
        ask_id="t1.s1.answer.fees",
        purpose="answer",
        intent="fees",
        model="answer",
        attempts=1,
        messages='[{"role":"user","content":"What does it cost?"}]',
        approved=approved,
        request_digest="d",
        timeout_ms=1_000,
    )
    return Ask(asked.ask_id, asked, "t1", 1)


def answered(models: WhatIfModels, by: str, approved: str = "It is free.") -> list[Fact] | None:
    async def ask() -> list[Fact] | None:
        try:
            found = await models.answer_for((by,))(conversation(), completion(approved), 0)
            return None if found is None else list(found)
        finally:
            await models.close()

    return run(ask())


def test_a_call_of_the_keyless_brain_is_answered_by_it() -> None:
    found = answered(WhatIfModels(NOBODY, offline=False), KEYLESS)
    assert found is not None
    last = found[-1]
    assert isinstance(last, f.CompletionReturned)
    assert (last.text, last.provider, last.ask_id) == ("It is free.", "approved", "t1.s1.answer.fees")


def test_a_call_of_a_language_model_is_not_given_to_the_keyless_brain() -> None:
    assert answered(WhatIfModels(NOBODY, offline=False), SOMEBODY) is None


ONE = LlmSettings(providers=[LlmProvider(name="openai", model="small", url="http://127.0.0.1:9", api_key="none")])


@pytest.mark.parametrize("settings", [NOBODY, ONE], ids=["nobody", "one that answers nothing"])
def test_offline_no_language_model_is_asked(settings: LlmSettings) -> None:
    assert answered(WhatIfModels(settings, offline=True), SOMEBODY) is None


@pytest.mark.parametrize("settings", [NOBODY, ONE], ids=["nobody", "one that answers nothing"])
def test_offline_a_call_of_the_keyless_brain_is_decided_by_it_whoever_is_configured(settings: LlmSettings) -> None:
    found = answered(WhatIfModels(settings, offline=True), KEYLESS)
    assert found is not None
    assert isinstance(found[-1], f.CompletionReturned)
    assert (found[-1].text, found[-1].provider) == ("It is free.", "approved")


def test_another_model_that_nobody_configured_is_unknown_and_not_the_keyless_brain() -> None:
    assert answered(WhatIfModels(NOBODY, offline=False, another=True), KEYLESS) is None


def test_a_provider_that_fails_is_an_outcome_like_any_other() -> None:
    found = answered(WhatIfModels(NOBODY, offline=False), KEYLESS, approved="")
    assert found is not None
    assert isinstance(found[-1], f.EffectFailed)
    assert (found[-1].reason, found[-1].provider) == ("invalid", "approved")


def test_another_model_is_the_provider_of_that_name_or_the_first_one_given_it() -> None:
    fast = LlmProvider(name="groq", model="fast")
    slow = LlmProvider(name="openai", model="slow")
    settings = LlmSettings(providers=[slow, fast])
    assert answered_by(settings, "groq").all() == [fast]
    assert answered_by(settings, "fast").all() == [fast]
    (given,) = answered_by(settings, "newest").all()
    assert (given.name, given.model) == ("openai", "newest")
    assert answered_by(settings, None) is settings
    assert answered_by(NOBODY, "newest").all() == []
