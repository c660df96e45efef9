"""Fixtures that start real parts: once per test process, with a database or a stream of its own for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import structlog

from chassis.testing import FakeClock
from tests.integration.edge_harness import Stand, running_edge
from tests.integration.servers import NatsServer, PostgresUnavailable, postgres

_numbers = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """One line per log entry; the default renders each planned failure with all local variables, a second each."""
    structlog.configure(processors=[structlog.processors.add_log_level, structlog.processors.KeyValueRenderer()])


@pytest.fixture(scope="session")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """A real Envoy in front of small servers of the real contracts."""
    with running_edge(tmp_path_factory.mktemp("edge")) as stand:
        yield stand


@pytest.fixture
def clock() -> FakeClock:
    """A clock that stands still until the test moves it."""
    return FakeClock()


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[NatsServer]:
    """A running NATS server with empty storage."""
    folder = tmp_path / "nats"
    folder.mkdir()
    server = NatsServer(folder)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def postgres_socket() -> Iterator[str]:
    """The socket folder of a running PostgreSQL server; skips where none can run."""
    try:
        with postgres() as folder:
            yield folder
    except PostgresUnavailable as reason:
        pytest.skip(str(reason))


@pytest.fixture
def postgres_url(postgres_socket: str) -> str:
    """The URL of an empty PostgreSQL database."""
    name = f"test_{next(_numbers)}"
    with psycopg.connect(f"host={postgres_socket} user=postgres dbname=postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
    return f"postgresql://postgres@/{name}?host={postgres_socket}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, one test run per engine."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return f"sqlite:///{tmp_path / 'db' / 'test.sqlite3'}"
