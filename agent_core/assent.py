"""Whether a caller says yes or no to what was just read back to them, and nothing else.

Strict on purpose: a yes with anything beside it ("yes but not that one") is no yes. What isn't plainly one of the two
is unclear, and approves nothing.
"""

from __future__ import annotations

import re
from enum import StrEnum

from agent_core.guardrails._text import words


class Assent(StrEnum):
    YES = "yes"
    NO = "no"
    UNCLEAR = "unclear"


_FILLERS = frozenset({"um", "uh", "er", "erm", "hm", "mm", "well", "oh", "ah"})
_YES = (
    "yes|yeah|yep|yup|okay|ok|sure|correct|exactly|absolutely|definitely|of course|go ahead|do it|do that|"
    "(?:please|yes) do|that's (?:right|correct|fine)|i (?:do|confirm|agree)|confirmed"
)
_NO = (
    "no|nope|nah|don't|do not|don't do (?:it|that)|stop|wait|cancel|cancel (?:it|that)|never mind|not now|not that one|"
    "it isn't|that's (?:wrong|not right)|leave it|i changed my mind|i don't want (?:that|to)"
)
_POLITE = "please|thanks|thank you"


def _only(phrases: str) -> re.Pattern[str]:
    """Nothing but these, said once or several times, with or without politeness around them."""
    return re.compile(rf"(?:(?:{_POLITE}) )*(?:{phrases})(?: (?:{phrases}|{_POLITE}))*")


_SAYS_YES, _SAYS_NO = _only(_YES), _only(_NO)


def assent(text: str) -> Assent:
    said = " ".join(word.text for word in words(text) if word.text not in _FILLERS)
    if _SAYS_YES.fullmatch(said):
        return Assent.YES
    return Assent.NO if _SAYS_NO.fullmatch(said) else Assent.UNCLEAR
