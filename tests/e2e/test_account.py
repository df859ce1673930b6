"""The account page as people use it: passwords, logins elsewhere, data to take away, the end, and the way back in."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import running
from browsing import CUSTOMER, Visit, Visitor, create_key, sign_up
from fakes.mail import MailServer, link_in, mail_server
from playwright.sync_api import Browser, Page, expect

PASSWORD = "correct horse battery staple"
OTHER = "another horse battery staple"


@pytest.fixture
def post() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def writer(browser: Browser, post: MailServer, tmp_path: Path) -> Iterator[Visitor]:
    """Visits a server that sends mail."""
    port = running.free_port()
    options = {"STARSCOO_PUBLIC_URL": f"http://127.0.0.1:{port}", "STARSCOO_SMTP_URL": post.url}
    with running.server(tmp_path, STARSCOO_PORT=str(port), **options) as house:
        visitor = Visitor(browser, house)
        yield visitor
        visitor.close()


def log_in(visit: Visit, email: str, password: str = PASSWORD) -> None:
    visit.opens("/login")
    visit.page.get_by_label("Email").fill(email)
    visit.page.get_by_label("Password", exact=True).fill(password)
    visit.page.get_by_role("button", name="Log in").click()
    visit.page.wait_for_url("**/app")
    visit.settled()


def open_account(page: Page) -> None:
    page.get_by_role("link", name=re.compile("^Account")).click()
    expect(page.get_by_role("heading", name="Account", exact=True, level=1)).to_be_visible()


def test_a_new_password_ends_the_login_of_another_browser_and_keeps_this_one(visitor: Visitor) -> None:
    visit, other = visitor.opens("/"), visitor.opens("/")
    sign_up(visit, "two-browsers@example.com")
    log_in(other, "two-browsers@example.com")
    other.opens("/app/keys")
    page = visit.page
    open_account(page)
    expect(page.get_by_text("This one")).to_have_count(1)
    page.get_by_label("Current password", exact=True).fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill(OTHER)
    page.keyboard.press("Enter")

    other.page.wait_for_url("**/login")
    page.wait_for_url("**/app/account?done=password")
    expect(page.get_by_text("Your password is changed.")).to_be_visible()
    visit.opens("/app/keys")
    log_in(other, "two-browsers@example.com", OTHER)


def test_a_wrong_password_is_said_beside_its_field_and_forgotten_on_the_next_page(visitor: Visitor) -> None:
    visit = visitor.opens("/")
    sign_up(visit, "mistaken@example.com")
    page = visit.page
    open_account(page)
    page.get_by_label("Current password", exact=True).fill("wrong horse battery")
    page.get_by_label("New password", exact=True).fill(OTHER)
    page.get_by_role("button", name="Change password").click()
    page.wait_for_url("**/app/account?try=*")
    visit.settled()
    expect(page.get_by_text("This is not your password.")).to_be_visible()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="API keys").click()
    expect(page.get_by_role("heading", name="API keys", level=1)).to_be_visible()
    open_account(page)
    expect(page.get_by_text("This is not your password.")).to_have_count(0)


def test_a_login_elsewhere_is_ended_from_the_list(visitor: Visitor) -> None:
    visit, other = visitor.opens("/"), visitor.opens("/")
    sign_up(visit, "lost-phone@example.com")
    log_in(other, "lost-phone@example.com")
    page = visit.page
    open_account(page)
    page.get_by_role("button", name="End the login of Chrome on Linux").click()

    other.page.wait_for_url("**/login")
    expect(page.get_by_text("The login has ended")).to_be_visible()
    expect(page.get_by_role("button", name="End all others")).to_have_count(0)
    expect(page.get_by_text("This one")).to_be_visible()


def test_all_of_ones_data_comes_as_a_file(visitor: Visitor, tmp_path: Path) -> None:
    visit = visitor.opens("/app/account", who=CUSTOMER)
    with visit.page.expect_download() as expected:
        visit.page.get_by_role("link", name="Export my data").click()
    download = expected.value
    assert re.fullmatch(r"starscoo-account-\d+-\d{4}-\d\d-\d\d\.json", download.suggested_filename)
    download.save_as(tmp_path / "mine.json")
    found = json.loads((tmp_path / "mine.json").read_text(encoding="utf-8"))
    assert found["account"]["email"] == CUSTOMER
    assert len(found["requests"]) > 100
    expect(visit.page.get_by_role("heading", name="Account", exact=True)).to_be_visible()


def test_an_account_is_deleted_after_its_address_and_password_are_typed(visitor: Visitor) -> None:
    visit, other = visitor.opens("/"), visitor.opens("/")
    sign_up(visit, "gone-for-good@example.com")
    log_in(other, "gone-for-good@example.com")
    visit.opens("/app/keys")
    create_key(visit, "Doomed")
    visit.opens("/app/account")
    page = visit.page
    page.get_by_role("button", name="Delete account").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Write gone-for-good@example.com to confirm").fill("gone-for-good@example.com")
    dialog.get_by_label("Your password", exact=True).fill("wrong horse battery")
    dialog.get_by_role("button", name="Delete for good").click()
    page.wait_for_url("**/app/account?try=*")
    expect(dialog.get_by_text("This is not your password.")).to_be_visible()
    dialog.get_by_label("Write gone-for-good@example.com to confirm").fill("gone-for-good@example.com")
    dialog.get_by_label("Your password", exact=True).fill(PASSWORD)
    dialog.get_by_role("button", name="Delete for good").click()

    page.wait_for_url("**/login?done=deleted")
    expect(page.get_by_text("Your account is deleted.")).to_be_visible()
    other.page.wait_for_url("**/login")
    visit.opens("/login")
    page.get_by_label("Email").fill("gone-for-good@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    visit.settled()
    expect(page.get_by_text("Email and password do not match.")).to_be_visible()


def test_the_account_is_reached_and_left_by_keyboard_and_marked_in_the_menu(visitor: Visitor) -> None:
    visit = visitor.opens("/app", who=CUSTOMER)
    page = visit.page
    link = page.get_by_role("link", name=re.compile("^Account"))
    link.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Account", exact=True, level=1)).to_be_visible()
    expect(link).to_have_attribute("aria-current", "page")
    expect(page.locator("[aria-current=page]")).to_have_count(1)
    page.go_back()
    expect(page.get_by_role("heading", name="Overview", exact=True, level=1)).to_be_visible()
    expect(page.locator("[aria-current=page]")).to_have_text("Overview")


def test_a_password_is_set_anew_by_the_link_in_a_mail(writer: Visitor, post: MailServer) -> None:
    visit = writer.opens("/")
    sign_up(visit, "anna@example.com")
    visit.page.get_by_role("button", name="Log out").click()
    visit.page.wait_for_url("**/login?done=logout")
    visit.settled()
    page = visit.page
    page.get_by_role("link", name="Password forgotten?").click()
    page.wait_for_url("**/forgot")
    visit.settled()
    page.get_by_label("Email").fill("anna@example.com")
    page.keyboard.press("Enter")
    page.wait_for_url("**/forgot?done=sent")
    expect(page.get_by_text("If there is an account with this address")).to_be_visible()

    page.goto(link_in(post.next("Set a new password")))
    visit.settled()
    page.get_by_label("New password", exact=True).fill(OTHER)
    page.keyboard.press("Enter")
    page.wait_for_url("**/app")
    assert post.next("Your password was changed")["To"] == "anna@example.com"


def test_an_address_is_confirmed_by_the_link_in_a_mail_and_the_limit_is_lifted(
    writer: Visitor, post: MailServer
) -> None:
    visit = writer.opens("/")
    sign_up(visit, "new@example.com")
    page = visit.page
    expect(page.get_by_text("Address not verified.")).to_be_visible()
    visit.opens("/app/limits")
    expect(page.get_by_text("0 of 20", exact=True)).to_be_visible()
    page.get_by_role("button", name="Send again").click()
    page.wait_for_url("**/app/account?try=*")
    visit.settled()
    expect(page.get_by_text("A mail is on its way already.")).to_be_visible()

    page.goto(link_in(post.next("Confirm your email address")))
    visit.settled()
    page.get_by_role("button", name="Confirm address").click()
    page.wait_for_url("**/app/account?done=verified")
    visit.settled()
    expect(page.get_by_text("Your email address is confirmed.")).to_be_visible()
    expect(page.get_by_text("Address not verified.")).to_have_count(0)
    visit.opens("/app/limits")
    expect(page.get_by_text("0 of 1,000", exact=True)).to_be_visible()


def test_a_server_without_mail_says_who_makes_links(visitor: Visitor) -> None:
    visit = visitor.opens("/forgot")
    expect(visit.page.get_by_text("Ask an admin of this server for a link.")).to_be_visible()
    expect(visit.page.get_by_role("button", name="Send a link")).to_have_count(0)
