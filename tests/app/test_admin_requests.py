"""/app/admin/requests, /plans and /audit: staff decides, edits and looks back; each act asks again who it is."""

from pathlib import Path

import pytest
import simulated
from simulated import House

from app.login import LoggedOut
from models import asks, audit, limits, logins, plans
from models.accounts import Account
from models.asks import Ask
from models.live import Limits

WHY = "Our shop opens in three countries"
ANSWER = "Their shop launches next week"
PLAN = {"hourly_requests": "2k", "monthly_tokens": "5,000,000", "concurrent_requests": "100"}


def ask(house: House, owner: Account, wanted: int = 20_000) -> Ask:
    return house.database.run_now(
        asks.ask, owner.id, "hourly_requests", wanted, why=WHY, actor=owner.email, now=house.now()
    )


def bound(house: House, owner: Account) -> Limits:
    return house.database.read_now(limits.effective, owner.id, None, now=house.now())


def test_a_customer_asks_and_reads_the_answer(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss, alice = house.account("boss@example.com", is_admin=True), house.account("alice@example.com")
        hers = await house.visit("/app/limits", alice)
        await simulated.press(hers, "Ask for more")
        await simulated.submit(hers, "Ask for more", name="hourly_requests", wanted="lots", why=WHY)
        assert "Write a whole number" in simulated.shown(hers)
        await simulated.submit(hers, "Ask for more", name="hourly_requests", wanted="900", why=WHY)
        assert "Ask for more than the 1,000 requests per hour" in simulated.shown(hers)
        await simulated.submit(hers, "Ask for more", name="hourly_requests", wanted="20k", why="more")
        assert "10 characters or more: staff decides by it" in simulated.shown(hers)
        await simulated.submit(hers, "Ask for more", name="hourly_requests", wanted="20k", why=WHY)
        assert "1,000/h → 20,000/h" in simulated.shown(hers)
        [asked] = house.database.read_now(asks.of_account, alice.id, 5)

        user = await house.visit("/app/admin/requests", boss)
        assert WHY in simulated.shown(user)
        await simulated.press_in_row(user, "grant", str(asked.id))
        before = house.live.epoch(alice.id)
        await simulated.submit(user, "Grant", value="5k", until="2026-11-30", reason=ANSWER)
        assert (bound(house, alice).account_requests, house.live.epoch(alice.id) > before) == (5000, True)
        assert "Nothing waits" in simulated.shown(user)

        said = simulated.shown(await house.visit("/app/limits", alice))
        assert "Granted" in said
        assert f"5,000/h until 1 Dec 00:00 UTC. “{ANSWER}”" in said

    simulated.run(tmp_path, story)


def test_declining_says_why_and_changes_no_limit(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss, alice = house.account("boss@example.com", is_admin=True), house.account("alice@example.com")
        asked = ask(house, alice)
        user = await house.visit("/app/admin/requests", boss)
        await simulated.press_in_row(user, "decline", str(asked.id))
        await simulated.submit(user, "Decline", reason="no")
        assert "10 characters" in simulated.shown(user)
        await simulated.submit(user, "Decline", reason=ANSWER)
        assert bound(house, alice).account_requests == 1000
        said = simulated.shown(await house.visit("/app/limits", alice))
        assert ANSWER in said
        assert "Declined" in said

    simulated.run(tmp_path, story)


def test_what_was_withdrawn_meanwhile_cannot_be_granted(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss, alice = house.account("boss@example.com", is_admin=True), house.account("alice@example.com")
        asked = ask(house, alice)
        user = await house.visit("/app/admin/requests", boss)
        await simulated.press_in_row(user, "grant", str(asked.id))
        hers = await house.visit("/app/limits", alice)
        await simulated.press_in_row(hers, "withdraw", str(asked.id))
        assert "Withdrawn" in simulated.shown(hers)
        await simulated.submit(user, "Grant", value="20000", until="", reason=ANSWER)
        assert "does not wait any more" in simulated.shown(user)
        assert bound(house, alice).account_requests == 1000

    simulated.run(tmp_path, story)


def test_a_wrong_value_reason_or_day_is_told_at_its_field(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss, alice = house.account("boss@example.com", is_admin=True), house.account("alice@example.com")
        asked = ask(house, alice)
        user = await house.visit("/app/admin/requests", boss)
        await simulated.press_in_row(user, "grant", str(asked.id))
        good = {"value": "20000", "until": "", "reason": ANSWER}
        for wrong, said in (
            ({"value": "much"}, "Write a whole number"),
            ({"value": "1000"}, "has 1,000 already"),
            ({"reason": "fine"}, "the customer reads them."),
            ({"until": "soon"}, "year-month-day"),
            ({"until": "2020-01-01"}, "lies in the past"),
        ):
            await simulated.submit(user, "Grant", **(good | wrong))
            assert said in simulated.shown(user)
        assert house.database.read_now(asks.count_waiting) == 1

    simulated.run(tmp_path, story)


def test_a_plan_is_changed_after_showing_how_many_inherit_it(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss, alice = house.account("boss@example.com", is_admin=True), house.account("alice@example.com")
        user = await house.visit("/app/admin/plans", boss)
        assert "STARSCOO_STARTER_HOURLY_REQUESTS" in simulated.shown(user)
        await simulated.submit(user, "Plan Starter", **PLAN)
        said = " ".join(simulated.shown(user).split())
        assert "Requests per hour : 1,000/h → 2,000/h. 2 accounts inherit it." in said
        assert bound(house, alice).account_requests == 1000
        await simulated.submit(user, "Confirm")
        assert bound(house, alice).account_requests == 2000
        assert "Plan Starter: requests per hour 1,000/h → 2,000/h." in simulated.shown(user)
        [row] = house.database.read_now(audit.last, limit=1)
        assert (row.act, row.actor) == ("plan.hourly_requests", boss.email)
        await simulated.press(user, "Follow the settings again")
        assert "at the next start" in simulated.shown(user)

    simulated.run(tmp_path, story)


def test_a_plan_that_somebody_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss = house.account("boss@example.com", is_admin=True)
        user = await house.visit("/app/admin/plans", boss)
        await simulated.submit(user, "Plan Starter", **PLAN)
        shown: plans.Values = {
            "hourly_requests": 1000,
            "monthly_tokens": 5_000_000,
            "concurrent_requests": 100,
        }
        house.database.run_now(
            plans.edit,
            "starter",
            {"hourly_requests": 7},
            expected=shown,
            actor="other",
            address="",
            now=house.now(),
        )
        await simulated.submit(user, "Confirm")
        assert "Somebody changed this plan meanwhile." in simulated.shown(user)
        assert bound(house, boss).account_requests == 7

    simulated.run(tmp_path, story)


@pytest.mark.parametrize("act", ["plan", "grant"])
def test_an_ended_or_old_login_decides_nothing(tmp_path: Path, act: str) -> None:
    async def story(house: House) -> None:
        boss, alice = house.account("boss@example.com", is_admin=True), house.account("alice@example.com")
        asked = ask(house, alice)
        path = "plans" if act == "plan" else "requests"
        user = await house.visit(f"/app/admin/{path}", boss)
        if act == "plan":
            await simulated.submit(user, "Plan Starter", **PLAN)
        else:
            await simulated.press_in_row(user, "grant", str(asked.id))

        async def decide() -> None:
            if act == "plan":
                await simulated.submit(user, "Confirm")
            else:
                await simulated.submit(user, "Grant", value="20000", until="", reason=ANSWER)

        house.clock.advance(15 * 60)
        await decide()
        assert "a login younger than 15 minutes" in simulated.shown(user)
        house.database.run_now(logins.close_all, boss.id)
        with pytest.raises(LoggedOut):
            await decide()
        assert bound(house, alice).account_requests == 1000

    simulated.run(tmp_path, story)


def test_the_trail_is_filtered_and_the_filter_stands_in_the_address(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss, alice = house.account("boss@example.com", is_admin=True), house.account("alice@example.com")
        house.key(alice, "Her key")
        house.key(boss, "His key")
        said = simulated.shown(await house.visit("/app/admin/audit", boss))
        assert "Her key" in said
        assert "His key" in said
        for query in (
            "account=alice@example.com",
            f"account={alice.id}",
            "actor=ALICE",
            "act=key.create&actor=al",
        ):
            said = simulated.shown(await house.visit(f"/app/admin/audit?{query}", boss))
            assert "Her key" in said, query
            assert "His key" not in said, query
        for query in ("account=nobody@example.com", "until=2026-11-21", "since=2026-11-23", "act=plan."):
            said = simulated.shown(await house.visit(f"/app/admin/audit?{query}", boss))
            assert "No act matches this filter." in said, query
        said = simulated.shown(await house.visit("/app/admin/audit?since=2026-11-22&until=2026-11-22", boss))
        assert "Her key" in said

    simulated.run(tmp_path, story)


def test_the_trail_goes_on_where_it_ended(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss = house.account("boss@example.com", is_admin=True)
        for number in range(audit.PAGE):
            house.key(boss, f"Key {number}")
        user = await house.visit("/app/admin/audit", boss)
        assert "customer → admin" not in simulated.shown(user)
        await simulated.press(user, "Show older acts")
        assert "customer → admin" in simulated.shown(user)

    simulated.run(tmp_path, story)


def test_tabs_tell_how_many_wait(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss, alice = house.account("boss@example.com", is_admin=True), house.account("alice@example.com")
        ask(house, alice)
        for path in ("/app/admin", "/app/admin/requests", "/app/admin/plans", "/app/admin/audit"):
            said = " ".join(simulated.shown(await house.visit(path, boss)).split())
            assert "Customers Requests for more 1 waiting Plans Audit Health" in said, path

    simulated.run(tmp_path, story)


def test_an_open_page_of_the_customer_shows_the_answer_at_once(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        boss, alice = house.account("boss@example.com", is_admin=True), house.account("alice@example.com")
        asked = ask(house, alice)
        hers = await house.visit("/app/limits", alice)
        user = await house.visit("/app/admin/requests", boss)
        await simulated.press_in_row(user, "grant", str(asked.id))
        await simulated.submit(user, "Grant", value="5000", until="", reason=ANSWER)
        await hers.should_see(ANSWER, retries=100)
        assert "5,000/h" in simulated.shown(hers)

    simulated.run(tmp_path, story)
