"""The mutations of hedging: which attempts start and when, what they may cost, and what keeps them from doing harm."""

from __future__ import annotations

from tests.mutations.mutation import Mutation

ROUTER = "tests/providers/test_router_scenes.py"  # beside the log: the simulation has no router
LINE = "tests/providers/test_waiting_line.py"
SPARE = "tests/providers/test_spare_rate.py"

HEDGE_MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        "hedge_what_goes_on",
        "processors.hedging",
        "    if due_at_us > now_us:\n",
        "    if False:\n",
        "an attempt starts late only after its ask made no progress for the whole wait",
    ),
    Mutation(
        "wait_for_ever_for_the_late",
        "processors.hedging",
        "    yield _timer(ask, max(now_us,",
        "    if False:\n        yield _timer(ask, max(now_us,",
        "whoever may start another attempt looks whether the ask is late",
    ),
    Mutation(
        "start_attempts_without_end",
        "processors.hedging",
        "    left = hedge.most - ask.attempts\n",
        "    left = 1\n",
        "no more attempts start than behaviour says",
    ),
    Mutation(
        "shop_for_a_yes",
        "processors.hedging",
        "    elif failed.reason not in _FINAL:\n",
        "    else:\n",
        "what was refused isn't asked again",
    ),
    Mutation(
        "leave_losers_running",
        "processors.effects",
        "                loop.call_later(LINGER_S, under_way.task.cancel)\n",
        "",
        "losers are cancelled at once",
    ),
    Mutation(
        "spend_without_end",
        "processors.spending",
        "    if turn.spending_stopped:\n        return 0\n",
        "    if turn.spending_stopped:\n        return None\n",
        "at the ceiling of money no attempt starts any more",
    ),
    Mutation(
        "forget_what_was_spent",
        "agent_core.reducers.spending",
        "spent_micros=c.turn.spent_micros + p.cost_micros",
        "spent_micros=p.cost_micros",
        "what a turn's models cost adds up",
    ),
    Mutation(
        "take_a_gap_for_a_first_sentence",
        "providers.routed_provider",
        "        if self.told:\n            self._book",
        "        if False:\n            self._book",
        "the clock runs to the first sentence that can be spoken",
        ROUTER,
    ),
    Mutation(
        "ignore_the_bucket",
        "providers.extra_calls",
        "        if self._tokens >= 1 and not self._places:\n",
        "        if True:\n",
        "extra calls are a share of first ones",
        ROUTER,
    ),
    Mutation(
        "never_open_the_circuit",
        "providers.circuit_breaker",
        "            if failures >= FEWEST and failures * 2 >= len(self._newest):\n",
        "            if False:\n",
        "a provider that mostly fails is left alone",
        ROUTER,
    ),
    Mutation(
        "never_close_the_circuit",
        "providers.circuit_breaker",
        "            self._open_until_s, self._open_s = None, OPEN_S\n",
        "            self._open_until_s = now_s + self._open_s\n",
        "a provider that is back is asked again",
        ROUTER,
    ),
    Mutation(
        "press_on",
        "providers.routed_provider",
        "        if self.pressed(now_s) or now_s < self.scarce_until_s:\n            return False\n"
        "        return self.comeback.allows(now_s) and self.spare.allows(now_s)\n",
        "        return True\n",
        "a provider that has no more is asked for nothing extra",
        ROUTER,
    ),
    Mutation(
        "hand_over_in_mid_answer",
        "providers.model_router",
        "                if error.reason in _FINAL or watch.told:\n",
        "                if error.reason in _FINAL:\n",
        "sentences of two runs never make one answer",
        ROUTER,
    ),
    Mutation(
        "let_who_came_first_pass_first",
        "providers.waiting_line",
        "        heapq.heappush(self._places, place)\n",
        "        self._places.append(place)\n",
        "a further attempt takes no place at a limited provider that a first one waits for",
        LINE,
    ),
    Mutation(
        "let_the_herd_back",
        "providers.waiting_line",
        "            self._gap_s = min(max(self._gap_s * 2, FIRST_GAP_S), MOST_GAP_S)\n",
        "            self._gap_s = 0.0\n",
        "who waits for a limited provider is let through one by one",
        LINE,
    ),
    Mutation(
        "take_the_place_of_first_calls",
        "providers.spare_rate",
        "        return came + _DEVIATIONS * math.sqrt(_BUNCH * came) + unseen < rate * over_s\n",
        "        return True\n",
        "what first calls need of a limit is not given to extra ones",
        SPARE,
    ),
    Mutation(
        "take_a_lull_for_room",
        "providers.spare_rate",
        "came + _DEVIATIONS * math.sqrt(_BUNCH * came) + unseen",
        "came + unseen",
        "turns come by chance: a few seconds with fewer calls are no room to spare",
        SPARE,
    ),
    Mutation(
        "take_the_unseen_for_nothing",
        "providers.spare_rate",
        " + unseen < rate",
        " < rate",
        "who has just begun counts what it did not see as full",
        SPARE,
    ),
    Mutation(
        "believe_a_window_that_has_just_begun",
        "providers.spare_rate",
        "limit, seen_s = max(self._told), ",
        "limit, seen_s = self._told[-1], ",
        "of what was told of a limit that is counted by the window, the most counts",
        SPARE,
    ),
    Mutation(
        "count_calls_of_long_ago",
        "providers.spare_rate",
        "        while self._calls and self._calls[0] < now_s - self._seconds:\n",
        "        while False:\n",
        "what first calls need is what they took lately",
        SPARE,
    ),
    Mutation(
        "see_no_first_calls",
        "providers.model_router",
        "            order[0].takes_first(now_s)\n",
        "",
        "every call that would be made without hedging counts against the limit",
        SPARE,
    ),
)
