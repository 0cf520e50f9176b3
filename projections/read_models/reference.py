"""``python -m projections.read_models.reference``: writes docs/read-models.md from the definitions. ``--check`` fails where
it is stale."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from projections.read_models.catalogue import READ_MODELS
from projections.read_models.definition import Column, ReadModel, Sealed

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "read-models.md"

_HEAD = """\
# Read models

This page is written by `python -m projections.read_models.reference` from the definitions in `projections/read_models/`; a
test fails when it is stale.

Read models are tables that are folded from the log and can be thrown away: `ledgerline project` brings them up to it
(`--follow`: keeps them there), `ledgerline project rebuild NAME` builds one anew beside the old and switches. They lie in
`read_models.db` in the data directory (of a log on Kafka: `read_models.kafka.db`, with its prefix `read_models.kafka.PREFIX.db`),
or where `--store postgresql://…` says. Rows and checkpoint are committed together, so a projection that dies goes on exactly
where it stopped. A store holds the rows of one log: with another one, or with one that was made anew under the same name, it
is refused.

`ledgerline sql "…"` asks them on DuckDB, brought up to the log first:

```
ledgerline sql "select cast(opened_at as date) as day, quantile_cont(first_reply_ms, 0.95) as p95_ms
                from turns where first_reply_ms is not null group by day order by day"
ledgerline sql "select v.conversation_id, v.turn_id, v.guardrail, v.reasons, coalesce(c.text, t.heard) as text
                from verdicts v left join candidates c using (conversation_id, candidate_id)
                left join turns t on (t.conversation_id, t.turn_id) = (v.conversation_id, v.turn_id) where v.blocked"
ledgerline as-of call:last knowledge card-delivery
ledgerline as-of 2026-11-21T09:30:00Z sql "select status, count(*) from conversations group by status"
ledgerline replay --all --since 1d --what-if prompt=new_prompt.md
ledgerline export --parquet out/
```

`examples/analyst.ipynb` asks the same in a notebook, with plots.

**History.** `NAME` holds what is so now. `NAME_history` holds every state of every row, with `partition`, `from_offset` and
`from_us` (of the step that made it; inclusive) and `to_offset` and `to_us` (of the step that replaced it; exclusive; NULL:
it still holds). `ledgerline as-of T sql` asks `NAME` as it was at T: an ISO 8601 time (UTC where no zone is named),
`PARTITION:OFFSET` (that record counts), `before:EVENT_ID` (before its step: a step is atomic; `show CALL --at SEQ` tells the id) or `call:CALL` (the call's end
so far). A place is exact in its own partition; the others are taken at the time at which it was reached. So is the moment of a call
or an event that was imported, whose own times may be years before: the answer says both, and the time of the other one.

**Private columns** (marked *sealed*) hold what people said, as ciphertext. `ledgerline sql` opens them with the keys of the
data directory; once a conversation's key is destroyed they read NULL, in every copy. Parquet files hold the ciphertext too.

**Units** stand in the names: `_ms` milliseconds, `_us` microseconds since the Unix epoch (in SQL each has a timestamp in UTC
beside it: `opened_us`, `opened_at`), `_micros` millionths of the currency, `_tokens`. Unknown is NULL, never 0.

**When something is wrong.** A moment before the log's first step or after its end, a call that there is not and SQL that is
wrong or would write are refused by name. A record that can't be read (damaged, or by newer code) is passed over with the rest of
its step, counted and told, and so is a gap in a conversation's numbers; `ledgerline verify` says where it lies. A log that has
lost its beginning is refused, by every command: without it nobody can tell what of the rest counts. Rows of a read model whose code changed without a version are
not projected on, and the message says what to do. A rebuild that is broken off leaves the live rows and goes on.

| table | one row | key |
|---|---|---|
"""


def reference() -> str:
    """The page."""
    listed = [
        f"| [{model.name}](#{model.name}) | {model.about} | {', '.join(f'`{name}`' for name in model.key)} |"
        for model in READ_MODELS.values()
    ]
    return _HEAD + "\n".join(listed) + "\n" + "\n".join("\n".join(_section(model)) for model in READ_MODELS.values())


def _section(model: ReadModel) -> Iterator[str]:
    folded = "the log" if model.fold else "the behaviour stream: `from_offset` and `to_offset` count its versions"
    yield f"\n## {model.name}\n"
    yield f"{model.about} Version {model.version}, folded from {folded}.\n"
    yield "| column | type | meaning |"
    yield "|---|---|---|"
    for column in model.columns:
        yield f"| `{column.name}` | {_type(column)} | {column.meaning} |"


def _type(column: Column) -> str:
    names = {str: "text", int: "integer", float: "number", bool: "boolean", Sealed: "text, *sealed*"}
    return names[column.kind] + (", or NULL" if column.nullable else "")


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        if not REFERENCE.is_file() or REFERENCE.read_text() != reference():
            print("docs/read-models.md is stale: run python -m projections.read_models.reference", file=sys.stderr)
            return 1
        return 0
    REFERENCE.write_text(reference())
    print("docs/read-models.md")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
