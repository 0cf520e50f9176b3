"""``python -m benchmarks [NAME…] [--quick] [--json FILE]``"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import sys
import time
from pathlib import Path

from benchmarks import machine
from benchmarks.report import CannotRunError, Report, as_json, as_markdown

BENCHMARKS = {
    "codec": "events decoded, opened, folded and encoded a second on one core",
    "hop": "append to delivered, and fact in to decision out, on the SQLite log",
    "one_of_a_million": "one conversation out of a log of a million events",
    "race": "a turn of 17 model calls, next to the same race in bare asyncio",
    "projections": "all read models from a million events, how far behind they are, questions as of a moment",
    "replay": "decisions recomputed over 10,000 recorded turns, and every turn judged anew under another behaviour",
    "turn_taking": "cut-ins against latency: endpointing settings over callers who pause while they think",
    "sentences": "end of speech to first reply: released by sentence, next to released whole",
    "guardrails": "precision and recall of every guardrail on labelled examples, and what a judgement takes",
    "prompt_cache": "share of prompt tokens that a provider has in its cache, by layout of the prompt",
    "hedging": "calls against tail for each strategy, and hedging under a brownout, on a virtual clock",
    "ear": "end of speech to first sound and to first reply, through the real gateway",
}
# Named on the command line only: what they need isn't in the usual environment, or they take long.
ON_DEMAND = {
    "folding": "events folded a second from SQLite, Kafka and Parquet, next to pyeventsourcing's replay (make setup-peers)",
    "cost_curve": "read models of 10 thousand to 10 million events: time, memory, bytes, with a plot (10 minutes, 10 GB of disk)",
    "owner_kafka": "what an owner costs on Kafka: appends, turns a core, many conversations, catching up, memory",
    "faults": "what callers hear while owners and brokers die, stop, come and go, on real brokers (15 minutes)",
    "hosts": "fact put to decision read on a Kafka log, with either host of the owners, and what each costs",
    "voice": "the same spoken turns on bare asyncio, LiveKit Agents and Pipecat (make bench-voice; long)",
    "voice_cpu": "whose code the CPU of a spoken call goes to: vendors' SDKs, line, this product's parts (by py-spy)",
    "peers": "the same turn of 17 calls decided by other engines: Temporal, DBOS, Restate (make bench-peers)",
}


def main(arguments: list[str]) -> int:
    options = _parse(arguments)
    reports: list[Report] = []
    every = BENCHMARKS | ON_DEMAND
    about = machine.describe()
    _say("# machine: " + ", ".join(f"{name} {value}" for name, value in about.items()))
    for name in options.names or BENCHMARKS:
        began = time.monotonic()
        module = importlib.import_module(f"benchmarks.{name}")
        gc.collect()
        try:
            report: Report = module.run(quick=options.quick)
        except CannotRunError as error:
            _say(f"# {name} can't run: {error}")
            return 2
        reports.append(report)
        print(f"## {name}: {every[name]}\n\n{as_markdown(report)}\n", flush=True)
        _say(f"# {name} took {time.monotonic() - began:.0f} s")
    if options.json:
        result = {"machine": about, "quick": options.quick, "reports": [as_json(report) for report in reports]}
        options.json.write_text(json.dumps(result, indent=2) + "\n")
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    listed = "\n".join(f"  {name:18}{about}" for name, about in (BENCHMARKS | ON_DEMAND).items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        epilog=f"benchmarks:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        choices=[*BENCHMARKS, *ON_DEMAND, []],
        help=f"default: {', '.join(BENCHMARKS)}",
    )
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that it runs, not what it costs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
