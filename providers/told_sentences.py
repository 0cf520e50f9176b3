"""What a router passes on of an answer that is still being made."""

from __future__ import annotations

from collections.abc import Callable

from agent_core.ports import Sentence
from providers.language_check import in_other_language


class ToldSentences:
    """Stops at the first sentence that is in another language than ``language``: the answer will be none."""

    def __init__(self, on_sentence: Callable[[Sentence], None], language: str | None) -> None:
        self._on_sentence, self._language = on_sentence, language
        self._strayed = False
        self.any = False

    def tell(self, sentence: Sentence) -> None:
        if self._language is not None and in_other_language(sentence.text, self._language):
            self._strayed = True
        if not self._strayed:
            self.any = True
            self._on_sentence(sentence)
