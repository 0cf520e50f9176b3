"""Events of newer code are told as that: an engineer on call shouldn't look for damage."""

from __future__ import annotations

import pytest

from console.commands.replay import told_difference
from console.failures import tell_damage
from projections.effective_log import Damage, DamageKind
from projections.recompute import Difference
from streams.codec import Body
from streams.ports import LogRecord

RECORD = LogRecord(0, 7, "call-1", Body("Newer", 1, b""), None)


@pytest.mark.parametrize(
    ("kind", "begins"),
    [(DamageKind.UNKNOWN_SCHEMA, "an event can't be read: "), (DamageKind.UNDECODABLE, "the log is damaged: ")],
)
def test_what_this_code_doesnt_know_is_not_called_damage(
    kind: DamageKind, begins: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tell_damage(Damage(kind, RECORD, None, "unknown schema Newer v1"))
    assert capsys.readouterr().err.startswith(f"ledgerline: {begins}unknown schema Newer v1")


def test_a_difference_at_what_cant_be_read_names_no_number() -> None:
    told = told_difference(Difference(None, None, None, None, "unknown schema Newer v1"))
    assert told.startswith("first difference at a record that can't be read: unknown schema Newer v1")
