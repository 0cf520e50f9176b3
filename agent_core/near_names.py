"""What somebody may have meant who wrote a name that there is not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, get_args

from pydantic import BaseModel

_SOME = 12  # so many are listed where none is near


def instead(name: str, known: Iterable[str]) -> str:
    """``"; did you mean 'pin'?"``, or what there is, or that there is nothing; to be put behind a problem."""
    there_are = sorted(known)
    near = difflib.get_close_matches(name, there_are, n=2, cutoff=0.6)
    if near:
        return f"; did you mean {' or '.join(map(repr, near))}?"
    if not there_are:
        return "; there are none"
    more = ", …" if len(there_are) > _SOME else ""
    return f"; there are: {', '.join(there_are[:_SOME])}{more}"


def keys_beside(model: type[BaseModel], place: Sequence[str | int]) -> list[str]:
    """The keys that may stand where ``place`` (a path from the model's own object, its last step a key) ends."""
    here: type[BaseModel] | None = model
    for step in place[:-1]:
        if here is not None and isinstance(step, str):  # a number counts in a list, whose items' model is here already
            field = here.model_fields.get(step)
            here = _model_in(field.annotation) if field else None
    return list(here.model_fields) if here is not None else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """``Budget`` of ``Budget | None``, ``Phrase`` of ``tuple[Phrase, ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _model_in(each))), None)
