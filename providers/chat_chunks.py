"""What a stream of OpenAI's chat API says, as far as anything here reads it. Many servers speak it, each in its own way: what is
unknown is passed over, what is needed and has another shape is an error, and counts that can't be read are unknown.

Source: OpenAI, API reference, "Chat completions: streaming" (chunks, and the last one with usage and no choices).
"""

from __future__ import annotations

from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0)]


class Delta(msgspec.Struct, frozen=True):
    content: str | None = None
    refusal: str | None = None


class Choice(msgspec.Struct, frozen=True):
    index: int = 0
    delta: Delta | None = None
    finish_reason: str | None = None


class PromptDetails(msgspec.Struct, frozen=True):
    cached_tokens: Count | None = None


class Usage(msgspec.Struct, frozen=True):
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    prompt_tokens_details: PromptDetails | None = None

    @property
    def cached_tokens(self) -> int | None:
        return self.prompt_tokens_details.cached_tokens if self.prompt_tokens_details else None


class Chunk(msgspec.Struct, frozen=True):
    choices: tuple[Choice, ...] | None = None
    usage: object = None

    def choice(self) -> Choice | None:
        """One answer is asked for: the first."""
        return next((choice for choice in self.choices or () if choice.index == 0), None)


def chunk_of(event: object) -> Chunk:
    """One event's JSON. Raises ``ValueError`` where it isn't a chunk."""
    return msgspec.convert(event, Chunk)


def usage_of(told: object) -> Usage | None:
    """None where it can't be read: an answer isn't lost over what it cost."""
    try:
        return msgspec.convert(told, Usage | None)
    except msgspec.ValidationError:
        return None
