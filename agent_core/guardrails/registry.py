"""Name → guardrail. Each module of this package that defines ``GUARDRAIL`` is one: a new file is a new guardrail."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType, ModuleType
from typing import cast

from agent_core import guardrails
from agent_core.guardrails.base import Guardrail, Means, Reason, Stage, judges_at

_NOT_GUARDRAILS = {"base", "registry"}  # and modules with a leading underscore: what guardrails share


class UnknownGuardrailError(LookupError):
    """No guardrail has this name."""


@cache
def every() -> Mapping[str, Guardrail]:
    """All guardrails, in order of name. A module without a ``GUARDRAIL`` of its own name, or with one
    that nobody could wait for, raises ``TypeError``."""
    found: dict[str, Guardrail] = {}
    for module_info in sorted(pkgutil.iter_modules(guardrails.__path__), key=lambda info: info.name):
        name = module_info.name
        if name in _NOT_GUARDRAILS or name.startswith("_"):
            continue
        module = importlib.import_module(f"{guardrails.__name__}.{name}")
        guardrail = cast(Guardrail | None, getattr(module, "GUARDRAIL", None))
        if guardrail is None or guardrail.name != name:
            raise TypeError(f"{module.__name__} must define GUARDRAIL with the name {name!r}")
        if judges_at(guardrail, Stage.ARGUMENTS) and guardrail.means in (Means.CLASSIFIER, Means.MODEL):
            raise TypeError(f"{name!r} needs scores: no tool waits for a model that judges its arguments")
        found[name] = guardrail
    return MappingProxyType(found)


def module_of(name: str) -> ModuleType:
    """The file that a guardrail is."""
    return importlib.import_module(f"{guardrails.__name__}.{find(name).name}")


def find(name: str) -> Guardrail:
    """The guardrail with this name. Raises ``UnknownGuardrailError``, which names those that exist."""
    try:
        return every()[name]
    except KeyError:
        raise UnknownGuardrailError(f"no guardrail {name!r}; there are: {', '.join(every())}") from None


@cache
def reasons() -> frozenset[str]:
    """Every reason that some guardrail may give. Two guardrails with one reason raise ``TypeError``."""
    every()
    values = [reason.value for kind in Reason.__subclasses__() for reason in kind]
    if len(values) != len(set(values)):
        raise TypeError("two guardrails give the same reason")
    return frozenset(values)
