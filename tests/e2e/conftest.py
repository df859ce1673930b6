"""One demo server and one browser for the whole run; a fresh window for each visit."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import running
from browsing import Visitor, chromium
from playwright.sync_api import Browser, Playwright, sync_playwright
from running import Running


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The demo: sandbox upstream, two accounts, a month of usage."""
    options = {"STARSCOO_TRUSTED_PROXIES": "127.0.0.1"}
    with running.server(tmp_path_factory.mktemp("house"), command="demo", **options) as started:
        own = {"STARSCOO_DATABASE_URL": "sqlite:///data/demo.db"}  # for commands beside it
        yield replace(started, environment={**started.environment, **own})


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    with chromium(playwright) as started:
        yield started


@pytest.fixture(scope="session")
def everybody(browser: Browser, house: Running) -> Visitor:
    return Visitor(browser, house)


@pytest.fixture
def visitor(everybody: Visitor) -> Iterator[Visitor]:
    yield everybody
    everybody.close()
