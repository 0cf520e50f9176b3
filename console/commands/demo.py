"""``ledgerline demo``: the example bank answers its scripted caller, and the race is shown in full."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from console.call_session import Reported
from console.commands.call import hold, tell, tell_losses
from console.output import print_json
from console.settings import load_settings
from console.unsent_code import went_elsewhere
from projections.call_report import CallReport
from projections.moments import Moment, MomentKind, moments_of


class DemoReport(CallReport, frozen=True, kw_only=True):
    """``moments``: what of a race happened in this call, in the order of the log."""

    moments: tuple[Moment, ...]


def run(*, data: Path | None, log: str | None, as_json: bool) -> int:
    from console.demo_stage import hold_demo

    settings = load_settings(data, log)
    reported = hold(lambda make_view: hold_demo(settings, make_view), speed="real", as_json=as_json)
    moments = moments_of(reported.events)
    if as_json:
        print_json(_report(reported, moments))
    else:
        from rich.console import Console

        from console.moments_table import moments_table

        tell(reported, settings)
        Console().print(moments_table(moments))
    return tell_losses(reported) or _tell_missing(reported, moments)


def _report(reported: Reported, moments: Mapping[MomentKind, Moment]) -> DemoReport:
    fields: dict[str, Any] = {name: getattr(reported.report, name) for name in CallReport.__struct_fields__}
    return msgspec.convert({**fields, "moments": tuple(sorted(moments.values(), key=lambda m: m.seq))}, DemoReport)


def _tell_missing(reported: Reported, moments: Mapping[MomentKind, Moment]) -> int:
    """The exit code: the demo promises to show all of them, unless others decide."""
    from console.moments_table import missing

    lacking = missing(moments)
    if not lacking:
        return 0
    print(f"ledgerline: the call didn't show {', '.join(lacking)}", file=sys.stderr)
    if not any(provider.startswith("llm:") for provider in reported.made.providers):
        print(
            "ledgerline: workers elsewhere decided it, with models of their own. For the demo's stop them, or give it a log of "
            "its own: --log kafka://HOST:PORT/demo",
            file=sys.stderr,
        )
        return 0
    if went_elsewhere(reported.events, reported.made.media):
        print(
            "ledgerline: another demo or call on this log decided it, and got the code: each owns a share of the calls. Make one at"
            " a time, or give each a log of its own: --log kafka://HOST:PORT/demo",
            file=sys.stderr,
        )
        return 0
    return 1
