"""Whether a JSON text has the shape that was asked for.

Checks the keywords of OpenAI's structured outputs. A schema with any other keyword is refused, not half checked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "null": lambda v: v is None,
}
_LIMITS: dict[str, Callable[[Any, Any], bool]] = {
    "minimum": lambda v, limit: not _is_number(v) or v >= limit,
    "maximum": lambda v, limit: not _is_number(v) or v <= limit,
    "exclusiveMinimum": lambda v, limit: not _is_number(v) or v > limit,
    "exclusiveMaximum": lambda v, limit: not _is_number(v) or v < limit,
    "minLength": lambda v, limit: not isinstance(v, str) or len(v) >= limit,
    "maxLength": lambda v, limit: not isinstance(v, str) or len(v) <= limit,
    "pattern": lambda v, limit: not isinstance(v, str) or re.search(limit, v) is not None,
    "minItems": lambda v, limit: not isinstance(v, list) or len(v) >= limit,
    "maxItems": lambda v, limit: not isinstance(v, list) or len(v) <= limit,
    "enum": lambda v, limit: any(v == allowed and type(v) is type(allowed) for allowed in limit),
    "const": lambda v, limit: v == limit and type(v) is type(limit),
}
_STRUCTURE = {"type", "properties", "required", "additionalProperties", "items", "anyOf", "$ref", "$defs"}
_NOTES = {"title", "description", "default", "examples", "format", "$schema"}


class UnknownKeywordError(ValueError):
    """The schema uses a keyword that isn't checked here: a mistake of whoever wrote the schema."""


def shape_problem(text: str, schema: Mapping[str, Any]) -> str | None:
    """Where ``text`` departs from ``schema``, without quoting any of it; None where it fits.

    Raises UnknownKeywordError.
    """
    try:
        value = json.loads(text)
    except ValueError:
        return "not JSON"
    return _problem(value, schema, schema, "$")


def _problem(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], path: str) -> str | None:
    unknown = set(schema) - _STRUCTURE - _NOTES - set(_LIMITS)
    if unknown:
        raise UnknownKeywordError(f"{path}: {sorted(unknown)}")
    if "$ref" in schema:
        return _problem(value, _resolved(schema["$ref"], root), root, path)
    if "anyOf" in schema and all(_problem(value, option, root, path) for option in schema["anyOf"]):
        return f"{path}: fits no option"
    kinds = schema.get("type", list(_TYPES))
    if not any(_TYPES[kind](value) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        return f"{path}: not of type {kinds}"
    for keyword, holds in _LIMITS.items():
        if keyword in schema and not holds(value, schema[keyword]):
            return f"{path}: {keyword}"
    if isinstance(value, dict):
        return _object_problem(value, schema, root, path)
    if isinstance(value, list) and "items" in schema:
        found = (_problem(item, schema["items"], root, f"{path}[{i}]") for i, item in enumerate(value))
        return next((problem for problem in found if problem), None)
    return None


def _object_problem(value: dict[str, Any], schema: Mapping[str, Any], root: Mapping[str, Any], path: str) -> str | None:
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            return f"{path}: {name} is missing"
    others = schema.get("additionalProperties", True)
    for name, item in value.items():
        if name in properties:
            problem = _problem(item, properties[name], root, f"{path}.{name}")
        elif others is False:
            problem = f"{path}: a property too many"
        else:
            problem = None if others is True else _problem(item, others, root, f"{path}.*")
        if problem:
            return problem
    return None


def _resolved(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    node: Any = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        if part:
            node = node.get(part) if isinstance(node, Mapping) else None
    if not isinstance(node, Mapping):
        raise UnknownKeywordError(f"no {reference}")
    return node


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
