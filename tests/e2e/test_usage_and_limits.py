"""What only a browser shows of usage, of open pages that follow the gateway, and of documentation."""

import httpx
from browsing import CUSTOMER, Visit, Visitor, create_key, sign_up
from playwright.sync_api import Page, expect

BAR = ".c-chart .bars path"


def test_the_chart_draws_and_follows_the_theme_without_a_reload(visitor: Visitor) -> None:
    page = visitor.opens("/app/usage", who=CUSTOMER, theme="light").page
    expect(page.locator(BAR).first).to_be_visible()
    light = _fill(page)
    page.get_by_role("button", name="Dark theme").click()
    page.wait_for_function(f"getComputedStyle(document.querySelector('{BAR}')).fill !== '{light}'")


def test_a_dark_system_never_sees_the_chart_in_light_colours(visitor: Visitor) -> None:
    page = visitor.opens("/app/usage", who=CUSTOMER, theme="dark").page
    expect(page.locator(BAR).first).to_be_visible()
    assert _fill(page) in {
        "rgb(152, 162, 255)",
        "rgb(60, 201, 181)",
        "rgb(240, 166, 60)",
        "rgb(240, 120, 181)",
    }


def test_range_and_measure_stand_in_the_address_and_come_back(visitor: Visitor) -> None:
    visit = visitor.opens("/app/usage", who=CUSTOMER)
    page = visit.page
    page.get_by_role("button", name="7 days").click()
    page.get_by_role("button", name="Tokens").click()
    page.wait_for_url("**/app/usage?range=7d&measure=tokens&by=model&view=chart")
    page.get_by_role("link", name="API keys").click()
    page.wait_for_url("**/app/keys")
    page.go_back()
    expect(page.get_by_role("button", name="7 days")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Tokens")).to_have_attribute("aria-pressed", "true")
    page.reload()
    visit.settled()
    expect(page.get_by_role("button", name="7 days")).to_have_attribute("aria-pressed", "true")


def test_open_pages_follow_the_gateway_and_keep_the_focus(visitor: Visitor) -> None:
    visit = visitor.opens("/")
    page = visit.page
    sign_up(visit, "follows@example.com")
    visit.opens("/app/keys")
    secret = create_key(visit, "Follower")
    visit.opens("/app/usage")
    expect(page.get_by_role("heading", name="No requests in the last 30 days")).to_be_visible()
    _ask(visit, secret)
    expect(page.get_by_role("heading", name="By model")).to_be_visible()

    visit.opens("/app/limits")
    button = page.get_by_role("button", name="Change the limits of Follower")
    button.focus()
    expect(page.get_by_text("1 of 1,000").first).to_be_visible()
    _ask(visit, secret)
    expect(page.get_by_text("2 of 1,000")).to_have_count(2)  # the account's, and the key's row
    expect(button).to_be_focused()


def test_the_documentation_goes_to_its_anchor_and_remembers_the_language(visitor: Visitor) -> None:
    visit = visitor.opens("/docs#errors")
    page = visit.page
    expect(page.get_by_role("heading", name="Errors")).to_be_in_viewport()
    page.get_by_role("tab", name="Python").first.click()
    visit.opens("/docs")
    for tab in page.get_by_role("tab", name="Python").all():
        expect(tab).to_have_attribute("aria-selected", "true")


def _fill(page: Page) -> str:
    return str(page.evaluate(f"getComputedStyle(document.querySelector('{BAR}')).fill"))


def _ask(visit: Visit, secret: str) -> None:
    answer = httpx.post(
        f"{visit.url}/v1/chat/completions",
        headers={"Authorization": f"Bearer {secret}"},
        json={"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Hello"}]},
        timeout=30,
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text
