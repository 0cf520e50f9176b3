"""A stand-in for a tokenizer, and the prompt cache that counts in its tokens.

Pieces of at most five letters give the ~4 characters a token that English text has with the vendors' tokenizers.
"""

from __future__ import annotations

import hashlib
import re
from collections import OrderedDict
from collections.abc import Sequence

_PIECE = re.compile(r"\s?\w{1,5}|\s?[^\w\s]|\s")


def tokens_of(text: str) -> list[str]:
    """Pieces that join to exactly ``text``."""
    return _PIECE.findall(text)


def prompt_tokens(messages: Sequence[tuple[str, str]]) -> list[str]:
    """Of messages as (role, text): what a prompt counts."""
    prompt: list[str] = []
    for role, text in messages:
        prompt += [f"<{role}>", *tokens_of(text)]
    return prompt


class PromptCache:
    """How much of a prompt was seen before: the longest common prefix with any earlier prompt of the same model.

    Prefixes are kept as chained hashes, one every ``step`` tokens, so a lookup costs one pass over the prompt.
    """

    def __init__(self, capacity: int = 200_000) -> None:
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._capacity = capacity

    def cached_tokens(self, model: str, prompt: Sequence[str], *, minimum: int, step: int) -> int:
        """Tokens of ``prompt`` that are cached: 0, or at least ``minimum`` and a multiple of ``step``."""
        cached = 0
        for length, digest in _prefixes(model, prompt, step):
            if digest not in self._seen:
                break
            cached = length
        return cached if cached >= minimum else 0

    def remember(self, model: str, prompt: Sequence[str], *, step: int) -> None:
        for _, digest in _prefixes(model, prompt, step):
            self._seen[digest] = None
            self._seen.move_to_end(digest)
        while len(self._seen) > self._capacity:
            self._seen.popitem(last=False)


def _prefixes(model: str, prompt: Sequence[str], step: int) -> list[tuple[int, bytes]]:
    chain = hashlib.blake2b(f"{step} {model}".encode(), digest_size=16)
    prefixes = []
    for length in range(step, len(prompt) + 1, step):
        chain.update("\0".join(prompt[length - step : length]).encode() + b"\1")
        prefixes.append((length, chain.copy().digest()))
    return prefixes
