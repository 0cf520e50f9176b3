"""Prompts are laid out for a provider's cache: what changes least comes first; history is shortened in strides."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace
from told_by_hand import BANK, Call, of

from agent_core.behaviour_loader import load
from agent_core.conversation import Line, Source
from agent_core.history import MOST_SHORTENED, MOST_WORDS, RECENT, STRIDE, history_of, shortened
from agent_core.prompts import prompt_version, request_for
from benchmarks.prompt_cache import cached_shares
from schemas import decisions as d

EXAMPLE = Path(__file__).parents[2] / "examples" / "bank"
APPROVED = {intent.name: intent.answer for intent in BANK.intents}


def messages(asked: d.CompletionAsked) -> list[dict[str, str]]:
    return json.loads(asked.messages)  # type: ignore[no-any-return]


def lines(count: int) -> list[Line]:
    return [Line("caller" if n % 2 == 0 else "agent", f"line {n}", f"t{n // 2}", n) for n in range(count)]


def asked_in(call: Call, text: str, intent: str) -> d.CompletionAsked:
    decided = call.says(text, intent)
    asked = of(d.CompletionAsked, decided)[0]
    turn = call.conversation.turn
    assert turn
    call.heard(turn.chosen or "", APPROVED[intent] or "")
    return asked


def test_a_prompt_ends_in_its_task_and_the_caller_s_words() -> None:
    asked = messages(asked_in(Call(), "What does a new card cost", "fees"))
    assert [m["role"] for m in asked] == ["system", "assistant", "system", "user"]
    assert asked[0]["content"] == BANK.prompt
    assert "<approved>A new card is free of charge.</approved>" in asked[-2]["content"]
    assert asked[-1]["content"] == "What does a new card cost"


def test_the_questions_of_a_turn_share_everything_but_their_task() -> None:
    call = Call()
    call.says("What does a new card cost", "fees")
    turn = call.conversation.turn
    assert turn
    first, second = (
        json.loads(request_for(call.conversation, turn, intent).messages)
        for intent in BANK.intents
        if intent.name in ("fees", "lost_card")
    )
    assert first[:-2] == second[:-2]
    assert first[-2] != second[-2]


def test_the_next_turn_goes_on_where_the_last_one_s_prompt_had_its_task() -> None:
    call = Call()
    before = messages(asked_in(call, "What does a new card cost", "fees"))
    after = messages(asked_in(call, "I lost my card", "lost_card"))
    assert after[: len(before) - 2] == before[:-2]
    assert after[len(before) - 2] == {"role": "user", "content": "What does a new card cost"}


def test_the_newest_lines_are_told_word_for_word_and_the_border_moves_in_strides() -> None:
    borders = []
    for count in range(RECENT, RECENT + 3 * STRIDE):
        told = history_of(lines(count))
        assert RECENT <= len(told.recent) < RECENT + STRIDE
        assert told.recent == tuple(lines(count)[-len(told.recent) :])
        borders.append(count - len(told.recent))
    assert sorted(set(borders)) == [0, STRIDE, 2 * STRIDE]


def test_what_is_shortened_grows_at_its_end_alone() -> None:
    before, after = history_of(lines(RECENT + STRIDE)), history_of(lines(RECENT + 2 * STRIDE))
    assert before.earlier
    assert after.earlier.startswith(before.earlier)
    assert after.earlier.count("\n") + 1 == 2 * STRIDE


def test_a_long_call_has_a_bounded_history() -> None:
    told = history_of(lines(1000))
    assert told.earlier.count("\n") + 1 == MOST_SHORTENED


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A new card is free.", "A new card is free."),
        ("A new card is free.  It comes by post.", "A new card is free. …"),
        (" ".join(["word"] * (MOST_WORDS + 5)), " ".join(["word"] * MOST_WORDS) + " …"),
        ("", ""),
    ],
)
def test_a_line_is_shortened_to_its_first_sentence(text: str, expected: str) -> None:
    assert shortened(text) == expected


def test_a_task_names_the_intent_s_own_articles_where_they_were_found() -> None:
    bank = load(EXAMPLE)
    intent = next(intent for intent in bank.intents if intent.articles and intent.answer)
    call = Call()
    call.says("What does a new card cost", "fees")
    turn = call.conversation.turn
    assert turn
    found = (
        Source(intent.articles[0], "its own", True),
        Source("another", "of others", True),
        Source("x", "secret", False),
    )
    own = request_for(call.conversation, replace(turn, sources=found), intent).messages
    others = request_for(call.conversation, replace(turn, sources=found[1:]), intent).messages
    assert ("its own" in own, "of others" in own) == (True, False)
    assert "of others" in others
    assert "secret" not in own + others


def test_a_prompt_is_versioned_by_its_text_alone() -> None:
    asked = asked_in(Call(), "What does a new card cost", "fees")
    assert (asked.prompt_id, asked.prompt_version) == ("answer", prompt_version(BANK))
    assert prompt_version(BANK.model_copy(update={"company": "Other Bank"})) == prompt_version(BANK)
    assert prompt_version(BANK.model_copy(update={"prompt": "Answer at length."})) != prompt_version(BANK)


def test_providers_find_more_of_a_prompt_in_their_cache_than_with_the_task_first() -> None:
    first, last, fresh = cached_shares(load(EXAMPLE), 4, 10, minimum=16, step=16)
    assert first is not None
    assert last is not None
    assert fresh is not None
    assert last > first + 0.1
    assert fresh < 0.75, "so many tokens are paid in full, of those that were with the task first"
