"""Tables show what is in them: nothing of it is taken for markup, and nothing is cut off."""

from __future__ import annotations

import pytest

from console.output import table


def test_what_looks_like_markup_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    table(("[b]", "words"), [("[/nothing]", "[red]stop[/red] [forgotten] :smile:")])
    shown = capsys.readouterr().out
    for words in ("[b]", "[/nothing]", "[red]stop[/red] [forgotten] :smile:"):
        assert words in shown


def test_where_no_terminal_is_each_row_is_one_whole_line(capsys: pytest.CaptureFixture[str]) -> None:
    words = "so that grep finds it " * 40
    table(("call", "words", "n"), [(f"call-{'1' * 60}", words, None), ("call-2", "", 2)])
    head, first, second = capsys.readouterr().out.splitlines()
    assert f"call-{'1' * 60}" in first
    assert words.strip() in first
    assert second.split() == ["call-2", "2"]
    assert head.split() == ["call", "words", "n"]


def test_a_tab_breaks_no_row_and_columns_stand_below_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    table(("call", "words"), [("a\tb", "x"), ("日本", "y\nz"), (None, "\x07\x08")])
    assert capsys.readouterr().out.splitlines() == [
        "call       words",
        "a       b  x",
        "日本       y",
        "           z",
        "           \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}",
    ]


def test_many_rows_are_written_line_by_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rich.table.Table.__rich_console__", None)  # it lays out a cell at a time
    table(("n",), ((n,) for n in range(1_000)))
    assert capsys.readouterr().out.splitlines() == ["n", *(str(n) for n in range(1_000))]


def test_a_narrow_terminal_folds_and_loses_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "24")
    table(("call",), [("call-20261122-082247-4762d4585",)])
    lines = capsys.readouterr().out.splitlines()[1:]
    assert "".join(line.strip() for line in lines) == "call-20261122-082247-4762d4585"
