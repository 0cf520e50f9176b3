"""Mutations of turns: what is begun before the words are final, whom silence is counted for, and what is over."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

SPECULATION, SILENCE = "tests/agent/test_speculation.py", "tests/agent/test_silence.py"

TURN_MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        "believe_a_former_gateway_s_voice",
        "agent_core.reducers.speech",
        "c.turn is None or p.take not in (None, c.take):\n",
        "c.turn is None:\n",
        "a voice that failed at a gateway which lost the call takes no reply from the next one",
        "tests/agent/test_former_gateway.py",
    ),
    Mutation(
        "commit_what_was_not_said",
        "processors.turn_taking",
        "    if turn.live and turn.question == question:\n",
        "    if turn.live:\n",
        "final words that read differently are speculated on anew",
    ),
    Mutation(
        "lose_the_carried_question",
        "processors.turn_taking",
        "    question = _joined(turn.carried, heard.text)\n",
        "    question = heard.text\n",
        "the unanswered question is carried through every speculation of the next turn",
    ),
    Mutation(
        "keep_the_verdicts_of_the_past",
        "agent_core.reducers.turn",
        "        input_verdicts={},\n        input_reasons=(),\n",
        "",
        "a speculation's words are judged themselves",
        SPECULATION,
    ),
    Mutation(
        "keep_the_passages_of_the_past",
        "agent_core.reducers.turn",
        "        sources=None,\n",
        "        sources=c.turn.sources,\n",
        "a speculation is answered from passages that were found for its own words",
        SPECULATION,
    ),
    Mutation(
        "leave_a_dropped_speculation_running",
        "agent_core.reducers.turn",
        "    return replace(without_guests_awaited(with_asks_closed(c)), turn=replace(c.turn, live=False))\n",
        "    return replace(without_guests_awaited(c), turn=replace(c.turn, live=False))\n",
        "what a dropped speculation asked is cancelled",
        SPECULATION,
    ),
    Mutation(
        "let_siblings_run_on",
        "agent_core.reducers.candidates",
        "        c = replace(c, asks=closed(c.asks, candidate.ask_id))\n",
        "        pass\n",
        "once an answer is accepted its sibling attempts are cancelled",
        SPECULATION,
    ),
    Mutation(
        "remember_old_silences",
        "agent_core.reducers.call",
        "silences=0, interrupted=None",
        "interrupted=None",
        "who answered is asked again before they are released",
        SILENCE,
    ),
    Mutation(
        "ask_twice_before_release",
        "processors.silence",
        "        if conversation.silences == 0:\n",
        "        if conversation.silences <= 1:\n",
        "a silent caller is asked once, then released",
        SILENCE,
    ),
    Mutation(
        "remember_closing_lines_of_long_ago",
        "voice_gateway.call_sounds",
        "        self._waiting = None\n        self._closings = 0\n",
        "        self._waiting = None\n",
        "a reply between closing lines begins their count anew",
        "tests/gateway/test_call_machine.py",
    ),
    Mutation(
        "resume_what_was_answered",
        "agent_core.reducers.turn",
        "        interrupted=None,\n        stopped_for",
        "        stopped_for",
        "what was cut off isn't gone on with once another turn began",
        "tests/agent/test_interruptions.py",
    ),
    Mutation(
        "believe_a_gateway_that_lost_the_call",
        "agent_core.reducers.speech",
        "replace(turn, chosen=p.candidate_id, started=p.candidate_id)",
        "replace(turn, started=p.candidate_id)",
        "a voice that failed at a former gateway takes nothing from what this one says",
        "tests/agent/test_former_gateway.py",
    ),
    Mutation(
        "keep_a_proposal_that_was_replaced",
        "agent_core.reducers.writing",
        "    others = {key: other for key, other in c.proposals.items() if other.approved_seq is not None}\n",
        "    others = c.proposals\n",
        "a proposal takes the place of one that wasn't approved",
        "tests/agent/test_writing_turns.py",
    ),
    Mutation(
        "reuse_scores_of_other_intents",
        "projections.what_if.outcomes",
        "(intent.name, intent.description, intent.examples)",
        "(intent.name, intent.description)",
        "recorded scores are reused only where the intents are the same",
        "tests/projections/what_if/test_outcomes.py",
    ),
)
