"""YAML that knows its lines: plain values, and for each of them the line where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from agent_core.whole_text import whole_text

_PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str", "int", "float", "bool", "null", "merge")}
_MOST_VALUES = 200_000  # aliases of aliases make more of a few lines than any memory holds

Where = tuple[str | int, ...]
"""The way to a value: keys and indices from the top of the document."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something wrong in a file. ``file`` is relative to the behaviour's directory, ``line`` counts from 1."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file. ``lines`` has an entry for every key and every list item; the top is ``()``."""

    file: str
    value: Any
    lines: dict[Where, int] = field(default_factory=dict)

    def line(self, where: Where) -> int:
        """The line of the value, or of the nearest thing around it that the file really has."""
        while where not in self.lines and where:
            where = where[:-1]
        return self.lines.get(where, 1)

    def problem(self, where: Where, message: str) -> Problem:
        return Problem(self.file, self.line(where), message)


class _Loader(yaml.SafeLoader):
    """Safe YAML in which a date stays the text that was written: behaviour has no dates."""

    yaml_implicit_resolvers = {  # noqa: RUF012  (the type is PyYAML's)
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def parse(text: str, file: str, *, first_line: int = 1) -> tuple[Document, list[Problem]]:
    """Read one YAML document. ``first_line``: where the text starts in its file. A broken text gives value None."""
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + first_line
        return Document(file, None), [Problem(file, line, f"not YAML: a control character (code {error.character})")]
    try:
        node = loader.get_single_node()
        if node is None:
            return Document(file, None, {(): first_line}), []
        lines: dict[Where, int] = {(): node.start_mark.line + first_line}
        problems = [
            Problem(file, line + first_line, message) for line, message in _walk(node, (), lines, first_line, set())
        ]
        value = None if problems else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = first_line + (mark.line if mark else 0)
        return Document(file, None), [Problem(file, line, f"not YAML: {error.problem or error.context}")]
    except (yaml.YAMLError, ValueError) as error:
        return Document(file, None), [Problem(file, first_line, f"not YAML: {error}")]
    except RecursionError:
        return Document(file, None), [Problem(file, first_line, "not YAML: nested too deeply")]
    finally:
        loader.dispose()
    return Document(file, value, lines), problems


def read(path: Path, file: str) -> tuple[Document, list[Problem]]:
    """Parse a file. Raises ``OSError`` if it can't be read."""
    text, problems = read_text(path, file)
    return (Document(file, None), problems) if problems else parse(text, file)


def read_text(path: Path, file: str) -> tuple[str, list[Problem]]:
    """A file's text, empty where its bytes aren't UTF-8: that is a problem like any other."""
    try:
        return path.read_text(encoding="utf-8-sig"), []
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        return "", [Problem(file, line, "not UTF-8 text")]


def _walk(
    node: yaml.Node, where: Where, lines: dict[Where, int], first_line: int, open_nodes: set[int]
) -> Iterator[tuple[int, str]]:
    """Fill ``lines``; yield (line from 0, message) for keys that YAML allows and nobody means."""
    if id(node) in open_nodes:
        yield node.start_mark.line, "an alias that contains itself"
        return
    if node.tag not in _PLAIN:
        yield node.start_mark.line, f"the tag {node.tag.replace('tag:yaml.org,2002:', '!!')!r} has no meaning here"
        return
    if isinstance(node, yaml.ScalarNode) and whole_text(node.value) != node.value:
        yield node.start_mark.line, "half of a character: a \\uD8xx needs its \\uDCxx (or write \\U0001xxxx)"
    if len(lines) > _MOST_VALUES:
        raise yaml.MarkedYAMLError(problem=f"more than {_MOST_VALUES} values", problem_mark=node.start_mark)
    inside = open_nodes | {id(node)}
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key_node, child in node.value:
            key = str(key_node.value)
            if key in seen:
                yield key_node.start_mark.line, f"{key!r} stands here twice"
            seen.add(key)
            lines[(*where, key)] = key_node.start_mark.line + first_line
            yield from _walk(child, (*where, key), lines, first_line, inside)
    elif isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            lines[(*where, index)] = child.start_mark.line + first_line
            yield from _walk(child, (*where, index), lines, first_line, inside)
