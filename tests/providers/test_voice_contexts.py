"""The rule of contexts by itself: how many, which take text, whose audio is heard."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.voice_contexts import OPEN_AT_ONCE, ContextId, ContextRules, NoRoomError, VoiceContexts

FIVE = ContextRules(per_socket=5, expires_ms=None)
EXPIRING = ContextRules(per_socket=24, expires_ms=1000.0)


def contexts(rules: ContextRules, *begun: str) -> VoiceContexts:
    made = VoiceContexts(rules)
    for name in begun:
        made.begin(ContextId(name), 0.0)
    return made


def an_id(name: str) -> ContextId:
    return ContextId(name)


def test_a_third_open_context_is_refused() -> None:
    held = contexts(FIVE, "spoken", "ahead")
    assert not held.has_room(0.0)
    with pytest.raises(NoRoomError):
        held.begin(an_id("third"), 0.0)
    held.done(an_id("spoken"))
    held.begin(an_id("third"), 0.0)
    assert held.open == 2


def test_one_that_is_closed_makes_room_and_counts_until_the_vendor_is_through() -> None:
    held = VoiceContexts(FIVE)
    for number in range(5):
        held.begin(an_id(str(number)), 0.0)
        held.close(an_id(str(number)), 0.0)
    assert held.open == 0
    assert not held.has_room(0.0), "the sixth would end the socket"
    held.done(an_id("3"))
    assert held.has_room(0.0)


def test_audio_of_a_closed_context_is_stale() -> None:
    held = contexts(EXPIRING, "old", "new")
    assert held.audio(an_id("old"), 10.0)
    held.close(an_id("old"), 20.0)
    assert not held.audio(an_id("old"), 30.0)
    assert held.audio(an_id("new"), 30.0)


def test_audio_of_a_context_that_nobody_began_is_stale() -> None:
    assert not contexts(EXPIRING).audio(an_id("of a caller before"), 0.0)


def test_text_is_taken_until_a_context_may_have_expired_on_its_way() -> None:
    held = contexts(EXPIRING, "c")
    assert held.takes_text(an_id("c"), 60_000.0), "it expires after its audio, and there was none"
    held.audio(an_id("c"), 1_000.0)
    assert held.takes_text(an_id("c"), 1_600.0)
    assert not held.takes_text(an_id("c"), 1_800.0), "the vendor's second may be over before the text arrives"
    held.audio(an_id("c"), 1_900.0)
    assert held.takes_text(an_id("c"), 2_000.0), "more audio: it lives"


def test_without_expiry_text_is_taken_at_any_time() -> None:
    held = contexts(FIVE, "c")
    held.audio(an_id("c"), 0.0)
    assert held.takes_text(an_id("c"), 1e9)


def test_no_text_is_taken_after_the_last_one_nor_when_closed_nor_when_done() -> None:
    held = contexts(EXPIRING, "finished", "closed")
    held.finish(an_id("finished"))
    held.close(an_id("closed"), 0.0)
    assert not held.takes_text(an_id("finished"), 0.0)
    assert not held.takes_text(an_id("closed"), 0.0)
    held.done(an_id("finished"))
    assert not held.takes_text(an_id("finished"), 0.0)
    assert not held.takes_text(an_id("never begun"), 0.0)


def test_one_that_has_all_of_its_text_is_still_heard_and_still_open() -> None:
    held = contexts(FIVE, "c")
    held.finish(an_id("c"))
    assert held.audio(an_id("c"), 0.0)
    assert held.open == 1


def test_the_vendor_is_told_once_that_a_context_is_closed_and_not_of_one_that_is_over() -> None:
    held = contexts(EXPIRING, "c", "over")
    held.done(an_id("over"))
    assert held.close(an_id("c"), 0.0)
    assert not held.close(an_id("c"), 1.0)
    assert not held.close(an_id("over"), 1.0)


def test_a_closed_context_whose_vendor_says_nothing_is_forgotten_when_it_has_expired() -> None:
    held = VoiceContexts(ContextRules(per_socket=1, expires_ms=1000.0))
    held.begin(an_id("c"), 0.0)
    held.close(an_id("c"), 500.0)
    held.audio(an_id("c"), 2_000.0)  # what was being generated is still sent
    assert not held.has_room(3_000.0)
    assert held.has_room(3_400.0)


@given(st.lists(st.tuples(st.sampled_from(["begin", "close", "done", "audio", "finish"]), st.integers(0, 9))))
def test_whatever_happens_the_limits_hold_and_nothing_closed_is_heard(steps: list[tuple[str, int]]) -> None:
    held, alive, closed, now_ms = VoiceContexts(FIVE), set[str](), set[str](), 0.0
    for number, (step, which) in enumerate(steps):
        now_ms += which * 100.0
        name = f"c{which}"
        if step == "begin" and held.has_room(now_ms):
            name = f"c{which}.{number}"
            held.begin(ContextId(name), now_ms)
            alive.add(name)
        target = next((known for known in sorted(alive | closed) if known.startswith(name)), None)
        if target is None:
            continue
        if step == "close":
            assert held.close(ContextId(target), now_ms) is (target in alive)
            alive.discard(target)
            closed.add(target)
        elif step == "done":
            held.done(ContextId(target))
            alive.discard(target)
            closed.discard(target)
        elif step == "finish" and target in alive:
            held.finish(ContextId(target))
        elif step == "audio":
            assert held.audio(ContextId(target), now_ms) is (target in alive)
        assert held.open == len(alive) <= OPEN_AT_ONCE
        assert len(alive) + len(closed) <= FIVE.per_socket
