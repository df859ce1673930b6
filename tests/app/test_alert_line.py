"""Alerts: the line above every page at the highest level, the notices on /app/limits, the levels' form."""

from pathlib import Path

import simulated
from simulated import House

from models import alerts, limits
from models.keys import ApiKey


def lowered(house: House, key: ApiKey, value: int) -> None:
    house.database.run_now(
        limits.set_key_limit,
        key.account_id,
        key.public_id,
        "hourly_requests",
        value,
        actor="alice@example.com",
        now=house.now(),
    )


def test_a_key_at_its_highest_level_is_told_above_every_page(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice, charlie = house.account("alice@example.com"), house.account("charlie@example.com")
        key = house.key(alice, "Nightly report")
        house.used(key, "gpt-5", requests=19)
        lowered(house, key, 20)
        told = "has used 95% of its requests per hour: 19 of 20."
        for path in ("/app", "/app/keys", "/app/limits"):
            said = " ".join(simulated.shown(await house.visit(path, alice)).split())
            assert told in said, path
        assert told not in simulated.shown(await house.visit("/app", charlie))
        lowered(house, key, 24)
        assert "of its requests per hour" not in simulated.shown(await house.visit("/app", alice))
        said = " ".join(simulated.shown(await house.visit("/app/limits", alice)).split())
        assert "has used 79% of its requests per hour: 19 of 24." in said

    simulated.run(tmp_path, story)


def test_levels_are_saved_and_wrong_ones_refused(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        user = await house.visit("/app/limits", alice)
        for wrong in ("many", "50; 80", "0", "150", "1,2,3,4,5,6", "٣"):
            await simulated.submit(user, "Alert levels", levels=wrong)
            assert "whole percentages from 1 to 100" in simulated.shown(user)
        assert house.database.read_now(alerts.levels, alice.id) == (50, 80, 95)
        await simulated.submit(user, "Alert levels", levels=" 90%, 70 ")
        assert house.database.read_now(alerts.levels, alice.id) == (70, 90)
        await simulated.submit(user, "Alert levels", levels="")
        assert house.database.read_now(alerts.levels, alice.id) == ()

    simulated.run(tmp_path, story)
