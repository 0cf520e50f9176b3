"""Text that any log can hold."""

from __future__ import annotations


def whole_text(text: str) -> str:
    """``text`` with halves of surrogate pairs joined, and each that has no other half replaced by U+FFFD. JSON lets a server
    send one half alone (``\\ud83d``), as one does that cuts a text between them; nothing can write that as UTF-8."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
