"""/app/admin: only staff is there, and every change asks again who it is."""

from pathlib import Path

import pytest
import simulated
from simulated import House

from app.components import override_form
from app.components.override_form import Unclear
from app.login import LoggedOut
from models import accounts, audit, customers, keys, limits, logins
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


PATHS = (
    *("/app/admin", "/app/admin?q=al", "/app/admin/c/1", "/app/admin/c/2"),
    *("/app/admin/requests", "/app/admin/plans", "/app/admin/audit"),
)


@pytest.mark.parametrize("path", PATHS)
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
        [line] = house.database.read_now(audit.last, account_id=alice.id, limit=1)
        assert line.address  # where the admin's browser is

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
        await simulated.submit(user, "Limits of this key", hourly_requests="11", monthly_tokens="")
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


def test_one_letter_is_not_searched_for_and_one_digit_is(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss, alice = house.account("boss@example.com", is_admin=True), house.account("alice@example.com")
        user = await house.visit("/app/admin", boss)
        hers, his = (f'href="/app/admin/c/{one.id}"' for one in (alice, boss))
        await _type(user, "l")
        assert his in _markup(user)
        for text in ("li", str(alice.id)):
            await _type(user, text)
            assert hers in _markup(user)
            assert his not in _markup(user)

    simulated.run(tmp_path, story)


def test_the_list_tells_state_plan_use_and_overrides(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss, alice = house.account("boss@example.com", is_admin=True), house.account("alice@example.com")
        key = house.key(alice)
        house.used(key, "gpt-5", requests=3)
        house.database.run_now(
            limits.set_account_limit,
            alice.id,
            "hourly_requests",
            4,
            actor="boss",
            reason=REASON,
            now=house.now(),
        )
        house.database.run_now(customers.suspend, alice.id, actor="boss", reason=REASON, now=house.now())
        said = simulated.shown(await house.visit("/app/admin?q=alice", boss))
        for told in ("Suspended", "Starter", "Override", "3 of 4", "45 of 5.0 M"):
            assert told in said

    simulated.run(tmp_path, story)


def test_the_list_goes_on_where_it_ended(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss = house.account("boss@example.com", is_admin=True)
        for number in range(customers.PAGE):
            house.account(f"c{number}@example.com")
        user = await house.visit("/app/admin", boss)
        assert f'href="/app/admin/c/{boss.id}"' not in _markup(user)
        await simulated.press(user, "Show older accounts")
        assert f'href="/app/admin/c/{boss.id}"' in _markup(user)

    simulated.run(tmp_path, story)


def test_a_preview_tells_refusals_under_old_and_new_value(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss, alice = house.account("boss@example.com", is_admin=True), house.account("alice@example.com")
        house.used(house.key(alice), "gpt-5", requests=30, days_ago=2)
        user = await house.visit(f"/app/admin/c/{alice.id}", boss)
        await simulated.press(user, "Override account")
        await _preview(user, name="hourly_requests", act="set", value="20")
        said = simulated.shown(user)
        assert "Of 30 requests in the last 30 days" in said
        assert "1,000/h 0 refusals" in " ".join(said.split())
        assert "20/h 10 refusals" in " ".join(said.split())
        await _preview(user, name="concurrent_requests", act="set", value="20")
        assert "nothing can be estimated" in simulated.shown(user)
        await _preview(user, name="monthly_tokens", act="remove", value="")
        assert "5,000,000/month 0 refusals" in " ".join(simulated.shown(user).split())

    simulated.run(tmp_path, story)


def test_undo_restores_the_former_value(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss, alice = house.account("boss@example.com", is_admin=True), house.account("alice@example.com")
        user = await house.visit(f"/app/admin/c/{alice.id}", boss)
        await simulated.press(user, "Override account")
        await _raise(user)
        assert _bound(house, alice).account_requests == 9000
        [row] = house.database.read_now(limits.history, alice.id, 5)
        before = house.live.epoch(alice.id)
        await simulated.press_in_row(user, "undo", str(row.id))
        assert _bound(house, alice).account_requests == 1000
        assert house.live.epoch(alice.id) > before
        [line] = house.database.read_now(audit.last, account_id=alice.id, limit=1)
        assert (line.old, line.new, line.reason) == ("9000", "1000", f"Undone: {REASON}")
        assert f'data-act="undo" data-id="{row.id}"' not in _markup(user)

    simulated.run(tmp_path, story)


def test_what_other_staff_set_meanwhile_is_shown_not_overwritten(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss, alice = house.account("boss@example.com", is_admin=True), house.account("alice@example.com")
        user = await house.visit(f"/app/admin/c/{alice.id}", boss)
        await simulated.press(user, "Override account")
        house.database.run_now(
            limits.set_account_limit,
            alice.id,
            "hourly_requests",
            4,
            actor="other",
            reason=REASON,
            now=house.now(),
        )
        await _raise(user)
        assert "it is now 4." in simulated.shown(user)
        assert _bound(house, alice).account_requests == 4
        await _raise(user)
        assert _bound(house, alice).account_requests == 9000

    simulated.run(tmp_path, story)


def test_suspending_refuses_keys_and_logins_and_resuming_lets_them_again(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss, alice = house.account("boss@example.com", is_admin=True), house.account("alice@example.com")
        issued = house.database.run_now(keys.issue, alice.id, "Key", actor="a", now=house.now())
        hers = await house.visit("/app/limits", alice)
        await simulated.press_in_row(hers, "change", issued.key.public_id)
        user = await house.visit(f"/app/admin/c/{alice.id}", boss)
        await simulated.press(user, "Suspend account")
        before = house.live.epoch(alice.id)
        await simulated.submit(user, "Suspend account", reason="spam")
        assert "10 characters" in simulated.shown(user)
        await simulated.submit(user, "Suspend account", reason="Paid with a stolen card")
        assert house.live.epoch(alice.id) > before
        assert "Paid with a stolen card" in simulated.shown(user)
        with pytest.raises(LoggedOut):
            await simulated.submit(hers, "Limits of this key", hourly_requests="5", monthly_tokens="")
        assert _is_suspended(house, issued.secret)

        await simulated.press(user, "Resume account")
        await simulated.submit(user, "Resume account", reason="The bank says it was hers")
        assert not _is_suspended(house, issued.secret)

    simulated.run(tmp_path, story)


def test_nobody_suspends_himself(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss = house.account("boss@example.com", is_admin=True)
        user = await house.visit(f"/app/admin/c/{boss.id}", boss)
        await simulated.press(user, "Suspend account")
        await simulated.submit(user, "Suspend account", reason="Holidays until January")
        assert "You cannot suspend your own account." in simulated.shown(user)

    simulated.run(tmp_path, story)


def _is_suspended(house: House, secret: str) -> bool:
    found = house.database.read_now(keys.authenticate, keys.digest(secret), now=house.now())
    assert found is not None
    return found.is_suspended


def _markup(user: simulated.User) -> str:
    assert user.client is not None
    return "".join(str(each.props.get("innerHTML", "")) for each in user.client.elements.values())


async def _type(user: simulated.User, text: str) -> None:
    field = simulated.the(user, lambda element: "Search customers" in " ".join(element._markers))
    await simulated.act(user, field, "input", text)


async def _preview(user: simulated.User, **fields: str) -> None:
    form = simulated.the(
        user, lambda element: element.tag == "form" and element.props.get("aria-label") == "Override"
    )
    await simulated.act(user, form, "input", fields)


async def _raise(user: simulated.User) -> None:
    await simulated.submit(
        user, "Override", name="hourly_requests", act="set", value="9000", reason=REASON, until=""
    )


def _bound(house: House, owner: Account) -> Limits:
    return house.database.read_now(limits.effective, owner.id, None, now=house.now())
