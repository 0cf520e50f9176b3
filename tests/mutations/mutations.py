"""The mutations: each replaces one piece of production code, which must be there, word for word."""

from __future__ import annotations

from tests.mutations.guardrail_mutations import GUARDRAIL_MUTATIONS
from tests.mutations.guest_mutations import GUEST_MUTATIONS
from tests.mutations.hedge_mutations import HEDGE_MUTATIONS
from tests.mutations.interruption_mutations import INTERRUPTION_MUTATIONS
from tests.mutations.late_read_mutations import LATE_READ_MUTATIONS
from tests.mutations.mutation import Mutation as Mutation
from tests.mutations.sentence_mutations import SENTENCE_MUTATIONS
from tests.mutations.turn_mutations import TURN_MUTATIONS
from tests.mutations.write_mutations import WRITE_MUTATIONS

MUTATIONS: tuple[Mutation, ...] = (
    # --- what may be said ---
    Mutation(
        "speak_without_a_verdict",
        "processors.guarding",
        "    if all(candidate.verdicts.get(name, False) for name in needed):\n",
        "    if True:\n",
        "a candidate is accepted only when every required guardrail has passed it",
    ),
    Mutation(
        "pass_what_is_blocked",
        "processors.guarding",
        "        passed=judgement.passed,\n",
        "        passed=True,\n",
        "a guardrail's verdict is what the guardrail found",
    ),
    Mutation(
        "answer_a_question_of_the_past",
        "processors.choice",
        "        if c.fate is Fate.ACCEPTED and c.speculation == turn.speculation and not c.sentence\n",
        "        if c.fate is Fate.ACCEPTED and not c.sentence\n",
        "only candidates of the newest speculation are chosen",
    ),
    Mutation(
        "keep_a_replaced_request",
        "agent_core.reducers.asks",
        "        c = mark_asked(_with_former_closed(c, ask, p.intent), c.turn, p.intent)\n",
        "        c = mark_asked(c, c.turn, p.intent)\n",
        "a request that reads differently at commit replaces the one that was speculated on",
    ),
    Mutation(
        "take_two_runs_for_one",
        "agent_core.conversation",
        ' + (f".g{self.generation}" if self.generation else "")',
        "",
        "sentences of two runs of an ask never make one reply",
    ),
    *TURN_MUTATIONS,
    *GUARDRAIL_MUTATIONS,
    *GUEST_MUTATIONS,
    *SENTENCE_MUTATIONS,
    *WRITE_MUTATIONS,
    *LATE_READ_MUTATIONS,
    *HEDGE_MUTATIONS,
    # --- one reply a turn ---
    Mutation(
        "choose_twice",
        "agent_core.reducers.candidates",
        "    return replace(c, turn=replace(c.turn, chosen=p.candidate_id)) if c.turn else c\n",
        "    return set_fate(c, p.candidate_id, Fate.ACCEPTED)\n",
        "at most one reply of a turn takes effect",
    ),
    Mutation(
        "choose_before_the_words_are_final",
        "processors.choice",
        "turn.started or not turn.committed or not turn.live:",
        "turn.started or not turn.live:",
        "nothing is chosen before the caller's words are final",
    ),
    Mutation(
        "forget_that_it_was_said",
        "agent_core.reducers.speech",
        "started=p.candidate_id",
        "started=None",
        "a reply that took effect isn't chosen again for another gateway",
    ),
    Mutation(
        "resume_from_the_start",
        "agent_core.wording",
        '    return " ".join(interrupted.text.split()[said:])\n',
        '    return " ".join(interrupted.text.split()[said * 0 :])\n',
        "what was cut off goes on where it stopped",
    ),
    # --- nothing stale ---
    Mutation(
        "ignore_supersession_at_the_gateway",
        "voice_gateway.call_sounds",
        "        if self.caller_speaking or any(self._unread.values()) or self._last_caller_seq > chosen.answers_through:\n",
        "        if self.caller_speaking:\n",
        "nothing older than a newer caller fact is ever started",
    ),
    Mutation(
        "ignore_supersession_at_the_owner",
        "processors.choice",
        "if conversation.caller is not Caller.SILENT or conversation.granted_take",
        "if conversation.granted_take",
        "nothing is chosen while the caller speaks",
    ),
    Mutation(
        "claim_to_answer_everything",
        "processors.choice",
        '        "answers_through": conversation.last_caller_seq,\n',
        '        "answers_through": conversation.seq,\n',
        "a reply names the last caller fact that it answers",
    ),
    Mutation(
        "talk_over_the_caller",
        "voice_gateway.call_machine",
        "        commands: list[Command] = [Stop()] if self.playing else self._leave_reply()\n        started = ",
        "        commands: list[Command] = []\n        started = ",
        "the caller's speech stops the audio at once",
    ),
    Mutation(
        "start_after_a_standstill",
        "voice_gateway.call_sounds",
        "GAP_MS = 200.0",
        "GAP_MS = 1e12",
        "a gateway whose loop stood still reads the log to its end before it starts anything",
    ),
    Mutation(
        "start_for_another_take",
        "voice_gateway.call_sounds",
        '        if chosen.take != self.take:\n            return "other_take"\n',
        "",
        "a gateway starts nothing that names another take",
    ),
    Mutation(
        "stay_when_evicted",
        "voice_gateway.call_machine",
        "        return taken.take > self.take or (taken.take == self.take and taken.gateway_id != self._gateway_id)\n",
        "        return False\n",
        "a gateway lets go of a call that another one took",
    ),
    *INTERRUPTION_MUTATIONS,
    # --- never silent ---
    Mutation(
        "start_after_the_hard_mark",
        "voice_gateway.call_sounds",
        '        if turn_id in self._over or self._utterance_of.get(turn_id, "") in self._over:\n'
        '            return "turn_over"\n',
        "",
        "the closing line ends the turn",
    ),
    Mutation(
        "ignore_the_hold_marks",
        "voice_gateway.call_sounds",
        "        mark = waiting.due(since_ms)\n",
        "        mark = None\n",
        "with no decision by the mark, a granted holding line is played",
    ),
    Mutation(
        "ignore_the_hard_mark",
        "voice_gateway.call_sounds",
        "        if since_ms >= waiting.hard_ms:\n",
        "        if False:\n",
        "with no decision by the hard mark, the granted closing line is played",
    ),
    Mutation(
        "never_give_up",
        "agent_core.reducers.asks",
        "        turn = replace(turn, giving_up=True)\n",
        "        turn = replace(turn, giving_up=False)\n",
        "a turn whose budget is over is ended honestly",
    ),
    Mutation(
        "forget_the_turn_after_the_closing_line",
        "processors.turn_ending",
        '            yield d.TurnEnded(outcome="fallback")\n',
        "            yield from ()\n",
        "every turn ends",
    ),
    # --- whose data it is ---
    Mutation(
        "skip_the_level_check",
        "agent_core.subject",
        "if a.level.covers(required) and a.holds_at(at_us)]",
        "if a.holds_at(at_us)]",
        "a tool runs only for a subject who holds the level that it requires",
    ),
    Mutation(
        "accept_an_expired_level",
        "agent_core.subject",
        "if a.level.covers(required) and a.holds_at(at_us)]",
        "if a.level.covers(required)]",
        "time lowers the level of a subject",
    ),
    Mutation(
        "skip_the_object_check",
        "agent_core.authorisation",
        "Refusal.OBJECT_UNCLEAR if named else Refusal.OTHER_SUBJECT",
        "Refusal.OBJECT_UNCLEAR if named else said[0]",
        "every object that a tool is asked about belongs to the subject",
    ),
    Mutation(
        "read_what_may_be_void",
        "processors.executors.call_tool",
        "                await self._stands_on_log(conversation.id, ask.event_id)\n",
        "",
        "a tool touches nothing before its request stands on the log",
    ),
    Mutation(
        "ask_a_tool_again_unasked",
        "processors.recovery",
        "        if isinstance(found, Refusal) and not ask.kept:\n",
        "        if False:\n",
        "a tool is asked again, after its owner died, only if the subject still holds the level",
    ),
    Mutation(
        "tell_another_subject",
        "processors.subject_change",
        "        yield d.SpeculationDropped(",
        "        return\n        yield d.SpeculationDropped(",
        "what was found for one subject is never chosen for another",
    ),
    Mutation(
        "repeat_to_another_subject",
        "agent_core.reducers.subject",
        "other_subject_seq=event.seq, transcript=(), interrupted",
        "other_subject_seq=event.seq, interrupted",
        "what was said to one subject isn't said again to another",
    ),
    Mutation(
        "go_on_for_another_subject",
        "processors.resuming",
        "        if conversation.turn_is_of_another:",
        "        if False:",
        "a reply that was cut off isn't gone on with for another subject",
    ),
    # --- the log ---
    Mutation(
        "skip_the_epoch_filter",
        "streams.effective",
        "        if event.epoch != self.epoch:\n",
        "        if False:\n",
        "a record of a lower epoch behind an OwnerTook is void for every reader",
    ),
    Mutation(
        "deliver_half_a_step",
        "streams.effective",
        "        if event.step_index != len(self._held) or (self._held and event.step_id != self._held[0].step_id):\n",
        "        if True:\n            return (event,)\n        if True:\n",
        "a step is delivered when its last record is effective",
    ),
    Mutation(
        "keep_half_a_step",
        "streams.effective",
        "            self.void += len(self._held)\n            self._held = []\n",
        "            self.void += len(self._held)\n",
        "what was held of an unfinished step is dropped at the next OwnerTook",
    ),
    Mutation(
        "acknowledge_without_reading_the_gap",
        "streams.owner",
        "                await self._read_gap(receipt.last + 1)\n",
        "                pass\n",
        "acknowledged means known effective",
    ),
    Mutation(
        "overlook_a_gap_inside_a_step",
        "streams.owner",
        "            if receipt.first != self._end or receipt.last - receipt.first >= appended.size:\n",
        "            if receipt.first != self._end:\n",
        "a step's offsets follow each other, or the gap inside it was read",
    ),
    Mutation(
        "take_a_fact_twice",
        "streams.owner",
        "        opened.seen.add(fact.event_id)\n",
        "",
        "a fact is taken once, however often it stands on the inbox",
    ),
    Mutation(
        "break_the_chain",
        "streams.owner",
        "            prev_hash = stamped.hash\n",
        "            pass\n",
        "each event's hash rests on the one before it",
    ),
    Mutation(
        "skip_a_seq",
        "processors.cascade",
        "seq=conversation.seq + 1",
        "seq=conversation.seq + 2",
        "seq is contiguous",
    ),
    Mutation(
        "set_time_back",
        "streams.owner",
        "OwnerClock(max(reign.accepted_at_us, self._wall_us()))",
        "OwnerClock(self._wall_us())",
        "an owner's clock starts no earlier than what the log has seen",
    ),
    Mutation(
        "mark_too_high",
        "streams.owner",
        "        self._inbox_mark = record.offset\n",
        "        self._inbox_mark = record.offset + 1\n",
        "everything at or below an inbox mark is dealt with",
    ),
    Mutation(
        "tell_no_change_of_owner",
        "streams.owner",
        "            if self._mind.open_work(opened.conversation).asks:\n",
        "            if False:\n",
        "a new owner says so to every conversation with open effects, and what was lost is asked again",
    ),
    Mutation(
        "take_outcomes_of_another_reign",
        "processors.effects",
        "        self._epoch, self._report = epoch, report\n",
        "        self._report = report\n",
        "each run of an effect names the reign that ran it",
    ),
    Mutation(
        "lose_a_fact_while_the_inbox_is_down",
        "voice_gateway.fact_spool",
        "                await asyncio.sleep(RETRY_S)\n                continue\n",
        "                await asyncio.sleep(RETRY_S)\n",
        "a fact is kept and put again until the inbox has it",
    ),
    Mutation(
        "die_of_poison",
        "streams.owner",
        "        except (UndecodableError, DamagedConversationError) as error:\n            await self._drop(record, str(error))\n",
        "        except DamagedConversationError as error:\n            await self._drop(record, str(error))\n",
        "a malformed event never stops a partition",
    ),
    Mutation(
        "drop_without_keeping",
        "streams.owner",
        '            DeadLetter("inbox", record.partition, record.offset, record.conversation_id, reason, record.body)\n',
        '            DeadLetter("lost", record.partition, record.offset, record.conversation_id, reason, record.body)\n',
        "a dropped fact's bytes are in the dead letters",
    ),
)


def named(name: str) -> Mutation:
    """Raises ``KeyError``."""
    return {mutation.name: mutation for mutation in MUTATIONS}[name]
