"""Evidence: one call as files that anybody can read and check, without this product."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from recorded_log import CALLER, SAID

from streams.signing import SigningKey
from tests.calls.commands import failed, ledgerline

FORGED = "I found my card"


@pytest.fixture
def folder(data: Path, tmp_path: Path) -> Path:
    anchors, out = tmp_path / "anchors.jsonl", tmp_path / "evidence"
    ledgerline("anchor", anchors, "--data", data)
    told = ledgerline("evidence", "call-1", "-o", out, "--anchors", anchors, "--data", data, "--json").json
    assert told["anchored"]
    return out


def check(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """In a Python that sees nothing of this project."""
    command = [sys.executable, "-I", str(folder / "check.py"), *arguments]
    return subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)


def test_it_checks_without_the_product_and_holds_every_question_and_answer(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    ran = check(folder, manifest["public_key"])
    assert ran.returncode == 0, ran.stderr
    assert f"{manifest['events']} events in one chain" in ran.stdout
    evidence = json.loads((folder / "evidence.json").read_text())
    asked = {each["type"] for each in evidence["prompts"]}
    assert {"CompletionAsked", "ClassificationAsked", "PassagesAsked"} <= asked
    assert all(each["payload"]["messages"] for each in evidence["prompts"] if each["type"] == "CompletionAsked")
    assert {"CompletionReturned"} <= {each["type"] for each in evidence["completions"]}
    assert {"StandingGranted"} <= {each["type"] for each in evidence["approvals"]}
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert [e["seq"] for e in events if e["kind"] == "decision"] == [e["seq"] for e in evidence["decisions"]]
    assert evidence["versions"]["deciders"]
    assert any(version.startswith("forbidden_topics@") for version in evidence["versions"]["guardrails"])
    page = (folder / "index.html").read_text()
    assert SAID in page
    assert "<script" not in page
    turns = [int(number) for number in re.findall(r"<tr><td>t(\d+)</td>", page)]
    assert turns == sorted(turns)
    assert len(turns) > 2


def test_an_anchor_in_it_leads_from_the_call_to_the_signed_root(folder: Path) -> None:
    from streams.merkle import leaf_hash, root_by

    proof = json.loads((folder / "anchor.json").read_text())
    leaf = leaf_hash(f"call-1\x1f{proof['seq']}\x1f{proof['hash']}".encode())
    path = [(each["side"], bytes.fromhex(each["hash"])) for each in proof["path"]]
    assert root_by(leaf, path).hex() == proof["anchor"]["root"]


@pytest.mark.parametrize(
    ("crime", "named"),
    [
        ("words", "events.jsonl was changed"),
        ("event gone", "events.jsonl was changed"),
        ("page", "index.html was changed"),
        ("signature", "manifest.json was changed, or was signed by another key than"),
        ("no signature", "manifest.sig is missing"),
        ("no events", "events.jsonl is missing"),
    ],
)
def test_whatever_is_changed_in_it_is_found_and_named(folder: Path, crime: str, named: str) -> None:
    lines = (folder / "events.jsonl").read_text().splitlines(keepends=True)
    if crime == "words":
        (folder / "events.jsonl").write_text("".join(lines).replace(SAID, "I found my card"))
    elif crime == "event gone":
        (folder / "events.jsonl").write_text("".join(lines[:-1]))
    elif crime == "page":
        (folder / "index.html").write_text("<p>Nothing was said.</p>")
    elif crime.startswith("no "):
        (folder / named.split()[0]).unlink()
    else:
        (folder / "manifest.sig").write_text("00" * 64)
    ran = check(folder)
    assert (ran.returncode, ran.stderr.startswith(f"NOT SOUND: {named}")) == (1, True), ran.stderr
    assert "Traceback" not in ran.stderr


Lines = list[dict[str, Any]]


def signed_anew(folder: Path, change: Callable[[Lines], None]) -> None:
    """What a forger makes who has the conversation's key, and a signing key of their own."""
    file, manifest = folder / "events.jsonl", json.loads((folder / "manifest.json").read_text())
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    change(lines)
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    key = SigningKey.generate()
    manifest["files"]["events.jsonl"] = hashlib.sha256(file.read_bytes()).hexdigest()
    manifest["public_key"] = key.public
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "manifest.sig").write_text(key.sign((folder / "manifest.json").read_bytes()))


def other_words(lines: Lines) -> None:
    heard(lines)["payload"]["text"] = FORGED


def other_words_sealed(lines: Lines, folder: Path) -> None:
    """Under the right key and for the right place: only that they don't stand on the log tells them apart."""
    event = heard(lines)
    secret = base64.b64decode(json.loads((folder / "key.json").read_text())["secret"])
    context = "\x1f".join(("call-1", event["event_id"], "text"))
    sealed = AESGCM(secret).encrypt(bytes(12), json.dumps(FORGED).encode(), context.encode())
    event["payload"]["text"], event["sealed"]["text"] = FORGED, base64.b64encode(bytes(12) + sealed).decode()


def left_out(lines: Lines) -> None:
    """One from the middle; those behind it are numbered as if there had been none."""
    del lines[5]
    for number, line in enumerate(lines, 1):
        line["seq"] = number


def numbered_otherwise(lines: Lines) -> None:
    lines[5]["seq"] = 500


def other_bytes(lines: Lines) -> None:
    body = bytearray(base64.b64decode(lines[5]["body"]))
    body[3] ^= 1
    lines[5]["body"] = base64.b64encode(body).decode()


def cut_off(lines: Lines) -> None:
    lines.pop()


def heard(lines: Lines) -> dict[str, Any]:
    return next(line for line in lines if line["type"] == "UtteranceHeard" and line["payload"]["text"] == SAID)


@pytest.mark.parametrize(
    ("crime", "named"),
    [
        (other_words, "text was not said so"),
        (other_words_sealed, "text was not said so"),
        (left_out, "event 6 does not follow the one before it"),
        (numbered_otherwise, "event 6 does not follow the one before it"),
        (other_bytes, "event 6 was changed"),
        (cut_off, "the last events are gone"),
    ],
)
def test_what_was_changed_is_found_even_where_all_is_signed_anew(
    folder: Path, crime: Callable[..., None], named: str
) -> None:
    signed_anew(folder, partial(crime, folder=folder) if crime is other_words_sealed else crime)
    ran = check(folder)
    assert ran.returncode != 0
    assert named in ran.stderr


def test_another_key_than_the_one_that_is_trusted_is_refused(folder: Path) -> None:
    ran = check(folder, "ab" * 32)
    assert (ran.returncode, "signed by another key" in ran.stderr) == (1, True), ran.stderr
    ran = check(folder, "94960e92...")
    assert (ran.returncode, "94960e92... is no public key, 64 hexadecimal digits" in ran.stderr) == (1, True), (
        ran.stderr
    )


def test_where_no_key_is_given_it_says_whose_word_it_takes(folder: Path) -> None:
    public = json.loads((folder / "manifest.json").read_text())["public_key"]
    assert "the folder's own word" in check(folder).stdout
    assert "the folder's own word" not in check(folder, public).stdout


def test_a_file_that_was_put_beside_it_is_named_as_no_part_of_it(folder: Path) -> None:
    (folder / "letter.txt").write_text("I confess.")
    ran = check(folder)
    assert (ran.returncode, "letter.txt: no part of the evidence" in ran.stdout) == (0, True)


def test_the_path_to_the_anchored_root_is_walked(folder: Path) -> None:
    assert f"anchored up to event {json.loads((folder / 'anchor.json').read_text())['seq']}" in check(folder).stdout


def test_a_zip_holds_the_same_and_nothing_is_overwritten(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "evidence.zip"
    assert ledgerline("evidence", "call-1", "-o", out, "--data", data).code == 0
    failed(ledgerline("evidence", "call-1", "-o", out, "--data", data), 2, "exists")
    with zipfile.ZipFile(out) as archive:
        archive.extractall(tmp_path / "opened")
    assert check(tmp_path / "opened").returncode == 0


def test_imported_history_and_forgotten_calls_have_evidence_too(data: Path, tmp_path: Path) -> None:
    assert ledgerline("evidence", "call-2024", "-o", tmp_path / "theirs", "--data", data).code == 0
    assert check(tmp_path / "theirs").returncode == 0
    assert json.loads((tmp_path / "theirs" / "evidence.json").read_text())["versions"]["source"] == "transcripts"
    ledgerline("forget", CALLER, "--reference", "DSR-1", "--by", "dpo", "--data", data)
    told = ledgerline("evidence", "call-1", "-o", tmp_path / "forgotten", "--data", data)
    assert (told.code, "it holds no words" in told.out) == (0, True)
    assert not (tmp_path / "forgotten" / "key.json").exists()
    assert check(tmp_path / "forgotten").returncode == 0
