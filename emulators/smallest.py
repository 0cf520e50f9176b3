"""The smallest value that satisfies a JSON schema, for completions that were asked to follow one.

Covers what OpenAI's structured outputs allow: objects, arrays, strings, numbers, booleans, null, enum, const, anyOf,
``$defs`` with ``$ref``, and minimum lengths and values.
"""

from __future__ import annotations

from typing import Any


class UnsatisfiableSchemaError(ValueError):
    """The schema uses what this file can't build a value for."""


def smallest_value(schema: dict[str, Any]) -> Any:
    """Raises UnsatisfiableSchemaError."""
    return _build(schema, schema, depth=0)


def _build(schema: dict[str, Any], root: dict[str, Any], depth: int) -> Any:
    if depth > 50:
        raise UnsatisfiableSchemaError("the schema requires itself without end")
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    if "$ref" in schema:
        return _build(_resolve(schema["$ref"], root), root, depth + 1)
    for combiner in ("anyOf", "oneOf"):
        if schema.get(combiner):
            return _build(schema[combiner][0], root, depth + 1)
    if schema.get("allOf"):
        return _build(_merged(schema, root), root, depth + 1)
    kind = schema.get("type", "object" if "properties" in schema else "null")
    kind = kind[0] if isinstance(kind, list) else kind
    return _of_type(kind, schema, root, depth)


def _of_type(kind: str, schema: dict[str, Any], root: dict[str, Any], depth: int) -> Any:
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: _build(properties.get(name, {}), root, depth + 1) for name in schema.get("required", ())}
    if kind == "array":
        return [_build(schema.get("items", {}), root, depth + 1) for _ in range(schema.get("minItems", 0))]
    if kind == "string":
        return "x" * schema.get("minLength", 0)
    if kind in ("number", "integer"):
        return _number(schema, whole=kind == "integer")
    if kind == "boolean":
        return False
    if kind == "null":
        return None
    raise UnsatisfiableSchemaError(f"type {kind!r}")


def _number(schema: dict[str, Any], *, whole: bool) -> float | int:
    low = schema.get("minimum")
    if "exclusiveMinimum" in schema:
        low = schema["exclusiveMinimum"] + (1 if whole else 0.001)
    high = schema.get("maximum")
    value = 0 if low is None else max(low, 0)
    return value if high is None or value <= high else high


def _resolve(reference: str, root: dict[str, Any]) -> dict[str, Any]:
    node: Any = root
    for part in reference.removeprefix("#").strip("/").split("/"):
        if part:
            node = node.get(part) if isinstance(node, dict) else None
    if not isinstance(node, dict):
        raise UnsatisfiableSchemaError(f"no {reference}")
    return node


def _merged(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    merged = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema["allOf"]:
        resolved = _resolve(part["$ref"], root) if "$ref" in part else part
        for key, value in resolved.items():
            if key == "properties":
                merged[key] = {**merged.get(key, {}), **value}
            elif key == "required":
                merged[key] = [*merged.get(key, ()), *value]
            else:
                merged.setdefault(key, value)
    return merged
