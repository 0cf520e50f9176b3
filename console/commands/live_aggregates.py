"""``ledgerline live``: counts a log on Kafka while it is written, and shows what it says of the last minutes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import uvloop

from console.failures import FailedError, UsageError
from console.output import print_json, table
from console.settings import load_settings
from console.stopping import until_stopped
from projections.live.histogram import Quantiles
from projections.live.report import MOST_MINUTES, LiveFigures
from streams.kafka.url import KafkaUrl

WHAT = ("serve", "show")
NOT_TOLD = "-"  # a classifier on this machine has no provider


def run(*, what: str, minutes: int, bind: str, port: int, data: Path | None, log: str | None, as_json: bool) -> int:
    if what not in WHAT:
        raise UsageError(f"live {' or live '.join(WHAT)}, not {what!r}")
    if not 0 < minutes <= MOST_MINUTES:
        raise UsageError(f"--minutes: 1 to {MOST_MINUTES}, which is how long they are kept")
    url = load_settings(data, log).log.kafka()
    if url is None:
        raise UsageError(
            "live aggregates are counted of a log on Kafka: --log kafka://HOST:PORT, or LEDGERLINE_LOG__URL"
        )
    from aiokafka.errors import KafkaError  # type: ignore[import-untyped]

    from streams.kafka.rights import Operation, in_words

    try:
        if what == "serve":
            uvloop.run(_serve(url, bind, port, as_json))
            return 0
        found = asyncio.run(_show(url, minutes))
    except KafkaError as error:
        raise in_words(error, url.security, Operation.READ) or FailedError(f"{url.bootstrap}: {error}") from None
    if as_json:
        print_json(found)
    else:
        _draw(found)
    return 0


async def _serve(url: KafkaUrl, bind: str, port: int, as_json: bool) -> None:
    from projections.live.app import PATH, LiveAggregates

    await _refuse_no_log(url)
    live = LiveAggregates(url.brokers, url.topics, host=bind, port=port, replication=url.replication)
    async with live:
        await until_stopped([live.failed()], partial(_tell_served, f"http://{bind}:{port}{PATH}", as_json))


def _tell_served(url: str, as_json: bool) -> None:
    if as_json:
        print_json({"url": url, "pid": os.getpid()})
    else:
        print(f"live aggregates at {url}?minutes=15. Ctrl-C, or SIGTERM to {os.getpid()}, stops it.", flush=True)


async def _show(url: KafkaUrl, minutes: int) -> LiveFigures:
    from projections.live.read import read_live_figures
    from projections.live.tables import LiveTopics
    from streams.kafka.connection import connected

    await _refuse_no_log(url)
    await LiveTopics(url.topics).create(url.brokers, replication=url.replication)
    async with connected(url.brokers) as connection:
        return await read_live_figures(connection, url.topics, minutes)


async def _refuse_no_log(url: KafkaUrl) -> None:
    """Raises ``NoLogError``, ``BrokerUnreachableError``."""
    from console.workspace import NoLogError
    from streams.kafka.topics import topics_exist

    if not await topics_exist(url.brokers, url.topics):
        raise NoLogError(f"there is no log at {url.bootstrap} under these topics yet: make a call first")


def _draw(found: LiveFigures) -> None:
    print(f"{found.since:%H:%M} to {found.until:%H:%M} UTC, partitions {', '.join(map(str, found.partitions))}")
    for tenant in found.tenants:
        outcomes = ", ".join(f"{outcome} {count}" for outcome, count in tenant.outcomes.items())
        print(f"{tenant.tenant}: {tenant.calls} calls, {tenant.turns} turns ({outcomes or 'none'})")
        cost = "unknown" if tenant.cost_micros is None else f"{tenant.cost_micros / 1e6:.4f}"
        more = f" and {tenant.unpriced} answers without a price" if tenant.unpriced else ""
        print(f"  {tenant.holds} holds, {tenant.fallbacks} fallbacks, cost {cost}{more}")
        print(f"  first sound of a reply, ms at p50 / p95 / p99: {' / '.join(_known(tenant.reply_ms))}")
    if not found.tenants:
        print("nothing was counted in that time: is ledgerline live serve running?")
        return
    models = (
        (model.provider or NOT_TOLD, model.model or NOT_TOLD, model.answered, model.failed, *_known(model.total_ms))
        for model in found.models
    )
    table(("provider", "model", "answered", "failed", "p50 ms", "p95", "p99"), models)
    table(
        ("provider", "error rate"), ((each.provider or NOT_TOLD, _share(each.error_rate)) for each in found.providers)
    )
    guardrails = (
        (each.guardrail, each.stage, each.judged, each.blocked, _share(each.block_rate)) for each in found.guardrails
    )
    table(("guardrail", "stage", "judged", "blocked", "block rate"), guardrails)


def _known(quantiles: Quantiles) -> Iterator[str]:
    for value_ms in (quantiles.p50, quantiles.p95, quantiles.p99):
        yield "?" if value_ms is None else f"{value_ms:.0f}"


def _share(share: float | None) -> str:
    return "?" if share is None else f"{share:.1%}"
