"""Behaviour files that are wrong, or contradict each other, are refused with file and line, all problems at once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from agent_core.behaviour import Action, Behaviour
from agent_core.behaviour_loader import BehaviourError, load
from agent_core.guardrails import registry
from agent_core.guardrails.base import GuardInput, Verdict
from agent_core.tools import registry as tools

BANK = Path(__file__).parent.parent.parent / "examples" / "bank"

FILES = {
    "behaviour.yaml": """\
name: corner-bank
company: Corner Bank
prompt: Be brief.
lines:
  disclosure: I'm an AI assistant of Corner Bank.
  clarify: Say it again, please.
  refusal: I can't help with that.
  escalation: I'll put you through.
  fallback: I can't find that out.
  closing: Something isn't working.
  goodbye: Goodbye.
budget:
  hold_marks_ms: [950, 3200]
  give_up_ms: 5000
routing:
  escalate_on:
    - complaint_stated
holding:
  - {id: one, phatic: acknowledge, pragmatic: looking_up, text: One moment.}
  - {id: two, phatic: apologise, pragmatic: still_working, text: Sorry for the wait.}
""",
    "intents.yaml": """\
intents:
  - name: hours
    answer: We open at nine.
    articles: [hours]
    examples:
      - when do you open
      - what time is it open
  - name: card
    procedure: card
    examples: [my card is lost]
""",
    "procedures/card.yaml": "name: card\nsteps:\n  - id: freeze\n    say: Please freeze the card.\n",
    "articles/hours.md": """\
---
id: hours
title: Opening hours
---

## public

We open at nine and close at five.

## private

The vault code is kept by the deputy manager in the red folder.
""",
    "guardrails.yaml": """\
guardrails:
  - name: forbidden_topics
    options:
      topics:
        - {name: politics, input: [election], output: [election]}
  - name: grounding
  - name: complaint
    required: false
    on_failure: open
""",
}


def write(directory: Path, **changed: str) -> Path:
    for name, text in {**FILES, **changed}.items():
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return directory


def problems(directory: Path) -> list[str]:
    with pytest.raises(BehaviourError) as caught:
        load(directory)
    return [str(problem) for problem in caught.value.problems]


def swapped(file: str, before: str, after: str) -> dict[str, str]:
    assert before in FILES[file]
    return {file: FILES[file].replace(before, after)}


def test_a_whole_behaviour_is_read(tmp_path: Path) -> None:
    behaviour = load(write(tmp_path))
    assert behaviour.company == "Corner Bank"
    assert behaviour.prompt == "Be brief."
    assert [intent.name for intent in behaviour.intents] == ["hours", "card"]
    assert behaviour.intents[0].action is Action.ANSWER
    assert behaviour.procedures[0].steps[0].say == "Please freeze the card."
    assert behaviour.articles[0].public == "We open at nine and close at five."
    assert behaviour.articles[0].private.startswith("The vault code")
    assert behaviour.guardrail("complaint") is not None
    assert behaviour.budget.hold_marks_ms == (950, 3200)


def test_reading_twice_gives_the_same_content_hash_and_survives_the_log(tmp_path: Path) -> None:
    behaviour = load(write(tmp_path))
    assert load(tmp_path).content_hash == behaviour.content_hash
    assert Behaviour.from_canonical(behaviour.canonical()) == behaviour


HEAD, INTENTS, CARD, HOURS, GUARDS = FILES
GUEST = "name: tone\n    means: guest\n    budget_ms: 300\n    silence: pass\n    judges: models"


def test_a_guest_is_read_and_guardrails_of_ours_are_recorded_as_before(tmp_path: Path) -> None:
    behaviour = load(write(tmp_path, **swapped(GUARDS, "name: grounding", GUEST)))
    topics, tone, complaint = behaviour.guardrails
    assert (tone.name, tone.means, tone.required, tone.budget_ms) == ("tone", "guest", True, 300)
    assert (tone.silence, tone.judges) == ("pass", "models")
    assert Behaviour.from_canonical(behaviour.canonical()) == behaviour
    for ours in (topics, complaint):
        assert ours.model_dump(mode="json").keys() - {"on_failure"} == {"name", "required", "options"}


@pytest.mark.parametrize(
    ("file", "before", "after", "expected"),
    [
        # tools
        (INTENTS, "We open at nine.", "We open at nine.\n    unauthenticated: Please sign in.",
         "intents.yaml:4: intent 'hours' says 'unauthenticated' but has no tool"),
        (INTENTS, "We open at nine.", "We open at nine.\n    also: [card_status]",
         "intents.yaml:4: intent 'hours' says 'also' but has no tool"),
        (INTENTS, "We open at nine.", "We open at nine.\n    tool: card_status\n    also: [block_card]",
         "intents.yaml:5: intent 'hours' reads 'block_card' besides: only reads go together"),
        (INTENTS, "We open at nine.", "We open at nine.\n    tool: card_status\n    also: [card_status]",
         "intents.yaml:5: 'card_status' finds card, progress once more"),
        (INTENTS, "We open at nine.", "We open at nine.\n    tool: clock",
         "intents.yaml:4: intent 'hours' names an unknown tool 'clock'; there are: " + ", ".join(tools.every())),
        (INTENTS, "We open at nine.", "We open at nine.\n    tool: card_status",
         "intents.yaml:4: intent 'hours' has a tool but doesn't say what a caller hears who isn't authenticated"),
        (INTENTS, "We open at nine.", "We open at nine.\n    tool: card_status\n    unauthenticated: Please sign in.",
         "intents.yaml:4: tool 'card_status' is about one of the caller's things: intent 'hours' needs 'which_one'"),
        (INTENTS, "    procedure: card", "    procedure: card\n    tool: card_status",
         "intents.yaml:10: intent 'card' has a tool: it can only be answered by what that finds"),
        (INTENTS, "We open at nine.", "We open at {opens}.\n    tool: card_status",
         "intents.yaml:3: the answer of 'hours' has an unknown slot {opens}; there are: card, company, last_said, progress"),
        (INTENTS, "    procedure: card", '    answer: Well.\n    tool: card_status\n    unauthenticated: "Sign in, {card}."',
         "intents.yaml:11: what 'card' says as 'unauthenticated' has an unknown slot {card}"),
        # one file alone
        (HEAD, "prompt: Be brief.", "prompt: [unclosed", "behaviour.yaml:4: not YAML"),
        (HEAD, "company: Corner Bank", "compani: Corner Bank", "behaviour.yaml:2: unknown key 'compani'; did you mean 'company'?"),
        (HEAD, "give_up_ms", "giveup_ms", "behaviour.yaml:14: unknown key 'giveup_ms'; did you mean 'give_up_ms'?"),
        (HEAD, "text: One moment.", "txt: One moment.", "behaviour.yaml:19: unknown key 'txt'; did you mean 'text'?"),
        (HEAD, "name: corner-bank", "qqq: 1\nname: corner-bank", "behaviour.yaml:1: unknown key 'qqq'; there are: assent, barge_in"),
        (HEAD, "  goodbye: Goodbye.", "  goodbye:", "behaviour.yaml:11: lines.goodbye: nothing stands here"),
        (HEAD, "  goodbye: Goodbye.", "  goodbye: ' '", "behaviour.yaml:11: the line 'goodbye' says nothing"),
        (HEAD, "company: Corner Bank\n", "", "behaviour.yaml:1: 'company' is missing"),
        (HEAD, "name: corner-bank", "name: corner-bank\nname: b", "behaviour.yaml:2: 'name' stands here twice"),
        (HEAD, "give_up_ms: 5000", "give_up_ms: soon", "behaviour.yaml:14: budget.give_up_ms: input should be a valid int"),
        (HEAD, "give_up_ms: 5000", 'give_up_ms: "5000"', "behaviour.yaml:14: budget.give_up_ms: input should be a valid int"),
        (HEAD, "[950, 3200]", "[3200, 950]", "behaviour.yaml:12: budget: marks must rise"),
        (HEAD, "phatic: apologise", "phatic: grovel", "behaviour.yaml:20: holding.1.phatic: input should be"),
        (HEAD, "prompt: Be brief.", "prompt: nowhere.md", "behaviour.yaml:3: there is no file 'nowhere.md'"),
        (INTENTS, "    answer: We open at nine.", "    answr: We open at nine.", "intents.yaml:3: unknown key 'answr'"),
        (INTENTS, "- what time is it open", "- yes", "intents.yaml:7: intents.0.examples.1: expected text (put quotes"),
        (INTENTS, "- what time is it open", "- the time: when", "intents.yaml:7: intents.0.examples.1: expected text (put quotes around "
         "yes, no, numbers and times, and around text that has a colon)"),
        (INTENTS, "examples: [my card is lost]", "examples: []", "intents.yaml:10: intents.1.examples: at least 1 must stand here"),
        (INTENTS, "  - name: card", "  - name: 12", "intents.yaml:8: intents.1.name: expected text"),
        (INTENTS, "intents:", "intent:", "intents.yaml:1: expected a list under 'intents'"),
        (CARD, "    say: Please", "    tell: Please", "procedures/card.yaml:4: unknown key 'tell'"),
        (HOURS, "id: hours", "id: hours\nauthor: me", "articles/hours.md:3: unknown key 'author'"),
        (HOURS, "## private", "## secret", "articles/hours.md:10: unknown section 'secret'"),
        (HOURS, "## public\n", "", "articles/hours.md:7: text before the sections is neither public nor private"),
        (HOURS, "---\nid", "id", "articles/hours.md:1: an article begins with ---"),
        (GUARDS, "on_failure: open", "on_failure: ajar", "guardrails.yaml:9: guardrails.2.on_failure: input should be"),
        # between files
        (INTENTS, "articles: [hours]", "articles: [ours]", "intents.yaml:4: intent 'hours' names an unknown article 'ours'; did you mean 'hours'?"),
        (INTENTS, "procedure: card", "procedure: cart", "intents.yaml:9: intent 'card' names an unknown procedure 'cart'; did you mean 'card'?"),
        (INTENTS, "  - name: card", "  - name: hours", "intents.yaml:8: a second intent 'hours'; the first is at intents.yaml:2"),
        (INTENTS, "name: hours", "name: other", "intents.yaml:2: 'other' is the classifier's name for everything else"),
        (INTENTS, "[my card is lost]", "['When do you open?']", "intents.yaml:10: the example 'When do you open?' stands already"),
        (INTENTS, "    procedure: card\n", "", "intents.yaml:8: intent 'card' is to be answered but has neither"),
        (INTENTS, "procedure: card", "action: close\n    procedure: card", "intents.yaml:10: intent 'card' has a procedure, but"),
        (INTENTS, "at nine.", "at {time}.", "intents.yaml:3: the answer of 'hours' has an unknown slot {time}"),
        (INTENTS, "at nine.", '"at {nine."', "intents.yaml:3: the answer of 'hours' has a broken slot"),
        (HEAD, "  goodbye: Goodbye.", '  goodbye: "{last_said}"', "behaviour.yaml:11: the line 'goodbye' can't be filled"),
        (INTENTS, "We open at nine.", "The vault code is kept by the deputy manager.",
         "intents.yaml:3: the answer of 'hours' says what is private in article 'hours'"),
        (HOURS, "We open at nine and close at five.", "The deputy manager keeps the vault code in the red folder.",
         "articles/hours.md:6: the public text says what is private in article 'hours'"),
        (INTENTS, "We open at nine.", "We open at ten.", "intents.yaml:3: the answer of 'hours' is blocked by 'grounding'"),
        (INTENTS, "We open at nine.", "We open after the election.",
         "intents.yaml:3: the answer of 'hours' is blocked by 'forbidden_topics': forbidden_topic_said ('election')"),
        (INTENTS, "- what time is it open", "- open on election day",
         "intents.yaml:7: intent 'hours' is to be answered, but 'forbidden_topics' blocks"),
        (HEAD, "text: One moment.", "text: One election.", "behaviour.yaml:19: the holding phrase 'one' is blocked by"),
        (HEAD, "id: two", "id: one", "behaviour.yaml:20: a second holding phrase 'one'; the first is at behaviour.yaml:19"),
        (CARD, "say: Please freeze the card.", "say: Elections, I mean the election.",
         "procedures/card.yaml:4: step 'freeze' of 'card' is blocked by 'forbidden_topics'"),
        (HEAD, "I'm an AI assistant of Corner Bank.", "Welcome to Corner Bank.",
         "behaviour.yaml:5: the disclosure doesn't say that the caller talks to an AI"),
        (HEAD, "I'm an AI assistant of Corner Bank.", "I'm not an AI, I'm Sue.",
         "behaviour.yaml:5: the disclosure doesn't say that the caller talks to an AI"),
        (HEAD, "- complaint_stated", "- complaint", "behaviour.yaml:17: escalate_on names 'complaint', which no guardrail"),
        (GUARDS, "name: grounding", "name: groundin", "guardrails.yaml:6: unknown guardrail 'groundin'; there are: advice_meaning"),
        (GUARDS, "name: grounding", GUEST.replace("    silence: pass\n", ""), "guardrails.yaml:6: guardrails.1: a guest needs silence"),
        (GUARDS, "name: grounding", "name: grounding\n    silence: pass", "guardrails.yaml:6: guardrails.1: silence: only guests have it"),
        (GUARDS, "name: grounding", GUEST.replace("tone", "Tone"), "guardrails.yaml:6: guardrails.1: a guest's name is of a-z"),
        (GUARDS, "name: grounding", GUEST.replace("tone", "language"), "guardrails.yaml:6: 'language' is a guardrail of ours"),
        (GUARDS, "name: grounding", GUEST.replace("300", "1000"), "guardrails.yaml:8: budget_ms of 'tone' must be less than hard_ms"),
        (GUARDS, "name: grounding", f"{GUEST}\n    on_failure: open", "guardrails.yaml:6: guardrails.1: options and on_failure are"),
        (GUARDS, "name: grounding", "name: complaint", "guardrails.yaml:7: a second guardrail 'complaint'"),
        (GUARDS, "name: grounding", "name: grounding\n    on_failure: open",
         "guardrails.yaml:7: 'grounding' blocks where it fails: on_failure can't be open"),
        (GUARDS, "name: grounding", "name: grounding\n    required: false",
         "guardrails.yaml:7: 'grounding' blocks where it fails: it can't be set as not required"),
        (GUARDS, "name: grounding", "name: grounding\n    budget_ms: 5000",
         "guardrails.yaml:7: budget_ms of 'grounding' is 10 at most"),
        (GUARDS, "name: grounding", "name: agent_tone\n    budget_ms: 3",
         "guardrails.yaml:7: 'agent_tone' passes where it is late: a shorter budget_ms needs on_failure: closed"),
        (GUARDS, "name: grounding", "name: prompt_injection\n    options: {threshold: 0.99}",
         "guardrails.yaml:7: options of 'prompt_injection' may only be stricter than its own: threshold lies above 0.95"),
        (GUARDS, "topics:", "topic:", "guardrails.yaml:3: options of 'forbidden_topics': object contains unknown field `topic`"),
    ],
)  # fmt: skip
def test_a_slip_is_named_with_file_and_line(tmp_path: Path, file: str, before: str, after: str, expected: str) -> None:
    found = problems(write(tmp_path, **swapped(file, before, after)))
    assert any(problem.lower().startswith(expected.lower()) for problem in found), found


def test_all_problems_are_reported_at_once_and_sorted(tmp_path: Path) -> None:
    changed = {
        **swapped(HEAD, "company", "compani"),
        **swapped(INTENTS, "procedure: card", "procedure: cart"),
        **swapped(GUARDS, "name: grounding", "name: groundin"),
    }
    found = problems(write(tmp_path, **changed))
    assert [line.split(":")[0] for line in found] == [
        "behaviour.yaml",
        "behaviour.yaml",
        "guardrails.yaml",
        "intents.yaml",
    ]


def test_one_broken_intent_hides_no_other(tmp_path: Path) -> None:
    text = FILES[INTENTS].replace("    answer:", "    answr:").replace("    procedure: card", "    procedur: card")
    found = problems(write(tmp_path, **{INTENTS: text}))
    assert [line for line in found if "unknown key" in line] == [
        "intents.yaml:3: unknown key 'answr'; did you mean 'answer'?",
        "intents.yaml:9: unknown key 'procedur'; did you mean 'procedure'?",
    ]


def test_a_broken_article_is_not_reported_as_unknown_too(tmp_path: Path) -> None:
    found = problems(write(tmp_path, **swapped(HOURS, "title: Opening hours", "titel: Opening hours")))
    assert not any("unknown article" in problem for problem in found)


@pytest.mark.parametrize("missing", ["behaviour.yaml", "intents.yaml", "guardrails.yaml"])
def test_a_missing_file_is_named(tmp_path: Path, missing: str) -> None:
    write(tmp_path)
    (tmp_path / missing).unlink()
    assert any(problem.startswith(f"{missing}:1: missing") for problem in problems(tmp_path))


def test_a_file_with_a_slip_in_its_name_is_not_left_out_silently(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "guardrail.yaml").write_text("guardrails: []\n")
    (tmp_path / "intents").mkdir()
    (tmp_path / "intents" / "more.yml").write_text("intents: []\n")
    assert problems(tmp_path) == [
        "guardrail.yaml:1: no part of a behaviour has this file name",
        "intents/more.yml:1: intents stand in .yaml files",
    ]


def test_a_file_without_intents_is_named(tmp_path: Path) -> None:
    assert "intents.yaml:1: no intents: an agent has one at least" in problems(
        write(tmp_path, **{INTENTS: "intents: []\n"})
    )


def test_what_editors_and_desktops_leave_about_is_no_part_of_a_behaviour(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "intents").mkdir()
    for name in (".behaviour.yaml.swp", ".draft.yaml", "articles/.DS_Store", "intents/._cards.yaml"):
        (tmp_path / name).write_bytes(b"\0\1\xff")
    load(tmp_path)


def test_no_directory_is_a_clear_error(tmp_path: Path) -> None:
    assert problems(tmp_path / "nowhere") == ["behaviour.yaml:1: there is no such directory"]


def test_bytes_that_are_no_text_are_named_by_line(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "guardrails.yaml").write_bytes(b"guardrails:\n  - name: \xff\n")
    (tmp_path / "articles" / "hours.md").write_bytes(b"---\nid: \xff\n---\n")
    found = problems(tmp_path)
    assert "guardrails.yaml:2: not UTF-8 text" in found
    assert "articles/hours.md:2: not UTF-8 text" in found


def test_an_alias_that_contains_itself_is_a_problem_not_a_hang(tmp_path: Path) -> None:
    found = problems(write(tmp_path, **{GUARDS: "guardrails: &a\n  - *a\n"}))
    assert any("contains itself" in problem for problem in found)


DOUBLED = "".join(f"n{i}: &n{i} [{', '.join([f'*n{i - 1}'] * 9)}]\n" for i in range(1, 10))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("guardrails:\n  - name: \0\n", "guardrails.yaml:2: not YAML: a control character (code 0)"),
        ("guardrails: " + "[" * 3000 + "]" * 3000, "guardrails.yaml:1: not YAML: nested too deeply"),
        ("n0: &n0 [a]\n" + DOUBLED, "not YAML: more than 200000 values"),
        ("guardrails: !!binary aGk=\n", "guardrails.yaml:1: the tag '!!binary' has no meaning here"),
        ('guardrails:\n  - name: "\\uD83D"\n', "guardrails.yaml:2: half of a character"),
        ("guardrails:\n  - name: !secret x\n", "guardrails.yaml:2: the tag '!secret' has no meaning here"),
    ],
    ids=["control character", "depth", "aliases of aliases", "a tag of YAML", "half a character", "a tag of nobody"],
)
def test_yaml_that_nobody_means_is_a_problem_not_a_crash_or_a_hang(tmp_path: Path, text: str, expected: str) -> None:
    found = problems(write(tmp_path, **{GUARDS: text}))
    assert any(expected in problem for problem in found), found


# --- Harbour Bank ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bank() -> Behaviour:
    return load(BANK)


def test_the_example_bank_is_whole(bank: Behaviour) -> None:
    assert len(bank.intents) >= 20
    assert len(bank.articles) >= 12
    assert all(article.public and article.private for article in bank.articles)
    assert all(8 <= len(intent.examples) <= 15 for intent in bank.intents)
    assert {intent.action for intent in bank.intents} == set(Action)


def test_what_the_bank_says_can_be_spoken(bank: Behaviour) -> None:
    said = [intent.answer for intent in bank.intents if intent.answer]
    said += [step.say for procedure in bank.procedures for step in procedure.steps]
    said += [phrase.text for phrase in bank.holding] + [text for _, text in bank.lines]
    for text in (wording.replace("{last_said}", "We open at nine.") for wording in said):
        assert len(text.split()) <= 35, text
        assert not any(character in text for character in "*#_/£%[]<>0123456789"), text
        assert text.rstrip()[-1] in ".?", text


def test_the_bank_discloses_the_machine_and_the_way_to_a_person(bank: Behaviour) -> None:
    assert "AI" in bank.lines.disclosure
    assert "You can ask for a person at any time" in bank.lines.disclosure


def test_holding_phrases_of_one_kind_do_not_run_out(bank: Behaviour) -> None:
    kinds: dict[tuple[str, str], int] = {}
    for phrase in bank.holding:
        kinds[phrase.phatic, phrase.pragmatic] = kinds.get((phrase.phatic, phrase.pragmatic), 0) + 1
    assert len(bank.holding) >= 8
    assert min(kinds.values()) >= 2


def test_the_bank_with_one_private_sentence_in_an_answer_is_refused(tmp_path: Path) -> None:
    shutil.copytree(BANK, tmp_path / "bank")
    path = tmp_path / "bank" / "intents" / "accounts.yaml"
    text = path.read_text("utf-8")
    line = next(number for number, row in enumerate(text.split("\n"), 1) if "answer: The Harbour app and our" in row)
    path.write_text(
        text.replace(
            "answer: The Harbour app and our", "answer: Quay Street and Mill Lane close for good. The app and our"
        )
    )
    found = problems(tmp_path / "bank")
    assert [row for row in found if row.startswith(f"intents/accounts.yaml:{line}:")]


def test_a_guardrail_that_fails_on_approved_texts_is_named_at_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_order(self: object, subject: GuardInput) -> Verdict:
        raise RuntimeError("out of order")

    monkeypatch.setattr(type(registry.find("grounding")), "judge", out_of_order)
    with pytest.raises(BehaviourError) as refused:
        load(BANK)
    (problem,) = refused.value.problems
    assert problem.file == "guardrails.yaml"
    assert "'grounding' fails on an approved text: RuntimeError" in problem.message


def test_an_intent_may_be_answered_by_what_a_tool_finds(tmp_path: Path) -> None:
    with_tool = (
        "    tool: card_status\n    answer: Your {card} {progress}.\n    unauthenticated: Please sign in.\n"
        "    which_one: Which of your cards?\n"
    )
    behaviour = load(write(tmp_path, **swapped(INTENTS, "    procedure: card\n", with_tool)))
    assert behaviour.intents[1].tool == "card_status"
    assert Behaviour.from_canonical(behaviour.canonical()) == behaviour


def test_a_tool_that_writes_needs_words_for_whatever_may_become_of_it(tmp_path: Path) -> None:
    found = problems(write(tmp_path, **swapped(INTENTS, "at nine.", "at nine.\n    tool: block_card")))
    for words in ("confirm", "declined", "pending", "failed", "unsure"):
        assert f"intents.yaml:4: intent 'hours' needs {words!r}: its tool writes" in found


def test_words_of_writes_are_refused_where_the_tool_only_reads(tmp_path: Path) -> None:
    found = problems(
        write(tmp_path, **swapped(INTENTS, "at nine.", "at nine.\n    tool: card_status\n    confirm: Shall I?"))
    )
    assert "intents.yaml:5: intent 'hours' says 'confirm', but its tool only reads" in found


def test_a_behaviour_without_tools_has_the_content_that_it_had_before_there_were_any(tmp_path: Path) -> None:
    (intent, *_) = json.loads(load(write(tmp_path)).canonical())["intents"]
    assert sorted(intent) == [
        "action",
        "advances",
        "answer",
        "articles",
        "description",
        "examples",
        "name",
        "procedure",
    ]


def test_a_changed_copy_has_a_hash_of_its_own() -> None:
    """Though the original's was worked out before: caches are keyed by it, and a call pins it."""
    original = load(BANK)
    before = original.content_hash
    assert original.intent(original.intents[0].name)
    copied = original.model_copy(update={"company": "Another Bank", "intents": original.intents[1:]})
    assert copied.content_hash == Behaviour.from_canonical(copied.canonical()).content_hash != before
    assert copied.intent(original.intents[0].name) is None
    assert copied != original
