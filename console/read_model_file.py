"""Where the read models of a log lie, in its data directory."""

from __future__ import annotations

from pathlib import Path

from console.settings import Settings


def read_model_file(settings: Settings) -> Path:
    """Several logs may share the directory and its keys: each has its own rows."""
    kafka = settings.log.kafka()
    if kafka is None:
        return settings.data / "read_models.db"
    return settings.data / ".".join(("read_models", "kafka", *kafka.prefix.split(".")[:-1], "db"))
