"""The mutations of guests: what they may judge, when, and what enters a verdict of theirs."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

GUEST_MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        "wait_for_no_guest",
        "processors.guarding",
        "    needed = (*guards, *_awaited(conversation, candidate))\n",
        "    needed = guards\n",
        "a candidate waits for every required guest that judges it",
    ),
    Mutation(
        "take_a_verdict_on_other_words",
        "processors.guests",
        "    if posted.text_digest != text_digest(conversation.context.digest_key(), candidate.text):\n",
        "    if False:\n",
        "a guest's verdict counts for the very words that it judged",
    ),
    Mutation(
        "let_a_guest_speak_for_others",
        "agent_core.guests",
        "if guest.name == name)",
        "if True)",
        "a guest judges in its own name alone",
    ),
    Mutation(
        "count_a_guest_twice",
        "processors.guests",
        "        and guest.name not in candidate.verdicts\n",
        "",
        "the first verdict of a guest stands",
    ),
    Mutation(
        "pass_in_silence",
        "processors.guests",
        '                    passed=guest.silence == "pass",\n',
        "                    passed=True,\n",
        "a guest's silence means what behaviour says",
    ),
    Mutation(
        "wait_for_ever_for_a_guest",
        "processors.guests",
        "        if guest.required:\n",
        "        if False:\n",
        "a required guest is waited for as long as its budget and no longer",
    ),
    Mutation(
        "let_a_guest_judge_approved_wordings",
        "agent_core.guests",
        'if g.judges == "everything" or candidate.origin == "model")',
        "if g.name)",
        "a guest judges what behaviour gives it",
    ),
    Mutation(
        "hear_a_guest_on_the_past",
        "processors.guests",
        "        candidate.speculation == turn.speculation\n",
        "        candidate is not None\n",
        "a verdict on what the caller no longer asks changes nothing",
    ),
    Mutation(
        "hear_a_guest_on_what_is_dropped",
        "processors.guests",
        "        and candidate.fate is not Fate.DROPPED\n",
        "",
        "a verdict on a candidate that is dropped changes nothing",
    ),
    Mutation(
        "repeat_what_a_guest_wrote",
        "agent_core.guests",
        "    named = (reason if _NAME.fullmatch(reason) else UNREADABLE for reason in reasons[:MOST_REASONS])\n",
        "    named = reasons\n",
        "nothing but names of reasons enters a verdict, which isn't sealed",
    ),
)
