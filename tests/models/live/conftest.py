"""Every test of the contract runs on every store of counters."""

from collections.abc import Iterator

import pytest
from limiters import Gate

from models.database import Database

BACKENDS = ("memory", "redis", "database")


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("redis_url")) if request.param == "redis" else str(request.param)


@pytest.fixture
def gate(backend: str, database: Database) -> Iterator[Gate]:
    gate = Gate(backend, None if backend == "memory" else database)
    yield gate
    gate.close()
