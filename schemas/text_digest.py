"""What ``GuestVerdictPosted.text_digest`` holds: it binds a verdict to the very words that were judged."""

from __future__ import annotations

import hashlib
import hmac


def text_digest(digest_key: bytes, text: str) -> str:
    """HMAC-SHA256, hex, of the text's UTF-8. ``digest_key``: the conversation's (``streams.keys.DataKey``)."""
    return hmac.new(digest_key, text.encode(), hashlib.sha256).hexdigest()
