"""Every page and dialog, in both themes and at phone and desk width: no violation of WCAG 2.2 AA, nothing to
scroll sideways, nothing in the console, nothing from another host (the visitor fixture sees to the last two)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from browsing import ADMIN, CUSTOMER, THEMES, Theme, Visit, Visitor, create_key, overhang, violations
from playwright.sync_api import expect

WIDTHS = (320, 375, 1280)


@dataclass(frozen=True)
class Place:
    path: str
    who: str | None = None
    ready: str = ""


PLACES = {
    "landing": Place("/"),
    "sign-up": Place("/signup"),
    "login": Place("/login"),
    "reset": Place("/reset/a-link-that-was-never-made"),
    "docs": Place("/docs"),
    "overview": Place("/app", CUSTOMER, ".s-figure"),
    "keys": Place("/app/keys", CUSTOMER, ".s-table"),
    "usage": Place("/app/usage", CUSTOMER, ".js-plotly-plot .main-svg"),
    "usage as a table": Place("/app/usage?view=table", CUSTOMER, ".s-table"),
    "limits": Place("/app/limits", CUSTOMER, ".s-meter"),
    "customers": Place("/app/admin", ADMIN, ".s-table"),
    "no such page": Place("/app/nowhere", CUSTOMER),
}


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PLACES)
def test_a_page_is_accessible_and_fits(visitor: Visitor, name: str, width: int, theme: Theme) -> None:
    place = PLACES[name]
    visit = visitor.opens(place.path, who=place.who, theme=theme, width=width)
    if place.ready:
        expect(visit.page.locator(place.ready).first).to_be_visible()
    if name == "no such page":
        visit.problems.clear()  # browsers report the status 404 of the page itself

    assert violations(visit.page) == []
    assert overhang(visit.page) <= 0


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_that_is_missing_altogether_is_accessible(visitor: Visitor, width: int, theme: Theme) -> None:
    visit = visitor.opens("/", theme=theme, width=width)
    answer = visit.page.goto(f"{visit.url}/nowhere")
    visit.problems.clear()

    assert answer is not None
    assert answer.status == 404
    assert violations(visit.page) == []
    assert overhang(visit.page) <= 0


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_open_menu_of_a_phone_is_accessible(visitor: Visitor, width: int, theme: Theme) -> None:
    visit = visitor.opens("/app", who=CUSTOMER, theme=theme, width=width)
    menu = visit.page.get_by_role("button", name="Menu", exact=True)
    if width < 900:
        menu.click()
    expect(visit.page.get_by_role("link", name="API keys")).to_be_visible()

    assert violations(visit.page) == []


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_each_dialog_of_the_keys_page_is_accessible(visitor: Visitor, width: int, theme: Theme) -> None:
    visit = visitor.opens("/app/keys", who=CUSTOMER, theme=theme, width=width)
    page = visit.page

    _check_dialog(visit, lambda: page.get_by_role("button", name="Create key").click())
    page.keyboard.press("Escape")
    create_key(visit, f"Checked at {width} in {theme}")
    assert violations(page) == []
    assert overhang(page) <= 0
    page.get_by_role("button", name="I saved it").click(timeout=10_000)
    _check_dialog(visit, lambda: page.get_by_role("button", name="Revoke Website chat").click())


def _check_dialog(visit: Visit, opening: Callable[[], Any]) -> None:
    opening()
    expect(visit.page.get_by_role("dialog")).to_be_visible()
    assert violations(visit.page) == []
    assert overhang(visit.page) <= 0
