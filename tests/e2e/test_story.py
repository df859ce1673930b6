"""The whole story of a newcomer, in a browser and a terminal: what issue after issue must never break."""

import subprocess
import time

from browsing import Visitor, choose
from playwright.sync_api import expect

COUNT_CLICKS = """
addEventListener("click", (event) => {
  if (event.isTrusted) sessionStorage.clicks = Number(sessionStorage.clicks || 0) + 1;
}, true);
"""
REVOKED = '"code":"invalid_api_key"'


def test_a_newcomer_gets_an_answer_lowers_a_limit_is_refused_and_revokes(visitor: Visitor) -> None:
    visit = visitor.window()
    page = visit.page
    page.add_init_script(COUNT_CLICKS)
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visit.opens("/")
    started = time.monotonic()
    page.get_by_role("main").get_by_role("link", name="Create account").click()
    page.get_by_label("Email").fill("newcomer@example.com")
    page.get_by_label("Password", exact=True).fill("correct horse battery staple")
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url("**/app")
    page.get_by_role("button", name="Create key").click()
    page.get_by_role("tabpanel").get_by_role("button", name="Copy: curl").click()
    expect(page.get_by_text("Copied").first).to_be_visible()
    command = page.evaluate("navigator.clipboard.readText()")

    assert '"finish_reason":"stop"' in run(command)

    expect(page.get_by_text("First request arrived: gpt-5-mini")).to_be_visible()
    clicks = page.evaluate("Number(sessionStorage.clicks)")
    print(
        f"landing to first answer: {time.monotonic() - started:.1f} s, {clicks} clicks, 2 typed fields, one paste"
    )
    assert clicks == 4
    page.get_by_role("button", name="I saved it").click()
    row = page.get_by_role("table", name="The last requests").get_by_role("row").nth(1)
    expect(row).to_contain_text("gpt-5-mini")
    expect(row).to_contain_text("OK")

    page.get_by_role("link", name="Limits").first.click()
    page.get_by_role("button", name="Change the limits of My first key").click()
    page.get_by_label("Requests per hour, this key").fill("1")
    page.get_by_role("button", name="Save limits").click()
    expect(page.get_by_text("set on this key").first).to_be_visible()

    assert '"code":"rate_limited"' in run(command)

    refusals = page.get_by_role("table", name="The last refused requests and why")
    visit.opens("/app/limits")
    expect(refusals).to_contain_text("Hourly request limit of this key: 1 of 1 requests")

    page.get_by_role("link", name="API keys").click()
    choose(page, "Revoke", "My first key")
    page.get_by_label("Write “My first key” to confirm").fill("My first key")
    page.get_by_role("button", name="Revoke key").click()
    expect(page.get_by_text("My first key is revoked")).to_be_visible()

    assert REVOKED in run(command)


def run(command: str) -> str:
    """As pasted into a terminal. Spaces of the JSON do not matter."""
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.replace('": ', '":')
