"""A broker that ends while others run is told of, and started again a while later."""

from __future__ import annotations

from pathlib import Path

from servers.revival import BACK_AFTER_S, Revival


class Nodes:
    numbers = (1, 2, 3)

    def __init__(self) -> None:
        self.pids: dict[int, int | None] = {1: 11, 2: 12, 3: 13}
        self.launched: list[int] = []

    def pid(self, number: int) -> int | None:
        return self.pids[number]

    def log(self, number: int) -> Path:
        return Path(f"node-{number}/kafka.log")

    def launch_node(self, number: int) -> None:
        self.launched.append(number)
        self.pids[number] = 20 + number


def test_a_broker_that_ended_is_told_once_and_started_again_after_a_while() -> None:
    nodes, told, now = Nodes(), list[str](), [100.0]
    revival = Revival(nodes, told.append, lambda: now[0])
    revival.look_after()
    assert told == []
    nodes.pids[2] = None
    for now[0] in (101.0, 102.0, 101.0 + BACK_AFTER_S - 0.1):
        revival.look_after()
    assert (told, nodes.launched) == (["broker 2 ended; it is started again in 20 s (its log: node-2/kafka.log)"], [])
    now[0] = 101.0 + BACK_AFTER_S
    revival.look_after()
    revival.look_after()
    assert (told[1:], nodes.launched) == (["broker 2 is started again, as process 22"], [2])


def test_one_that_ends_again_is_started_again() -> None:
    nodes, told, now = Nodes(), list[str](), [0.0]
    revival = Revival(nodes, told.append, lambda: now[0])
    for _ in range(2):
        nodes.pids[1] = nodes.pids[3] = None
        revival.look_after()
        now[0] += BACK_AFTER_S
        revival.look_after()
    assert nodes.launched == [1, 3, 1, 3]
