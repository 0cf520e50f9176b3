"""Compliance is a guest: a guardrail in a process of its own. The same in Go stands in ``guests/go/compliance``.

    TOKEN=... python guests/python/compliance.py kafka://127.0.0.1:9092 http://127.0.0.1:8124

``TOKEN``: of the key service, role ``read``.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys

from streams.guest import PASS, Candidate, EvidenceSpan, Verdict, block, guest
from streams.hosts.guest import run_guest

PROMISES = re.compile(r"\b(guaranteed?|risk[- ]free|can(no|')t lose)\b", re.IGNORECASE)


@guest("compliance", version="1")
async def judge(candidate: Candidate) -> Verdict:
    spans = tuple(EvidenceSpan(*found.span()) for found in PROMISES.finditer(candidate.text))
    return block("promise_of_return", evidence=spans) if spans else PASS


if __name__ == "__main__":
    log, keys_url = sys.argv[1:]
    asyncio.run(
        run_guest(
            judge, log=log, keys_url=keys_url, token=os.environ["TOKEN"], ready=lambda: print("judging", flush=True)
        )
    )
