"""The candidate must be in the behaviour's language: a model that slips into another one isn't spoken.

By function words, which no sentence of some length goes without, and by script. Few words prove nothing: such a text
passes.
"""

from __future__ import annotations

import unicodedata

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


_FUNCTION_WORDS = {
    "en": "the and you your is are to of for it that with have can will this we our please at on be from what i'm i'll "
    "an as by not or but there here if how would do does help thank thanks it's don't",
    "de": "der die das und ich sie ist nicht ein eine einen mit für auf den dem zu von wir ihre ihren ihr haben kann "
    "können wird werden bitte es im am auch noch aber wenn oder wie",
    "fr": "le la les et vous votre vos est sont de des du une un pour que qui dans avec nous notre pas ne je il elle "
    "ce cette au aux sur peut pouvez être plus si ou où",
    "es": "el la los las y usted su sus es son de del una un para que en con nosotros nuestro no por se lo puede "
    "pueden está están más si o como al le",
    "it": "il lo la gli le e lei suo sua è sono di del della una un per che in con noi nostro non si può possono più se "
    "o come al alla i nel",
    "nl": "de het een en u uw is zijn van voor dat met wij onze niet ik je op aan te kan kunnen wordt worden ook nog "
    "maar als of hoe bij",
    "pt": "o a os as e você seu sua é são de do da uma um para que em com nós nosso não por se pode podem está mais ou "
    "como ao à",
    "pl": "i w na z do się nie jest są to że pan pani pana państwa przez dla po od za jak co już została został będzie może "
    "można proszę dziękuję",
    "tr": "ve bir bu için ile de da ne mi mı değil var yok size sizin çok daha olarak olan oldu edildi lütfen yeni",
    "sv": "och att det är en ett som på av för med den till inte du ditt din vi har kan om så jag var",
}
_PROFILES = {language: frozenset(text.split()) for language, text in _FUNCTION_WORDS.items()}
_LEAD = 2  # other language's words beyond our own before it counts as that language
_FOREIGN_LETTERS = 0.3


class Language:
    name = "language"
    version = "2"
    inputs = (Input.CANDIDATE,)
    means = Means.PATTERN
    blocks = True
    judges_sentence = True
    budget_ms = 5
    on_failure = OnFailure.CLOSED
    options_type = GuardOptions

    def judge(self, subject: GuardInput) -> Verdict:
        if subject.language not in _PROFILES:
            return PASSED  # a language without a profile here can't be told from another
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
    spoken = [word.text for word in words(text)]
    ours = sum(1 for word in spoken if word in _PROFILES[language])
    return any(
        sum(1 for word in spoken if word in theirs) >= ours + _LEAD
        for other, theirs in _PROFILES.items()
        if other != language
    )


GUARDRAIL = Language()
