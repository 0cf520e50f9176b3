"""What is asked in a turn of the race, and how what comes back is judged: pure, so that every side has the same."""

from __future__ import annotations

from msgspec import json
from msgspec.structs import replace

from agent_core.behaviour import Action, Behaviour, Intent
from agent_core.conversation import Conversation, Turn
from agent_core.guardrails import registry
from agent_core.guardrails._model import ANSWER_SCHEMA, ModelGuardrail, read_answer
from agent_core.guardrails.base import GuardInput, Stage
from agent_core.judging import input_subject, judge, needs_scores
from agent_core.ports import CompletionRequest, Message, Passage
from agent_core.prompts import Request, request_for
from agent_core.targets import OTHER, guards_of
from processors.executors import classify_by_model

_MESSAGES = json.Decoder(list[dict[str, str]])


class TurnRules:
    """One turn: its requests, by what they are for, and the verdicts on their texts."""

    def __init__(self, behaviour: Behaviour, conversation: Conversation, turn: Turn) -> None:
        self._behaviour, self._conversation, self._turn = behaviour, conversation, turn
        self._subject = input_subject(conversation, turn)
        self._label = f"{conversation.id}/{turn.turn_id}"
        self._output = guards_of(behaviour.content_hash, behaviour, Stage.OUTPUT)
        self._asked: dict[str, Request] = {}
        names = guards_of(behaviour.content_hash, behaviour, Stage.INPUT)
        self.guards = {name: self._guard(name) for name in names if needs_scores(name)}
        self.clean = all(self._passes(name, self._subject) for name in names if not needs_scores(name))

    @property
    def classification(self) -> CompletionRequest:
        behaviour = self._behaviour
        return CompletionRequest(
            purpose="classify",
            model=behaviour.routing.classifier,
            messages=classify_by_model.messages_for(behaviour, self._turn.question),
            label=f"{self._label}|classify|0",
            max_tokens=120,
            timeout_ms=behaviour.budget.guardrail_timeout_ms,
            json_schema=classify_by_model.ANSWER_SCHEMA,
        )

    def intents(self, text: str) -> list[Intent]:
        """The intents worth an answer, most probable first, by the classification's text."""
        behaviour, routing = self._behaviour, self._behaviour.routing
        names = [intent.name for intent in behaviour.intents] + [OTHER]
        scores = classify_by_model.read_scores(text, names)
        chosen: list[Intent] = []
        mass = 0.0
        for name in sorted(scores, key=lambda name: (-scores[name], name)):
            intent = behaviour.intent(name)
            if mass < routing.cover_mass and len(chosen) < routing.max_questions and intent:
                chosen += [intent] if intent.action is Action.ANSWER else []
                mass += scores[name]
        return chosen

    def guard_passes(self, name: str, text: str) -> bool:
        return self._passes(name, replace(self._subject, scores=read_answer(text)))

    def attempts(self, intent: Intent) -> list[CompletionRequest]:
        behaviour = self._behaviour
        request = self._asked[intent.name] = request_for(self._conversation, self._turn, intent)
        messages = tuple(Message(m["role"], m["content"]) for m in _MESSAGES.decode(request.messages))
        return [
            CompletionRequest(
                purpose="answer",
                model=behaviour.routing.model,
                messages=messages,
                label=f"{self._label}|answer.{intent.name}|{attempt}",
                attempt=attempt,
                timeout_ms=behaviour.budget.completion_timeout_ms,
                language=behaviour.language,
                intent=intent.name,
                approved=request.approved or None,
            )
            for attempt in range(behaviour.routing.attempts)
        ]

    def acceptable(self, intent: Intent, text: str) -> str | None:
        """The reply, if every guardrail on the output lets it pass. Only for an intent whose ``attempts`` were made."""
        reply = " ".join(text.split())
        subject = GuardInput(
            text=reply,
            stage=Stage.OUTPUT,
            question=self._turn.question,
            approved=self._asked[intent.name].approved or None,
            sources=tuple(Passage(s.article_id, s.text, 0.0, s.public) for s in self._turn.sources or ()),
            intent=intent.name,
            company=self._behaviour.company,
            language=self._behaviour.language,
            private_passages=self._subject.private_passages,
        )
        return reply if all([self._passes(name, subject) for name in self._output]) else None

    def _guard(self, name: str) -> CompletionRequest:
        guardrail = registry.find(name)
        assert isinstance(guardrail, ModelGuardrail)
        return CompletionRequest(
            purpose="guard",
            model=self._behaviour.routing.guard_model,
            messages=guardrail.messages(self._subject),
            label=f"{self._label}|guard.{name}|0",
            max_tokens=30,
            timeout_ms=self._behaviour.budget.guardrail_timeout_ms,
            json_schema=ANSWER_SCHEMA,
        )

    def _passes(self, name: str, subject: GuardInput) -> bool:
        setting = self._behaviour.guardrail(name)
        return judge(self._behaviour, name, subject).passed or (setting is not None and not setting.required)
