"""Contradictions between the files of a behaviour: what each file alone can't show."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from agent_core.approved import SLOTS, slots_of
from agent_core.behaviour import OF_LATE_READS, OF_WRITES, OFFERS, Action, GuardrailSetting, Intent, Pragmatic
from agent_core.behaviour_parts import Parts, Placed, Wording, wordings
from agent_core.guardrails import registry
from agent_core.guardrails.base import GuardInput, Guardrail, OnFailure, Stage, judges_at
from agent_core.located_yaml import Problem, Where
from agent_core.near_names import instead
from agent_core.ports import Passage
from agent_core.tools import registry as tools
from agent_core.tools.base import Effect, Tool

RESERVED_INTENT = "other"  # what the classifier calls everything that is no intent

_SAYS_AI = re.compile(r"\b(?:a\.?i\.?|artificial intelligence|ki|künstliche intelligenz|ia)\b", re.IGNORECASE)
_DENIES_AI = re.compile(r"\b(?:not|never|no)\s+(?:an?\s+)?(?:a\.?i\.?\b|artificial)", re.IGNORECASE)


def contradictions(parts: Parts) -> Iterator[Problem]:
    """All of them, in no particular order."""
    for check in _CHECKS:
        yield from check(parts)


def _duplicates(parts: Parts) -> Iterator[Problem]:
    yield from _twice("intent", [(p.value.name, p, ("name",)) for p in parts.intents])
    yield from _twice("procedure", [(p.value.name, p, ("name",)) for p in parts.procedures])
    yield from _twice("article", [(p.value.id, p, ("id",)) for p in parts.articles])
    yield from _twice("guardrail", [(p.value.name, p, ("name",)) for p in parts.guardrails])
    for placed in parts.procedures:
        steps = [(step.id, placed, ("steps", i, "id")) for i, step in enumerate(placed.value.steps)]
        yield from _twice(f"step of {placed.value.name!r}", steps)
    if parts.head is not None:
        head = parts.head
        yield from _twice("holding phrase", [(p.id, head, ("holding", i)) for i, p in enumerate(head.value.holding)])


def _twice(kind: str, named: Sequence[tuple[str, Placed[Any], Where]]) -> Iterator[Problem]:
    first: dict[str, Problem] = {}
    for name, placed, inside in named:
        here = placed.problem(f"a second {kind} {name!r}", *inside)
        if name in first:
            before = first[name]
            yield Problem(here.file, here.line, f"{here.message}; the first is at {before.file}:{before.line}")
        else:
            first[name] = here


def _shared_examples(parts: Parts) -> Iterator[Problem]:
    first: dict[str, tuple[str, Problem]] = {}
    for placed in parts.intents:
        for index, example in enumerate(placed.value.examples):
            key = " ".join(re.findall(r"[\w']+", example.lower()))
            here = placed.problem("", "examples", index)
            name, before = first.setdefault(key, (placed.value.name, here))
            if before is not here:
                message = f"the example {example!r} stands already under {name!r} at {before.file}:{before.line}"
                yield Problem(here.file, here.line, message)


def _unknown_names(parts: Parts) -> Iterator[Problem]:
    articles = {placed.value.id for placed in parts.articles}
    procedures = {placed.value.name for placed in parts.procedures}
    for placed in parts.intents:
        intent = placed.value
        if intent.name == RESERVED_INTENT:
            yield placed.problem(f"{RESERVED_INTENT!r} is the classifier's name for everything else", "name")
        if "articles" not in parts.incomplete:
            for index, name in enumerate(intent.articles):
                if name not in articles:
                    message = f"intent {intent.name!r} names an unknown article {name!r}{instead(name, articles)}"
                    yield placed.problem(message, "articles", index)
        wanted = intent.procedure
        if "procedures" not in parts.incomplete and wanted is not None and wanted not in procedures:
            message = f"intent {intent.name!r} names an unknown procedure {wanted!r}{instead(wanted, procedures)}"
            yield placed.problem(message, "procedure")


def _unknown_guardrails(parts: Parts) -> Iterator[Problem]:
    for placed in parts.guardrails:
        if placed.value.means == "guest":
            continue
        guardrail = registry.every().get(placed.value.name)
        if guardrail is None:
            known = ", ".join(registry.every())
            message = f"unknown guardrail {placed.value.name!r}; there are: {known}; a guest says 'means: guest'"
            yield placed.problem(message, "name")
            continue
        try:
            options = msgspec.convert(placed.value.options, guardrail.options_type)
        except msgspec.ValidationError as error:
            yield placed.problem(f"options of {guardrail.name!r}: {error}", "options")
        else:
            if how := options.looser():
                yield placed.problem(
                    f"options of {guardrail.name!r} may only be stricter than its own: {how}", "options"
                )


def _looser_than_declared(parts: Parts) -> Iterator[Problem]:
    """Behaviour may be stricter than a guardrail declares, never looser."""
    for placed in parts.guardrails:
        setting, guardrail = placed.value, registry.every().get(placed.value.name)
        if guardrail is None or setting.means == "guest":
            continue
        name, closed = guardrail.name, guardrail.on_failure is OnFailure.CLOSED
        if closed and setting.on_failure == OnFailure.OPEN.value:
            yield placed.problem(f"{name!r} blocks where it fails: on_failure can't be open", "on_failure")
        if closed and not setting.required:
            yield placed.problem(f"{name!r} blocks where it fails: it can't be set as not required", "required")
        if setting.budget_ms is None:
            continue
        if setting.budget_ms > guardrail.budget_ms:
            message = f"budget_ms of {name!r} is {guardrail.budget_ms} at most"
            yield placed.problem(message, "budget_ms")
        elif not closed and setting.on_failure != OnFailure.CLOSED.value:
            message = f"{name!r} passes where it is late: a shorter budget_ms needs on_failure: closed"
            yield placed.problem(message, "budget_ms")


def _holding(parts: Parts) -> Iterator[Problem]:
    """Lines that escalate: the second says something else than the first, the third offers a person or a call back."""
    if parts.head is None:
        return
    head, said = parts.head.value, set[str]()
    offers, intents = head.offers or {}, {placed.value.name: placed.value for placed in parts.intents}
    for index, phrase in enumerate(head.holding):
        text = " ".join(re.findall(r"[\w']+", phrase.text.lower()))
        if text in said:
            yield parts.head.problem(f"holding phrase {phrase.id!r} says what another one says", "holding", index)
        said.add(text)
        if phrase.pragmatic in OFFERS and phrase.pragmatic not in offers:
            message = f"holding phrase {phrase.id!r} offers something, and no intent takes a yes: add it under 'offers'"
            yield parts.head.problem(message, "holding", index)
    for mark, wanted in enumerate(((Pragmatic.LOOKING_UP,), (Pragmatic.STILL_WORKING,), OFFERS)):
        if len(head.budget.hold_marks_ms) > mark and not any(p.pragmatic in wanted for p in head.holding):
            names = " or ".join(pragmatic.value for pragmatic in wanted)
            yield parts.head.problem(f"no holding phrase for mark {mark + 1}: it needs one that is {names}", "holding")
    for pragmatic, name in offers.items():
        if pragmatic not in OFFERS:
            yield parts.head.problem(f"{pragmatic.value!r} offers nothing", "offers")
        elif "intents" not in parts.incomplete and (name not in intents or intents[name].action is not Action.ESCALATE):
            yield parts.head.problem(
                f"a yes must lead to an intent that escalates; {name!r} doesn't", "offers", pragmatic.value
            )


def _guests(parts: Parts) -> Iterator[Problem]:
    for placed in parts.guardrails:
        guest = placed.value
        if guest.means is None or guest.budget_ms is None:
            continue
        if guest.name in registry.every():
            yield placed.problem(f"{guest.name!r} is a guardrail of ours: a guest needs another name", "name")
        if parts.head is None:
            continue
        budget = parts.head.value.budget
        most = budget.hard_ms - budget.give_up_ms
        if guest.budget_ms >= most:  # what is said when the turn gives up must be judged before the gateway ends it
            message = f"budget_ms of {guest.name!r} must be less than hard_ms - give_up_ms, which is {most}"
            yield placed.problem(message, "budget_ms")


def _escalation_cues(parts: Parts) -> Iterator[Problem]:
    if parts.head is None:
        return
    for index, reason in enumerate(parts.head.value.routing.escalate_on):
        if reason not in registry.reasons():
            message = f"escalate_on names {reason!r}, which no guardrail gives as a reason"
            yield parts.head.problem(message, "routing", "escalate_on", index)


def _ways_to_act(parts: Parts) -> Iterator[Problem]:
    for placed in parts.intents:
        intent = placed.value
        if intent.action is Action.ANSWER and intent.answer is None and intent.procedure is None:
            yield placed.problem(f"intent {intent.name!r} is to be answered but has neither answer nor procedure")
        if intent.action is not Action.ANSWER and intent.procedure is not None:
            message = f"intent {intent.name!r} has a procedure, but its action is {intent.action.value!r}"
            yield placed.problem(message, "procedure")


def _tools(parts: Parts) -> Iterator[Problem]:
    for placed in parts.intents:
        intent = placed.value
        if intent.tool is None:
            for field in ("also", "late", "unauthenticated", "which_one", "begun", *OF_WRITES):
                if getattr(intent, field) is not None:
                    yield placed.problem(f"intent {intent.name!r} says {field!r} but has no tool", field)
            continue
        tool = tools.every().get(intent.tool)
        if tool is None:
            known = ", ".join(tools.every())
            yield placed.problem(
                f"intent {intent.name!r} names an unknown tool {intent.tool!r}; there are: {known}", "tool"
            )
            continue
        yield from _sayings_of_writes(placed, tool)
        yield from _read_besides(placed, tool)
        yield from _late(placed, parts)
        if intent.action is not Action.ANSWER or intent.procedure is not None or intent.advances:
            yield placed.problem(
                f"intent {intent.name!r} has a tool: it can only be answered by what that finds", "tool"
            )
        if intent.answer is None:
            yield placed.problem(f"intent {intent.name!r} has a tool but no answer to fill with what it finds", "tool")
        if intent.unauthenticated is None:
            message = f"intent {intent.name!r} has a tool but doesn't say what a caller hears who isn't authenticated"
            yield placed.problem(f"{message} ('unauthenticated')", "tool")
        if tool.takes_objects and intent.which_one is None:
            message = (
                f"tool {tool.name!r} is about one of the caller's things: intent {intent.name!r} needs 'which_one'"
            )
            yield placed.problem(message, "tool")


def _sayings_of_writes(placed: Placed[Intent], tool: Tool) -> Iterator[Problem]:
    """A tool that changes something needs words for whatever may become of it; one that reads has no use for them."""
    intent, writes = placed.value, tool.effect is Effect.WRITE
    if writes and intent.late is not None:
        yield placed.problem(f"intent {intent.name!r} says 'late', but its tool writes: 'answer' is said then", "late")
    if intent.begun is not None and not writes:
        yield placed.problem(f"intent {intent.name!r} says 'begun', but its tool only reads", "begun")
    for field in OF_WRITES:
        needed = writes or (intent.late is not None and field in OF_LATE_READS)
        if (getattr(intent, field) is not None) is not needed:
            why = "its tool writes" if writes else "what it finds late is told"
            says = f"needs {field!r}: {why}" if needed else f"says {field!r}, but its tool only reads"
            yield placed.problem(f"intent {intent.name!r} {says}", "tool" if needed else field)


def _late(placed: Placed[Intent], parts: Parts) -> Iterator[Problem]:
    """What is said of a read that its turn couldn't wait for needs a tool that isn't given up before the turn is."""
    intent, head = placed.value, parts.head
    asked = [tool for name in intent.tools if (tool := tools.every().get(name))]
    if intent.late is None or head is None or not asked:
        return
    longest, give_up_ms = max(asked, key=lambda tool: tool.timeout_ms), head.value.budget.give_up_ms
    if longest.timeout_ms <= give_up_ms:
        yield placed.problem(
            f"intent {intent.name!r} says 'late', but {longest.name!r} is given up after {longest.timeout_ms} ms, before"
            f" the turn is (give_up_ms: {give_up_ms}): give it a longer timeout_ms, or leave 'late' out",
            "late",
        )


def _read_besides(placed: Placed[Intent], tool: Tool) -> Iterator[Problem]:
    """What is read at the same time: of a read, by whoever may know the first, and under other names."""
    intent, told = placed.value, set(tool.result_fields)
    for name in intent.also or ():
        besides = tools.every().get(name)
        if besides is None or besides.effect is Effect.WRITE or tool.effect is Effect.WRITE:
            yield placed.problem(f"intent {intent.name!r} reads {name!r} besides: only reads go together", "also")
            continue
        if not tool.level.covers(besides.level):
            yield placed.problem(f"{name!r} needs a higher level than {tool.name!r}: name it as 'tool'", "also")
        if twice := told.intersection(besides.result_fields):
            yield placed.problem(f"{name!r} finds {', '.join(sorted(twice))} once more", "also")
        told.update(besides.result_fields)


def _slots(parts: Parts) -> Iterator[Problem]:
    for wording in wordings(parts):
        if not wording.text.strip():
            yield wording.problem("says nothing")
            continue
        try:
            fields = sorted(slots_of(wording.text))
        except ValueError as error:
            yield wording.problem(f"has a broken slot: {error}")
            continue
        asked = [tool for name in wording.tools if (tool := tools.every().get(name))]
        whole = wording.inside == ("answer",)
        slots = SLOTS.union(*(tool.done_fields if whole else tool.result_fields for tool in asked))
        for name in fields:
            if name not in slots:
                yield wording.problem(f"has an unknown slot {{{name}}}; there are: {', '.join(sorted(slots))}")
            elif wording.intent is None:
                yield wording.problem(f"can't be filled: {{{name}}} is for answers of intents")


def _disclosure(parts: Parts) -> Iterator[Problem]:
    if parts.head is None:
        return
    text = parts.head.value.lines.disclosure
    if not _SAYS_AI.search(text) or _DENIES_AI.search(text):
        yield parts.head.problem("the disclosure doesn't say that the caller talks to an AI", "lines", "disclosure")


def _private_text(parts: Parts) -> Iterator[Problem]:
    """Private text in anything that may be said, whether or not this behaviour has that guardrail."""
    guardrail = registry.find("private_knowledge")
    for article in parts.articles:
        if not article.value.private:
            continue
        for wording in wordings(parts):
            subject = _subject(wording.text, private=(article.value.private,))
            if not guardrail.judge(subject).passed:
                yield wording.problem(f"says what is private in article {article.value.id!r}")
        for other in parts.articles:
            subject = _subject(other.value.public, private=(article.value.private,))
            if other.value.public and not guardrail.judge(subject).passed:
                yield other.problem(f"the public text says what is private in article {article.value.id!r}", "public")


def _blocked_texts(parts: Parts) -> Iterator[Problem]:
    """What a guardrail says to the approved texts; one that fails on them is named once, at its own place."""
    for stage, blocked in ((Stage.OUTPUT, _blocked_wordings), (Stage.INPUT, _blocked_examples)):
        for placed, guardrail in _required(parts, stage):
            try:
                yield from blocked(parts, placed, guardrail)
            except Exception as error:  # a guardrail's bug: it would block every call, so it is said before the first
                yield placed.problem(f"guardrail {guardrail.name!r} fails on an approved text: {type(error).__name__}")


def _blocked_wordings(parts: Parts, placed: Placed[GuardrailSetting], guardrail: Guardrail) -> Iterator[Problem]:
    private = tuple(placed.value.private for placed in parts.articles if placed.value.private)
    if guardrail.name != "private_knowledge":  # said above, with the article's name
        for wording in wordings(parts):
            sources = _sources(parts, wording)
            subject = _subject(wording.text, private=private, options=placed.value.options)
            subject = msgspec.structs.replace(
                subject,
                # An answer must agree with its articles; where it has none, it is its own source.
                approved=None if sources else wording.text,
                sources=sources,
                intent=wording.intent,
                company=parts.head.value.company if parts.head else "",
                language=parts.head.value.language if parts.head else "en",
            )
            verdict = guardrail.judge(subject)
            if verdict.judged and not verdict.passed:
                said = ", ".join(repr(wording.text[span.start : span.end]) for span in verdict.evidence)
                reasons = ", ".join(reason.value for reason in verdict.reasons)
                yield wording.problem(f"is blocked by {guardrail.name!r}: {reasons}" + (f" ({said})" if said else ""))


def _blocked_examples(parts: Parts, placed: Placed[GuardrailSetting], guardrail: Guardrail) -> Iterator[Problem]:
    """An intent that is to be answered, though a guardrail never lets the question through."""
    for intent in parts.intents:
        if intent.value.action is not Action.ANSWER:
            continue
        for index, example in enumerate(intent.value.examples):
            subject = GuardInput(text=example, stage=Stage.INPUT, question=example, options=placed.value.options)
            verdict = guardrail.judge(subject)
            if verdict.judged and not verdict.passed:
                reasons = ", ".join(reason.value for reason in verdict.reasons)
                message = f"intent {intent.value.name!r} is to be answered, but {guardrail.name!r} blocks this "
                yield intent.problem(f"{message}example: {reasons}", "examples", index)


def _required(parts: Parts, stage: Stage) -> Iterator[tuple[Placed[GuardrailSetting], Guardrail]]:
    for placed in parts.guardrails:
        guardrail = registry.every().get(placed.value.name)
        if guardrail is None or not placed.value.required or not judges_at(guardrail, stage):
            continue
        try:
            msgspec.convert(placed.value.options, guardrail.options_type)
        except msgspec.ValidationError:
            continue  # reported by _unknown_guardrails
        yield placed, guardrail


def _sources(parts: Parts, wording: Wording) -> tuple[Passage, ...]:
    found = [placed.value for placed in parts.articles if placed.value.id in wording.articles]
    return tuple(Passage(article.id, article.public, 1.0) for article in found if article.public)


def _subject(text: str, *, private: tuple[str, ...], options: dict[str, object] | None = None) -> GuardInput:
    return GuardInput(text=text, stage=Stage.OUTPUT, private_passages=private, options=options or {})


_CHECKS: tuple[Callable[[Parts], Iterator[Problem]], ...] = (
    _duplicates,
    _shared_examples,
    _unknown_names,
    _unknown_guardrails,
    _looser_than_declared,
    _guests,
    _holding,
    _escalation_cues,
    _ways_to_act,
    _tools,
    _slots,
    _disclosure,
    _private_text,
    _blocked_texts,
)
