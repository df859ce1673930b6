"""/app/usage: what stands on it, and that its address says what it shows."""

from pathlib import Path

import simulated
from simulated import House

from app.pages import usage


def test_an_address_says_range_measure_and_view() -> None:
    shown = usage.parse("/app/usage?range=7d&measure=cost&view=table")
    assert shown == usage.Shown("7d", "cost", "table")
    assert usage.parse(shown.address) == shown


def test_what_an_address_says_wrongly_is_as_usual() -> None:
    assert usage.parse("/app/usage?range=9y&measure=love&view=&x=1") == usage.Shown()


def test_ranges_begin_at_utc_midnights() -> None:
    day = 86_400
    midnight = simulated.SUNDAY_NOON - day // 2
    assert usage.since("7d", simulated.SUNDAY_NOON) == midnight - 6 * day
    assert usage.since("30d", simulated.SUNDAY_NOON) == midnight - 29 * day
    assert usage.since("month", simulated.SUNDAY_NOON) == midnight - 21 * day


def test_the_table_sums_what_the_ledger_holds(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        house.used(key, "gpt-5-mini", requests=3)
        house.used(key, "gpt-5", requests=2, days_ago=2)
        user = await house.visit("/app/usage", alice)
        said = simulated.shown(user)
        assert "gpt-5-mini 3 0 30 15 45 $0.0060" in said
        assert "All models 5 0 50 25 75 $0.0100" in said
        assert "5 requests from Sat 24 Oct to Sun 22 Nov (UTC), led by gpt-5-mini (60%)" in said

    simulated.run(tmp_path, story)


def test_the_same_figures_show_as_a_table_by_day(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        house.used(house.key(alice), "gpt-5", requests=2, days_ago=2)
        user = await house.visit("/app/usage?range=7d&view=table", alice)
        assert "Fri 20 Nov 2 2" in simulated.shown(user)
        assert "Sun 22 Nov, so far 0 0" in simulated.shown(user)

    simulated.run(tmp_path, story)


def test_nobody_sees_what_others_used(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice, charlie = house.account("alice@example.com"), house.account("charlie@example.com")
        house.used(house.key(alice), "gpt-5", requests=2)
        user = await house.visit("/app/usage", charlie)
        said = simulated.shown(user)
        assert "No requests in the last 30 days" in said
        assert "gpt-5" not in said

    simulated.run(tmp_path, story)


def test_an_empty_range_leads_to_a_longer_one(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        house.used(house.key(alice), "gpt-5", days_ago=20)
        user = await house.visit("/app/usage?range=7d", alice)
        assert "No requests in the last 7 days" in simulated.shown(user)
        user.find("Show 30 days").click()
        await user.should_see("By model")
        assert "1 request from" in simulated.shown(user)

    simulated.run(tmp_path, story)
