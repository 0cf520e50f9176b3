"""A coarse check that a completion is in the language it was asked for.

It counts function words, the most frequent words of a language, and letters of other scripts. A completion is only
turned down on clear evidence: names, numbers and short texts pass.
"""

from __future__ import annotations

import re
import unicodedata

_WORDS = {
    "en": "the and you your for is are this that with can we have not will to of in it be on our or from please",
    "de": "der die das und sie ist nicht ich wir ein eine mit auf für den dem zu bitte ihnen haben werden können auch",
    "fr": "le la les et vous est une des pas nous pour votre dans que avec sur pouvez être je au ce du cette avez",
    "es": "el la los y usted es una no para su con que por puede en de del está las nuestro tiene se favor más",
    "it": "il lo la gli e è una non per con che di del sono può della nostro suo questo si ha le nel più",
    "pt": "o a os e você é uma não para com que por pode em do da seu está nosso as no mais foi ao",
    "nl": "de het een en u is niet voor met van op wij uw kunt dat zijn te bij ook naar hebben kan graag wordt",
}
_FUNCTION_WORDS = {language: frozenset(words.split()) for language, words in _WORDS.items()}
_LEAST_EVIDENCE = 3  # function words of another language before a text is turned down
_OTHER_SCRIPT_SHARE = 0.3


def in_other_language(text: str, language: str) -> bool:
    """Whether ``text`` is clearly not in ``language`` (an ISO 639-1 code). A language not known here passes."""
    own = _FUNCTION_WORDS.get(language)
    if own is None:
        return False
    letters = [c for c in text if c.isalpha()]
    if not letters:
        return False
    other_script = sum(not unicodedata.name(c, "").startswith("LATIN") for c in letters)
    if other_script / len(letters) > _OTHER_SCRIPT_SHARE:
        return True
    words = re.findall(r"[^\W\d_]+", text.lower())
    own_count = sum(word in own for word in words)
    other_count = max(
        sum(word in theirs for word in words) for other, theirs in _FUNCTION_WORDS.items() if other != language
    )
    return other_count >= _LEAST_EVIDENCE and other_count > 2 * own_count
