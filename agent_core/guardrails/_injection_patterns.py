"""Orders to a model, by pattern: precise, and they see little. Shared by the guardrails that look for them."""

from __future__ import annotations

import re

from agent_core.guardrails._text import any_of

RULES = r"(?:instructions?|rules?|prompts?|guidelines?|directions?|programming|training|restrictions?|orders|guardrails?|safety)"
_RULES_ABROAD = (
    r"(?:anweisung(?:en)?|regeln?|vorgaben|vorschriften|instrucciones|reglas|consignes|instructions|règles|istruzioni|regole|instructies|"
    r"regels|instruções|regras|instrukcje|instrukcji|zasady)"
)
ORDERS = any_of(
    [
        rf"(?:ignorier\w*|vergiss|vergessen sie|missachte\w*|ignora\w*|olvid\w+|oubli\w+|ignore[zr]?|dimentica\w*|negeer|vergeet|esque[cç]\w+|"
        rf"ignoruj|zapomnij)(?: \w+){{0,4}} {_RULES_ABROAD}",
        rf"(?:ignore|disregard|forget|override|bypass|overrule|drop|skip)(?: \w+){{0,4}} {RULES}",
        r"(?:ignore|disregard|forget) (?:everything|all|anything|whatever) (?:that )?(?:you were told|you've been told|above|before|they told you|i said before)",
        rf"(?:show|tell|read|reveal|repeat|print|give|recite|output|say)(?: \w+){{0,4}} (?:your|the)(?: \w+){{0,2}} (?:system prompt|prompt|hidden {RULES}|initial {RULES}|system {RULES})",
        rf"what (?:are|were|is)(?: \w+){{0,2}} your (?:system|initial|original|hidden|secret|exact) {RULES}",
        r"(?:system|initial|hidden) prompt",
        r"you are (?:now|no longer)(?: \w+){0,3} (?:ai|bot|assistant|dan|unrestricted|free|bound|model|agent|machine|in)",
        r"(?:enter|enable|activate|switch to|go into|turn on)(?: \w+){0,2} (?:developer|debug|admin|maintenance|god|dan|jailbreak|test|sudo) mode",
        r"(?:developer|debug|admin|god|jailbreak) mode",
        r"(?:pretend|act as if|act like|imagine|role ?play)(?: \w+){0,4} (?:no (?:rules|restrictions|limits|guidelines)|unrestricted|not bound|without (?:any )?(?:rules|restrictions|limits)|dan)",
        r"(?:jailbreak|do anything now)",
        r"(?:new|updated|following) (?:system )?instructions?(?: \w+){0,3} (?:override|replace|supersede|from now on|follow)",
        r"repeat (?:everything|all the words|all the text|the text|the words)(?: \w+){0,3} (?:above|before this)",
        r"(?:without|with no|turn off|disable|switch off|remove)(?: \w+){0,2} (?:guardrails?|safety (?:filters?|checks?)|content filters?|filters)",
    ]
)

MARKUP = re.compile(
    r"<\|?(?:system|im_start|im_end|endoftext|assistant)\|?>|\[/?INST\]|<</?SYS>>|^\s*#{2,}\s*(?:system|instruction)",
    re.I | re.M,
)
"""Control tokens of chat templates: no caller says them, typed or transcribed text may carry them."""
