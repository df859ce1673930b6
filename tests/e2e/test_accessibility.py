"""Every page and dialog, in both themes and at phone and desk width: no violation of WCAG 2.2 AA, nothing to
scroll sideways, nothing in the console, nothing from another host (the visitor fixture sees to the last two)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import pytest
from browsing import ADMIN, CUSTOMER, THEMES, Visitor, choose, create_key, overhang, violations
from playwright.sync_api import Page, expect

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
    "forgotten password": Place("/forgot"),
    "confirming an address": Place("/verify/a-link-that-was-never-made"),
    "docs": Place("/docs"),
    "models": Place("/models"),
    "overview": Place("/app", CUSTOMER, ".s-figure"),
    "keys": Place("/app/keys", CUSTOMER, ".s-table"),
    "usage": Place("/app/usage", CUSTOMER, ".js-plotly-plot .main-svg"),
    "usage as a table": Place("/app/usage?view=table", CUSTOMER, ".u-figure .s-table"),
    "times": Place("/app/usage?measure=latency&by=key", CUSTOMER, ".js-plotly-plot .main-svg"),
    "requests": Place("/app/requests?status=cut&status=refused", CUSTOMER, ".l-open"),
    "refusals": Place("/app/requests?view=refused", CUSTOMER, ".l-open"),
    "requests that match nothing": Place("/app/requests?model=unheard-of", CUSTOMER, ".s-empty"),
    "limits": Place("/app/limits", CUSTOMER, ".s-meter"),
    "account": Place("/app/account", CUSTOMER, ".s-table"),
    "customers": Place("/app/admin", ADMIN, ".s-table"),
    "no such page": Place("/app/nowhere", CUSTOMER),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_page_is_accessible_and_fits(visitor: Visitor, name: str) -> None:
    place = PLACES[name]
    visit = visitor.opens(place.path, who=place.who)
    if place.ready:
        expect(visit.page.locator(place.ready).first).to_be_visible()
    if name == "no such page":
        visit.problems.clear()  # browsers report the status 404 of the page itself

    check(visit.page)


def test_a_page_that_is_missing_altogether_is_accessible(visitor: Visitor) -> None:
    visit = visitor.opens("/")
    answer = visit.page.goto(f"{visit.url}/nowhere")
    visit.problems.clear()

    assert answer is not None
    assert answer.status == 404
    check(visit.page)


def test_the_open_menu_of_a_phone_is_accessible(visitor: Visitor) -> None:
    visit = visitor.opens("/app", who=CUSTOMER, width=375)
    visit.page.get_by_role("button", name="Menu", exact=True).click()
    expect(visit.page.get_by_role("link", name="API keys")).to_be_visible()

    check(visit.page, widths=(320, 375))


def test_each_dialog_of_the_keys_page_is_accessible(visitor: Visitor) -> None:
    visit = visitor.opens("/app/keys", who=CUSTOMER)
    page = visit.page

    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    check(page)
    page.keyboard.press("Escape")
    create_key(visit, "Checked")
    check(page)
    page.get_by_role("button", name="Copy key").click()
    page.get_by_role("button", name="I saved it").click()
    page.get_by_role("button", name="Actions for Checked").click()
    expect(page.get_by_role("button", name="Revoke Checked")).to_be_visible()
    check(page)
    page.set_viewport_size({"width": 1280, "height": 800})
    page.keyboard.press("Escape")
    choose(page, "Revoke", "Checked")
    expect(page.get_by_role("heading", name="Revoke this key?")).to_be_visible()
    check(page)


def test_the_dialog_that_deletes_an_account_is_accessible(visitor: Visitor) -> None:
    visit = visitor.opens("/app/account", who=CUSTOMER)
    visit.page.get_by_role("button", name="Delete account").click()
    expect(visit.page.get_by_role("heading", name="Delete this account?")).to_be_visible()

    check(visit.page)


def test_the_panel_of_a_request_and_the_lists_of_its_filters_are_accessible(visitor: Visitor) -> None:
    page = visitor.opens("/app/requests?status=cut", who=CUSTOMER).page
    page.locator("summary", has_text="Key").click()
    expect(page.get_by_role("checkbox").first).to_be_visible()
    check(page)
    page.keyboard.press("Escape")
    page.locator(".l-open").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    check(page)


def test_the_dialog_of_a_custom_range_is_accessible(visitor: Visitor) -> None:
    page = visitor.opens("/app/usage", who=CUSTOMER).page
    page.get_by_role("button", name="Custom").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    check(page)


def check(page: Page, *, widths: Iterable[int] = WIDTHS) -> None:
    """At each width, in both themes, as a visitor sees it who turns his phone while night falls."""
    for width in widths:
        page.set_viewport_size({"width": width, "height": 800})
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            expect(page.locator("body")).to_have_class(re.compile(f"body--{theme}"))
            assert violations(page) == [], f"{width} {theme}"
            assert overhang(page) <= 0, f"{width} {theme}"
