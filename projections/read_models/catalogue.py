"""All read models, in order of name. Each ``ReadModel`` that a module of this package defines is one: a new file is a new table."""

from __future__ import annotations

import importlib
import pkgutil

from projections import read_models
from projections.read_models.definition import ReadModel

_NOT_READ_MODELS = {
    "attribution",
    "catalogue",
    "definition",
    "reference",
}  # what read models share, and what lists them


def every() -> dict[str, ReadModel]:
    """Raises ``TypeError`` for a module that defines none, and for two of one name."""
    found: dict[str, ReadModel] = {}
    for name in sorted(info.name for info in pkgutil.iter_modules(read_models.__path__)):
        if name in _NOT_READ_MODELS:
            continue
        module = importlib.import_module(f"{read_models.__name__}.{name}")
        models = [one for one in vars(module).values() if isinstance(one, ReadModel) and one.module == module.__name__]
        if not models:
            raise TypeError(f"{module.__name__} must define a ReadModel whose rows are of a class in that file")
        for model in models:
            if model.name in found:
                raise TypeError(f"{module.__name__}: there is a read model {model.name!r} already")
            found[model.name] = model
    return dict(sorted(found.items()))


READ_MODELS: dict[str, ReadModel] = every()
