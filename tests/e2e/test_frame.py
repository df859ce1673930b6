"""The frame around pages: theme, menu, moving without reloads, failures."""

import re

from browsing import CUSTOMER, Visitor
from playwright.sync_api import Page, expect


def is_dark(page: Page) -> bool:
    return bool(page.evaluate("document.body.classList.contains('body--dark')"))


def ground(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def test_a_chosen_theme_holds_over_pages_and_reloads_from_the_first_paint_on(visitor: Visitor) -> None:
    visit = visitor.opens("/app", who=CUSTOMER, theme="light")
    page = visit.page
    assert not is_dark(page)
    page.get_by_role("button", name="Dark theme").click()
    expect(page.get_by_role("button", name="Dark theme")).to_have_attribute("aria-pressed", "true")
    assert is_dark(page)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Usage").click()
    expect(page.get_by_role("heading", name="Usage", exact=True)).to_be_visible()
    assert is_dark(page)

    page.add_init_script(
        "new MutationObserver(() => { if (document.body) window.firstTheme ??= document.body.className; })"
        ".observe(document, {childList: true, subtree: true, attributes: true})"
    )
    page.reload()
    visit.settled()
    assert is_dark(page)
    assert "body--light" not in page.evaluate("window.firstTheme")
    page.get_by_role("button", name="System theme").click()
    expect(page.locator("body")).to_have_class(re.compile("body--light"))
    page.emulate_media(color_scheme="dark")
    expect(page.locator("body")).to_have_class(re.compile("body--dark"))


def test_moving_between_pages_changes_title_address_and_menu_without_a_reload(visitor: Visitor) -> None:
    visit = visitor.opens("/app", who=CUSTOMER)
    page = visit.page
    page.evaluate("window.stayed = true")
    for name, path in (("API keys", "/app/keys"), ("Limits", "/app/limits"), ("Overview", "/app")):
        link = page.get_by_role("navigation", name="Main").get_by_role("link", name=name)
        link.click()
        expect(page.get_by_role("heading", name=name, exact=True, level=1)).to_be_visible()
        expect(page).to_have_title(f"{name} · Starscoo")
        expect(page).to_have_url(visit.url + path)
        expect(link).to_have_attribute("aria-current", "page")
        expect(page.locator("[aria-current=page]")).to_have_count(1)
    page.go_back()
    expect(page.get_by_role("heading", name="Limits", exact=True, level=1)).to_be_visible()
    expect(page.locator("[aria-current=page]")).to_have_text("Limits")
    assert page.evaluate("window.stayed")


def test_the_menu_of_a_phone_opens_closes_and_gives_the_focus_back(visitor: Visitor) -> None:
    visit = visitor.opens("/app", who=CUSTOMER, width=375)
    page = visit.page
    button = page.get_by_role("button", name="Menu", exact=True)
    link = page.get_by_role("link", name="API keys")
    expect(link).to_be_hidden()
    button.click()
    expect(link).to_be_visible()
    expect(button).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Escape")
    expect(link).to_be_hidden()
    expect(button).to_be_focused()
    button.click()
    link.click()
    expect(page.get_by_role("heading", name="API keys", level=1)).to_be_visible()
    expect(link).to_be_hidden()


def test_the_keyboard_reaches_the_content_first(visitor: Visitor) -> None:
    visit = visitor.opens("/app/keys", who=CUSTOMER)
    page = visit.page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to main content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")

    expect(page.get_by_role("button", name="Create key")).to_be_focused()


def test_nothing_moves_where_the_visitor_asks_for_rest(visitor: Visitor) -> None:
    visit = visitor.opens("/")

    assert visit.page.evaluate(
        "[...document.querySelectorAll('*')].every((each) => getComputedStyle(each).animationName === 'none')"
    )
