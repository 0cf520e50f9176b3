"""What is supposed to have been otherwise: changes to the behaviour that calls pinned.

behaviour=DIR                 all of it, as a directory
prompt=FILE or prompt=TEXT    the system prompt of the answering model
guardrail=FILE                YAML: one setting, a list, or {guardrails: [...]}; each takes the place of its namesake
guardrail=forbid:WORDS        what is said may not hold these words (a topic of forbidden_topics)
guardrail=without:NAME        the guardrail isn't there
model=NAME                    who answers
budget.hold_ms=600[,2500]     also give_up_ms, hard_ms, completion_timeout_ms
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ValidationError

from agent_core.behaviour import Behaviour, Budget, GuardrailSetting
from agent_core.behaviour_loader import load
from agent_core.guardrails import registry
from agent_core.guardrails.base import GuardInput, Stage
from agent_core.located_yaml import read as read_yaml

KINDS = "behaviour, prompt, guardrail, model, budget.hold_ms, .give_up_ms, .hard_ms and .completion_timeout_ms"
_FORBID, _WITHOUT, _TOPICS = "forbid:", "without:", "forbidden_topics"
_MARKS = ("hold_ms", "hold_marks_ms")
_BUDGET = (*_MARKS, "give_up_ms", "hard_ms", "completion_timeout_ms")


class WhatIfError(Exception):
    """A change that can't be made. One line."""


class DoesNotFitError(WhatIfError):
    """It can't be made to this behaviour; to another version perhaps it can."""


class WhatIf(msgspec.Struct, frozen=True, kw_only=True):
    """``told``: the changes as they were given. ``without``: names of guardrails. ``forbidden``: words.

    A whole ``behaviour`` comes first; the other changes are made to it.
    """

    told: tuple[str, ...]
    behaviour: Behaviour | None = None
    prompt: str | None = None
    model: str | None = None
    guardrails: tuple[GuardrailSetting, ...] = ()
    without: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()
    budget: tuple[tuple[str, tuple[int, ...]], ...] = ()

    def __hash__(self) -> int:
        return hash(self.told)

    def changed(self, recorded: Behaviour) -> Behaviour:
        """Raises ``DoesNotFitError`` where this behaviour can't be changed so."""
        return _changed(self, recorded)


def parse(given: Iterable[str]) -> WhatIf:
    """Raises ``WhatIfError``, ``BehaviourError``, ``OSError``."""
    told = tuple(given)
    fields: dict[str, Any] = {"guardrails": (), "without": (), "forbidden": (), "budget": ()}
    for change in told:
        kind, equals, value = change.partition("=")
        if not equals or not value:
            raise WhatIfError(f"--what-if {change}: KIND=VALUE is expected; kinds are {KINDS}")
        _once(kind, told)
        if kind == "behaviour":
            fields[kind] = load(Path(value))
        elif kind == "prompt":
            fields[kind] = _text(value)
        elif kind == "model":
            fields[kind] = value
        elif kind == "guardrail":
            name, read = _guardrail(value)
            fields[name] += read
        elif kind.startswith("budget."):
            fields["budget"] += (_budget(kind.removeprefix("budget."), value),)
        else:
            raise WhatIfError(f"--what-if {change}: no such kind; there are {KINDS}")
    return WhatIf(told=told, **fields)


def _once(kind: str, told: tuple[str, ...]) -> None:
    """Guardrails add up; of anything else a second one would silently take the first one's place."""
    if kind != "guardrail" and sum(change.partition("=")[0] == kind for change in told) > 1:
        raise WhatIfError(f"--what-if {kind} is given more than once: each asks its own question")


@lru_cache(maxsize=64)
def _changed(what_if: WhatIf, recorded: Behaviour) -> Behaviour:
    base = what_if.behaviour or recorded
    fields = {name: getattr(base, name) for name in Behaviour.model_fields}
    if what_if.prompt is not None:
        fields |= {"prompt": what_if.prompt, "prompts": None}  # it is told to every model
    if what_if.model is not None:
        fields["routing"] = base.routing.model_copy(update={"model": what_if.model})
    fields["guardrails"] = _guardrails(what_if, base)
    try:
        fields["budget"] = _with_budget(what_if, base.budget)
        return Behaviour(**fields)
    except ValidationError as error:
        said = str(error.errors(include_url=False)[0]["msg"]).removeprefix("Value error, ")
        raise DoesNotFitError(f"this can't be: {said}") from None


def _with_budget(what_if: WhatIf, budget: Budget) -> Budget:
    fields = budget.model_dump()
    for name, values in what_if.budget:
        if name in _MARKS:
            # One value moves the first mark alone.
            fields["hold_marks_ms"] = values if len(values) > 1 else (*values, *budget.hold_marks_ms[1:])
        else:
            fields[name] = values[0]
    return Budget(**fields)


def _guardrails(what_if: WhatIf, base: Behaviour) -> tuple[GuardrailSetting, ...]:
    unknown = [name for name in what_if.without if base.guardrail(name) is None]
    if unknown:
        names = ", ".join(setting.name for setting in base.guardrails) or "none"
        raise DoesNotFitError(f"guardrail=without:{unknown[0]}: the behaviour has none of this name; it has {names}")
    settings = {setting.name: setting for setting in base.guardrails if setting.name not in what_if.without}
    settings |= {setting.name: setting for setting in what_if.guardrails}
    if what_if.forbidden:
        settings[_TOPICS] = _forbidding(settings.get(_TOPICS), what_if.forbidden)
    return tuple(settings.values())


def _forbidding(setting: GuardrailSetting | None, words: tuple[str, ...]) -> GuardrailSetting:
    topics = list(setting.options.get("topics", ())) if setting else []
    topic = {"name": "what_if", "input": [], "output": list(words)}
    return GuardrailSetting(name=_TOPICS, required=True, on_failure="closed", options={"topics": [*topics, topic]})


def _text(value: str) -> str:
    path = Path(value)
    if "\n" not in value and len(value) < 1024 and path.is_file():
        try:
            prompt = path.read_text(encoding="utf-8").strip()
        except UnicodeDecodeError:
            raise WhatIfError(f"prompt={value}: this file isn't UTF-8 text") from None
        if not prompt:
            raise WhatIfError(f"prompt={value}: this file is empty")
        return prompt
    if len(value.split()) < 2:
        raise WhatIfError(f"prompt={value}: there is no such file, and one word is no prompt")
    return value


def _guardrail(value: str) -> tuple[str, tuple[Any, ...]]:
    """(which field of ``WhatIf``, what to add to it)."""
    if value.startswith(_FORBID) and (words := value.removeprefix(_FORBID).strip()):
        return "forbidden", (words,)
    if value.startswith(_WITHOUT):
        return "without", (value.removeprefix(_WITHOUT),)
    path = Path(value)
    if not path.is_file():
        raise WhatIfError(f"guardrail={value}: a YAML file, forbid:WORDS or without:NAME is expected")
    document, problems = read_yaml(path, str(path))
    if problems:
        raise WhatIfError(str(problems[0]))
    found = document.value
    settings = found.get("guardrails", [found]) if isinstance(found, dict) else found
    if not isinstance(settings, list) or not settings:
        raise WhatIfError(f"{path}: one guardrail, a list of them, or guardrails: [...] is expected")
    return "guardrails", tuple(_setting(path, each) for each in settings)


def _setting(path: Path, value: Any) -> GuardrailSetting:
    try:
        setting = GuardrailSetting.model_validate(value)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in detail["loc"])
        raise WhatIfError(f"{path}: {where + ': ' if where else ''}{detail['msg']}") from None
    if setting.means is None:
        try:
            guardrail = registry.find(setting.name)
            probe = GuardInput(text="", stage=Stage.OUTPUT, options=setting.options)
            probe.read_options(guardrail.options_type)
        except registry.UnknownGuardrailError as error:
            raise WhatIfError(f"{path}: {error}") from None
        except msgspec.ValidationError as error:
            raise WhatIfError(f"{path}: {setting.name}: {error}") from None
    return setting


def _budget(name: str, value: str) -> tuple[str, tuple[int, ...]]:
    if name not in _BUDGET:
        raise WhatIfError(f"budget.{name}: there are {', '.join(_BUDGET)}")
    try:
        values = tuple(int(part) for part in value.split(","))
    except ValueError:
        raise WhatIfError(f"budget.{name}={value}: milliseconds are expected") from None
    if min(values) <= 0 or (len(values) > 1 and name not in _MARKS):
        raise WhatIfError(f"budget.{name}={value}: {'rising marks' if name in _MARKS else 'one number'} above 0")
    return name, values
