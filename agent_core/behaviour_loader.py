"""Behaviour from a directory that people write and review.

    behaviour.yaml      name, company, language, voice, prompt (text, or the name of a .md file), lines, budget,
                        silence, routing, holding
    intents/*.yaml      {intents: [...]}; or one intents.yaml
    procedures/*.yaml   one procedure a file: {name, steps}
    articles/*.md       front matter with id and title, then sections "## public" and "## private"
    guardrails.yaml     {guardrails: [...]}

Everything that is wrong is reported at once, each problem with its file and line.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from agent_core import behaviour_checks
from agent_core.behaviour import Article, Behaviour, GuardrailSetting, Intent, Procedure, Prompts
from agent_core.behaviour_parts import Head, Parts, Placed
from agent_core.located_yaml import Document, Problem, Where, parse, read, read_text
from agent_core.near_names import instead, keys_beside

ItemT = TypeVar("ItemT", bound=BaseModel)

_HEAD, _GUARDRAILS, _INTENTS = "behaviour.yaml", "guardrails.yaml", "intents.yaml"
_FOLDERS = {"intents": ".yaml", "procedures": ".yaml", "articles": ".md"}
_SECTION = re.compile(r"^##\s+(.*?)\s*$")


class BehaviourError(Exception):
    """The directory isn't a behaviour. ``problems`` are sorted by file and line and never empty."""

    def __init__(self, directory: Path, problems: list[Problem]) -> None:
        self.directory = directory
        self.problems = tuple(sorted(set(problems)))
        count = len(self.problems)
        super().__init__(
            f"{directory}: {count} problem{'s' if count != 1 else ''}\n" + "\n".join(f"  {p}" for p in self.problems)
        )


def load(directory: Path) -> Behaviour:
    """Read and check a behaviour. Raises ``BehaviourError`` with every problem found; ``OSError`` if a file that is
    there can't be read."""
    if not directory.is_dir():
        raise BehaviourError(directory, [Problem(_HEAD, 1, "there is no such directory")])
    reader = _Reader(directory)
    parts = reader.read()
    problems = [*reader.problems, *behaviour_checks.contradictions(parts)]
    if problems or parts.head is None:
        raise BehaviourError(directory, problems)
    head = parts.head.value
    return Behaviour(
        **{name: getattr(head, name) for name in Head.model_fields if name not in ("prompt", "prompts")},
        prompt=reader.prompt,
        prompts=Prompts(answer=reader.prompts) if reader.prompts else None,
        intents=tuple(placed.value for placed in parts.intents),
        procedures=tuple(placed.value for placed in parts.procedures),
        articles=tuple(placed.value for placed in parts.articles),
        guardrails=tuple(placed.value for placed in parts.guardrails),
    )


class _Reader:
    """Reads every file, keeps what is whole, and collects what is wrong with the rest."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.problems: list[Problem] = []
        self.prompt = ""
        self.prompts: dict[str, str] = {}  # of answers, by model
        self.parts = Parts()

    def read(self) -> Parts:
        self._read_head()
        for document in self._documents("intents", alone=_INTENTS):
            self.parts.intents += self._items(document, "intents", Intent)
            if document.value == {"intents": []}:
                self.problems.append(document.problem(("intents",), "no intents: an agent has one at least"))
        for document in self._documents("procedures"):
            procedure = self._validated(Procedure, document, ())
            self._keep(procedure, self.parts.procedures, "procedures")
        for path in self._files("articles"):
            self._keep(self._article(path), self.parts.articles, "articles")
        if (self.directory / _GUARDRAILS).exists():
            document = self._document(_GUARDRAILS, "guardrails")
            self.parts.guardrails += self._items(document, "guardrails", GuardrailSetting)
        else:
            self.problems.append(Problem(_GUARDRAILS, 1, "missing; an agent with none says so: guardrails: []"))
        self._report_strangers()
        return self.parts

    # --- files -------------------------------------------------------------------------------------------------------

    def _document(self, file: str, kind: str) -> Document:
        document, problems = read(self.directory / file, file)
        self.problems += problems
        if problems:
            self.parts.incomplete.add(kind)
        return document

    def _files(self, folder: str) -> list[Path]:
        return [path for path in _shown(self.directory / folder) if path.suffix == _FOLDERS[folder]]

    def _documents(self, folder: str, alone: str | None = None) -> list[Document]:
        files = [f"{folder}/{path.name}" for path in self._files(folder)]
        if alone is not None and (self.directory / alone).exists():
            files.insert(0, alone)
        if alone is not None and not files:
            self.problems.append(Problem(alone, 1, f"missing; {folder} stand here or in {folder}/*.yaml"))
        return [self._document(file, folder) for file in files]

    def _report_strangers(self) -> None:
        """A file with a slip in its name would be silently left out: say so instead."""
        head = self.parts.head.value if self.parts.head else None
        prompts = {head.prompt, *(head.prompts.answer.values() if head.prompts else ())} if head else {"prompt.md"}
        known = {_HEAD, _GUARDRAILS, _INTENTS, "README.md", *prompts}
        for path in _shown(self.directory):
            if path.is_file() and path.suffix in {".yaml", ".yml", ".md"} and path.name not in known:
                self.problems.append(Problem(path.name, 1, "no part of a behaviour has this file name"))
        for folder, suffix in _FOLDERS.items():
            for path in _shown(self.directory / folder):
                if path.suffix != suffix and path.name != "README.md":
                    self.problems.append(Problem(f"{folder}/{path.name}", 1, f"{folder} stand in {suffix} files"))

    # --- pieces ------------------------------------------------------------------------------------------------------

    def _read_head(self) -> None:
        if not (self.directory / _HEAD).exists():
            self.problems.append(Problem(_HEAD, 1, "missing"))
            return
        head = self._validated(Head, self._document(_HEAD, "head"), ())
        if head is None:
            return
        self.parts.head = head
        self.prompt = self._prompt(head, head.value.prompt, "prompt")
        for model, told in (head.value.prompts.answer if head.value.prompts else {}).items():
            self.prompts[model] = self._prompt(head, told, "prompts", "answer", model)

    def _prompt(self, head: Placed[Head], told: str, *inside: str) -> str:
        """The text itself, or that of the file that it names."""
        if not told.endswith(".md") or "\n" in told:
            return told
        path = self.directory / told
        if not path.is_file():
            self.problems.append(head.problem(f"there is no file {told!r}", *inside))
            return ""
        text, problems = read_text(path, told)
        self.problems += problems
        if not text.strip() and not problems:
            self.problems.append(Problem(told, 1, "the prompt is empty"))
        return text.strip()

    def _items(self, document: Document, kind: str, model: type[ItemT]) -> list[Placed[ItemT]]:
        """The items under the one key of a file, each checked by itself so that one slip doesn't hide the others."""
        value = document.value
        if kind in self.parts.incomplete and value is None:
            return []
        if not isinstance(value, dict) or not isinstance(value.get(kind), list):
            self.problems.append(document.problem((kind,), f"expected a list under {kind!r}"))
            self.parts.incomplete.add(kind)
            return []
        for key in value:
            if key != kind:
                self.problems.append(document.problem((key,), f"unknown key {key!r}; this file has only {kind!r}"))
        kept: list[Placed[ItemT]] = []
        for index in range(len(value[kind])):
            self._keep(self._validated(model, document, (kind, index)), kept, kind)
        return kept

    def _keep(self, placed: Placed[ItemT] | None, into: list[Placed[ItemT]], kind: str) -> None:
        if placed is None:
            self.parts.incomplete.add(kind)
        else:
            into.append(placed)

    def _validated(self, model: type[ItemT], document: Document, where: Where) -> Placed[ItemT] | None:
        value: Any = document.value
        for step in where:
            value = value[step]
        if value is None and any(problem.file == document.file for problem in self.problems):
            return None  # the file couldn't be parsed: that has been said
        try:
            # Strict, by way of JSON: "950" is no number and yes is no text, while a list may fill a tuple.
            return Placed(model.model_validate_json(json.dumps(value), strict=True), document, where)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                at = (*where, *detail["loc"])
                told = _in_words(detail, at, keys_beside(model, detail["loc"]))
                self.problems.append(document.problem(at, told))
            return None

    def _article(self, path: Path) -> Placed[Article] | None:
        file = f"articles/{path.name}"
        text, unreadable = read_text(path, file)
        if unreadable:
            self.problems += unreadable
            return None
        lines = text.split("\n")
        closing = next((index for index, line in enumerate(lines) if index and line.strip() == "---"), None)
        if lines[0].strip() != "---" or closing is None:
            self.problems.append(Problem(file, 1, "an article begins with --- and its id and title, then ---"))
            return None
        document, problems = parse("\n".join(lines[1:closing]), file, first_line=2)
        self.problems += problems
        if problems:
            return None
        if not isinstance(document.value, dict):
            self.problems.append(Problem(file, 2, "expected id and title"))
            return None
        for key in document.value.keys() - {"id", "title"}:
            self.problems.append(document.problem((key,), f"unknown key {key!r}; the front matter has id and title"))
        sections, at, section_problems = _sections(lines, closing + 1, file)
        self.problems += section_problems
        fields = {key: document.value[key] for key in ("id", "title") if key in document.value}
        whole = Document(file, {**fields, **sections}, {**document.lines, **at})
        return self._validated(Article, whole, ())


def _shown(directory: Path) -> list[Path]:
    """Sorted, without what editors and desktops leave about (.DS_Store, ._cards.yaml, .cards.yaml.swp)."""
    return sorted(path for path in directory.glob("*") if not path.name.startswith("."))


def _sections(lines: list[str], start: int, file: str) -> tuple[dict[str, str], dict[Where, int], list[Problem]]:
    """The public and private text of an article and the line of each heading. Text outside both is a problem:
    nobody could say whether it may be spoken."""
    bodies: dict[str, list[str]] = {}
    at: dict[Where, int] = {}
    problems: list[Problem] = []
    current: list[str] | None = None
    for number, line in enumerate(lines[start:], start + 1):
        if heading := _SECTION.match(line):
            name = heading[1].lower()
            if name not in {"public", "private"}:
                problems.append(Problem(file, number, f"unknown section {heading[1]!r}; there are public and private"))
            elif name in bodies:
                problems.append(Problem(file, number, f"the section {name!r} stands here twice"))
            current = bodies.setdefault(name, [])
            at.setdefault((name,), number)
        elif current is not None:
            current.append(line)
        elif line.strip():
            problems.append(Problem(file, number, "text before the sections is neither public nor private"))
            break
    known = {name: "\n".join(body).strip() for name, body in bodies.items() if name in {"public", "private"}}
    if not any(known.values()) and not problems:
        problems.append(Problem(file, start + 1, "the article is empty: write a section ## public or ## private"))
    return known, at, problems


def _in_words(detail: ErrorDetails, at: Where, keys: list[str]) -> str:
    """A pydantic error as a sentence about the file. ``keys``: that there are at this place."""
    kind, message = detail["type"], detail["msg"]
    name = ".".join(str(step) for step in at) or "this file"
    if kind == "extra_forbidden":
        return f"unknown key {at[-1]!r}{instead(str(at[-1]), keys) if keys else ''}"
    if kind == "missing":
        return f"{at[-1]!r} is missing"
    if kind == "string_type" and detail["input"] is None:
        return f"{name}: nothing stands here; expected text"
    if kind == "string_type":
        return f"{name}: expected text (put quotes around yes, no, numbers and times, and around text that has a colon)"
    if kind == "too_short":
        return f"{name}: at least {detail['ctx']['min_length']} must stand here, not {detail['ctx']['actual_length']}"
    message = message.removeprefix("Value error, ")
    return f"{name}: {message[0].lower()}{message[1:]}"
