"""/app/admin/health: what the last check of the ledger found, who serves, how the models answer."""

from pathlib import Path

import simulated
from simulated import House
from sqlalchemy import text

from app.pages import admin_frame
from models import counts, ledger_state
from models.database import Database


def damage(database: Database) -> None:
    with database.write_batch() as connection:
        connection.execute(text("UPDATE usage_months SET total_tokens = total_tokens + 1"))


def with_usage(house: House) -> None:
    key = house.key(house.account("alice@example.com"))
    house.used(key, "gpt-5", requests=3)
    house.live.fill(house.database.read_now(counts.counted_of_all, now=house.now()))


def test_for_customers_there_is_no_health(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        house.account("boss@example.com", is_admin=True)
        assert "There is no such page" in await house.visit_missing(
            "/app/admin/health", house.account("charlie@example.com")
        )

    simulated.run(tmp_path, story)


def test_staff_checks_the_ledger_and_sees_that_it_agrees(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        with_usage(house)
        user = await house.visit("/app/admin/health", house.account("boss@example.com", is_admin=True))
        assert "Agrees" not in simulated.shown(user)
        await simulated.press(user, "Check now")
        said = simulated.shown(user)
        assert "Agrees" in said
        assert "boss@example.com" in said
        [check] = house.database.read_now(ledger_state.last_checks, 5)
        assert (check.rows, check.differences, check.by) == (3, 0, "boss@example.com")
        assert check.counters == 2

    simulated.run(tmp_path, story)


def test_differences_are_told_with_what_mends_them(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        with_usage(house)
        damage(house.database)
        user = await house.visit("/app/admin/health", house.account("boss@example.com", is_admin=True))
        await simulated.press(user, "Check now")
        said = simulated.shown(user)
        assert "45 tokens in the hours, 46 in the sum of the month" in said
        assert "starscoo ledger rebuild" in said

    simulated.run(tmp_path, story)


def test_a_counter_in_memory_that_drifted_is_told(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        house.used(house.key(house.account("alice@example.com")), "gpt-5")  # and nobody told the counters
        user = await house.visit("/app/admin/health", house.account("boss@example.com", is_admin=True))
        await simulated.press(user, "Check now")
        assert "15 tokens of this month in the tables, 0 in the counters" in simulated.shown(user)

    simulated.run(tmp_path, story)


def test_a_check_needs_a_fresh_login(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        user = await house.visit("/app/admin/health", house.account("boss@example.com", is_admin=True))
        house.clock.now += admin_frame.FRESH_LOGIN_S
        await simulated.press(user, "Check now")
        assert house.database.read_now(ledger_state.last_checks, 5) == []

    simulated.run(tmp_path, story)


def test_it_shows_how_models_answered_and_who_serves(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        with_usage(house)
        said = simulated.shown(
            await house.visit("/app/admin/health", house.account("boss@example.com", is_admin=True))
        )
        assert "gpt-5-mini" in said
        assert "No credential" in said  # codex-1
        assert "Number 1, this one" in said
        assert "Counted in memory, 1 process on SQLite" in said

    simulated.run(tmp_path, story)
