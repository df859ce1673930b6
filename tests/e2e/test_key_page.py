"""A key's own page and the acts of its life, in a browser and at the gateway."""

import re

import httpx
from browsing import Visit, Visitor, choose, create_key, overhang, sign_up, violations
from playwright.sync_api import Page, expect
from running import Running

SECRET = re.compile("^Key “")


def test_rotating_leaves_both_secrets_working_until_the_old_one_is_ended(
    visitor: Visitor, house: Running
) -> None:
    visit, old = with_key(visitor, "rotating@example.com", "Website")
    page = visit.page
    assert ask(house, old) == (200, "")
    choose(page, "Rotate", "Website")
    page.get_by_label("The old secret stays for").select_option("1 hour")
    page.get_by_role("button", name="Rotate key").click()
    new = page.get_by_label(SECRET).input_value()
    assert new != old
    assert ask(house, old) == (200, "")
    expect(page.get_by_text("Waiting for the first request")).to_be_visible()
    assert ask(house, new) == (200, "")
    expect(page.get_by_text("First request arrived")).to_be_visible()
    page.get_by_role("button", name="I saved it").click()
    page.get_by_role("link", name="Website").click()

    expect(page.get_by_role("heading", name="Website", level=1)).to_be_visible()
    secrets = page.locator(".k-secret")
    expect(secrets.nth(0)).to_contain_text("New secret")
    expect(secrets.nth(0)).to_contain_text("Last usedjust now")
    expect(secrets.nth(1)).to_contain_text("Last usedjust now")
    page.get_by_role("button", name="End old now").click()
    expect(secrets.nth(1)).to_contain_text("Ended")
    assert ask(house, old) == (401, "invalid_api_key")
    assert ask(house, new) == (200, "")


def test_pausing_is_undone_by_resuming(visitor: Visitor, house: Running) -> None:
    visit, key = with_key(visitor, "pausing@example.com", "Website")
    page = visit.page
    choose(page, "Pause", "Website")
    expect(page.get_by_role("row").filter(has_text="Website")).to_contain_text("Paused")
    assert ask(house, key) == (403, "key_paused")
    expect(page.get_by_role("button", name="Actions for Website")).to_be_focused()
    page.get_by_role("link", name="Website").click()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Resumed", exact=True)).to_be_visible()
    assert ask(house, key) == (200, "")
    house.command("keys", "pause", key[12:24])
    wait_for(house, key, (403, "key_paused"))


def test_an_expiry_is_set_and_shown_and_taken_back(visitor: Visitor, house: Running) -> None:
    visit, key = with_key(visitor, "expiring@example.com", "Website", opens=True)
    page = visit.page
    page.get_by_role("button", name="Change expiry").click()
    expect(page.get_by_label("Last day")).to_be_hidden()
    page.get_by_label("The key expires").select_option("After a day of my choice")
    page.get_by_label("Last day").fill("2020-01-01")
    page.get_by_role("button", name="Save expiry").click()
    expect(page.get_by_text("This day lies in the past.")).to_be_visible()
    page.get_by_label("Last day").fill("2099-12-31")
    page.get_by_role("button", name="Save expiry").click()
    expect(page.get_by_text("1 Jan 2100 00:00 UTC", exact=False).first).to_be_visible()
    assert ask(house, key) == (200, "")
    page.get_by_role("button", name="Change expiry").click()
    expect(page.get_by_label("Last day")).to_have_value("2099-12-31")
    page.get_by_label("The key expires").select_option("Never")
    page.get_by_role("button", name="Save expiry").click()
    expect(page.get_by_text("Never expires.")).to_be_visible()


def test_a_key_for_one_model_is_for_no_other(visitor: Visitor, house: Running) -> None:
    visit, key = with_key(visitor, "models@example.com", "Website", opens=True)
    page = visit.page
    page.get_by_role("button", name="Change models").click()
    expect(page.get_by_label("gpt-5-mini")).to_be_hidden()
    page.get_by_label("Only these").check()
    page.get_by_label("gpt-5-mini").check()
    page.get_by_role("button", name="Save models").click()
    expect(page.locator(".k-models")).to_have_text("gpt-5-mini")
    assert ask(house, key) == (200, "")
    assert ask(house, key, model="gpt-5") == (404, "model_not_found")
    headers = {"authorization": f"Bearer {key}"}
    listed = httpx.get(f"{house.url}/v1/models", headers=headers, trust_env=False).json()["data"]
    assert [model["id"] for model in listed] == ["gpt-5-mini"]


def test_a_key_in_use_is_revoked_only_by_its_name_and_stays_as_a_page(
    visitor: Visitor, house: Running
) -> None:
    visit, key = with_key(visitor, "revoked@example.com", "Website", opens=True)
    page = visit.page
    assert ask(house, key) == (200, "")
    expect(page.get_by_text("1 request · 1 today")).to_be_visible()
    page.get_by_role("button", name="Revoke key").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("It was used just now, 1 request today.")
    dialog.get_by_label("Write “Website” to confirm").fill("website")
    dialog.get_by_role("button", name="Revoke key").click()
    expect(dialog.get_by_text("This is not the name of the key.")).to_be_visible()
    assert ask(house, key) == (200, "")
    dialog.get_by_label("Write “Website” to confirm").fill("Website")
    dialog.get_by_role("button", name="Revoke key").click()
    expect(page.get_by_text("Website is revoked")).to_be_visible()
    assert ask(house, key) == (401, "invalid_api_key")
    expect(page.get_by_role("button", name="Rotate")).to_be_hidden()
    expect(page.get_by_role("table", name="Changes of this key")).to_contain_text("Revoked")


def test_figures_follow_while_a_menu_stays_open(visitor: Visitor, house: Running) -> None:
    visit, key = with_key(visitor, "following@example.com", "Website")
    page = visit.page
    assert ask(house, key) == (200, "")
    row = page.get_by_role("row").filter(has_text="Website")
    expect(row).to_contain_text("1 of 1,000/h")
    page.get_by_role("button", name="Actions for Website").click()
    expect(page.get_by_role("button", name="Rotate Website")).to_be_visible()
    assert ask(house, key) == (200, "")
    expect(row).to_contain_text("2 of 1,000/h")
    expect(page.get_by_role("button", name="Rotate Website")).to_be_visible()


def test_a_key_lives_its_whole_life_by_keyboard_alone(visitor: Visitor, house: Running) -> None:
    visit = visitor.opens("/")
    sign_up(visit, "keyboard@example.com")
    page = visit.page
    visit.opens("/app/keys")
    press_on(page, "Create key")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("Typed")
    page.keyboard.press("Enter")
    secret = page.get_by_label(SECRET)
    expect(secret).to_be_visible()
    key = secret.input_value()
    press_on(page, "Copy key")
    press_on(page, "I saved it")
    expect(page.get_by_role("dialog")).to_be_hidden()

    in_menu(page, "Typed", downs=2)
    expect(page.get_by_role("row").filter(has_text="Typed")).to_contain_text("Paused")
    assert ask(house, key) == (403, "key_paused")
    in_menu(page, "Typed", downs=2)
    expect(page.get_by_role("row").filter(has_text="Typed")).not_to_contain_text("Paused")
    in_menu(page, "Typed", downs=1)
    press_on(page, "Rotate key")
    expect(secret).not_to_have_value(key)
    new = secret.input_value()
    press_on(page, "Copy key")
    press_on(page, "I saved it")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert [ask(house, each)[0] for each in (key, new)] == [200, 200]
    in_menu(page, "Typed", downs=4)
    expect(page.get_by_label("Write “Typed” to confirm")).to_be_focused()
    page.keyboard.type("Typed")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Typed is revoked")).to_be_visible()
    assert ask(house, new) == (401, "invalid_api_key")


def test_the_page_of_a_key_is_accessible_and_fits_with_each_of_its_dialogs(visitor: Visitor) -> None:
    visit, _ = with_key(
        visitor, "accessible@example.com", "As long as names of keys may be at all, to see it", opens=True
    )
    page = visit.page
    for opener, closes in (
        ("", ""),
        ("Rename", "Cancel"),
        ("Rotate", "Cancel"),
        ("Change models", "Cancel"),
        ("Change expiry", "Cancel"),
        ("Change limits", "Cancel"),
        ("Revoke key", "Keep key"),
    ):
        if opener:
            page.get_by_role("button", name=opener, exact=True).click()
            expect(page.get_by_role("dialog")).to_be_visible()
        for width in (320, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            for theme in ("light", "dark"):
                page.emulate_media(color_scheme=theme)
                expect(page.locator("body")).to_have_class(re.compile(f"body--{theme}"))
                assert violations(page) == [], f"{opener} {width} {theme}"
                assert overhang(page) <= 0, f"{opener} {width} {theme}"
        if closes:
            page.get_by_role("dialog").get_by_role("button", name=closes).click()
            expect(page.get_by_role("dialog")).to_be_hidden()
            expect(page.get_by_role("button", name=opener, exact=True)).to_be_focused()


def with_key(visitor: Visitor, email: str, name: str, *, opens: bool = False) -> tuple[Visit, str]:
    """A new customer with one key, on the list or on the key's own page."""
    visit = visitor.opens("/")
    sign_up(visit, email)
    visit.opens("/app/keys")
    secret = create_key(visit, name)
    visit.page.get_by_role("button", name="Copy key").click()
    visit.page.get_by_role("button", name="I saved it").click()
    expect(visit.page.get_by_role("dialog")).to_be_hidden()
    if opens:
        visit.page.get_by_role("link", name=name).click()
        expect(visit.page.get_by_role("heading", name=name, level=1)).to_be_visible()
    return visit, secret


def press_on(page: Page, name: str) -> None:
    """Walks to the button with the Tab key, as a person without a mouse does, and presses it."""
    wanted = page.get_by_role("button", name=name, exact=True).last
    expect(wanted).to_be_enabled()
    for _ in range(60):
        if wanted.evaluate("each => each === document.activeElement"):
            page.keyboard.press("Enter")
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} cannot be reached by the Tab key")


def in_menu(page: Page, name: str, *, downs: int) -> None:
    """Opens the menu of a row and goes down in it."""
    press_on(page, f"Actions for {name}")
    for _ in range(downs):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")


def ask(house: Running, key: str, *, model: str = "gpt-5-mini") -> tuple[int, str]:
    """Status and error code."""
    answer = httpx.post(
        f"{house.url}/v1/chat/completions",
        headers={"authorization": f"Bearer {key}"},
        json={"model": model, "messages": [{"role": "user", "content": "Hello"}]},
        trust_env=False,
        timeout=30,
    )
    return answer.status_code, answer.json().get("error", {}).get("code", "")


def wait_for(house: Running, key: str, wanted: tuple[int, str]) -> None:
    """Changes from the command line bind within a second."""
    for _ in range(200):
        if ask(house, key) == wanted:
            return
    raise AssertionError(f"never {wanted}")
