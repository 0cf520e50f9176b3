"""The candidate must be in the behaviour's language: a model that slips into another one isn't spoken.

By function words, which no sentence of some length goes without, and by script. Of a short sentence with nothing of our
own in it one word is enough that no other language has; a single word proves nothing and passes, and so do names.
"""

from __future__ import annotations

import re
import unicodedata

from agent_core.guardrails._language_words import PROFILES, SPOKEN_HERE, TELLING
from agent_core.guardrails._text import sentences, words
from agent_core.guardrails.base import (
    PASSED,
    GuardInput,
    GuardOptions,
    Input,
    Means,
    OnFailure,
    Reason,
    Span,
    Verdict,
    blocked,
)


class LanguageReason(Reason):
    OTHER_LANGUAGE = "language_other"
    OTHER_SCRIPT = "language_other_script"


_LEAD = 2  # other language's words beyond our own before it counts as that language
_FOREIGN_LETTERS = 0.3
_PARTICLES = re.compile(  # of a name: "van der Berg"
    r"\b([A-Z]\w+\s)(?:(?:van|von|vom|der|den|de|la|le|di|del|da|dos|das|ter|zu|el|al)\s)+(?=[A-Z])"
)


class Language:
    name = "language"
    version = "3"
    inputs = (Input.CANDIDATE,)
    means = Means.PATTERN
    blocks = True
    judges_sentence = True
    budget_ms = 5
    on_failure = OnFailure.CLOSED
    options_type = GuardOptions

    def judge(self, subject: GuardInput) -> Verdict:
        if subject.language not in SPOKEN_HERE:
            return PASSED  # a language with too few words here can't be told from another
        letters = [character for character in subject.text if character.isalpha()]
        foreign = sum(1 for letter in letters if not unicodedata.name(letter, "").startswith("LATIN"))
        whole = (Span(0, len(subject.text)),)
        if letters and foreign / len(letters) > _FOREIGN_LETTERS:
            return blocked(LanguageReason.OTHER_SCRIPT, evidence=whole)
        slipped = tuple(
            at for at in sentences(subject.text) if _in_another(subject.text[at.start : at.end], subject.language)
        )
        if slipped or _in_another(subject.text, subject.language):
            return blocked(LanguageReason.OTHER_LANGUAGE, evidence=slipped or whole)
        return PASSED


def _in_another(text: str, language: str) -> bool:
    spoken = [
        word.text for word in words(_PARTICLES.sub(r"\1", text)) if len(word.text) > 1 or not word.text.isascii()
    ]  # letters are spelled
    ours = sum(1 for word in spoken if word in PROFILES[language])
    return any(
        sum(1 for word in spoken if word in theirs) >= ours + _LEAD
        or (
            len(spoken) > 1
            and not any(word in PROFILES[language] - theirs for word in spoken)
            and any(word in TELLING[other] - PROFILES[language] for word in spoken)
        )
        for other, theirs in PROFILES.items()
        if other != language
    )


GUARDRAIL = Language()
