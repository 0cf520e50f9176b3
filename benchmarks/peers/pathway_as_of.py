"""Answers "how did all calls stand at a moment" with Pathway: run by the Python of its own environment.

``pathway_as_of.py PARQUET`` reads the versions of conversations (status, turns, from_us, to_us), says ``ready``, and answers each
line on stdin (a moment, in microseconds) with the milliseconds it took and the rows found, as JSON. A question that nobody
asked before is a new dataflow over the table: it is built and run to its end.
"""

from __future__ import annotations

import json
import sys
import time

import pandas as pd
import pathway as pw

_OPEN = 2**62  # a version that still holds


def main() -> None:
    versions = pd.read_parquet(sys.argv[1])
    versions["to_us"] = versions["to_us"].fillna(_OPEN).astype("int64")
    table = pw.debug.table_from_pandas(versions)
    print("ready", flush=True)
    for line in sys.stdin:
        at_us = int(line)
        began = time.perf_counter()
        held = table.filter((pw.this.from_us <= at_us) & (pw.this.to_us > at_us))
        counted = held.groupby(pw.this.status).reduce(
            pw.this.status, calls=pw.reducers.count(), turns=pw.reducers.sum(pw.this.turns)
        )
        found = pw.debug.table_to_pandas(counted, include_id=False)
        took_ms = (time.perf_counter() - began) * 1000
        rows = sorted([row.status, int(row.calls), int(row.turns)] for row in found.itertuples())
        print(json.dumps([took_ms, rows]), flush=True)


if __name__ == "__main__":
    main()
