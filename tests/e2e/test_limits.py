"""Limits in a browser: customers lower keys, ask for more and read the answer; nothing is overwritten unseen."""

import re

import httpx
from browsing import ADMIN, CUSTOMER, THEMES, Visit, Visitor, create_key, overhang, sign_up, violations
from playwright.sync_api import Page, expect

WHY = "Our shop opens in three countries"
ANSWER = "Their shop launches next week"


def test_a_limit_is_changed_with_the_keyboard_alone(visitor: Visitor) -> None:
    visit = visitor.opens("/")
    page = visit.page
    sign_up(visit, "keyboard-at-limits@example.com")
    visit.opens("/app/keys")
    create_key(visit, "Keyed")
    visit.opens("/app/limits")
    page.get_by_role("button", name="Change the limits of Keyed").focus()
    page.keyboard.press("Enter")
    field = page.get_by_label("Requests per hour, this key")
    expect(field).to_be_focused()
    page.keyboard.type("2k")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Raise the account first.")).to_be_visible()
    expect(field).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("20")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Tokens per month, this key")).to_be_focused()
    page.keyboard.type("2.5M")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_hidden()
    saved = page.get_by_role("status").filter(has_text="1,000/h → 20/h")
    expect(saved).to_contain_text("5,000,000/month → 2,500,000/month")
    expect(page.get_by_text("20/h · set on this key")).to_be_visible()
    expect(page.get_by_role("button", name="Change the limits of Keyed")).to_be_focused()

    page.keyboard.press("Enter")
    expect(field).to_have_value("20")
    expect(field).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Use account's value").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(field).to_have_value("")
    expect(field).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("1,000/h · plan Starter").first).to_be_visible()


def test_what_another_window_saved_is_shown_and_not_overwritten(visitor: Visitor) -> None:
    visit = visitor.opens("/")
    sign_up(visit, "two-windows@example.com")
    visit.opens("/app/keys")
    create_key(visit, "Shared")
    visit.opens("/app/limits")
    other = visit.context.new_page()
    visit.watch(other)
    other.goto(f"{visit.url}/app/limits")
    for page in (visit.page, other):
        page.get_by_role("button", name="Change the limits of Shared").click()
        expect(page.get_by_label("Requests per hour, this key")).to_be_visible()
    visit.page.get_by_label("Requests per hour, this key").fill("500")
    visit.page.get_by_role("button", name="Save limits").click()
    expect(visit.page.get_by_text("500/h · set on this key")).to_be_visible()

    other.get_by_label("Requests per hour, this key").fill("400")
    other.get_by_role("button", name="Save limits").click()
    expect(other.get_by_role("alert").filter(has_text="it is now 500")).to_be_visible()
    expect(other.get_by_role("dialog").get_by_text("500/h")).to_be_visible()
    expect(other.get_by_label("Requests per hour, this key")).to_have_value("400")
    visit.opens("/app/limits")
    expect(visit.page.get_by_text("500/h · set on this key")).to_be_visible()
    other.get_by_role("button", name="Save limits").click()
    expect(other.get_by_text("400/h · set on this key")).to_be_visible()


def test_more_is_asked_for_granted_and_seen(visitor: Visitor) -> None:
    customer = visitor.opens("/")
    sign_up(customer, "ambitious@example.com")
    customer.opens("/app/limits")
    page = customer.page
    page.get_by_role("button", name="Ask for more").click()
    page.get_by_label("Wanted").fill("20k")
    page.get_by_label("What for").fill(WHY)
    page.get_by_role("button", name="Send request").click()
    asked = page.get_by_role("table", name="Requests for more")
    expect(asked).to_contain_text("1,000/h → 20,000/h")
    expect(asked).to_contain_text("Asked")

    staff = visitor.opens("/app/admin", who=ADMIN).page
    staff.get_by_role("link", name=re.compile("^Requests for more")).click()
    staff.get_by_role("button", name="Grant the request of ambitious@example.com").click()
    expect(staff.get_by_label("Value")).to_have_value("20,000")
    staff.get_by_label("Value").fill("5k")
    staff.get_by_label("Reason").fill(ANSWER)
    staff.get_by_role("button", name="Grant", exact=True).click()
    expect(staff.get_by_role("dialog")).to_be_hidden()
    expect(staff.get_by_role("table", name="Decided requests")).to_contain_text("5,000/h")

    expect(asked).to_contain_text("Granted")  # without a reload
    expect(asked).to_contain_text(ANSWER)
    expect(page.get_by_text("0 of 5,000")).to_be_visible()


def test_more_is_asked_for_with_the_keyboard_alone(visitor: Visitor) -> None:
    visit = visitor.opens("/")
    page = visit.page
    sign_up(visit, "typist@example.com")
    visit.opens("/app/limits")
    page.get_by_role("button", name="Ask for more").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Limit")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("50M")
    page.keyboard.press("Tab")
    page.keyboard.type(WHY)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("table", name="Requests for more")).to_contain_text("50,000,000/month")
    page.get_by_role("button", name="Withdraw this request for more").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("table", name="Requests for more")).to_contain_text("Withdrawn")


def test_a_refusal_leads_to_the_limit_that_refused_and_an_alert_stands_above_every_page(
    visitor: Visitor,
) -> None:
    visit = visitor.opens("/")
    page = visit.page
    sign_up(visit, "refused-at-limits@example.com")
    visit.opens("/app/keys")
    secret = create_key(visit, "Narrow")
    visit.opens("/app/limits")
    page.get_by_role("button", name="Change the limits of Narrow").click()
    page.get_by_label("Requests per hour, this key").fill("1")
    page.get_by_role("button", name="Save limits").click()
    expect(page.get_by_text("1/h · set on this key")).to_be_visible()
    assert [_ask(visit, secret), _ask(visit, secret)] == [200, 429]

    refused = page.get_by_role("table", name="The last refused requests and why")
    expect(refused).to_contain_text("1 of 1 requests were used or held")
    expect(refused).to_contain_text("you, on this key")
    expect(page.get_by_text("has used 100% of its requests per hour").first).to_be_visible()
    refused.get_by_role("button").click()
    expect(page.get_by_role("heading", name="Limits of “Narrow”")).to_be_visible()
    page.keyboard.press("Escape")
    visit.opens("/app/keys")
    line = page.get_by_role("status").filter(has_text="has used 100% of its requests per hour")
    expect(line).to_be_visible()
    assert violations(page) == []
    line.get_by_role("link", name="Limits").click()
    page.wait_for_url("**/app/limits")


def test_the_dialogs_of_limits_are_accessible(visitor: Visitor) -> None:
    for theme in THEMES:
        for width in (320, 1280):
            visit = visitor.opens("/app/limits", who=CUSTOMER, theme=theme, width=width)
            visit.page.get_by_role("button", name="Change the limits of Website chat").first.click()
            check_dialog(visit.page)
            visit.page.keyboard.press("Escape")
            visit.page.get_by_role("button", name="Ask for more", exact=True).click()
            check_dialog(visit.page)


def check_dialog(page: Page) -> None:
    expect(page.get_by_role("dialog")).to_be_visible()
    assert violations(page) == []
    assert overhang(page) <= 0


def _ask(visit: Visit, secret: str) -> int:
    answer = httpx.post(
        f"{visit.url}/v1/chat/completions",
        headers={"Authorization": f"Bearer {secret}"},
        json={"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Hello"}]},
        timeout=30,
        trust_env=False,
    )
    return answer.status_code
