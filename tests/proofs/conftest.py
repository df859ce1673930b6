"""The stage of the proofs, their seed, how much of each, and the table of what was counted."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proofs.counted import Counted
from proofs.stage import Stage
from proofs.upstream import Upstream

HERE = Path(__file__).parent
LONG_SECONDS, SHORT_SECONDS = 7200, 300
_COUNTED = pytest.StashKey[Counted]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    is_long = config.getoption("--long")
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(LONG_SECONDS if is_long else SHORT_SECONDS))


@pytest.fixture(scope="session")
def is_long(pytestconfig: pytest.Config) -> bool:
    return bool(pytestconfig.getoption("--long"))


@pytest.fixture(scope="session")
def counted(pytestconfig: pytest.Config, is_long: bool) -> Counted:
    given = pytestconfig.getoption("--seed")
    seed = random.SystemRandom().randrange(10**6) if given is None else int(given)
    return pytestconfig.stash.setdefault(_COUNTED, Counted(seed, is_long))


@pytest.fixture
def chance(counted: Counted, request: pytest.FixtureRequest) -> random.Random:
    """The same draws for the same seed and test, whatever else runs."""
    print(f"--seed {counted.seed}")
    return random.Random(f"{counted.seed} {request.node.name}")


@pytest.fixture(scope="package")
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


@pytest.fixture(scope="package")
def _upstream(stage: Stage) -> Iterator[Upstream]:
    upstream = stage.run(_started())
    yield upstream
    stage.run(upstream.stop())


@pytest.fixture
def upstream(_upstream: Upstream) -> Upstream:
    """With an empty log."""
    _upstream.reset()
    return _upstream


async def _started() -> Upstream:
    upstream = Upstream()
    await upstream.start()
    return upstream


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    counted = config.stash.get(_COUNTED, None)
    if counted is None or not counted.lines:
        return
    counted.write()
    terminalreporter.section(f"proofs, --seed {counted.seed}")
    for line in counted.lines:
        terminalreporter.write_line(line.shown())
