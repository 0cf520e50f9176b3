"""Callers who act by seed: they speak, hesitate, interrupt, follow ("mm-hm"), cough, keep silent, and hang up."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

from simulation.company import PASSCODE
from simulation.line import Line, Said
from simulation.small_bank import ASKED, HUMS

ACTS: Sequence[str] = (
    "speak",
    "speak",
    "speak",
    "speak",
    "speak",
    "interrupt",
    "cough_at_wait",
    "cough_at_reply",
    "silent",
    "follow",
    "hum",
)
TALKS_OVER: Sequence[str] = ("interrupt", "interrupt", "follow", "hum", "cough_at_reply", "cough_at_wait", "speak")
TALK = (
    "lost_card",
    "lost_card",
    "fees",
    "fees",
    "travel",
    "go_on",
    "go_on",
    "advice",
    "other",
    "card",
    "card",
    "card",
    "repeat",
    "block",
    "replace",
)
READS = ("card", "card", "card", "card", "fees", "lost_card", "repeat")
WRITES = ("block", "replace", "block", "replace", "fees")  # models are asked for fees alone
RING_S = 15.0
MOST_ASKED = 3  # questions that are answered before the caller leaves

OpenLine = Callable[[], Awaitable[Line]]


class Caller:
    """Goes through ``turns`` acts; calls again when a call ended before. ``patience_s``: how long it waits for a reply.
    ``talk``: what it asks about, by intent; ``acts``: how. ``restless``: hangs up over a question of its own, time and
    again."""

    def __init__(
        self,
        rng: random.Random,
        turns: int,
        open_line: OpenLine,
        patience_s: float,
        *,
        talk: Sequence[str] = TALK,
        acts: Sequence[str] = ACTS,
        restless: bool = False,
        calls: int = 8,
    ) -> None:
        self._rng, self._turns, self._open_line = rng, turns, open_line
        self._patience_s, self._intents, self._calls = patience_s, talk, calls
        self._acts, self._restless = acts, restless

    async def run(self) -> None:
        while self._turns > 0 and self._calls > 0:
            self._calls -= 1
            self._line = await self._open_line()
            await self._call()
            self._line.close()
            await asyncio.sleep(0.5)

    async def _call(self) -> None:
        line = self._line
        deadline = asyncio.get_running_loop().time() + RING_S
        while not line.answered and not line.closed and asyncio.get_running_loop().time() < deadline:
            await line.until_change(1.0)
        seen = 0
        while self._turns > 0 and not line.closed and line.answered:
            act = self._rng.choice(self._acts)
            if self._intents is WRITES and self._rng.random() < 0.7:
                act = "speak"  # they mean it, and hear out what is read back to them
            seen = await self._until_agent_finished(seen, 1.0 if act == "cough_at_wait" else self._patience_s)
            if not line.closed:
                self._turns -= 1
                await self._do("speak" if self._is_asked() and self._rng.random() < 0.8 else act)
                if self._restless and self._rng.random() < 0.4:
                    await asyncio.sleep(self._rng.uniform(0.0, 1.5))
                    return
        if self._intents is WRITES:
            seen = await self._until_nothing_is_asked(seen)
        if self._turns <= 0 and not line.closed:
            await self._leave(seen)

    async def _until_nothing_is_asked(self, seen: int) -> int:
        """Who wants something changed doesn't leave over a question that stands between them and that; mostly."""
        for _ in range(MOST_ASKED):
            seen = await self._until_agent_finished(seen, self._patience_s)
            if self._line.closed or not self._is_asked() or self._rng.random() < 0.1:
                break
            await self._do("speak")
        return seen

    async def _do(self, act: str) -> None:
        if act == "silent":
            await self._line.until_change(4.0)
        elif act in ("interrupt", "cough_at_reply"):
            await self._speak(self._question())
            await self._until_reply_plays()
            await asyncio.sleep(self._rng.uniform(0.05, 0.6))
            await (self._speak(self._question()) if act == "interrupt" else self._cough())
        elif act in ("follow", "hum"):
            await self._speak(self._question())
            await self._until_sound_plays()
            await asyncio.sleep(self._rng.uniform(0.05, 0.6))
            await self._hum(self._rng.uniform(0.2, 0.38) if act == "follow" else self._rng.uniform(0.3, 1.2))
        elif act == "cough_at_wait":
            await self._speak(self._question())
            await asyncio.sleep(self._rng.uniform(0.0, 0.5))
            await self._cough()
        else:
            await self._speak(self._question())

    async def _leave(self, seen: int) -> None:
        ending = self._rng.choice(("goodbye", "person", "hang_up", "hang_up_early"))
        if ending == "hang_up_early":
            return
        seen = await self._until_agent_finished(seen, self._patience_s)
        if ending != "hang_up" and not self._line.closed:
            await self._speak(self._rng.choice(ASKED[ending]))
            await self._until_agent_finished(self._line.endings, self._patience_s)

    def _question(self) -> str:
        """What they were asked for is answered, mostly; else it is a question of their own. Whom the telephone was passed
        to asks what was said."""
        if answer := self._answer():
            return answer
        if self._line.handed_on:
            self._line.handed_on = False
            return self._rng.choice(ASKED["repeat"])
        if self._intents is WRITES and self._rng.random() < 0.06:
            return "Yes"  # to nothing, or to what was read back to them some time ago
        return self._rng.choice(ASKED[self._rng.choice(self._intents)])

    def _is_asked(self) -> bool:
        """Whether the agent waits for a yes or a proof."""
        return self._line.said.startswith("Shall your ") or self._proof(self._line.said) is not None

    def _answer(self) -> str | None:
        rng, said = self._rng, self._line.said
        if said.startswith("Shall your "):
            return rng.choice((*["Yes please", "Yes", "Yes go ahead"] * 3, "No thanks", "Wait", None))
        if said.startswith("Which of your cards") and self._intents is WRITES:
            return rng.choice(("Replace card 4444", "Replace card 4444", "Block card 1111", None))
        proof = self._proof(said)
        return f"It is {proof}" if proof else None

    def _proof(self, said: str) -> str | None:
        """The digits that the agent asks for, right or wrong."""
        rng = self._rng
        if "passcode" in said:
            return rng.choice((PASSCODE, PASSCODE, PASSCODE, PASSCODE, "1111"))
        if ("sent you a code" in said or "not the code" in said) and self._line.phone:
            sent = self._line.phone[-1][1].split()[0]
            return rng.choice((sent, sent, sent, sent, "111111"))
        return None

    async def _speak(self, text: str) -> None:
        rng, line = self._rng, self._line
        proof = self._proof(line.said)
        if proof and rng.random() < 0.4:  # keyed in, and not a word said
            line.say(Said("keys", proof))
            return
        if rng.random() < 0.9:
            line.say(Said("began"))
        words_after_s, lasts_s = rng.uniform(0.1, 0.6), rng.uniform(0.2, 0.8)
        await asyncio.sleep(min(words_after_s, lasts_s))
        if words_after_s < lasts_s:
            line.say(Said("words", text.split()[0]))
            await asyncio.sleep(lasts_s - words_after_s)
        ended = asyncio.get_running_loop().time()
        if rng.random() < 0.7:
            await asyncio.sleep(0.1)
            line.say(Said("paused", text, ended))
            while rng.random() < 0.25:
                await asyncio.sleep(rng.uniform(0.05, 0.4))
                line.say(Said("resumed"))
                text += " please"
                ended = await self._talk(0.2, 0.5)
                if rng.random() < 0.6:
                    await asyncio.sleep(0.1)
                    line.say(Said("paused", text, ended))
        await asyncio.sleep(rng.uniform(0.1, 0.3))
        if rng.random() < 0.1:
            text += " sorry"
        line.say(Said("ended", text, ended))

    async def _hum(self, lasts_s: float) -> None:
        """A backchannel; the longer ones are known too late. Sometimes more follows, and it was none."""
        rng, line, text = self._rng, self._line, self._rng.choice(HUMS)
        line.say(Said("began"))
        words_after_s = rng.uniform(0.1, 0.6)
        await asyncio.sleep(min(lasts_s, words_after_s))
        if words_after_s < lasts_s:
            line.say(Said("words", text))
            await asyncio.sleep(lasts_s - words_after_s)
        if rng.random() < 0.2:
            text += " but " + self._question().lower()
            await self._talk(0.1, 0.4)
            line.say(Said("words", text))
        ended = asyncio.get_running_loop().time()
        await asyncio.sleep(0.1)
        if rng.random() < 0.8:
            line.say(Said("quiet"))
        if rng.random() < 0.4:
            line.say(Said("paused", text, ended))
            if rng.random() < 0.3:
                line.say(Said("resumed"))
                ended = await self._talk(0.1, 0.3)
                line.say(Said("quiet"))
        await asyncio.sleep(rng.uniform(0.1, 0.5))
        line.say(Said("ended", text, ended))

    async def _talk(self, least_s: float, most_s: float) -> float:
        await asyncio.sleep(self._rng.uniform(least_s, most_s))
        return asyncio.get_running_loop().time()

    async def _cough(self) -> None:
        """The longer ones stop the agent."""
        self._line.say(Said("began"))
        await asyncio.sleep(self._rng.uniform(0.1, 0.7))
        if self._rng.random() < 0.6:
            self._line.say(Said("quiet"))
            await asyncio.sleep(self._rng.choice((0.1, 0.4, 2.0)))
        self._line.say(Said("dismissed"))

    async def _until_agent_finished(self, seen: int, patience_s: float) -> int:
        await agent_finished(self._line, seen, patience_s)
        await asyncio.sleep(self._rng.uniform(0.05, 0.6))
        return self._line.endings

    async def _until_sound_plays(self) -> None:
        """Of any kind: a holding line is followed as well."""
        line, loop = self._line, asyncio.get_running_loop()
        deadline = loop.time() + self._patience_s
        while not line.closed and loop.time() < deadline and line.playing is None:
            await line.until_change(deadline - loop.time())

    async def _until_reply_plays(self) -> None:
        line, loop = self._line, asyncio.get_running_loop()
        deadline = loop.time() + self._patience_s
        while not line.closed and loop.time() < deadline and line.playing != "reply":
            await line.until_change(deadline - loop.time())


class PlainCaller:
    """Says each text once the agent has finished, without a cough or a doubt; the same in every run."""

    PAUSE_S = 0.7
    SPEAKS_S = 0.6
    FINAL_AFTER_S = 0.2

    def __init__(self, texts: tuple[str, ...], open_line: OpenLine, patience_s: float) -> None:
        self._texts, self._open_line, self._patience_s = texts, open_line, patience_s

    async def run(self) -> None:
        line, loop = await self._open_line(), asyncio.get_running_loop()
        seen = 0
        for text in self._texts:
            await agent_finished(line, seen, self._patience_s)
            if line.closed:
                return
            seen = line.endings
            await asyncio.sleep(self.PAUSE_S)
            line.say(Said("began"))
            await asyncio.sleep(self.SPEAKS_S)
            ended = loop.time()
            await asyncio.sleep(self.FINAL_AFTER_S)
            line.say(Said("ended", text, ended))
        await agent_finished(line, seen, self._patience_s)
        line.close()


async def agent_finished(line: Line, seen: int, patience_s: float) -> None:
    """Until the agent has said something since ``seen`` and is silent, or patience is over."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_s
    while not line.closed and loop.time() < deadline:
        if line.endings > seen and line.playing is None:
            return
        await line.until_change(deadline - loop.time())
