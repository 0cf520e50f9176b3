"""The openai SDK's client for one call of a framework: each request names the emulator's draw, as ours do.

Nothing else of the request changes. Without a name the emulator would draw by the request's text, so that an attempt that
is made again would stall again.
"""

from __future__ import annotations

from typing import Any

import openai

from benchmarks.voice_systems.far_end import FarEnd

LABEL_HEADER = "x-ledgerline-label"  # "label|prompt kind|attempt"


def labelled_client(far_end: FarEnd, url: str, key: str, *, max_retries: int) -> openai.AsyncOpenAI:
    """``url``: of the emulator. ``max_retries``: the SDK's own, as the framework sets them."""
    attempts: dict[str, int] = {}

    async def name_draw(request: Any) -> None:
        label = far_end.label
        attempt = attempts[label] = attempts.get(label, -1) + 1
        request.headers[LABEL_HEADER] = f"{label}|{attempt}"

    http = openai.DefaultAsyncHttpxClient(event_hooks={"request": [name_draw]})
    return openai.AsyncOpenAI(api_key=key, base_url=f"{url}/v1", http_client=http, max_retries=max_retries)
