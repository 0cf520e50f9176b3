"""A Kafka broker in a container, for as long as a process lives: ``python container_broker.py --while-pid PID``.

Never run by its authors, who have no Docker engine. To run it: ``.venv/bin/pytest tests/streams`` beside one.
"""

from __future__ import annotations

import argparse
import time

from broker import ADDRESS
from testcontainers.community.kafka import KafkaContainer

from servers.child import lives

IMAGE = "confluentinc/cp-kafka:7.9.1"  # Kafka 3.9
START_TIMEOUT_S = 120
SETTINGS = {  # what differs from stock brokers in servers/kafka_layout.py
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "500",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--while-pid", type=int, required=True)
    pid = parser.parse_args().while_pid
    container = KafkaContainer(IMAGE).with_kraft()
    for name, value in SETTINGS.items():
        container.with_env(name, value)
    container.start(timeout=START_TIMEOUT_S)
    try:
        print(f"{ADDRESS}={container.get_bootstrap_server()}", flush=True)
        while lives(pid):
            time.sleep(0.2)
    finally:
        container.stop()


if __name__ == "__main__":
    main()
