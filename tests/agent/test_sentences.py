"""Where a sentence ends: never inside a number, an abbreviation or a name, and never before what follows is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_core.sentences import SentenceSplitter, sentences_of

WHOLE = {
    "Your card costs £3.50. It arrives in 2 days.": ["Your card costs £3.50.", "It arrives in 2 days."],
    "Please ask e.g. Mr. Smith. He knows.": ["Please ask e.g. Mr. Smith.", "He knows."],
    "1. Open the app. 2. Tap Cards.": ["1. Open the app.", "2. Tap Cards."],
    "We close at 5 p.m. Eastern time. Is that ok?": ["We close at 5 p.m. Eastern time.", "Is that ok?"],
    "The answer is no. You may not.": ["The answer is no.", "You may not."],
    "Call No. 5 now. Bye.": ["Call No. 5 now.", "Bye."],
    "It is due on 3 Jan. 2027. Thank you.": ["It is due on 3 Jan. 2027.", "Thank you."],
    'He said "Fine." Then he left.': ['He said "Fine."', "Then he left."],
    "Version 2.0 costs 1.000,50 EUR. Well... maybe. OK!": ["Version 2.0 costs 1.000,50 EUR.", "Well... maybe.", "OK!"],
    "U.S. Bank is fine. J. Doe too.": ["U.S. Bank is fine.", "J. Doe too."],
    "It was in 2024. Then it ended.": ["It was in 2024.", "Then it ended."],
    "It is about 3. 50 more follow": ["It is about 3. 50 more follow"],
    "Done!  £20 comes back.\nAnything else?": ["Done!", "£20 comes back.", "Anything else?"],
    "Sie kommt am 5. Juni. Termin: 3. Mai. Gut.": ["Sie kommt am 5. Juni.", "Termin: 3. Mai.", "Gut."],
    "Die 2. Rate ist da. Im 3. Stock. Gut.": ["Die 2. Rate ist da.", "Im 3. Stock.", "Gut."],
    "Your place is 5. Mail us. It is 20. My colleague": ["Your place is 5.", "Mail us.", "It is 20.", "My colleague"],
    "これは文です。次です。": ["これは文です。次です。"],
    "": [],
}


@pytest.mark.parametrize("text", WHOLE)
def test_a_text_is_split_where_its_sentences_end(text: str) -> None:
    assert sentences_of(text) == WHOLE[text]


@given(st.lists(st.sampled_from(sorted(" ".join(WHOLE).split())), max_size=30).map(" ".join), st.data())
def test_how_a_text_was_cut_into_pieces_changes_nothing(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    splitter = SentenceSplitter()
    found = [s for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True) for s in splitter.push(text[a:b])]
    assert [*found, *([splitter.rest] if splitter.rest else [])] == sentences_of(text)
    assert " ".join(sentences_of(text)) == " ".join(text.split())


@pytest.mark.parametrize(
    "fragment",
    ["Sure, I", "Your card costs £3.", "That is all.", "Ask Mr. ", "It is e.g. a", "It is on 3. M", "Am 3. Mai"],
)
def test_what_may_still_go_on_is_no_sentence(fragment: str) -> None:
    assert SentenceSplitter().push(fragment) == []
