"""The mutations of guardrails: what they are shown, how long they may take, and what it means that nobody judged."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

TURNS = "tests/agent/test_guardrail_turns.py"

GUARDRAIL_MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        "count_a_failure_as_a_pass",
        "agent_core.judging",
        "    return on_failure == OnFailure.OPEN\n",
        "    return True\n",
        "a compliance guardrail that didn't judge blocks",
    ),
    Mutation(
        "wait_for_ever_for_a_guardrail",
        "processors.guarding",
        "        yield _budget(conversation, Ask(asked.ask_id, asked, turn.turn_id, turn.speculation), at_us)\n",
        "",
        "a guardrail that is asked has its budget and no more",
    ),
    Mutation(
        "let_a_late_guardrail_go_unsaid",
        "processors.guarding",
        "        if ask.speculation == turn.speculation and not _is_judged(turn, asked):\n",
        "        if False:\n",
        "a budget that runs out is a verdict",
    ),
    Mutation(
        "block_without_evidence",
        "processors.guarding",
        "        evidence=tuple(d.EvidenceSpan(span.start, span.end) for span in judgement.evidence),\n",
        "        evidence=(),\n",
        "a verdict that blocks shows what it rests on",
    ),
    Mutation(
        "show_this_turn_alone",
        "agent_core.judging",
        "        earlier=tuple(said)[-EARLIER_LINES:],\n",
        "        earlier=(),\n",
        "who reads the conversation is shown what the caller said before",
        TURNS,
    ),
    Mutation(
        "show_everything_to_everybody",
        "agent_core.judging",
        "    return subject if Input.CONVERSATION in registry.find(name).inputs else replace(subject, earlier=())\n",
        "    return subject\n",
        "a guardrail is shown what it declares and no more",
        TURNS,
    ),
    Mutation(
        "ask_a_tool_with_anything",
        "processors.tools",
        "            refused = refused_by(verdicts)\n",
        '            refused = ""\n',
        "a tool is asked with nothing that a guardrail blocks",
        TURNS,
    ),
    Mutation(
        "judge_twice",
        "processors.guarding",
        "            if ask.open or _is_judged(turn, ask.payload):\n",
        "            if ask.open:\n",
        "what comes after the budget changes nothing",
        TURNS,
    ),
    Mutation(
        "let_behaviour_be_looser",
        "agent_core.behaviour_checks",
        "        if closed and setting.on_failure == OnFailure.OPEN.value:\n",
        "        if False:\n",
        "behaviour may be stricter than a guardrail, never looser",
        "tests/agent/test_behaviour_loader.py",
    ),
    Mutation(
        "let_an_adviser_block",
        "processors.guarding",
        "    if verdict.required and not verdict.passed:\n",
        "    if not verdict.passed:\n",
        "a guardrail that isn't required blocks nothing",
        TURNS,
    ),
    Mutation(
        "wait_for_an_adviser_to_pass",
        "agent_core.reducers.candidates",
        "    verdicts = {**candidate.verdicts, p.guardrail: p.passed or not p.required}\n",
        "    verdicts = {**candidate.verdicts, p.guardrail: p.passed}\n",
        "a guardrail that isn't required holds nothing back",
        TURNS,
    ),
    Mutation(
        "show_the_oldest_lines",
        "agent_core.judging",
        "tuple(said)[-EARLIER_LINES:]",
        "tuple(said)[:EARLIER_LINES]",
        "who reads the conversation is shown the newest of what the caller said",
        TURNS,
    ),
)
