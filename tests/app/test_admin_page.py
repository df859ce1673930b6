"""/app/admin: only staff is there, and every change asks again who it is."""

from pathlib import Path

import pytest
import simulated
from simulated import House

from app.components import override_form
from app.components.override_form import Unclear
from app.login import LoggedOut
from models import accounts, audit, limits, logins
from models.accounts import Account
from models.live import Limits

REASON = "Launch week of their shop"
DAY = 86_400


def test_an_override_is_read_from_its_form() -> None:
    asked = override_form.parse(
        {"name": "hourly_requests", "act": "set", "value": "5,000", "reason": REASON, "until": "2026-11-30"}
    )
    assert (asked.name, asked.act, asked.value, asked.reason) == ("hourly_requests", "set", 5000, REASON)
    assert asked.until == 1_795_305_600 + 9 * DAY  # 1 December 2026, midnight UTC


def test_what_is_not_needed_is_not_read() -> None:
    asked = override_form.parse(
        {"name": "monthly_tokens", "act": "unlimited", "value": "nonsense", "reason": REASON}
    )
    assert (asked.value, asked.until) == (None, None)


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("value", {"value": "many"}),
        ("reason", {"reason": "  too short "}),
        ("until", {"until": "tomorrow"}),
        ("until", {"until": "9999-12-31"}),
        ("", {"name": "daily_requests"}),
        ("", {"act": "double"}),
    ],
)
def test_the_field_that_cannot_be_used_is_named(field: str, change: dict[str, str]) -> None:
    usual = {"name": "hourly_requests", "act": "set", "value": "5", "reason": REASON, "until": ""}
    with pytest.raises(Unclear) as refused:
        override_form.parse(usual | change)
    assert refused.value.field == field


@pytest.mark.parametrize("path", ["/app/admin", "/app/admin/c/1", "/app/admin/c/2", "/app/admin?q=a"])
def test_for_customers_there_is_no_such_page(tmp_path: Path, path: str) -> None:
    async def story(house: House) -> None:
        house.account("boss@example.com", is_admin=True)
        charlie = house.account("charlie@example.com")
        user = await house.visit_missing(path, charlie)
        assert "There is no such page" in user
        assert "boss@example.com" not in user

    simulated.run(tmp_path, story)


def test_staff_finds_a_customer_by_address_id_and_last_four(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss = house.account("boss@example.com", is_admin=True)
        alice = house.account("alice@example.com")
        house.account("bob@example.com")
        key = house.key(alice)
        for text in ("alice@", str(alice.id), key.last4, key.public_id):
            said = simulated.shown(await house.visit(f"/app/admin?q={text}", boss))
            assert "alice@example.com" in said
            assert "bob@example.com" not in said
        assert "Nobody found" in simulated.shown(await house.visit("/app/admin?q=nobody-at-all", boss))

    simulated.run(tmp_path, story)


def test_staff_sees_what_the_server_is_in_trouble_with(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss = house.account("boss@example.com", is_admin=True)
        for _ in range(2):
            house.services.notices.note(
                "gpt-5", "openai refuses this server's own account for gpt-5. <b>401</b>", now=house.now()
            )
        said = simulated.shown(await house.visit("/app/admin", boss))
        assert "openai refuses this server's own account for gpt-5." in said
        assert "2 failed requests" in said
        house.services.notices.clear("gpt-5")
        assert "own account" not in simulated.shown(await house.visit("/app/admin", boss))

    simulated.run(tmp_path, story)


def test_an_override_of_the_account_binds_and_leaves_its_trace(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss, alice = house.account("boss@example.com", is_admin=True), house.account("alice@example.com")
        user = await house.visit(f"/app/admin/c/{alice.id}", boss)
        await simulated.press(user, "Override account")
        before = house.live.epoch(alice.id)
        await simulated.submit(
            user, "Override", name="hourly_requests", act="set", value="5000", reason=REASON, until=""
        )
        assert _bound(house, alice).account_requests == 5000
        assert house.live.epoch(alice.id) > before
        [line] = house.database.read_now(audit.last, account_id=alice.id, limit=1)
        assert (line.actor, line.old, line.new, line.reason) == ("boss@example.com", "1000", "5000", REASON)
        assert "5,000/h" in simulated.shown(user)

        await simulated.press(user, "Override account")
        await simulated.submit(
            user, "Override", name="hourly_requests", act="remove", value="", reason=REASON, until=""
        )
        assert _bound(house, alice).account_requests == 1000

    simulated.run(tmp_path, story)


def test_a_limit_is_lifted_for_an_account_but_not_for_a_key(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss, alice = house.account("boss@example.com", is_admin=True), house.account("alice@example.com")
        key = house.key(alice)
        user = await house.visit(f"/app/admin/c/{alice.id}", boss)
        await simulated.press_in_row(user, "override", key.public_id)
        assert "No limit at all" not in simulated.shown(user)
        await simulated.press(user, "Override account")
        assert "No limit at all" in simulated.shown(user)
        await simulated.submit(
            user, "Override", name="monthly_tokens", act="unlimited", value="", reason=REASON, until=""
        )
        assert _bound(house, alice).account_tokens is None

    simulated.run(tmp_path, story)


def test_what_staff_sets_on_a_key_its_owner_cannot_raise(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss, alice = house.account("boss@example.com", is_admin=True), house.account("alice@example.com")
        key = house.key(alice)
        user = await house.visit(f"/app/admin/c/{alice.id}", boss)
        await simulated.press_in_row(user, "override", key.public_id)
        await simulated.submit(
            user, "Override", name="hourly_requests", act="set", value="10", reason=REASON, until=""
        )
        user = await house.visit("/app/limits", alice)
        await simulated.press_in_row(user, "change", key.public_id)
        assert REASON in simulated.shown(user)
        await simulated.submit(user, "Requests per hour", value="11")
        assert "Staff has set this key to 10" in simulated.shown(user)
        bound = house.database.read_now(limits.effective, alice.id, key.id, now=house.now())
        assert bound.key_requests == 10

    simulated.run(tmp_path, story)


def test_an_open_page_of_somebody_who_is_no_admin_any_more_changes_nothing(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss, alice = house.account("boss@example.com", is_admin=True), house.account("alice@example.com")
        user = await house.visit(f"/app/admin/c/{alice.id}", boss)
        await simulated.press(user, "Override account")
        house.database.run_now(accounts.set_admin, boss.email, False, actor="test", now=house.now())
        with pytest.raises(LoggedOut):
            await _raise(user)
        assert _bound(house, alice).account_requests == 1000

    simulated.run(tmp_path, story)


def test_the_role_is_read_again_even_while_the_login_lives(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss, alice = house.account("boss@example.com", is_admin=True), house.account("alice@example.com")
        user = await house.visit(f"/app/admin/c/{alice.id}", boss)
        await simulated.press(user, "Override account")
        with house.database.write_batch() as connection:
            connection.exec_driver_sql("UPDATE accounts SET is_admin = 0 WHERE email = 'boss@example.com'")
        await _raise(user)
        assert "You are no admin any more." in simulated.shown(user)
        assert _bound(house, alice).account_requests == 1000

    simulated.run(tmp_path, story)


def test_a_login_of_fifteen_minutes_is_too_old_for_changes(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss, alice = house.account("boss@example.com", is_admin=True), house.account("alice@example.com")
        user = await house.visit(f"/app/admin/c/{alice.id}", boss)
        await simulated.press(user, "Override account")
        house.clock.advance(15 * 60)
        await _raise(user)
        assert "a login younger than 15 minutes" in simulated.shown(user)
        assert _bound(house, alice).account_requests == 1000

    simulated.run(tmp_path, story)


def test_an_ended_login_changes_nothing(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss, alice = house.account("boss@example.com", is_admin=True), house.account("alice@example.com")
        user = await house.visit(f"/app/admin/c/{alice.id}", boss)
        await simulated.press(user, "Override account")
        house.database.run_now(logins.close_all, boss.id)
        with pytest.raises(LoggedOut):
            await _raise(user)
        assert _bound(house, alice).account_requests == 1000

    simulated.run(tmp_path, story)


def test_a_customer_who_is_not_there_is_said_kindly(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss = house.account("boss@example.com", is_admin=True)
        for account_id in ("4711", "nobody", "9" * 30):
            user = await house.visit(f"/app/admin/c/{account_id}", boss)
            assert "There is no customer of this number." in simulated.shown(user)

    simulated.run(tmp_path, story)


async def _raise(user: simulated.User) -> None:
    await simulated.submit(
        user, "Override", name="hourly_requests", act="set", value="9000", reason=REASON, until=""
    )


def _bound(house: House, owner: Account) -> Limits:
    return house.database.read_now(limits.effective, owner.id, None, now=house.now())
