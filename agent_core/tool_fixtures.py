"""Fixtures of simulated tools, from a YAML file:

tools:
  card_status: {finds: {card: debit card, progress: is on its way}}
  block_card:
    finds: {card: debit card, ending: "4421"}
    steps: {block: {reference: H 1}}        # or the reason of a failure, such as unavailable
code: "421556"                              # every one-time code
answers: {passcode: "4215"}
"""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent_core.ports import FailureReason
from agent_core.tools.registry import every


class Fixture(BaseModel):
    """``finds``, and each of ``steps``: what is answered, or the reason why nothing is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    finds: dict[str, str] | FailureReason
    steps: dict[str, dict[str, str] | FailureReason] = Field(default_factory=dict)


class Fixtures(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    tools: dict[str, Fixture]
    code: str = "000000"
    answers: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _of_the_tools_that_there_are(self) -> Fixtures:
        for name, fixture in self.tools.items():
            tool = every().get(name)
            if tool is None:
                raise ValueError(f"no tool {name!r}; there are: {', '.join(every())}")
            if set(fixture.steps) != {step.name for step in tool.steps}:
                raise ValueError(f"tool {name!r} has the steps {[step.name for step in tool.steps]}")
            parts = [(fixture.finds, tool.result), *((fixture.steps[step.name], step.result) for step in tool.steps)]
            for said, result in parts:
                if isinstance(said, dict) and set(said) != set(result.__struct_fields__):
                    raise ValueError(f"tool {name!r}: {result.__name__} has {', '.join(result.__struct_fields__)}")
        return self


def load_fixtures(path: Path) -> Fixtures:
    """Raises ``OSError``, ``ValueError`` for a file that isn't of this shape."""
    try:
        return Fixtures.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: not YAML: {error}") from None
