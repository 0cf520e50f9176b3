"""``ledgerline as-of``: a call, an article or any query, as they were at a moment."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from console.answer import print_answer
from console.failures import UsageError, say
from console.find_call import find_call
from console.output import print_json, tell
from console.progress import Progress
from console.read_models import ReadModels, bring_up_to_date, read_models
from console.settings import Settings, load_settings
from projections.analytics import Analytics, Answer, QueryError
from projections.call_report import report_call
from projections.effective_log import gone_before
from projections.knowledge_as_of import ArticleAsOf, article_as_of
from projections.moment import CALL, AsOf, MomentError, behaviour_at, behaviour_pinned, events_at, moment_of
from projections.read_models.catalogue import READ_MODELS
from projections.wall_time import iso_time
from schemas.event import Event

WHATS = ("show", "knowledge", "sql")


def run(
    *, moment: str, what: str, argument: str, store: str | None, data: Path | None, log: str | None, as_json: bool
) -> int:
    if what not in WHATS:
        raise UsageError(f"as-of T {what}: there are show CALL, knowledge ARTICLE and sql QUERY")
    try:
        return asyncio.run(_run(load_settings(data, log), moment, what, argument, store, as_json))
    except (MomentError, QueryError) as error:
        raise UsageError(str(error)) from None


async def _run(settings: Settings, moment: str, what: str, argument: str, store: str | None, as_json: bool) -> int:
    async with read_models(settings, store) as models:
        at = await _moment(models, moment)
        if what == "show":
            _show(await _call(models, at, argument), as_json)
        elif what == "knowledge":
            _tell(await _article(models, at, argument), as_json)
        else:
            print_answer(await _ask(models, at, argument), as_json)
    return 0


async def _moment(models: ReadModels, text: str) -> AsOf:
    if text.startswith(CALL):
        text = CALL + await find_call(models.workspace, text.removeprefix(CALL))
    at = await moment_of(text, models.log.ledger)
    if at.copied_us not in (None, at.at_us):
        _tell_copied(at, at.copied_us)
    return at


def _tell_copied(at: AsOf, own_us: int) -> None:
    """Its own partition is taken up to its place, the others at the time that the log had reached there: not at its own."""
    own = iso_time(own_us, exact=True)
    say(
        f"{at.conversation_id} was imported: this is the moment at which the log had it, {iso_time(at.at_us)}, and not that of "
        f"its own clock: as-of {own} asks for that one"
    )


async def _call(models: ReadModels, at: AsOf, wanted: str) -> list[Event]:
    workspace = models.workspace
    call_id = await find_call(workspace, wanted)
    await workspace.codec.prepare([call_id])
    counted = await events_at(workspace.stores.ledger, call_id, workspace.codec, at)
    events = [effective.event for effective in counted]
    if not events:
        raise MomentError(f"{call_id} hadn't begun at that moment ({iso_time(at.at_us)})")
    seq = 0
    for event in events:
        if gone := gone_before(event, seq):
            say(f"the log is damaged: {gone} (ledgerline verify names everything)")
        seq = event.seq
    return events


def _show(events: list[Event], as_json: bool) -> None:
    if as_json:
        print_json(report_call(events))
        return
    from rich.console import Console

    from console.show import render_call

    Console().print(render_call(events))


async def _article(models: ReadModels, at: AsOf, article_id: str) -> ArticleAsOf:
    if at.copied_us is not None and await behaviour_pinned(at, models.log.ledger) is None:
        raise MomentError(
            f"{at.conversation_id} was imported and pinned no behaviour of this agent: name a time to see an article as it "
            f"was then"
        )
    recorded = models.log.behaviours()
    seq = await behaviour_at(at, models.log.ledger, [(version.seq, version.recorded_us) for version in recorded])
    if seq is None:
        raise MomentError(f"no behaviour was recorded at that moment ({iso_time(at.at_us)})")
    article, known = article_as_of(article_id, seq, recorded)
    if article is None:
        raise UsageError(f"behaviour {seq} has no article {article_id!r}: it has {', '.join(known) or 'none'}")
    return article


def _tell(article: ArticleAsOf, as_json: bool) -> None:
    if as_json:
        print_json(article)
        return
    until = f"up to {article.until_behaviour - 1}" if article.until_behaviour else "on"
    lines = [
        f"{article.title} ({article.article_id})",
        f"behaviour {article.behaviour_seq}, {article.behaviour_hash[:12]}",
    ]
    lines += [f"This wording stands from behaviour {article.since_behaviour} {until}.", "", article.public]
    if article.private:
        lines += ["", "Never said to callers:", article.private]
    tell("\n".join(lines))


async def _ask(models: ReadModels, at: AsOf, query: str) -> Answer:
    with Progress("projecting") as progress:
        advised = await bring_up_to_date(models, progress)
    for advice in advised:
        print(f"ledgerline: {advice}", file=sys.stderr)
    await models.workspace.bring_keys()
    recorded = [(version.seq, version.recorded_us) for version in models.log.behaviours()]
    seq = await behaviour_at(at, models.log.ledger, recorded)
    of_behaviours = [model.name for model in READ_MODELS.values() if model.behaviours and model.name in query.lower()]
    if seq is None and recorded and of_behaviours:
        say(f"no behaviour was recorded here at that moment: {' and '.join(of_behaviours)} can only be empty")
    with Analytics(models.store, models.workspace.keys, at, seq) as analytics:
        return analytics.ask(query)
