"""Staff in a browser: search, override with a preview and undo, suspend, plans, the trail; by keyboard too."""

import httpx
from browsing import ADMIN, THEMES, Visitor, create_key, overhang, sign_up, violations
from playwright.sync_api import Page, expect

REASON = "Launch week of their shop"
PATHS = ("/app/admin", "/app/admin/requests", "/app/admin/plans", "/app/admin/audit")


def test_staff_overrides_a_limit_after_a_preview_and_undoes_it(visitor: Visitor) -> None:
    customer = visitor.opens("/")
    sign_up(customer, "special@example.com")
    page = visitor.opens("/app/admin", who=ADMIN).page
    page.get_by_label("Search customers").fill("special@")
    page.get_by_role("link", name="special@example.com").click()
    expect(page.get_by_role("heading", name="special@example.com")).to_be_visible()
    page.get_by_role("button", name="Override account").click()
    page.get_by_label("Value").fill("5k")
    preview = page.get_by_role("status", name="Preview")
    expect(preview).to_contain_text("No requests in the last 30 days")
    page.get_by_label("Reason").fill(REASON)
    page.get_by_role("button", name="Save override").click()
    expect(page.get_by_role("dialog")).to_be_hidden()
    overrides = page.get_by_role("table", name="Overrides, newest first")
    expect(overrides).to_contain_text(REASON)
    customer.opens("/app/limits")
    expect(customer.page.get_by_text("0 of 5,000")).to_be_visible()
    expect(customer.page.get_by_text("set by staff")).to_be_visible()

    overrides.get_by_role("button", name="Undo 5,000/h").click()
    expect(overrides.get_by_role("button", name="Undo 5,000/h")).to_be_hidden()
    expect(page.get_by_role("table", name="Audit, newest first")).to_contain_text(f"Undone: {REASON}")
    customer.opens("/app/limits")
    expect(customer.page.get_by_text("0 of 1,000")).to_be_visible()


def test_a_preview_compares_both_values_over_the_past(visitor: Visitor) -> None:
    page = visitor.opens("/app/admin", who=ADMIN).page
    page.get_by_role("link", name="alice@example.com").click()
    page.get_by_role("button", name="Override account").click()
    page.get_by_label("Value").fill("1")
    preview = page.get_by_role("status", name="Preview")
    expect(preview).to_contain_text("in the last 30 days")
    expect(preview).to_contain_text("1,000/h")
    expect(preview).to_contain_text("1/h")
    page.get_by_label("Limit", exact=True).select_option("concurrent_requests")
    expect(preview).to_contain_text("nothing can be estimated")


def test_a_suspended_account_loses_keys_and_open_pages_at_once(visitor: Visitor) -> None:
    customer = visitor.opens("/")
    sign_up(customer, "fraud@example.com")
    customer.opens("/app/keys")
    secret = create_key(customer, "Stolen")
    customer.opens("/app/limits")
    page = visitor.opens("/app/admin", who=ADMIN).page
    page.get_by_label("Search customers").fill("fraud@")
    page.get_by_role("link", name="fraud@example.com").click()
    page.get_by_role("button", name="Suspend").click()
    page.get_by_label("Reason").fill("Paid with a stolen card")
    page.get_by_role("dialog").get_by_role("button", name="Suspend account").click()
    expect(page.get_by_text("“Paid with a stolen card”")).to_be_visible()
    assert _models(customer.url, secret) == 403
    customer.page.wait_for_url("**/login")
    customer.page.get_by_label("Email").fill("fraud@example.com")
    customer.page.get_by_label("Password", exact=True).fill("correct horse battery staple")
    customer.page.get_by_role("button", name="Log in").click()
    expect(customer.page.get_by_text("This account is suspended.")).to_be_visible()

    page.get_by_role("button", name="Resume").click()
    page.get_by_label("Reason").fill("The bank says it was hers")
    page.get_by_role("dialog").get_by_role("button", name="Resume account").click()
    expect(page.get_by_role("button", name="Suspend")).to_be_visible()
    assert _models(customer.url, secret) == 200


def test_staff_overrides_and_undoes_with_the_keyboard_alone(visitor: Visitor) -> None:
    sign_up(visitor.opens("/"), "typed@example.com")
    page = visitor.opens("/app/admin", who=ADMIN).page
    page.get_by_label("Search customers").focus()
    page.keyboard.type("typed@")
    link = page.get_by_role("link", name="typed@example.com")
    expect(page.get_by_role("table", name="Customers").get_by_role("link")).to_have_count(1)
    link.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="typed@example.com")).to_be_visible()
    page.get_by_role("button", name="Override account").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Limit")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Value")).to_be_focused()
    page.keyboard.type("4k")
    page.get_by_label("Reason").focus()
    page.keyboard.type(REASON)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.get_by_role("button", name="Undo 4,000/h").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Undo 4,000/h")).to_be_hidden()


def test_a_plan_is_saved_only_after_showing_what_it_changes(visitor: Visitor) -> None:
    page = visitor.opens("/app/admin/plans", who=ADMIN).page
    page.get_by_label("Requests at once, per key").fill("90")
    page.get_by_role("button", name="Save plan").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("100 at once → 90 at once")
    check_dialog(page)
    dialog.get_by_role("button", name="Change plan").click()
    expect(page.get_by_text("These values win over the settings")).to_be_visible()
    page.get_by_label("Requests at once, per key").fill("100")
    page.get_by_role("button", name="Save plan").click()
    dialog.get_by_role("button", name="Change plan").click()
    expect(page.get_by_role("status").filter(has_text="90 at once → 100 at once")).to_be_visible()


def test_the_filter_of_the_trail_comes_back_with_the_address(visitor: Visitor) -> None:
    visit = visitor.opens("/app/admin/audit", who=ADMIN)
    page = visit.page
    page.get_by_label("Act").select_option("key.")
    page.get_by_label("Who").fill("alice")
    page.wait_for_url("**/app/admin/audit?actor=alice&act=key.")
    expect(page.get_by_role("table")).to_contain_text("key.create")
    expect(page.get_by_role("table")).not_to_contain_text("limit.")
    page.reload()
    visit.settled()
    expect(page.get_by_label("Who")).to_have_value("alice")
    expect(page.get_by_role("table")).not_to_contain_text("limit.")


def test_every_page_and_dialog_of_staff_is_accessible_and_fits(visitor: Visitor) -> None:
    for theme in THEMES:
        for width in (320, 375, 1280):
            visit = visitor.opens("/app/admin", who=ADMIN, theme=theme, width=width)
            page = visit.page
            for path in PATHS:
                visit.opens(path)
                expect(page.get_by_role("navigation", name="Admin")).to_be_visible()
                expect(page.locator(".s-card").first).to_be_visible()
                assert violations(page) == [], path
                assert overhang(page) <= 0, path
            visit.opens("/app/admin?q=alice")
            page.get_by_role("link", name="alice@example.com").click()
            for name in ("Override account", "Suspend"):
                page.get_by_role("button", name=name).click()
                check_dialog(page)
                page.keyboard.press("Escape")
                expect(page.get_by_role("dialog")).to_be_hidden()


def check_dialog(page: Page) -> None:
    expect(page.get_by_role("dialog")).to_be_visible()
    assert violations(page) == []
    assert overhang(page) <= 0


def _models(url: str, secret: str) -> int:
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.get(f"{url}/v1/models", headers=headers, timeout=30, trust_env=False).status_code
