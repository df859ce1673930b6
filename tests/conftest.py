"""What any test may ask for: real PostgreSQL and Redis, one each per run, and an environment without options."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
import services

OPTIONS = ("STARSCOO_", "OPENAI_", "ANTHROPIC_")


def pytest_addoption(parser: pytest.Parser) -> None:
    proofs = parser.getgroup("proofs", "the proofs of the promises, in tests/proofs")
    proofs.addoption("--long", action="store_true", help="as many trials as the promises name")
    proofs.addoption("--seed", type=int, help="repeat the draws of a run that printed this seed")


ALONE = frozenset(
    {
        "e2e",
        "proofs",
        "test_account_forms.py",
        "test_behind_the_proxy.py",
        "test_fallback.py",
        "test_memory.py",
        "test_proxy.py",
        "test_redis.py",
        "test_serving.py",
        "test_serving_with_redis.py",
    }
)
"""Folders and files whose tests run several servers, or a browser, that share the cores with nobody."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser comes last: it keeps an event loop running in this thread, beside which no other can start."""
    items.sort(key=lambda item: "e2e" in item.path.parts)
    for item in items:
        if ALONE.intersection(item.path.parts):
            item.add_marker("alone")


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


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """Where the packages are that the JavaScript samples import."""
    found = Path(__file__).parent / "javascript" / "node_modules"
    if not (found / "openai").is_dir() or shutil.which("node") is None:
        _missing("node or its packages are not installed; `make test` installs them")
    return found


def _started(start: Callable[[Path], tuple[str, Callable[[], None]]], directory: Path) -> Iterator[str]:
    try:
        url, stop = start(directory)
    except FileNotFoundError as missing:
        _missing(str(missing))
    yield url
    stop()


def _missing(what: str) -> NoReturn:
    """A program that is missing skips the tests of it on a developer's machine and fails them where CI is set."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)
