"""The answer to a query as JSON."""

from __future__ import annotations

import json

import pytest

from console.answer import print_answer
from projections.analytics import Answer


def test_columns_of_one_name_are_all_there(capsys: pytest.CaptureFixture[str]) -> None:
    columns = ["turn_id", "seq", "turn_id", "turn_id", "turn_id_1"]
    print_answer(Answer(columns, [("t1", 4, "t2", None, "t9")]), as_json=True)
    (row,) = json.loads(capsys.readouterr().out)
    assert row == {"turn_id": "t1", "seq": 4, "turn_id_1": "t2", "turn_id_2": None, "turn_id_1_1": "t9"}
