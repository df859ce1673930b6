"""/app/account without a browser: what it shows, ending logins, the data to take away, and logins that clicks keep."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import simulated
from nicegui import ui
from nicegui.testing import User
from simulated import House
from sqlmodel import Session

from app import device_words, mail, own_data
from app.login import LoggedOut
from models import accounts, audit, deletion, logins, verification
from models.accounts import Account

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:126.0) Gecko/20100101 Firefox/126.0"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("user_agent", "said"),
    [
        (FIREFOX, "Firefox on Linux"),
        (IPHONE, "Safari on iPhone"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME}", "Chrome on Windows"),
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Edg/125.0.0.0", "Edge on Windows"),
        (f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {CHROME}", "Chrome on Android"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {CHROME}", "Chrome on Mac"),
        ("curl/8.5.0", "Unknown device"),
        ("", "Unknown device"),
        ("<script>alert(1)</script>", "Unknown device"),
    ],
)
def test_devices_are_told_in_words(user_agent: str, said: str) -> None:
    assert device_words.of(user_agent) == said


def open_login(house: House, account: Account, device: str, address: str = "192.0.2.7") -> str:
    token = house.database.run_now(
        logins.open_login, account.id, device=device, address=address, now=house.now()
    )
    found = house.database.read_now(logins.resolve, token, now=house.now(), is_active=False)
    assert found is not None
    return found.login_id


def open_ids(house: House, account: Account) -> list[str]:
    return [one.id for one in house.database.read_now(logins.listing, account.id, now=house.now())]


def play(tmp_path: Path, story: Callable[[House, Account, User], Awaitable[None]]) -> None:
    """With Alice's account page open in the last of three logins, one of them Charlie's."""

    async def whole(house: House) -> None:
        alice = house.account("alice@example.com")
        open_login(house, alice, FIREFOX)
        open_login(house, house.account("charlie@example.com"), IPHONE, "198.51.100.1")
        await story(house, alice, await house.visit("/app/account", alice))

    simulated.run(tmp_path, whole)


def test_open_logins_are_shown_with_device_and_address_and_this_one_is_marked(tmp_path: Path) -> None:
    async def story(house: House, alice: Account, user: User) -> None:
        said = simulated.shown(user)
        assert "Firefox on Linux" in said
        assert "192.0.2.7" in said
        assert said.count("This one") == 1
        assert "198.51.100.1" not in said
        assert "Safari on iPhone" not in said

    play(tmp_path, story)


def test_another_login_is_ended_from_its_row(tmp_path: Path) -> None:
    async def story(house: House, alice: Account, user: User) -> None:
        other = next(
            one.id
            for one in house.database.read_now(logins.listing, alice.id, now=house.now())
            if one.device == FIREFOX
        )
        await simulated.press_in_row(user, "end-login", other)
        assert other not in open_ids(house, alice)
        assert "Firefox on Linux" not in simulated.shown(user)

    play(tmp_path, story)


def test_all_others_are_ended_at_once_and_this_one_stays(tmp_path: Path) -> None:
    async def story(house: House, alice: Account, user: User) -> None:
        await simulated.press(user, "End all others")
        assert len(open_ids(house, alice)) == 1
        assert "This one" in simulated.shown(user)
        assert "End all others" not in simulated.shown(user)

    play(tmp_path, story)


def test_a_login_of_somebody_else_cannot_be_ended_from_here(tmp_path: Path) -> None:
    async def story(house: House, alice: Account, user: User) -> None:
        charlie = house.database.read_now(accounts.find_by_email, "charlie@example.com")
        assert charlie is not None
        (foreign,) = open_ids(house, charlie)
        table = simulated.the(user, lambda one: "end-login" in str(one.props.get("innerHTML", "")))
        await simulated.act(user, table, "click", ["end-login", foreign])
        assert open_ids(house, charlie) == [foreign]

    play(tmp_path, story)


def test_an_open_page_whose_login_has_ended_ends_no_other(tmp_path: Path) -> None:
    async def story(house: House, alice: Account, user: User) -> None:
        house.database.run_now(logins.close_all, alice.id)
        kept = open_login(house, alice, IPHONE)
        with pytest.raises(LoggedOut):
            await simulated.press(user, "End all others")
        assert open_ids(house, alice) == [kept]

    play(tmp_path, story)


def test_twenty_logins_are_shown_and_the_rest_is_counted(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        for _ in range(24):
            open_login(house, alice, FIREFOX)
        house.clock.advance(60)
        user = await house.visit("/app/account", alice)
        said = simulated.shown(user)
        assert said.count("192.0.2.7") == 19
        assert "This one" in said
        assert "5 more logins not shown" in said

    simulated.run(tmp_path, story)


def test_without_a_mail_server_nothing_speaks_of_mail(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        account = simulated.shown(await house.visit("/app/account", alice))
        assert "erified" not in account
        assert "link" not in account
        forgot = simulated.shown(await house.visit("/forgot"))
        assert "Ask an admin of this server" in forgot
        assert "users reset-link" in forgot

    simulated.run(tmp_path, story)


def test_P_Z10_what_a_browser_calls_itself_is_never_run(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        open_login(house, alice, '"><script>alert(1)</script>')
        user = await house.visit("/app/account", alice)
        assert user.client is not None
        drawn = "".join(str(one.props.get("innerHTML", "")) for one in user.client.elements.values())
        assert "<script>" not in drawn
        assert "&lt;script&gt;" in drawn

    simulated.run(tmp_path, story)


def test_an_export_is_one_json_document_with_everything_in_it(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice, "Bob's “laptop” \\ שלום")
        house.used(key, "gpt-5", requests=2_500, days_ago=1)
        parts = [part async for part in own_data.document(house.services, alice.id)]
        assert len(parts) > 4  # in pages
        found = json.loads(b"".join(parts))
        assert found["account"]["email"] == "alice@example.com"
        assert found["keys"][0]["name"] == "Bob's “laptop” \\ שלום"
        assert len({row["id"] for row in found["requests"]}) == 2_500
        assert found["refusals"] == []
        nobody = house.account("charlie@example.com")
        empty = b"".join([part async for part in own_data.document(house.services, nobody.id)])
        assert json.loads(empty)["requests"] == []

    simulated.run(tmp_path, story)


def test_a_reset_link_of_an_admin_is_shown_once_and_works(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss = house.account("boss@example.com", is_admin=True)
        alice = house.account("alice@example.com")
        user = await house.visit(f"/app/admin/c/{alice.id}", boss)
        await simulated.press(user, "Make a reset link")
        link = simulated.the(user, lambda one: "Link" in one._markers).props["^value"]
        assert re.fullmatch(r"http://test/reset/[\w-]{43}", link)
        token = link.rpartition("/")[2]
        used = house.database.run_now(logins.use_reset, token, "hash", now=house.now())
        assert used == alice.id
        rows = house.database.read_now(audit.last, account_id=alice.id, limit=5)
        assert ("reset.issue", "boss@example.com") in [(row.act, row.actor) for row in rows]

    simulated.run(tmp_path, story)


def test_a_reset_link_needs_a_fresh_login_of_an_admin_and_an_account_that_is_there(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss = house.account("boss@example.com", is_admin=True)
        alice = house.account("alice@example.com")
        gone = house.account("gone@example.com")
        house.database.run_now(deletion.delete_account, gone.id, now=house.now())
        user = await house.visit(f"/app/admin/c/{gone.id}", boss)
        assert "Deleted" in simulated.shown(user)
        await simulated.press(user, "Make a reset link")
        user = await house.visit(f"/app/admin/c/{alice.id}", boss)
        house.clock.advance(15 * 60)
        await simulated.press(user, "Make a reset link")
        assert "Reset link" not in simulated.shown(user)
        rows = house.database.read_now(audit.last, limit=50)
        assert "reset.issue" not in [row.act for row in rows]

    simulated.run(tmp_path, story)


class Leaving(asyncio.Event):
    """Set once the page is sent away: stands among the patterns that its scripts are compared with."""

    def match(self, code: str) -> None:
        if "starscoo.leave()" in code:
            self.set()


def leaving(user: User) -> asyncio.Event:
    left = Leaving()
    user.javascript_rules[left] = None
    return left


def layout_of(user: User) -> ui.element:
    assert user.client is not None
    return user.client.layout


def test_P_Z4_an_open_page_is_no_activity_and_ends_after_half_an_hour(tmp_path: Path) -> None:
    async def story(house: House, alice: Account, user: User) -> None:
        left = leaving(user)
        house.clock.advance(1_799)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(left.wait(), 2)
        house.clock.advance(1)
        await asyncio.wait_for(left.wait(), 20)

    play(tmp_path, story)


def test_P_Z4_clicks_keep_a_login_open_for_twelve_hours_at_most(tmp_path: Path) -> None:
    async def story(house: House, alice: Account, user: User) -> None:
        left = leaving(user)
        for _ in range(12 * 3 - 1):
            house.clock.advance(1_200)
            await simulated.act(user, layout_of(user), "active")
        assert not left.is_set()
        house.clock.advance(1_200)
        with pytest.raises(LoggedOut):
            await simulated.act(user, layout_of(user), "active")
        await asyncio.wait_for(left.wait(), 20)

    play(tmp_path, story)


def suspend(session: Session, account_id: int) -> None:
    session.get_one(Account, account_id).suspended_at = simulated.SUNDAY_NOON


def give_role(session: Session, account_id: int) -> None:
    account = session.get_one(Account, account_id)
    accounts.set_admin(session, account.email, True, actor="root", now=simulated.SUNDAY_NOON)


def give_password(session: Session, account_id: int) -> None:
    accounts.set_password(session, account_id, "hash", now=simulated.SUNDAY_NOON)


@pytest.mark.parametrize("end", [suspend, give_role, give_password, logins.close_all])
def test_P_Z4_an_open_page_is_sent_away_whatever_ended_its_login(
    tmp_path: Path, end: Callable[[Session, int], None]
) -> None:
    async def story(house: House, alice: Account, user: User) -> None:
        left = leaving(user)
        house.database.run_now(end, alice.id)
        await asyncio.wait_for(left.wait(), 20)

    play(tmp_path, story)


def test_an_address_that_is_not_proven_is_told_on_every_page_where_mail_can_prove_it(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        for path in ("/app", "/app/keys", "/app/account"):
            assert "Address not verified." in simulated.shown(await house.visit(path, alice)), path

    outbox = mail.Outbox(mail.server_of("smtp://127.0.0.1:9", "no-reply@example.com"))
    simulated.run(tmp_path, story, mail=outbox)


def test_the_plan_of_accounts_that_are_not_proven_says_what_it_is_for(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss = house.account("boss@example.com", is_admin=True)
        assert "Unverified" not in simulated.shown(await house.visit("/app/admin/plans", boss))
        house.database.run_now(verification.ensure_plan)
        said = simulated.shown(await house.visit("/app/admin/plans", boss))
        assert "whose email address is not confirmed yet" in said
        assert said.count("Set at each start of the server by the settings") == 1

    simulated.run(tmp_path, story)
