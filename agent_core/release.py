"""When a reply may start, as behaviour has it: once all of it was judged, or sentence by sentence."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Release(BaseModel):
    """``by: sentence``: a reply starts when its first sentence passed every required guardrail that can judge a sentence.

    Those that need the whole judge it meanwhile; the last sentence waits for them. A guardrail with ``holds_release`` holds
    all of it, which is as if ``by: whole``. ``repair`` is said where a reply that has begun can't be ended as it was meant.
    ``render_ahead``: a voice may render the leading candidate before its verdicts; it leaves only after them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    by: Literal["whole", "sentence"] = "whole"
    repair: str | None = Field(default=None, min_length=1)
    render_ahead: bool = False

    @model_validator(mode="after")
    def _has_a_way_out(self) -> Release:
        if self.by == "sentence" and self.repair is None:
            raise ValueError("by: sentence needs repair: what is said where a reply that has begun can't be ended")
        return self
