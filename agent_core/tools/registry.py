"""Name → tool. Each module of this package that defines ``TOOL`` is one: a new file is a new tool."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from agent_core import tools
from agent_core.tools.base import Effect, Tool

_NOT_TOOLS = {"base", "registry"}  # and modules with a leading underscore: what tools share


@cache
def every() -> Mapping[str, Tool]:
    """All tools, in order of name. A module without a ``TOOL`` of its own name raises ``TypeError``."""
    found: dict[str, Tool] = {}
    for module_info in sorted(pkgutil.iter_modules(tools.__path__), key=lambda info: info.name):
        name = module_info.name
        if name in _NOT_TOOLS or name.startswith("_"):
            continue
        module = importlib.import_module(f"{tools.__name__}.{name}")
        tool = getattr(module, "TOOL", None)
        if not isinstance(tool, Tool) or tool.name != name:
            raise TypeError(f"{module.__name__} must define TOOL with the name {name!r}")
        found[name] = tool
    return MappingProxyType(found)


def writes(name: str) -> bool:
    """Whether there is such a tool, and it changes something."""
    tool = every().get(name)
    return tool is not None and tool.effect is Effect.WRITE
