"""How much of a call's prompts a provider has in its cache, by the emulator's accounting, in two layouts of the same prompts.

Calls of a bank follow each other on one routed model, several answers a turn. ``task first`` is how prompts were laid out
before: the intent, its wording and the sources in the system prompt. ``task last`` is what is asked today. A provider caches
from some length on (1,024 tokens, in steps of 128, at OpenAI; blocks of 16 in a server of one's own).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec.structs import replace

from agent_core.behaviour import Behaviour, Intent
from agent_core.behaviour_loader import load
from agent_core.conversation import Context, Conversation, Line, Source, Turn, initial
from agent_core.prompts import request_for
from agent_core.wording import wording_of
from benchmarks.figures import share
from benchmarks.report import Report, Table
from emulators.tokens import PromptCache, tokens_of

BANK = Path(__file__).parents[1] / "examples" / "bank"
QUESTIONS_A_TURN = 2  # intents that an answer is asked for
_MESSAGES = msgspec.json.Decoder(list[dict[str, str]])
Messages = list[dict[str, str]]


def run(*, quick: bool) -> Report:
    calls, turns = (2, 8) if quick else (20, 16)
    rows: list[tuple[str | float | int | None, ...]] = []
    behaviour = load(BANK)
    long = behaviour.model_copy(update={"prompt": f"{behaviour.prompt}\n\n{_handbook(behaviour)}"})
    for prompt, told in (("the example's", behaviour), ("with a handbook", long)):
        for provider, minimum, step in (("OpenAI", 1024, 128), ("own server", 16, 16)):
            shares = cached_shares(told, calls, turns, minimum=minimum, step=step)
            rows.append((prompt, len(tokens_of(told.prompt)), provider, *shares))
    columns = (
        "prompt",
        "its tokens",
        "provider",
        "cached, task first",
        "cached, task last",
        "fresh tokens, last / first",
    )
    return Report("prompt_cache", [Table("Share of prompt tokens that the provider had in its cache", columns, rows)])


def cached_shares(
    behaviour: Behaviour, calls: int, turns: int, *, minimum: int, step: int
) -> tuple[float | None, float | None, float | None]:
    """Cached shares, task first and task last, and how many tokens the second pays in full for one of the first."""
    sums = []
    for layout in (task_first, task_last):
        cache, cached, asked = PromptCache(), 0, 0
        for conversation, turn in _turns(behaviour, calls, turns):
            for intent in _asked(behaviour, turn):
                prompt = [
                    t for m in layout(conversation, turn, intent) for t in (f"<{m['role']}>", *tokens_of(m["content"]))
                ]
                cached += cache.cached_tokens("answer", prompt, minimum=minimum, step=step)
                cache.remember("answer", prompt, step=step)
                asked += len(prompt)
        sums.append((cached, asked))
    (first, of_first), (last, of_last) = sums
    return share(first, of_first), share(last, of_last), share(of_last - last, of_first - first)


def task_last(conversation: Conversation, turn: Turn, intent: Intent) -> Messages:
    return _MESSAGES.decode(request_for(conversation, turn, intent).messages)


def task_first(conversation: Conversation, turn: Turn, intent: Intent) -> Messages:
    """The layout of before: everything about the question at the top, then twelve lines, then the question."""
    wording = wording_of(conversation, intent)
    system = f"{conversation.behaviour.prompt}\n\nThe caller asks about: {intent.name}. {intent.description}".rstrip()
    system += f"\n\nApproved wording:\n<approved>{wording.text}</approved>" if wording else ""
    system += "\n\nSources:\n" + "\n".join(f"- {source.text}" for source in turn.sources or ())
    told = [
        {"role": "user" if line.role == "caller" else "assistant", "content": line.text}
        for line in conversation.transcript[-12:]
    ]
    return [{"role": "system", "content": system}, *told, {"role": "user", "content": turn.question}]


def _turns(behaviour: Behaviour, calls: int, turns: int) -> Iterator[tuple[Conversation, Turn]]:
    """Each turn as it stands when its answers are asked for; what was said before it is in the transcript."""
    answered = [intent for intent in behaviour.intents if intent.answer and not intent.tool]
    for call in range(calls):
        conversation = initial(f"call-{call}", Context(lambda seq, content_hash: behaviour, lambda: b"key"))
        for number in range(turns):
            intent = answered[(call * 7 + number * 3) % len(answered)]
            question = intent.examples[(call + number) % len(intent.examples)]
            sources = tuple(
                Source(article.id, article.public, True)
                for article in behaviour.articles
                if article.id in intent.articles
            )
            turn = Turn(f"t{number + 2}", "utterance", f"u{number}", 0, 0, question=question, sources=sources)
            yield conversation, turn
            said = (
                Line("caller", question, turn.turn_id, 2 * number),
                Line("agent", intent.answer or "", turn.turn_id, 2 * number + 1),
            )
            conversation = replace(conversation, transcript=(*conversation.transcript, *said))


def _asked(behaviour: Behaviour, turn: Turn) -> list[Intent]:
    """The intent that is meant, and those beside it."""
    answered = [intent for intent in behaviour.intents if intent.answer and not intent.tool]
    meant = next(index for index, intent in enumerate(answered) if turn.question in intent.examples)
    return [answered[(meant + more) % len(answered)] for more in range(QUESTIONS_A_TURN)]


def _handbook(behaviour: Behaviour) -> str:
    """What many put into a prompt: their rules at length. Here, the descriptions of all intents."""
    return "\n".join(
        f"{intent.name}: {intent.description} Callers say: {'; '.join(intent.examples)}" for intent in behaviour.intents
    )
