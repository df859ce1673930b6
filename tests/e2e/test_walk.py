"""Every page that can be reached by links, and every dialog that a button opens: no violation of WCAG 2.2 AA, nothing
to scroll sideways, in both themes and at four widths. What is found is printed, and pictured in tests/artifacts/.

An idle machine of two cores takes five seconds for a page or a dialog, and fourteen for the documentation: with
nineteen pages and twenty dialogs four minutes, and fifteen for each test at the very most.
"""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import running
import walking
from browsing import ADMIN, CUSTOMER, THEMES, Visitor
from playwright.sync_api import Browser, Page
from running import Running

WIDTHS = (320, 375, 768, 1280)
ARTIFACTS = Path(__file__).parent.parent / "artifacts"
PICTURES = {(1280, "light"): "light", (1280, "dark"): "dark", (375, "light"): "phone"}
STARTS = {"anybody": (None, "/"), "customer": (CUSTOMER, "/app"), "admin": (ADMIN, "/app")}
MUST_FIND = {
    "anybody": {"/", "/docs", "/models", "/login", "/signup"},
    "customer": {"/app", "/app/keys", "/app/usage", "/app/requests", "/app/limits", "/app/playground"},
    "admin": {"/app/admin", "/app/admin/c/*"},
}


@pytest.fixture(scope="module")
def own_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Whatever the buttons do, they do it here."""
    with running.server(tmp_path_factory.mktemp("walk"), command="demo") as started:
        yield started


@pytest.fixture(scope="module")
def walker(browser: Browser, own_house: Running) -> Visitor:
    shutil.rmtree(ARTIFACTS, ignore_errors=True)
    ARTIFACTS.mkdir()
    return Visitor(browser, own_house)


@pytest.fixture(scope="module")
def seen() -> dict[str, dict[str, str]]:
    """Paths by place, for each kind of visitor."""
    return {}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("who", STARTS)
def test_every_page_found_by_its_links_is_accessible_and_fits(
    walker: Visitor, seen: dict[str, dict[str, str]], who: str
) -> None:
    email, start = STARTS[who]
    known = frozenset(name for others in seen.values() for name in others)
    visit = walker.window(who=email)
    found: list[str] = []
    mine: dict[str, str] = {}
    for place in walking.places(visit, start, known=known):
        began = time.monotonic()
        mine[place.name] = place.path
        found += checked(visit.page, place.name.strip("/") or "landing")
        print(f"{who}: {place.name}, {time.monotonic() - began:.1f} s")
    seen[who] = mine
    walker.close()
    assert found == []
    assert MUST_FIND[who] <= known | mine.keys()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("who", ["customer", "admin"])
def test_every_dialog_that_a_button_opens_is_accessible_and_fits(
    walker: Visitor, seen: dict[str, dict[str, str]], who: str
) -> None:
    email, start = STARTS[who]
    assert email is not None
    if who not in seen:
        seen[who] = {place.name: place.path for place in walking.places(walker.window(who=email), start)}
    found: list[str] = []
    opened: list[str] = []
    for name, path in seen[who].items():
        if not path.startswith("/app"):
            continue
        for words, page in walking.dialogs(walker, email, path):
            opened.append(f"{name}: {words}")
            found += checked(page, f"{name.strip('/')} {words}")
        walker.close()
    print("\n".join(opened))
    assert found == []
    assert opened


def checked(page: Page, name: str) -> list[str]:
    """In all themes and widths; leaves three pictures."""
    found = []
    for theme in THEMES:
        for width in WIDTHS:
            found += walking.problems(page, width=width, theme=theme)
            if kind := PICTURES.get((width, theme)):
                file = "-".join("".join(sign if sign.isalnum() else " " for sign in name).split()).lower()
                page.screenshot(path=ARTIFACTS / f"{file}-{kind}.png", full_page=True)
    return [f"{name}: {each}" for each in found]
