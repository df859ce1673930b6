"""Logins as browsers and thieves meet them: cookies, origins, guesses, open pages that outlive their login."""

import re
from collections.abc import Iterator

import httpx
import pytest
from browsing import CUSTOMER, Visitor, create_key, password_of, sign_up
from playwright.sync_api import expect
from running import Running


@pytest.fixture
def web(house: Running) -> Iterator[httpx.Client]:
    """A browser's manners without a browser: it names its origin."""
    with httpx.Client(base_url=house.url, headers={"origin": house.url}, trust_env=False) as client:
        yield client


def log_in(web: httpx.Client, house: Running, email: str = CUSTOMER) -> httpx.Response:
    return web.post("/login", data={"email": email, "password": password_of(house, email)})


def test_a_login_cookie_is_out_of_reach_of_scripts_and_other_sites(web: httpx.Client, house: Running) -> None:
    answer = log_in(web, house)

    assert answer.status_code == 303
    assert answer.headers["location"] == "/app"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("starscoo_login=")
    assert re.search(r"; HttpOnly", cookie)
    assert re.search(r"; SameSite=lax", cookie)
    assert re.search(r"; Max-Age=43200", cookie)


def test_each_login_has_a_new_token_and_ends_the_one_it_came_with(web: httpx.Client, house: Running) -> None:
    log_in(web, house)
    former = web.cookies["starscoo_login"]
    log_in(web, house)

    assert web.cookies["starscoo_login"] != former
    answer = httpx.get(f"{house.url}/app", headers={"cookie": f"starscoo_login={former}"}, trust_env=False)
    assert answer.headers["location"] == "/login"


def test_a_post_from_another_site_or_from_nowhere_is_refused(house: Running) -> None:
    fields = {"email": CUSTOMER, "password": password_of(house, CUSTOMER)}
    for origin in ("https://evil.example", "null", house.url.replace("http:", "https:")):
        answer = httpx.post(f"{house.url}/login", data=fields, headers={"origin": origin}, trust_env=False)
        assert answer.status_code == 403, origin
        assert "set-cookie" not in answer.headers
    assert httpx.post(f"{house.url}/logout", trust_env=False).status_code == 403


@pytest.mark.parametrize("path", ["/_nicegui_ws/socket.io/?EIO=4&transport=polling", "/_nicegui_ws/"])
def test_a_socket_of_another_site_is_refused(house: Running, path: str) -> None:
    answer = httpx.get(house.url + path, headers={"origin": "https://evil.example"}, trust_env=False)

    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/", "/login", "/app", "/docs", "/models", "/nowhere", "/assets/x/none.css", "/healthz"]
)
def test_security_headers_are_on_every_answer(house: Running, path: str) -> None:
    headers = httpx.get(house.url + path, trust_env=False).headers

    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "set-cookie" not in headers


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(web: httpx.Client) -> None:
    answers = [
        web.post("/login", data={"email": email, "password": "wrong horse battery"})
        for email in ("admin@example.com", "nobody-here@example.com")
    ]

    assert [answer.status_code for answer in answers] == [303, 303]
    shapes = {re.sub("try=[0-9a-f]{8}", "try=X", answer.headers["location"]) for answer in answers}
    assert shapes == {"/login?try=X"}


def test_guessing_is_slowed_for_one_account_without_telling_whether_it_exists(visitor: Visitor) -> None:
    visit = visitor.opens("/login")
    page = visit.page
    for _ in range(11):
        page.get_by_label("Email").fill("guessed@example.com")
        page.get_by_label("Password", exact=True).fill("wrong horse battery")
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/login?try=*")
        visit.settled()
        if page.get_by_text("Too many tries").count():
            break

    expect(page.get_by_role("alert").first).to_contain_text("Too many tries. Wait 15 min")


def test_a_refused_form_comes_back_with_the_address_and_without_the_password(visitor: Visitor) -> None:
    visit = visitor.opens("/signup")
    page = visit.page
    page.get_by_label("Email").fill("short@example.com")
    page.get_by_label("Password", exact=True).fill("too short")
    page.keyboard.press("Enter")
    page.wait_for_url("**/signup?try=*")
    visit.settled()

    expect(page.get_by_text("Use 12 characters or more")).to_be_visible()
    expect(page.get_by_label("Email")).to_have_value("short@example.com")
    expect(page.get_by_label("Password", exact=True)).to_have_value("")
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    visit.opens("/signup")
    expect(page.get_by_text("Use 12 characters or more")).to_be_hidden()


def test_sign_up_says_that_an_address_is_taken(visitor: Visitor) -> None:
    visit = visitor.opens("/signup")
    visit.page.get_by_label("Email").fill(f" {CUSTOMER.upper()} ")
    visit.page.get_by_label("Password", exact=True).fill("correct horse battery staple")
    visit.page.get_by_role("button", name="Create account").click()
    visit.settled()

    expect(visit.page.get_by_text("An account with this email address exists")).to_be_visible()


def test_a_login_leads_to_the_page_that_was_asked_for_and_never_to_another_site(
    visitor: Visitor, web: httpx.Client, house: Running
) -> None:
    assert web.get("/app/usage?range=7d").headers["location"] == "/login?to=%2Fapp%2Fusage%3Frange%3D7d"
    visit = visitor.opens("/app/usage?range=7d")
    visit.page.get_by_label("Email").fill(CUSTOMER)
    visit.page.get_by_label("Password", exact=True).fill(password_of(house, CUSTOMER))
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_url("**/app/usage?range=7d")

    fields = {"email": CUSTOMER, "password": password_of(house, CUSTOMER)}
    for evil in ("https://evil.example", "//evil.example", "/\\evil.example", "/app/../..//evil.example"):
        answer = web.post("/login", params={"to": evil}, data=fields)
        assert answer.headers["location"].startswith("/app"), evil


def test_logging_out_in_one_tab_sends_the_others_away_and_back_does_not_return(visitor: Visitor) -> None:
    visit = visitor.opens("/")
    sign_up(visit, "two-tabs@example.com")
    other = visit.context.new_page()
    visit.watch(other)
    other.goto(f"{visit.url}/app/keys")
    other.wait_for_function("window.did_handshake === true")

    visit.page.get_by_role("button", name="Log out").click()

    visit.page.wait_for_url("**/login?done=logout")
    expect(visit.page.get_by_text("You are logged out.")).to_be_visible()
    other.wait_for_url("**/login")
    visit.page.go_back()
    visit.page.wait_for_url("**/login*")


def test_P_Z4_an_open_page_is_sent_away_once_its_login_has_ended(visitor: Visitor, house: Running) -> None:
    visit = visitor.opens("/")
    sign_up(visit, "gone@example.com")
    visit.opens("/app/keys")
    house.command("admin", "grant", "gone@example.com")  # a new role ends every login

    visit.page.wait_for_url("**/login")


def test_a_reset_link_sets_a_password_once(visitor: Visitor, house: Running) -> None:
    visit = visitor.opens("/")
    sign_up(visit, "forgetful@example.com")
    link = house.command("users", "reset-link", "forgetful@example.com")["link"]
    path = link[link.index("/reset/") :]
    visit.opens(path)
    visit.page.get_by_label("New password", exact=True).fill("another horse battery staple")
    visit.page.get_by_role("button", name="Set password").click()
    visit.page.wait_for_url("**/app")

    visit.opens(path)
    visit.page.get_by_label("New password", exact=True).fill("a third horse battery staple")
    visit.page.get_by_role("button", name="Set password").click()
    visit.settled()
    expect(visit.page.get_by_text("This link has been used")).to_be_visible()


def test_the_login_of_one_customer_never_shows_the_keys_of_another(visitor: Visitor) -> None:
    alice, charlie = visitor.opens("/"), visitor.opens("/")
    sign_up(alice, "alice-of-keys@example.com")
    alice.opens("/app/keys")
    create_key(alice, "Only for Alice")
    sign_up(charlie, "charlie@example.com")
    charlie.opens("/app/keys")

    expect(charlie.page.get_by_text("No keys yet")).to_be_visible()
    expect(charlie.page.get_by_text("Only for Alice")).to_be_hidden()


def test_admin_pages_do_not_exist_for_customers(visitor: Visitor) -> None:
    visit = visitor.opens("/app", who=CUSTOMER)
    for path in ("/app/admin", "/app/admin/c/1"):
        answer = visit.page.goto(visit.url + path)
        assert answer is not None
        assert answer.status == 404
        expect(visit.page.get_by_role("heading", name="There is no such page")).to_be_visible()
    visit.problems.clear()
