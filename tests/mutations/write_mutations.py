"""The mutations of tools that write and of proofs: who approves what, what is done how often, and what gives a level."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

WRITE_MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        "take_any_words_for_a_yes",
        "processors.approving",
        "    return None if said is Assent.YES and proposal.answer_turn == turn.turn_id else",
        "    return None if proposal.answer_turn == turn.turn_id else",
        "only a plain yes approves a proposal",
    ),
    Mutation(
        "take_a_yes_of_a_later_turn",
        "processors.approving",
        "    return None if said is Assent.YES and proposal.answer_turn == turn.turn_id else",
        "    return None if said is Assent.YES else",
        "a yes counts in the first turn after the proposal was heard",
        "tests/agent/test_writing_turns.py",
    ),
    Mutation(
        "take_a_yes_to_something_else",
        "agent_core.reducers.writing",
        "        if c.turn and proposal.heard and not proposal.answer_turn:\n",
        "        if c.turn and c.turn.cause == 'utterance' and proposal.heard and not proposal.answer_turn:\n",
        "what is said after the proposal is what a yes answers",
        "tests/agent/test_asked_again.py",
    ),
    Mutation(
        "approve_for_somebody_else",
        "processors.approving",
        "    if tool is None or subject is None or subject.subject_id != proposal.subject_id:\n        return Refusal.OTHER_SUBJECT.value\n    found = still_authorised(tool, tool.read_arguments(proposal.arguments), subject, at_us)\n    if isinstance(found, Refusal):\n        return found.value\n    return",
        "    if tool is None:\n        return Refusal.OTHER_SUBJECT.value\n    return",
        "the subject who approves is the one whom it is proposed to, and still holds the level",
    ),
    Mutation(
        "write_under_a_new_key",
        "processors.executors.write",
        "Operation(key, step.operation,",
        'Operation(f"{key}{id(arguments)}", step.operation,',
        "a step that is asked again is the same change, under the same key",
    ),
    Mutation(
        "take_the_unknown_for_undone",
        "processors.writing",
        "    nothing_done = reason in NOTHING_DONE and ask.generation == 0\n",
        "    nothing_done = True\n",
        "a step whose outcome isn't known is asked again under its key, and undone where that stays so",
    ),
    Mutation(
        "undo_whatever_is_named",
        "processors.executors.write",
        "        if (proposal.tool, proposal.arguments, own) == (asked.tool, asked.arguments, keys):\n",
        "        if True:\n",
        "what is undone is a step of the very change that was approved",
        "tests/agent/test_write_executors.py",
    ),
    Mutation(
        "forget_a_write_with_its_turn",
        "agent_core.reducers.turn",
        "if outlives_turn(ask)",
        "if False",
        "what was approved is finished or undone though the turn is over",
    ),
    Mutation(
        "take_any_code",
        "agent_core.given_proofs",
        "    return hmac.compare_digest(code_digest(key, challenge.challenge_id, given), challenge.code_digest)\n",
        "    return bool(challenge.code_digest)\n",
        "the code that was sent proves, and no other",
    ),
    Mutation(
        "send_a_code_on_speculation",
        "processors.stepping_up",
        "or not turn.live or not turn.committed or turn.chosen:",
        "or not turn.live or turn.chosen:",
        "nothing is sent while the caller may still go on speaking",
    ),
    Mutation(
        "believe_a_refusal_of_a_second_run",
        "processors.writing",
        "    nothing_done = reason in NOTHING_DONE and ask.generation == 0\n",
        "    nothing_done = reason in NOTHING_DONE\n",
        "a refusal of a run that was asked again tells nothing for certain",
        "tests/agent/test_writing_turns.py",
    ),
    Mutation(
        "undo_under_the_key_of_the_step",
        "processors.writing",
        "int(undo))",
        "0)",
        "an undo has a key of its own",
        "tests/agent/test_writing_turns.py",
    ),
    Mutation(
        "bind_no_words",
        "agent_core.proposal",
        "[subject_id, tool, arguments, state, words]",
        "[subject_id, tool, arguments, state]",
        "an approval is bound to the words that were read back",
        "tests/agent/test_writing_turns.py",
    ),
    Mutation(
        "prove_with_the_same_code_twice",
        "agent_core.reducers.proving",
        "subject=subject, challenge=None, wrong_proofs=0)",
        "subject=subject, wrong_proofs=0)",
        "a proof is used once",
        "tests/agent/test_stepping_up.py",
    ),
)
