"""Prompts that are tied to models: who is told which, what the log says of it, and what their caches hold."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from test_behaviour_loader import HEAD, problems, swapped, write
from told_by_hand import BANK, Call, of

from agent_core.behaviour import Behaviour
from agent_core.behaviour_loader import load
from agent_core.ports import CompletionRequest, CompletionResult, Message
from agent_core.prompts import prompt_version
from processors.executors.complete import Complete
from providers.openai_compatible import OpenAICompatible, OpenAISettings
from schemas import decisions as d
from tests.emulators.harness import KEY, quick_config, running

LONG = "Answer in one sentence, and never guess. "


def tied(**prompts: str) -> Behaviour:
    return Behaviour.model_validate(BANK.model_dump() | {"prompts": {"answer": prompts}})


def request(**prompts: str) -> CompletionRequest:
    messages = (Message("system", LONG * 200), Message("user", "What does a new card cost"))
    return CompletionRequest("answer", "answer", messages, label="c/t|answer|0", prompts=prompts)


def test_a_model_is_told_its_own_prompt_and_every_other_the_usual_one() -> None:
    asked = request(small="Be brief.")
    assert [m.content for m in asked.for_model("small").messages] == ["Be brief.", asked.messages[1].content]
    assert asked.for_model("large") is asked


def test_the_executor_hands_on_the_prompts_and_the_language_of_the_calls_behaviour() -> None:
    asked: list[CompletionRequest] = []

    class Model:
        name = "m"

        async def complete(self, request: CompletionRequest) -> CompletionResult:
            asked.append(request)
            return CompletionResult("A new card is free of charge.", "m", "m")

        async def close(self) -> None:
            """Nothing is held."""

    behaviour = tied(small="Be brief.").model_copy(update={"language": "de"})
    call = Call(behaviour)
    decided = call.says("What does a new card cost", "fees")
    (wanted,) = of(d.CompletionAsked, decided)
    ask = call.conversation.asks[wanted.ask_id]
    asyncio.run(Complete(Model()).run(call.conversation, ask, 0, lambda fact: None))
    assert asked[0].prompts == {"small": "Be brief."}
    assert asked[0].language == "de"
    assert asked[0].messages[0].content == BANK.prompt
    assert wanted.prompt_version == prompt_version(behaviour)


def test_a_version_names_the_texts_of_all_models_and_none_is_what_it_was() -> None:
    assert prompt_version(tied(small="Be brief.")) != prompt_version(BANK)
    assert prompt_version(tied(small="Be brief.")) != prompt_version(tied(small="Be short."))
    assert prompt_version(tied(small="Be brief.")) != prompt_version(tied(large="Be brief."))
    assert "prompts" not in BANK.model_dump()


def test_a_prompt_of_a_model_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    files = swapped(
        HEAD, "prompt: Be brief.", 'prompt: Be brief.\nprompts: {answer: {"small-1": small.md, other: Be kind.}}'
    )
    behaviour = load(write(tmp_path, **files, **{"small.md": "Be brief, small one.\n"}))
    assert behaviour.prompts is not None
    assert behaviour.prompts.answer == {"small-1": "Be brief, small one.", "other": "Be kind."}


def test_a_prompt_that_is_not_there_is_named_by_file_and_line(tmp_path: Path) -> None:
    found = problems(
        write(tmp_path, **swapped(HEAD, "prompt: Be brief.", "prompt: Be brief.\nprompts: {answer: {a: b.md}}"))
    )
    assert any(problem.endswith("there is no file 'b.md'") for problem in found)


@pytest.mark.parametrize("own", ["", LONG * 300])
def test_each_model_has_its_own_prompt_in_its_own_cache(own: str) -> None:
    async def scene() -> list[tuple[int | None, bool]]:
        async with running(quick_config()) as server:
            models = [
                OpenAICompatible(OpenAISettings(api_key=KEY, url=f"{server.url}/v1", model=name, emulated=True))
                for name in ("emulated", "small")
            ]
            asked = request(**({"small": own} if own else {}))
            came = [await model.complete(asked) for _ in range(2) for model in models]
            for model in models:
                await model.close()
            return [(r.input_tokens, bool(r.cached_tokens)) for r in came]

    (large, first), (small, first_small), (_, again), (_, again_small) = asyncio.run(scene())
    assert (first, first_small, again, again_small) == (False, False, True, True)
    assert large
    assert small
    assert (small > large) is bool(own)
