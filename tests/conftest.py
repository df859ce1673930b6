"""What any test may ask for: real PostgreSQL and Redis, one each per run, and an environment without options."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import services

OPTIONS = ("STARSCOO_", "OPENAI_", "ANTHROPIC_")


@pytest.fixture(autouse=True, scope="session")
def no_options_of_whoever_runs_the_tests() -> None:
    for name in list(os.environ):
        if name.startswith(OPTIONS):
            del os.environ[name]


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A fresh server's maintenance database; make own ones with `services.create_database`."""
    yield from _started(services.start_postgres, tmp_path_factory.mktemp("postgres"))


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An empty server without persistence."""
    yield from _started(services.start_redis, tmp_path_factory.mktemp("redis"))


def _started(start: Callable[[Path], tuple[str, Callable[[], None]]], directory: Path) -> Iterator[str]:
    """A program that is missing skips the tests of it on a developer's machine and fails them where CI is set."""
    try:
        url, stop = start(directory)
    except FileNotFoundError as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))
    yield url
    stop()
