"""Mutations of who has the floor: backchannels, false interruptions, and holding lines."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

INTERRUPTION_MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        "stop_for_who_follows",
        "voice_gateway.overlap",
        "        if self._words and not self.is_backchannel(self._words):\n",
        "        if self._words:\n",
        "a backchannel stops nothing",
    ),
    Mutation(
        "go_on_over_other_words",
        "voice_gateway.overlap",
        "        if self._words and not self.is_backchannel(self._words):\n",
        "        if False:\n",
        "words that are no backchannel stop the agent at once",
    ),
    Mutation(
        "go_on_over_a_voice_that_goes_on",
        "voice_gateway.overlap",
        "now_ms - self._voice_since_ms >= most_ms\n",
        "now_ms - self._voice_since_ms >= most_ms * 10\n",
        "a voice that goes on stops the agent, whatever is known of its words",
    ),
    Mutation(
        "answer_a_backchannel",
        "voice_gateway.call_machine",
        "        if spoken_over and spoken_over.is_backchannel(text):\n",
        "        if False:\n",
        "a backchannel opens no turn",
    ),
    Mutation(
        "take_an_answer_for_a_backchannel",
        "voice_gateway.overlap",
        "    if asks(line):\n",
        "    if False:\n",
        "a yes to what the agent asks is an answer",
    ),
    Mutation(
        "wait_for_ever_for_words",
        "voice_gateway.call_machine",
        "        if now_ms - self._quiet_since_ms < yields.resume_after_ms:\n",
        "        if True:\n",
        "a reply that was stopped for nothing goes on after a bounded wait",
    ),
    Mutation(
        "go_on_over_who_may_still_speak",
        "voice_gateway.call_machine",
        "        if now_ms - self._quiet_since_ms < yields.resume_after_ms:\n",
        "        if now_ms - self._quiet_since_ms < 0:\n",
        "a reply that was stopped waits for the caller's words",
    ),
    Mutation(
        "take_the_word_from_who_goes_on",
        "voice_gateway.call_machine",
        "        if self._overlap and self._overlap.voiced and self.playing is None and not self.ended:\n",
        "        if False:\n",
        "who goes on when the agent has finished has the word",
    ),
    Mutation(
        "answer_an_uh",
        "voice_gateway.call_machine",
        "        if self._is_filler(text):\n",
        "        if False:\n",
        "a filler alone is waited out like a pause",
        "tests/gateway/test_hesitation.py",
    ),
    Mutation(
        "answer_half_a_sentence",
        "voice_gateway.call_machine",
        "        if not self._told and self._grant and breaks_off(text, self._grant.unfinished):\n",
        "        if False:\n",
        "what follows on a word that nobody ends with is the same utterance",
        "tests/gateway/test_unfinished.py",
    ),
    Mutation(
        "wait_for_ever_for_the_rest",
        "voice_gateway.call_machine",
        "        if self._unfinished:\n            return self._tell_what_there_is(now_ms, *self._unfinished)\n",
        "",
        "half a sentence is answered though nothing follows",
        "tests/gateway/test_unfinished.py",
    ),
    Mutation(
        "leave_an_interruption_unjudged",
        "processors.interruptions",
        "            genuine=isinstance(payload, f.UtteranceHeard),\n",
        "            genuine=True,\n",
        "the log says whether the caller meant to stop the agent",
    ),
    Mutation(
        "repeat_a_holding_line",
        "voice_gateway.waiting",
        "    if planned is None or phrase_id != last:\n",
        "    if True:\n",
        "no holding line is heard twice in a row",
    ),
    Mutation(
        "begin_with_the_line_of_a_late_mark",
        "voice_gateway.waiting",
        "        phrase_id = self._phrases[self._played]\n",
        "        phrase_id = self._phrases[self._passed - 1]\n",
        "holding lines come in their order, however late the first mark is noticed",
        "tests/gateway/test_waiting.py",
    ),
)
