"""The mutations of replies that are released by sentence."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

RELEASE = "tests/agent/test_sentence_release.py"

SENTENCE_MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        "tell_a_fragment",
        "agent_core.sentences",
        "        return not _holds_open(words, following)\n",
        "        return True\n",
        "an end that isn't certain is none: a fragment is never told",
    ),
    Mutation(
        "release_before_the_verdict",
        "agent_core.judges",
        "for name in guards if registry.find(name).judges_sentence)",
        "for name in guards if not name)",
        "a sentence is released only when every required guardrail that judges sentences passed it",
    ),
    Mutation(
        "forget_that_more_follows",
        "processors.choice",
        ", more=candidate.more)",
        ")",
        "a reply that is only the beginning says so",
    ),
    Mutation(
        "skip_the_repair_of_a_blocked_reply",
        "processors.releasing",
        "        return payload.reason if dropped and dropped.whole_id == said.reply else None\n",
        "        return None\n",
        "a reply of which a sentence is blocked is cut in the same step",
    ),
    Mutation(
        "skip_the_repair_of_a_dead_stream",
        "processors.releasing",
        "        return payload.reason if ends else None\n",
        "        return None\n",
        "a reply whose stream failed is cut in the same step",
    ),
    Mutation(
        "wait_for_ever_for_a_sentence",
        "processors.releasing",
        "        if number > said.said_in or isinstance(event.payload, d.ReplyChosen):\n",
        "        if False:\n",
        "a reply waits for its next sentence by a timer",
    ),
    Mutation(
        "go_on_after_a_new_owner",
        "processors.releasing",
        '        return "owner_changed" if whole is None else None\n',
        "        return None\n",
        "a reply whose stream died with its owner is cut, and never mixed with another run",
    ),
    Mutation(
        "say_sentences_out_of_turn",
        "voice_gateway.call_sounds",
        "            piece = reply.ahead.pop(0)\n",
        "            piece = reply.ahead.pop()\n",
        "a gateway says sentences in the order in which they were released",
    ),
    Mutation(
        "forget_what_was_heard_before",
        "voice_gateway.reply_pieces",
        '        return " ".join(part for part in (self.said, newest) if part)\n',
        "        return spoken\n",
        "what was heard of a reply is what was heard of all its sentences",
    ),
    Mutation(
        "leave_out_what_the_voice_broke_off_in",
        "voice_gateway.reply_pieces",
        "        rest = words[begin:]\n",
        "        rest = words[len(words) :]\n",
        "what a voice broke off in is said to its end before the next sentence",
    ),
    Mutation(
        "end_where_no_voice_is_left",
        "voice_gateway.call_sounds",
        "            self._voiceless_until_ms = now_ms + VOICE_AGAIN_MS\n",
        "            self._reply.ahead.clear()\n",
        "a reply isn't over because no voice has its next sentence",
    ),
    Mutation(
        "keep_silent_between_sentences",
        "voice_gateway.call_sounds",
        "        elif ran_dry and self._grant:\n",
        "        elif False:\n",
        "a caller who waits for the next sentence hears a granted line at its mark",
    ),
    Mutation(
        "say_the_whole_behind_other_sentences",
        "processors.releasing",
        '    elif whole.text.startswith(f"{text} "):\n',
        "    elif True:\n",
        "a whole that doesn't begin with what was said isn't said behind it",
        RELEASE,
    ),
    Mutation(
        "cut_for_a_loser",
        "processors.releasing",
        "payload.ask_id == said.ask_id and payload.attempt == said.attempt and whole is None",
        "payload.ask_id == said.ask_id and whole is None",
        "a reply isn't cut because another attempt failed",
        RELEASE,
    ),
    Mutation(
        "count_a_step_that_was_cut",
        "agent_core.reducers.release",
        'more=False, step_id=""',
        "more=False",
        "a step of a procedure that was cut wasn't said",
        RELEASE,
    ),
    Mutation(
        "say_a_repair_that_is_blocked",
        "processors.releasing",
        '        repair=repair if all(judge_line(behaviour, name, repair) for name in guards) else "",\n',
        "        repair=repair,\n",
        "a repair that a guardrail blocks isn't said",
        RELEASE,
    ),
    Mutation(
        "shop_after_a_cut",
        "processors.hedging",
        '    elif why == "cut_short" and failure not in _FINAL:\n',
        '    elif why == "cut_short":\n',
        "a stream that was refused behind its first sentences isn't asked again",
        RELEASE,
    ),
    Mutation(
        "tell_one_sentence_only",
        "processors.effects",
        "        part = (fact.index,) if isinstance",
        "        part = () if isinstance",
        "each sentence of a run is a fact of its own",
        "tests/agent/test_effects.py",
    ),
)
