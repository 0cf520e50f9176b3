"""The command line. Each command's work is in ``console/commands/``, imported when it runs, so that help is fast.

Exit codes: 0 done; 1 failed, or verify or replay found a difference; 2 usage. A user's mistake is one message, no trace.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

import typer

from console.cli_options import Data, Json, Log, Store, usage_error
from console.cli_options import run_command as _run
from console.custody_options import forget, hold, retention
from console.empty_arguments import told_of_empty
from console.import_options import import_log
from console.look_back_options import debug, show, why
from console.proof_options import anchor, evidence, verify
from console.replay_options import replay
from console.standard_streams import open_missing

app = typer.Typer(
    name="ledgerline",
    help="Voice agents for regulated companies: every turn is decided on an event log, and can be replayed from it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"ledgerline {version('ledgerline')}")
        raise typer.Exit


@app.callback()
def every_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    pass  # no option before a command's name changes what it does


@app.command()
def demo(data: Data = None, log: Log = None, json: Json = False) -> None:
    """Answer the scripted example call with real speech, and show the race as it happens.

    Example: ledgerline demo
    """
    _run("demo", data=data, log=log, as_json=json)


@app.command()
def call(
    wav: Annotated[
        list[Path] | None,
        typer.Option("--wav", metavar="FILE", help="A file that the caller says; repeat it for the next thing."),
    ] = None,
    script: Annotated[
        Path | None, typer.Option("--script", metavar="FILE", help="A YAML script of what the caller does.")
    ] = None,
    mic: Annotated[bool, typer.Option("--mic", help="Talk to the agent yourself.")] = False,
    echo_cancellation: Annotated[
        bool, typer.Option("--echo-cancellation", help="With --mic: listen while the agent speaks.")
    ] = False,
    speed: Annotated[str, typer.Option("--speed", metavar="real|max", help="max: on a virtual clock.")] = "real",
    behaviour: Annotated[
        Path | None, typer.Option("--behaviour", metavar="DIR", help="Directory of the agent's behaviour.")
    ] = None,
    signed_in: Annotated[
        str | None, typer.Option("--signed-in", metavar="CUSTOMER", help="The channel authenticated this customer.")
    ] = None,
    level: Annotated[
        str, typer.Option("--level", metavar="known|verified|stepped_up", help="How surely.")
    ] = "verified",
    data: Data = None,
    log: Log = None,
    json: Json = False,
) -> None:
    """Let the agent answer one call.

    Example: ledgerline call --wav lost_card.wav --wav how_long.wav --json
    """
    _run(
        "call",
        wavs=wav or [],
        script=script,
        mic=mic,
        echo_cancellation=echo_cancellation,
        speed=speed,
        behaviour=behaviour,
        signed_in=signed_in,
        level=level,
        data=data,
        log=log,
        as_json=json,
    )


@app.command()
def worker(
    host: Annotated[
        str,
        typer.Option(
            "--host", metavar="aiokafka|faust", help="What carries the owners; faust takes some three times the CPU."
        ),
    ] = "aiokafka",
    behaviour: Annotated[
        Path | None, typer.Option("--behaviour", metavar="DIR", help="Directory of the agent's behaviour.")
    ] = None,
    lane: Annotated[
        str | None,
        typer.Option("--lane", metavar="NAME", help="Run this version beside that log, on topics of its own."),
    ] = None,
    facts: Annotated[
        str | None,
        typer.Option("--facts", metavar="live|own", help="A lane's: that log's as they come (default), or its own."),
    ] = None,
    effects: Annotated[
        str | None,
        typer.Option(
            "--effects",
            metavar="off|simulated|on",
            help="A lane's: off (default with live facts), simulated (with its own) or on.",
        ),
    ] = None,
    data: Data = None,
    log: Log = None,
    json: Json = False,
) -> None:
    """Own a share of the conversations of a log on Kafka, until it is stopped (SIGTERM, Ctrl-C).

    Example: ledgerline worker --log kafka://127.0.0.1:9092
    """
    _run(
        "worker",
        host=host,
        behaviour=behaviour,
        lane=lane,
        facts=facts,
        effects=effects,
        data=data,
        log=log,
        as_json=json,
    )


@app.command()
def keys(
    tokens: Annotated[
        Path, typer.Option("--tokens", metavar="FILE", help="File of `create TOKEN`, `read TOKEN`, `destroy TOKEN`.")
    ],
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Address to listen on; others than loopback need TLS.")
    ] = ("127.0.0.1"),
    port: Annotated[int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="0 takes a free one.")] = 8124,
    certificate: Annotated[Path | None, typer.Option("--certificate", metavar="FILE", help="PEM.")] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="PEM, of its private key.")] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Serve the keys of this data directory to workers, gateways and guests elsewhere.

    Example: ledgerline keys --tokens tokens.txt
    """
    _run("keys", tokens=tokens, host=host, port=port, certificate=certificate, key=key, data=data, as_json=json)


@app.command()
def calls(data: Data = None, log: Log = None, json: Json = False) -> None:
    """List the calls on the log, newest first.

    Example: ledgerline calls --json
    """
    _run("calls", data=data, log=log, as_json=json)


app.command()(show)
app.command()(why)
app.command()(replay)
app.command()(debug)


@app.command()
def live(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="serve (count, and answer over HTTP) or show.")],
    minutes: Annotated[int, typer.Option("--minutes", metavar="N", help="show: of so many minutes, up to 60.")] = 15,
    bind: Annotated[
        str, typer.Option("--bind", metavar="ADDRESS", help="serve: the address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="PORT", min=1, max=65535, help="serve: the port.")] = 6066,
    data: Data = None,
    log: Log = None,
    json: Json = False,
) -> None:
    """Count a log on Kafka while it is written: latencies and errors of models, what guardrails block, calls and cost.

    Example: ledgerline live show --log kafka://127.0.0.1:9092 --minutes 60
    """
    _run("live_aggregates", what=what, minutes=minutes, bind=bind, port=port, data=data, log=log, as_json=json)


for command in (verify, anchor, evidence, forget, hold, retention):
    app.command()(command)


@app.command()
def export(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="The file to write; it must not exist yet.")
    ] = None,
    parquet: Annotated[
        Path | None, typer.Option("--parquet", metavar="DIR", help="Instead: the read models as Parquet files by day.")
    ] = None,
    with_keys: Annotated[
        Path | None, typer.Option("--with-keys", metavar="FILE", help="Also write the keys, into a file of their own.")
    ] = None,
    passphrase_file: Annotated[
        Path | None,
        typer.Option("--passphrase-file", metavar="FILE", help="Its first line wraps the keys (else it is asked for)."),
    ] = None,
    store: Store = None,
    data: Data = None,
    log: Log = None,
    json: Json = False,
) -> None:
    """Write the log as one portable file: everything that counts, each event's bytes as they are. No keys are in it.

    Example: ledgerline export calls.ledger --with-keys calls.keys
    """
    if (file is None) == (parquet is None):
        raise typer.BadParameter("name a FILE, or a directory with --parquet")
    if parquet is not None:
        if with_keys is not None:
            raise typer.BadParameter("--with-keys goes with a FILE: Parquet files are opened with the keys of --data")
        _run("export_parquet", directory=parquet, store=store, data=data, log=log, as_json=json)
    _run("export", file=file, with_keys=with_keys, passphrase_file=passphrase_file, data=data, log=log, as_json=json)


app.command("import")(import_log)


@app.command()
def simulate(
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", min=1, help="How many seeds.")] = 100,
    first_seed: Annotated[
        int, typer.Option("--first-seed", metavar="N", min=0, help="Where to begin, or to go on.")
    ] = 0,
    faults: Annotated[
        str, typer.Option("--faults", metavar="NAMES", help="all, none, or names separated by commas.")
    ] = "all",
    timeline: Annotated[bool, typer.Option("--timeline", help="Print the timeline of the first failing seed.")] = False,
    json: Json = False,
) -> None:
    """Run the production owner, deciders and gateway on a virtual clock under seeded faults.

    Example: ledgerline simulate --seeds 200 --faults crash_owner,delay
    """
    _run("simulate", seeds=seeds, first_seed=first_seed, faults=faults, timeline=timeline, as_json=json)


@app.command()
def project(
    what: Annotated[
        str | None, typer.Argument(metavar="list|rebuild", help="List them, or build one anew beside the old.")
    ] = None,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The read model to rebuild.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on as the log grows, until stopped.")] = False,
    store: Store = None,
    data: Data = None,
    log: Log = None,
    json: Json = False,
) -> None:
    """Bring the read models up to the log: tables of conversations, turns, verdicts and more (docs/read-models.md).

    Example: ledgerline project --follow
    """
    _run("project", what=what, name=name, keep_on=follow, store=store, data=data, log=log, as_json=json)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="One statement that reads; the dialect is DuckDB's.")],
    store: Store = None,
    data: Data = None,
    log: Log = None,
    json: Json = False,
) -> None:
    """Ask the read models, brought up to the log first. Their tables and columns: docs/read-models.md.

    Example: ledgerline sql "select turn_id, heard, first_reply_ms from turns order by first_reply_ms desc limit 5"
    """
    _run("sql", query=query, store=store, data=data, log=log, as_json=json)


@app.command("as-of")
def as_of(
    moment: Annotated[
        str,
        typer.Argument(
            metavar="T", help="ISO 8601 (UTC where no zone is named), PARTITION:OFFSET, before:EVENT_ID or call:CALL."
        ),
    ],
    what: Annotated[str, typer.Argument(metavar="show|knowledge|sql", help="A call, an article, or a query.")],
    argument: Annotated[str, typer.Argument(metavar="CALL|ARTICLE|QUERY", help="Which one.")],
    store: Store = None,
    data: Data = None,
    log: Log = None,
    json: Json = False,
) -> None:
    """Show a call, an article or the answer to a query as they were at a moment. A call's own knowledge is what it pinned.

    Example: ledgerline as-of call:last knowledge card-delivery
    """
    _run("as_of", moment=moment, what=what, argument=argument, store=store, data=data, log=log, as_json=json)


@app.command()
def emulators(
    port: Annotated[int, typer.Option("--port", metavar="PORT", min=0, max=65535, help="0 takes a free one.")] = 8123,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="JSON (shape: ledgerline schema emulators).")
    ] = None,
    json: Json = False,
) -> None:
    """Serve local emulators of the vendors' protocols, with latencies and faults on demand.

    Example: ledgerline emulators --port 8123
    """
    _run("emulators", port=port, config=config, as_json=json)


@app.command()
def doctor(data: Data = None, log: Log = None, json: Json = False) -> None:
    """Say what is installed, configured and working here, and what to do about what isn't.

    Example: ledgerline doctor
    """
    _run("doctor", data=data, log=log, as_json=json)


@app.command()
def schema(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="script, transcripts, events, emulators or cli.")],
    json: Json = False,
) -> None:
    """Print the JSON Schema of call scripts, transcripts to import, events, the emulators' configuration, or what commands
    print with --json.

    Example: ledgerline schema script
    """
    _run("schema", what=what)


def main() -> None:
    open_missing()
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # its retries are no news; what fails is told by name
    if told := told_of_empty(sys.argv[1:]):
        sys.exit(usage_error(told))
    app()
