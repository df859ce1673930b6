"""The pages that need no script: what a browser without them shows, and what scripts add."""

import re

import pytest
from browsing import CUSTOMER, THEMES, Theme, Visitor
from playwright.sync_api import Browser, Page, expect
from running import Running

PAGES = ("/", "/docs", "/models")


def without_scripts(browser: Browser, house: Running, theme: Theme = "light") -> Page:
    return browser.new_context(java_script_enabled=False, color_scheme=theme, base_url=house.url).new_page()


def colour(page: Page) -> str:
    found = page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor")
    assert isinstance(found, str)
    return found


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("theme", THEMES)
def test_a_page_is_read_without_scripts_by_day_and_night(
    browser: Browser, house: Running, path: str, theme: Theme
) -> None:
    page = without_scripts(browser, house, theme)
    page.goto(path)
    expect(page.locator("main h1")).to_be_visible()
    expect(page.get_by_role("button", name="Copy")).to_have_count(0)
    expect(page.get_by_role("group", name="Theme")).to_have_count(0)
    assert colour(page) == ("rgb(246, 247, 250)" if theme == "light" else "rgb(11, 14, 21)")
    page.context.close()


def test_without_scripts_no_language_is_hidden_and_choices_have_a_button(
    browser: Browser, house: Running
) -> None:
    page = without_scripts(browser, house)
    page.goto("/docs")
    for language in ("curl", "python", "javascript"):
        expect(page.locator(f"#panel-quickstart-{language}")).to_be_visible()
    page.get_by_label("Model in the samples").select_option("gpt-5")
    page.get_by_role("button", name="Show in the samples").click()
    expect(page.locator("#panel-quickstart-python")).to_contain_text('model="gpt-5"')
    page.goto("/models")
    page.get_by_label("Search").fill("codex")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("table")).to_contain_text("codex-1")
    expect(page.get_by_role("table")).not_to_contain_text("claude")
    page.context.close()


def test_the_language_of_the_samples_is_remembered_in_all_of_them(visitor: Visitor) -> None:
    visit = visitor.opens("/docs")
    page = visit.page
    page.get_by_role("tablist", name="Language of the first request").get_by_role(
        "tab", name="Python"
    ).click()
    visit.opens("/docs")
    for task in ("quickstart", "stream", "tools"):
        expect(page.locator(f"#panel-{task}-python")).to_be_visible()
        expect(page.locator(f"#panel-{task}-curl")).to_be_hidden()


def test_every_block_of_code_can_be_copied(visitor: Visitor) -> None:
    page = visitor.opens("/docs").page
    assert page.locator(".s-code").count() == page.locator(".s-code .s-copy").count() > 10
    page.get_by_role("button", name="Copy: Base URL").click()
    expect(page.get_by_role("button", name="Copy: Base URL")).to_contain_text("Copied")


def test_the_documentation_is_searched_where_it_stands(visitor: Visitor) -> None:
    page = visitor.opens("/docs").page
    search = page.get_by_label("Search this page")
    search.fill("X-Starscoo-Bound")
    expect(page.get_by_role("status").first).to_have_text(re.compile(r"^\d of \d+ sections$"))
    expect(page.locator("#limits")).to_be_visible()
    expect(page.locator("#quickstart")).to_be_hidden()
    contents = page.get_by_role("navigation", name="On this page")
    expect(contents.get_by_role("link", name="Quickstart")).to_be_hidden()
    search.press("Escape")
    expect(page.locator("#quickstart")).to_be_visible()
    search.fill("no such words anywhere")
    expect(page.get_by_role("status").first).to_contain_text("0 of")


def test_the_samples_follow_the_chosen_model_and_key(visitor: Visitor) -> None:
    page = visitor.opens("/docs", who=CUSTOMER).page
    page.get_by_label("Model in the samples").select_option("claude-sonnet-4-6")
    page.wait_for_url("**model=claude-sonnet-4-6**")
    expect(page.locator("#panel-quickstart-curl")).to_contain_text("claude-sonnet-4-6")
    page.get_by_label("Key in the samples").select_option(index=1)
    page.wait_for_url(lambda url: "key=" in url and "model=claude-sonnet-4-6" in url)
    expect(page.get_by_label("Model in the samples")).to_have_value("claude-sonnet-4-6")
    expect(page.locator("#quickstart")).to_contain_text("as it was shown when it was made")


def test_models_are_filtered_at_once_and_a_shared_address_shows_the_same(visitor: Visitor) -> None:
    visit = visitor.opens("/models")
    page = visit.page
    page.get_by_label("Vision").check()
    page.wait_for_url("**/models?works=vision**")
    table = page.get_by_role("table")
    expect(table).not_to_contain_text("codex-1")
    page.get_by_label("Order", exact=True).select_option("Input price")
    page.wait_for_url("**sort=input**")
    expect(table.locator("tbody tr").first).to_contain_text("gpt-5-mini")
    other = visitor.opens(page.url.removeprefix(visit.url)).page
    expect(other.get_by_label("Vision")).to_be_checked()
    expect(other.locator("tbody tr").first).to_contain_text("gpt-5-mini")
    page.get_by_label("Search").fill("nothing like it")
    page.get_by_label("Search").press("Enter")
    expect(page.get_by_role("heading", name="No model matches")).to_be_visible()
    page.get_by_role("link", name="Show all models").click()
    expect(table).to_contain_text("codex-1")


def test_the_theme_that_is_chosen_holds_on_every_page(visitor: Visitor) -> None:
    visit = visitor.opens("/")
    visit.page.get_by_role("button", name="Dark theme").click()
    for path in (*PAGES, "/login"):
        visit.opens(path)
        expect(visit.page.locator("body")).to_have_class(re.compile("body--dark"))
        expect(visit.page.get_by_role("button", name="Dark theme")).to_have_attribute("aria-pressed", "true")


def test_links_out_of_the_dashboard_and_back_work(visitor: Visitor) -> None:
    visit = visitor.opens("/app/limits", who=CUSTOMER)
    page = visit.page
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Docs").click()
    expect(page.get_by_role("heading", name="Documentation")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Limits", exact=True)).to_be_visible()
    page.get_by_role("link", name="Connect a provider").click()
    expect(page.locator("#providers")).to_be_in_viewport()
    page.get_by_role("link", name="Open dashboard").click()
    page.wait_for_url("**/app")


def test_the_keyboard_reaches_the_content_first(visitor: Visitor) -> None:
    page = visitor.opens("/docs").page
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
