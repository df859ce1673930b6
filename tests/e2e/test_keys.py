"""The reveal of a key and what surrounds it, as only a browser shows them."""

import re

import httpx
from browsing import ADMIN, Visit, Visitor, choose, chromium, create_key, sign_up
from playwright.sync_api import Playwright, expect
from running import Running


def test_the_revealed_key_survives_escape_and_a_click_outside_and_leaves_nothing_behind(
    visitor: Visitor,
) -> None:
    visit = fresh(visitor, "escape@example.com")
    secret = create_key(visit, "Escaped")
    page = visit.page
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.mouse.click(5, 5)
    expect(page.get_by_role("dialog")).to_be_visible()
    done = page.get_by_role("button", name="I saved it")
    expect(done).to_be_disabled()
    page.get_by_role("button", name="Copy key").click()
    expect(page.get_by_text("Copied").first).to_be_visible()
    done.click()

    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_text(f"sk-starscoo-…{secret[-4:]}")).to_be_visible()
    assert secret not in page.content()
    assert secret not in page.evaluate("JSON.stringify(Object.values(mounted_app.elements))")


def test_a_key_whose_clear_text_was_lost_is_issued_again_and_the_old_one_is_dead(
    visitor: Visitor, house: Running
) -> None:
    visit = fresh(visitor, "lost@example.com")
    lost = create_key(visit, "Lost")
    visit.page.reload()
    visit.settled()

    visit.page.get_by_role("button", name="Lost it? Issue Lost again").click()
    again = visit.page.get_by_label(re.compile("^Key “")).input_value()

    assert again != lost
    assert models_status(house, lost) == 401
    assert models_status(house, again) == 200


def test_copying_works_on_plain_http_where_browsers_offer_no_clipboard(
    house: Running, playwright: Playwright
) -> None:
    """As on a machine in the local network: neither https nor localhost."""
    address = house.url.replace("127.0.0.1", "starscoo.test")
    with chromium(playwright, "--host-resolver-rules=MAP starscoo.test 127.0.0.1") as browser:
        page = browser.new_page()
        visit = Visit(page, page.context, address)
        sign_up(visit, "plain-http@example.com")
        assert page.evaluate("navigator.clipboard") is None
        visit.opens("/app/keys")
        secret = create_key(visit, "Copied")
        page.get_by_role("button", name="Copy key").click()
        expect(page.get_by_text("Copied").first).to_be_visible()
        page.get_by_role("button", name="I saved it").click()
        page.get_by_role("button", name="Create key").first.click()
        expect(page.get_by_label("Name")).to_be_focused()
        page.keyboard.press("Control+V")

        expect(page.get_by_label("Name")).to_have_value(secret[:60])


def test_the_reveal_tells_the_reason_of_a_refused_first_request(visitor: Visitor, house: Running) -> None:
    visit = fresh(visitor, "refused@example.com")
    secret = create_key(visit, "Refused")
    answer = httpx.post(
        f"{house.url}/v1/chat/completions",
        headers={"authorization": f"Bearer {secret}"},
        json={"model": "gpt-17", "messages": [{"role": "user", "content": "Hello"}]},
        trust_env=False,
    )

    expect(visit.page.get_by_text(answer.json()["error"]["message"])).to_be_visible()


def test_the_key_survives_nine_seconds_without_network_and_still_hears_of_its_first_request(
    visitor: Visitor, house: Running
) -> None:
    visit = fresh(visitor, "offline@example.com")
    page = visit.page
    secret = create_key(visit, "Offline")
    page.evaluate("window.stayed = true")
    visit.context.set_offline(True)
    page.evaluate("window.socket.io.engine.close()")
    page.wait_for_function("!window.socket.connected")
    began = page.evaluate("performance.now()")
    page.get_by_role("button", name="Copy key").click()
    expect(page.get_by_role("button", name="I saved it")).to_be_enabled()
    page.wait_for_function("(began) => performance.now() - began > 9000", arg=began)
    visit.context.set_offline(False)
    page.wait_for_function("window.socket.connected")
    visit.problems.clear()  # browsers report each try that found no network

    assert page.evaluate("window.stayed")
    expect(page.get_by_label(re.compile("^Key “"))).to_have_value(secret)
    assert chat_status(house, secret) == 200
    expect(page.get_by_text("First request arrived")).to_be_visible()
    page.get_by_role("button", name="I saved it").click()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_double_click_makes_one_key(visitor: Visitor) -> None:
    visit = visitor.opens("/")
    sign_up(visit, "double@example.com")
    page = visit.page
    page.get_by_role("button", name="Create key").dblclick()
    page.get_by_role("button", name="Copy key").click()
    page.get_by_role("button", name="I saved it").click()
    visit.opens("/app/keys")

    expect(page.get_by_role("row")).to_have_count(2)


def test_the_browser_offers_the_key_as_a_file_that_programs_read(visitor: Visitor) -> None:
    visit = fresh(visitor, "dotenv@example.com")
    secret = create_key(visit, "Downloaded")
    with visit.page.expect_download() as waiting:
        visit.page.get_by_role("button", name="Download .env").click()
    text = waiting.value.path().read_text()

    assert waiting.value.suggested_filename == "starscoo.env"
    assert f"STARSCOO_KEY={secret}\n" in text
    assert f"OPENAI_BASE_URL={visit.url}/v1\n" in text
    expect(visit.page.get_by_role("button", name="I saved it")).to_be_enabled()


def test_revoking_is_kept_apart_from_other_keys_and_can_be_called_off(visitor: Visitor) -> None:
    visit = fresh(visitor, "revoking@example.com")
    page = visit.page
    for name in ("First", "Second"):
        create_key(visit, name)
        page.get_by_role("button", name="Copy key").click()
        page.get_by_role("button", name="I saved it").click()
        expect(page.get_by_role("button", name=f"Actions for {name}")).to_be_visible()
    choose(page, "Revoke", "First")
    page.get_by_role("button", name="Keep key").click()
    expect(page.get_by_role("button", name="Actions for First")).to_be_focused()
    choose(page, "Revoke", "First")
    page.get_by_role("button", name="Revoke key").click()

    expect(page.get_by_role("button", name="Actions for First")).to_be_hidden()
    expect(page.get_by_role("button", name="Actions for Second")).to_be_visible()
    page.get_by_role("button", name="Show 1 revoked").click()
    expect(page.get_by_role("row").filter(has_text="First")).to_contain_text("Revoked")


def test_names_are_text_whatever_they_hold(visitor: Visitor) -> None:
    visit = fresh(visitor, "hostile@example.com")
    name = "<img src=x onerror=alert(1)>{{7*7}}\"'`${1}"
    create_key(visit, name)
    visit.page.get_by_role("button", name="Copy key").click()
    visit.page.get_by_role("button", name="I saved it").click()

    expect(visit.page.get_by_text(name, exact=True)).to_be_visible()
    visit.opens("/app/limits")
    expect(visit.page.get_by_text(name, exact=True).first).to_be_visible()
    admin = visitor.opens("/app/admin?q=hostile", who=ADMIN)
    expect(admin.page.get_by_text("hostile@example.com").first).to_be_visible()


def test_many_keys_are_searched_and_shown_in_portions(visitor: Visitor, house: Running) -> None:
    visit = fresh(visitor, "many@example.com")
    for number in range(27):
        house.command("keys", "create", "--email", "many@example.com", "--name", f"Key number {number}")
    visit.page.reload()
    visit.settled()
    page = visit.page

    expect(page.get_by_role("row")).to_have_count(26)
    page.get_by_role("button", name="Show 2 more").click()
    expect(page.get_by_role("row")).to_have_count(28)
    page.get_by_label("Search keys").fill("NUMBER 13")
    expect(page.get_by_role("row")).to_have_count(2)
    expect(page.get_by_label("Search keys")).to_have_value("NUMBER 13")
    page.get_by_label("Search keys").fill("nothing like it")
    expect(page.get_by_text("No key matches.")).to_be_visible()


def fresh(visitor: Visitor, email: str) -> Visit:
    """A new customer on the keys page."""
    visit = visitor.opens("/")
    sign_up(visit, email)
    visit.opens("/app/keys")
    return visit


def chat_status(house: Running, key: str) -> int:
    return httpx.post(
        f"{house.url}/v1/chat/completions",
        headers={"authorization": f"Bearer {key}"},
        json={"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Hello"}]},
        trust_env=False,
    ).status_code


def models_status(house: Running, key: str) -> int:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.get(f"{house.url}/v1/models", headers=headers, trust_env=False).status_code
