"""A browser before two servers: its pages stay with one of them, until that one dies."""

import re
from collections.abc import Iterator

import httpx
import pytest
import running
import scaled
from browsing import Visit, choose, create_key, sign_up
from playwright.sync_api import Browser, ConsoleMessage, expect
from running import Running
from scaled import ScaledOut

ASKED = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Say hello"}]}
BROWSERS = 6


@pytest.fixture
def starscoo(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScaledOut]:
    with scaled.out(tmp_path_factory.mktemp("scaled"), postgres_url) as started:
        yield started


def visit_of(browser: Browser, starscoo: ScaledOut) -> Visit:
    context = browser.new_context(reduced_motion="reduce")
    return Visit(context.new_page(), context, starscoo.url)


def refused_at_last(server: Running, key: str) -> bool:
    """A change binds elsewhere within a second; asking passes the time."""
    return any(ask(server, key).status_code == 403 for _ in range(300))


def ask(server: Running, key: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.post(
        f"{server.url}/v1/chat/completions", json=ASKED, headers=headers, timeout=30, trust_env=False
    )


def test_each_browsers_socket_meets_the_server_that_built_its_page(
    browser: Browser, starscoo: ScaledOut
) -> None:
    reloads: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.text.startswith("reloading because"):
            reloads.append(message.text)

    for _ in range(BROWSERS):
        visit = visit_of(browser, starscoo)
        visit.page.on("console", note)
        for path in ("/signup", "/login", "/forgot", "/signup"):
            visit.page.goto(visit.url + path)
            visit.page.wait_for_function("window.did_handshake === true")
        visit.context.close()
    assert reloads == []


def test_the_reveal_hears_of_a_first_request_whichever_server_it_came_to(
    browser: Browser, starscoo: ScaledOut
) -> None:
    visit = visit_of(browser, starscoo)
    sign_up(visit, "alice@example.com")
    visit.watch(visit.page)
    for number, server in enumerate(starscoo.servers):
        visit.opens("/app/keys")
        secret = create_key(visit, f"Number {number}")
        assert ask(server, secret).status_code == 200
        expect(visit.page.get_by_text("First request arrived")).to_be_visible()
    visit.opens("/app/keys")
    expect(visit.page.get_by_text("Number 0", exact=True)).to_be_visible()
    assert visit.problems == []
    visit.context.close()


def test_P_L4_a_rotation_and_a_pause_bind_on_every_server_and_the_reveal_hears_of_the_new_secret_on_any(
    browser: Browser, starscoo: ScaledOut
) -> None:
    visit = visit_of(browser, starscoo)
    sign_up(visit, "rotating@example.com")
    visit.opens("/app/keys")
    page = visit.page
    old = create_key(visit, "Shared")
    page.get_by_role("button", name="Copy key").click()
    page.get_by_role("button", name="I saved it").click()
    for server in starscoo.servers:
        assert ask(server, old).status_code == 200
        choose(page, "Rotate", "Shared")
        page.get_by_role("button", name="Rotate key").click()
        new = page.get_by_label(re.compile("^Key “")).input_value()
        assert ask(server, old).status_code == 200
        expect(page.get_by_text("Waiting for the first request")).to_be_visible()
        assert ask(server, new).status_code == 200
        expect(page.get_by_text("First request arrived")).to_be_visible()
        page.get_by_role("button", name="I saved it").click()
        expect(page.get_by_role("dialog")).to_be_hidden()
        old = new
    choose(page, "Pause", "Shared")
    expect(page.get_by_text("Paused", exact=True)).to_be_visible()
    for server in starscoo.servers:
        assert refused_at_last(server, old)
    visit.context.close()


def test_an_open_page_moves_to_the_other_server_when_its_own_is_killed(
    browser: Browser, starscoo: ScaledOut
) -> None:
    one, other = starscoo.servers
    one.kill()
    visit = visit_of(browser, starscoo)
    sign_up(visit, "alice@example.com")  # where a server still is
    visit.opens("/app/keys")
    visit.page.evaluate("window.is_old = true")
    again = starscoo.options | {"STARSCOO_PORT": one.environment["STARSCOO_PORT"]}
    with running.server(one.directory, **again):
        other.kill()
        visit.page.wait_for_function("window.is_old === undefined && window.did_handshake === true")
        visit.settled()
        assert create_key(visit, "After the move")
        visit.context.close()
