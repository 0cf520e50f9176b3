"""The mutations of reads that come when their turn has gone on without them."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

LATE_READ_MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        "tell_whoever_is_there",
        "processors.late_reads",
        " or subject is None or subject.subject_id != read.subject_id:",
        " or subject is None:",
        "what comes late is told to the subject for whom it was read",
    ),
    Mutation(
        "tell_who_lost_the_level",
        "processors.late_reads",
        "        if intent and all(subject.authentication(required_level(tool), at_us) for tool in intent.tools):\n",
        "        if intent:\n",
        "what comes late is told while the subject holds the level",
        "tests/agent/test_late_reads.py",  # the level must end in the second in which it comes: one seed in a thousand
    ),
    Mutation(
        "lose_what_comes_in_mid_speech",
        "processors.late_reads",
        "    d.ReplyChosen,\n    d.TurnEnded,\n)",
        "    d.ReplyChosen,\n)",
        "what comes in mid-speech, or behind a superseded turn, is told once nobody speaks",
    ),
    Mutation(
        "tell_it_again",
        "agent_core.reducers.writing",
        "    late = {key: read for key, read in c.late_reads.items() if not _is_heard(c, read.told_by, candidate_id)}\n",
        "    late = dict(c.late_reads)\n",
        "what came late and was heard isn't told again",
    ),
    Mutation(
        "tell_twice_who_asked_again",
        "processors.late_reads",
        "        yield from _answered_meanwhile(conversation, payload)\n",
        "        return\n",
        "who asked for the same again and was answered isn't told of it twice",
    ),
    Mutation(
        "take_any_answer_for_it",
        "processors.late_reads",
        "        if told == (read.intent, read.arguments) and read",
        "        if told and read",
        "an answer about something else leaves what comes late to be told",
        test="tests/agent/test_late_reads.py",
    ),
    Mutation(
        "forget_a_read_with_its_turn",
        "agent_core.reducers.changes",
        "    return ask.kept or isinstance",
        "    return isinstance",
        "a read that is kept goes on when its turn is over",
    ),
    Mutation(
        "read_again_for_whoever_is_there",
        "processors.executors.call_tool",
        "        if subject is None or authentication is None or not belongs_to(subject, tool, arguments):\n",
        "        if subject is None:\n",
        "a read that is asked for again finds nothing out while its subject isn't there",
        test="tests/agent/test_call_tool.py",
    ),
    Mutation(
        "take_a_failure_for_the_answer",
        "processors.late_reads",
        "        return None if news.failed else (news.intent, news.arguments)",
        "        return (news.intent, news.arguments)",
        "that one read failed tells nobody what another of the same finds",
    ),
    Mutation(
        "forget_what_was_found_in_time",
        "agent_core.reducers.late_reads",
        "            found |= c.turn.results.get(ask.ask_id, {})",
        "            pass",
        "what one of several tools found in time is told with what comes late",
        "tests/agent/test_tool_turns.py",
    ),
)
