"""Every test of the contract runs on every store of counters."""

from collections.abc import Iterator

import pytest
from limiters import Gate


@pytest.fixture(params=["memory", "redis"])
def backend(request: pytest.FixtureRequest) -> str:
    return "memory" if request.param == "memory" else str(request.getfixturevalue("redis_url"))


@pytest.fixture
def gate(backend: str) -> Iterator[Gate]:
    gate = Gate(backend)
    yield gate
    gate.close()
