"""``python -m console.cli_reference``: writes docs/cli.md from the commands themselves. ``--check`` fails where it is stale."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import typer

from console.main import app
from console.shapes import SHAPES

REFERENCE = Path(__file__).resolve().parent.parent / "docs" / "cli.md"

_HEAD = """\
# Command line

This page is written by `python -m console.cli_reference` from the commands themselves; a test fails when it is stale.

Exit codes of every command:

| code | meaning |
|---|---|
| 0 | done |
| 1 | it failed, or `verify`, `replay` or `simulate` found something (the JSON is still printed) |
| 2 | usage: an option, a file, a script, a behaviour or a setting that can't be used |

With `--json` the result goes to stdout as one JSON value of the shape below. Logs, warnings and errors go to stderr.
`ledgerline schema cli` prints the same shapes as JSON Schema. Unknown is `null`, never 0. A user's mistake is a message of
one or a few lines, without a stack trace. A stack trace is a bug of ours.

`ledgerline --version` prints the version. `CALL` is a call's id, the beginning of one, or `last`. An argument that is there and
empty (`--lane "$NAME"` of a variable that isn't set) is a mistake of usage; it never means what leaving it out means.
"""

_OTHER_JSON = {
    "emulators": "`--json` prints `url` (string) and `environment` (object of string: the variables to set), then serves.",
    "schema": "It prints JSON always.",
}


def reference() -> str:
    """The page."""
    command = typer.main.get_command(app)
    commands: dict[str, Any] = command.commands  # type: ignore[attr-defined]
    parts = [_HEAD, "## Commands\n"]
    for name, each in commands.items():
        parts.append("\n".join(_command(name, each)))
    parts.append("## Shapes\n\nFields that may be left out are marked with `?`.\n")
    parts += [_shape(name, schema) for name, schema in _definitions().items()]
    return "\n".join(parts)


def _command(name: str, command: Any) -> Iterator[str]:
    text, _, example = (command.help or "").partition("Example:")
    yield f"### ledgerline {name}\n"
    yield f"{' '.join(text.split())}\n"
    yield f"```sh\n{example.strip()}\n```\n"
    yield "| option | default | |"
    yield "|---|---|---|"
    for parameter in command.params:
        yield f"| {_cell(_names(parameter))} | {_default(parameter)} | {_cell(parameter.help or '')} |"
    if name in SHAPES:
        shapes = {key: shape for key, shape in SHAPES.items() if key.partition(" ")[0] == name}
        printed = [f"{_with(key)}{_type(msgspec.json.schema(shape))}" for key, shape in shapes.items()]
        yield f"\n`--json` prints {', '.join(printed)}."
    elif name in _OTHER_JSON:
        yield f"\n{_OTHER_JSON[name]}"
    yield ""


def _with(command: str) -> str:
    """The option that makes a command print something else."""
    option = command.partition(" ")[2]
    return f"with `{option}` " if option else ""


def _names(parameter: Any) -> str:
    again = " (may be repeated)" if parameter.multiple or parameter.nargs == -1 else ""
    named = parameter.metavar or parameter.name.upper()
    if parameter.param_type_name == "argument":
        return f"`{named}`{again}"
    value = "" if parameter.is_flag else f" {named}"
    return f"`{', '.join(parameter.opts)}{value}`{again}"


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    return "" if parameter.default is None or parameter.default is False else f"`{parameter.default}`"


def _definitions() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for shape in SHAPES.values():
        found |= msgspec.json.schema(shape).get("$defs", {})
    return dict(sorted(found.items()))


def _shape(name: str, schema: dict[str, Any]) -> str:
    lines = [f"### {name}\n"]
    if "description" in schema:
        lines.append(re.sub(r"``(.+?)``", r"`\1`", " ".join(schema["description"].split())) + "\n")
    if "enum" in schema:
        lines.append("One of " + ", ".join(f"`{value}`" for value in schema["enum"]) + ".\n")
        return "\n".join(lines)
    lines += ["| field | type |", "|---|---|"]
    for field, kind in schema.get("properties", {}).items():
        optional = "" if field in schema.get("required", ()) else "?"
        lines.append(f"| `{field}`{optional} | {_type(kind)} |")
    return "\n".join([*lines, ""])


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_type(part) for part in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("type") == "object":
        values = schema.get("additionalProperties")
        return f"object of {_type(values)}" if isinstance(values, dict) and values else "object"
    return str(schema.get("type", "any"))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: list[str]) -> int:
    page = reference()
    if "--check" in arguments:
        if REFERENCE.exists() and REFERENCE.read_text() == page:
            return 0
        print("docs/cli.md is stale: run python -m console.cli_reference", file=sys.stderr)
        return 1
    REFERENCE.write_text(page)
    print("docs/cli.md")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
