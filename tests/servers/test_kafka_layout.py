"""Where nodes listen, who finds them how, and that no way to a node goes around a line that can be cut."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from servers.kafka import new_cluster_id
from servers.kafka_layout import CLIENTS, Layout, Ports
from servers.kafka_security import KafkaSecurity

PORTS = (Ports(1, 2, 3), Ports(4, 5, 6), Ports(7, 8, 9))
CUTTABLE, PLAIN = Layout(PORTS, True, 4_000), Layout(PORTS, False, 4_000)


def settings(layout: Layout, number: int) -> dict[str, str]:
    lines = layout.properties(number, Path("/data")).splitlines()
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def test_every_way_to_a_node_is_a_line_between_the_two() -> None:
    lines = {(line.address, line.port): line.ends for line in CUTTABLE.lines()}
    for node in CUTTABLE.numbers:
        host, _, port = CUTTABLE.bootstrap.split(",")[node - 1].rpartition(":")
        assert lines[host, int(port)] == (CLIENTS, node)
        voters = dict(voter.split("@") for voter in settings(CUTTABLE, node)["controller.quorum.voters"].split(","))
        for caller in CUTTABLE.numbers:
            hosts = dict(reversed(line.split()[:2]) for line in CUTTABLE.hosts(caller).splitlines()[1:])
            if caller == node:
                assert f"node-{node}" not in hosts  # it finds itself without a line
                continue
            advertised = settings(CUTTABLE, node)["advertised.listeners"].partition("BROKERS://")[2]
            for called in (advertised, voters[str(node)]):
                name, _, port = called.rpartition(":")
                assert lines[hosts[name], int(port)] == (caller, node)
    assert len(lines) == 3 + 3 * 2 * 2


def test_where_nothing_can_be_cut_nothing_is_in_the_way() -> None:
    assert not list(PLAIN.lines())
    assert PLAIN.bootstrap == "127.0.0.1:1,127.0.0.1:4,127.0.0.1:7"
    assert settings(PLAIN, 2)["controller.quorum.voters"] == "1@127.0.0.1:3,2@127.0.0.1:6,3@127.0.0.1:9"


def test_of_three_brokers_two_must_have_a_record_and_one_alone_is_enough_of_one() -> None:
    replication = ("default.replication.factor", "offsets.topic.replication.factor", "min.insync.replicas")
    assert [settings(PLAIN, 1)[name] for name in replication] == ["3", "3", "2"]
    assert [settings(Layout(PORTS[:1], False, 4_000), 1)[name] for name in replication] == ["1", "1", "1"]


def test_no_cluster_id_looks_like_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([uuid.UUID(bytes=b"\xf8" + bytes(15)), uuid.UUID(bytes=bytes(16))])  # "-A…", then "AA…"
    monkeypatch.setattr(uuid, "uuid4", lambda: next(drawn))
    assert new_cluster_id() == "A" * 22


def test_clients_of_secured_brokers_log_in_over_tls_and_brokers_call_each_other_as_before(tmp_path: Path) -> None:
    security = KafkaSecurity(tmp_path)
    security.make()
    made = settings(Layout((Ports(1, 2, 3, 4),), False, 4_000, security), 1)
    speak = dict(each.split(":") for each in made["listener.security.protocol.map"].split(","))
    assert (speak["CLIENTS"], speak["CERTIFIED"], speak[made["inter.broker.listener.name"]]) == (
        "SASL_SSL",
        "SSL",
        "PLAINTEXT",
    )
    assert "CERTIFIED://127.0.0.1:4" in made["advertised.listeners"]
    assert made["listener.name.certified.ssl.client.auth"] == "required"


def test_what_a_secured_broker_was_made_with_stays_and_is_its_owners_alone(tmp_path: Path) -> None:
    security = KafkaSecurity(tmp_path)
    security.make()
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    security.make()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert {path.stat().st_mode & 0o077 for path in before} == {0}
