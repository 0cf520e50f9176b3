"""The commands that say what is kept and what isn't: ``forget``, ``hold``, ``retention``. Their work is in
``console/commands/``."""

from __future__ import annotations

from typing import Annotated

import typer

from console.cli_options import Data, Json, Log, Store, run_command

MOST_DAYS = 365_000  # a thousand years
Reference = Annotated[
    str | None,
    typer.Option(
        "--reference", metavar="CASE", help="The case or request behind it. It isn't sealed: no names of callers."
    ),
]
By = Annotated[str | None, typer.Option("--by", metavar="WHO", help="Who ordered it; stays on the log.")]


def forget(
    subject: Annotated[
        str, typer.Argument(metavar="SUBJECT", help="A subject's id, a caller's number, or call:CALL for one call.")
    ],
    reference: Reference = None,
    by: By = None,
    store: Store = None,
    data: Data = None,
    log: Log = None,
    json: Json = False,
) -> None:
    """Destroy the keys of all that a subject took part in, its recordings too. Refused under legal hold or retention.

    Example: ledgerline forget customer-42 --reference DSR-2041 --by dpo
    """
    run_command(
        "forget",
        subject=subject,
        reference=reference or "",
        by=by or "",
        store=store,
        data=data,
        log=log,
        as_json=json,
    )


def hold(
    what: Annotated[
        str, typer.Argument(metavar="place|lift|list", help="Place one, lift one, or list all there were.")
    ],
    target: Annotated[
        str | None,
        typer.Argument(metavar="SUBJECT", help="A subject's id, a caller's number or call:CALL; lift: or a hold's id."),
    ] = None,
    reference: Reference = None,
    by: By = None,
    data: Data = None,
    log: Log = None,
    json: Json = False,
) -> None:
    """Keep all that a subject took part in, or will, from being forgotten until the hold is lifted.

    Example: ledgerline hold place customer-42 --reference CASE-17 --by legal
    """
    run_command("hold", what=what, target=target, reference=reference, by=by, data=data, log=log, as_json=json)


def retention(
    days: Annotated[
        int | None,
        typer.Argument(metavar="DAYS", min=0, max=MOST_DAYS, help="From a conversation's newest event; 0: none."),
    ] = None,
    reference: Reference = None,
    by: By = None,
    data: Data = None,
    log: Log = None,
    json: Json = False,
) -> None:
    """Say how long conversations are kept at least, or show what was said before.

    Example: ledgerline retention 1825 --reference policy-7 --by compliance
    """
    run_command("retention", days=days, reference=reference, by=by, data=data, log=log, as_json=json)
