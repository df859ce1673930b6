"""The playground as a browser shows it: streamed, stopped, refused, in two tabs, after a reload."""

import re

from browsing import CUSTOMER, Visit, Visitor, create_key, sign_up
from playwright.sync_api import Page, expect

ANSWER_MS = 20_000
"""The sandbox takes its time, as models do."""


def newcomer(visitor: Visitor, email: str) -> Visit:
    """Somebody of his own, with one key, on the playground."""
    visit = visitor.window()
    sign_up(visit, email)
    visit.opens("/app/keys")
    create_key(visit, "Mine")
    visit.page.get_by_role("button", name="Copy key").click()
    visit.page.get_by_role("button", name="I saved it").click()
    visit.page.get_by_role("link", name="Playground").click()
    expect(visit.page.get_by_role("heading", name="Playground")).to_be_visible()
    return visit


def send(page: Page, message: str = "Hello there") -> None:
    page.get_by_label("Message", exact=True).fill(message)
    page.get_by_role("button", name="Send").click()


def state(page: Page, word: str) -> None:
    expect(page.locator(".y-state")).to_have_text(word, timeout=ANSWER_MS)


def test_an_answer_arrives_with_what_it_took(visitor: Visitor) -> None:
    visit = newcomer(visitor, "player@example.com")
    page = visit.page
    send(page)
    state(page, "OK")
    expect(page.get_by_role("region", name="Words of the answer")).to_contain_text("“Hello there”")
    figures = page.locator(".y-figures")
    for name in ("Tokens", "First token", "Total time", "Cost", "Finish reason"):
        expect(figures).to_contain_text(name)
    expect(figures).to_contain_text("stop")
    expect(page.locator("[role=tabpanel]:visible")).to_contain_text("Hello there")
    assert "pass-starscoo" not in page.content() + visitor.house.log
    visit.opens("/app")
    expect(page.get_by_role("table", name="The last requests")).to_contain_text("gpt-5-mini")


def test_stop_ends_the_request_and_its_row_says_so(visitor: Visitor) -> None:
    page = newcomer(visitor, "stopper@example.com").page
    send(page)
    state(page, "Streaming")
    page.get_by_role("button", name="Stop").click()
    state(page, "Stopped")
    expect(page.locator(".y-figures")).to_contain_text("estimated")
    expect(page.get_by_role("button", name="Send")).to_be_focused()


def test_leaving_the_page_stops_the_request(visitor: Visitor) -> None:
    visit = newcomer(visitor, "leaver@example.com")
    page = visit.page
    send(page)
    state(page, "Streaming")
    page.get_by_role("link", name="Overview").click()
    expect(page.get_by_role("table", name="The last requests")).to_contain_text(
        re.compile("stopped|left|abort", re.I)
    )


def test_a_refusal_is_told_in_the_gateways_own_words(visitor: Visitor) -> None:
    page = visitor.opens("/app/playground", who=CUSTOMER).page
    page.get_by_label("Temperature").fill("0.3")
    send(page)
    state(page, "Refused")
    alert = page.locator(".y-error")
    expect(alert).to_contain_text("'temperature' does not support 0.3 with this model")
    expect(alert).to_contain_text("unsupported_value")
    expect(alert).to_contain_text("Use a value that the message names")


def test_two_tabs_answer_at_once(visitor: Visitor) -> None:
    one = visitor.opens("/app/playground", who=CUSTOMER)
    other = visitor.opens("/app/playground", who=CUSTOMER)
    send(one.page, "From the first")
    send(other.page, "From the second")
    for visit, mine in ((one, "From the first"), (other, "From the second")):
        state(visit.page, "OK")
        expect(visit.page.get_by_role("region", name="Words of the answer")).to_contain_text(f"“{mine}”")


def test_what_was_written_outlives_a_reload_and_not_a_logout(visitor: Visitor) -> None:
    visit = newcomer(visitor, "writer@example.com")
    page = visit.page
    page.get_by_label("Message", exact=True).fill("Half a thought")
    page.get_by_label("Max tokens").fill("50")
    expect(page.locator("[role=tabpanel]:visible")).to_contain_text("Half a thought")
    visit.opens("/app/playground")
    expect(page.get_by_label("Message", exact=True)).to_have_value("Half a thought")
    expect(page.get_by_label("Max tokens")).to_have_value("50")
    expect(page.locator("[role=tabpanel]:visible")).to_contain_text("Half a thought")
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login*")
    assert not page.evaluate("Object.values(sessionStorage).some((kept) => kept.includes('Half'))")


def test_the_answer_is_followed_unless_its_reader_scrolled_up(visitor: Visitor) -> None:
    visit = visitor.opens("/app/playground", who=CUSTOMER, height=500)
    page = visit.page
    words = page.get_by_role("region", name="Words of the answer")
    add = "(box, n) => starscoo.words(box.id.replace('c', ''), [['word '.repeat(n), false]])"
    words.evaluate(add, 2_000)
    assert words.evaluate("box => box.scrollHeight - box.scrollTop - box.clientHeight") < 2
    assert words.evaluate("box => box.scrollTop") > 0
    words.evaluate("box => { box.scrollTop = 0; }")
    words.evaluate(add, 500)
    assert words.evaluate("box => box.scrollTop") == 0


def test_a_message_is_sent_by_keyboard_alone(visitor: Visitor) -> None:
    page = visitor.opens("/app/playground", who=CUSTOMER).page
    page.get_by_role("button", name="Use the example").press("Enter")
    message = page.get_by_label("Message", exact=True)
    expect(message).to_be_focused()
    message.press("Control+Enter")
    state(page, "OK")
