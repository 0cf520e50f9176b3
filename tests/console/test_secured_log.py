"""The commands over brokers that want TLS and a login: copies, doctor, and settings that are wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from broker import topics_for
from secured import Secured, secured
from test_copies import export, items, recorded, secret, take

from schemas.event import Event
from servers.kafka_security import OWNER, STRANGER
from tests.calls.commands import failed, forget_settings, ledgerline

__all__ = ["recorded", "secret"]


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Secured:
    """The environment says how the brokers are reached; the command line, where the log is."""
    forget_settings(monkeypatch, tmp_path)
    brokers = secured()
    for name, value in brokers.environment().items():
        monkeypatch.setenv(name, value)
    return brokers


@pytest.fixture
def there(configured: Secured, tmp_path: Path) -> tuple[object, ...]:
    log = f"kafka://{configured.bootstrap}/{topics_for(tmp_path, 8).prefix[:-1]}"
    return ("--log", log, "--data", tmp_path / "on-kafka")


def test_a_log_is_copied_there_and_back_read_and_examined(
    recorded: tuple[Path, list[Event]], secret: Path, there: tuple[object, ...], configured: Secured, tmp_path: Path
) -> None:
    origin, _ = recorded
    first, second = tmp_path / "first.ledger", tmp_path / "second.ledger"
    export(first, secret, "--log", "sqlite", "--data", origin)
    took = take(first, secret, *there)
    assert took.code == 0, took
    export(second, secret, *there)
    assert sorted(map(str, items(second))) == sorted(map(str, items(first)))
    assert ledgerline("verify", *there, "--json").json["problems"] == []
    checks = {check["name"]: check for check in ledgerline("doctor", *there, "--json").json["checks"]}
    assert checks["log"]["found"] == f"{configured.bootstrap} answers (SASL_SSL, {OWNER} by SCRAM-SHA-512), 0 workers"
    assert configured.made.password not in json.dumps(checks)


WRONG = [
    ({"SASL_PASSWORD": "another"}, 1, "LEDGERLINE_LOG__SASL_PASSWORD"),
    ({"SASL_USERNAME": STRANGER}, 1, f"the brokers don't let {STRANGER} do what it has to: Read on topic "),
    ({"SASL_MECHANISM": "KERBEROS"}, 2, "LEDGERLINE_LOG__SASL_MECHANISM: input should be 'PLAIN'"),
    ({"SASL_MECHANISM": ""}, 2, "LEDGERLINE_LOG__SASL_MECHANISM: is missing"),
    ({"SECURITY_PROTOCOL": "PLAINTEXT"}, 2, "LEDGERLINE_LOG__SECURITY_PROTOCOL: it is PLAINTEXT"),
    ({"SSL_CA_LOCATION": "nowhere.pem"}, 2, "LEDGERLINE_LOG__SSL_CA_LOCATION: nowhere.pem: No such file"),
    ({"SSL_CA_LOCATION": ""}, 1, "LEDGERLINE_LOG__SSL_CA_LOCATION names a file"),
    ({"SSL_KEY_LOCATION": "a.key"}, 2, "LEDGERLINE_LOG__SSL_CERTIFICATE_LOCATION: is missing"),
]


@pytest.mark.parametrize(("changed", "code", "words"), WRONG, ids=[words for _, _, words in WRONG])
@pytest.mark.parametrize("command", ["calls", "worker"])
def test_a_setting_that_is_wrong_is_named(
    command: str,
    changed: dict[str, str],
    code: int,
    words: str,
    there: tuple[object, ...],
    configured: Secured,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in changed.items():
        monkeypatch.setenv(f"LEDGERLINE_LOG__{name}", value)
    ran = ledgerline(command, *there)
    failed(ran, code, words)
    assert configured.made.password not in ran.err


def test_doctor_names_what_is_wrong_and_no_password(
    there: tuple[object, ...], configured: Secured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEDGERLINE_LOG__SASL_PASSWORD", "an-other-secret")
    ran = ledgerline("doctor", *there, "--json")
    check = next(check for check in ran.json["checks"] if check["name"] == "log")
    assert (ran.code, check["state"]) == (1, "broken")
    assert "LEDGERLINE_LOG__SASL_PASSWORD" in check["found"]
    assert "an-other-secret" not in ran.out + ran.err


def test_settings_print_no_password(configured: Secured) -> None:
    from console.settings import load_settings

    settings = load_settings()
    assert configured.made.password not in repr(settings)
    assert configured.made.password not in repr(settings.log.kafka())
    assert configured.made.password not in settings.model_dump_json()


def test_a_lane_is_reached_as_production_is(configured: Secured) -> None:
    from console.lane import of_lane
    from console.settings import load_settings

    lane = of_lane(load_settings(), "pr-1").log.kafka()
    assert lane
    assert str(lane.security) == f"SASL_SSL, {OWNER} by SCRAM-SHA-512"
