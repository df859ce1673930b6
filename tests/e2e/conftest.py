"""One demo server and one browser for the whole run; a fresh window for each visit."""

from collections.abc import Iterator

import pytest
import running
from browsing import Visitor, chromium
from playwright.sync_api import Browser
from running import Running


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The demo: sandbox upstream, two accounts, a month of usage."""
    with running.server(tmp_path_factory.mktemp("house"), command="demo") as started:
        yield started


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="session")
def everybody(browser: Browser, house: Running) -> Visitor:
    return Visitor(browser, house)


@pytest.fixture
def visitor(everybody: Visitor) -> Iterator[Visitor]:
    yield everybody
    everybody.close()
