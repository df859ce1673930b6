"""The signed-in shell: what becomes of a page that fails."""

from pathlib import Path

import pytest
import simulated
from simulated import House
from sqlalchemy import text
from sqlmodel import Session


def lose_a_table(session: Session) -> None:
    session.connection().execute(text("DROP TABLE refusals"))


def test_P_Z11_a_page_that_fails_shows_a_card_with_a_reference_and_never_the_cause(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        house.database.run_now(lose_a_table)
        user = await house.visit("/app", alice)

        await user.should_see("This could not be shown.")
        await user.should_not_see("refusals")
        await user.should_not_see("SELECT")

    simulated.run(tmp_path, story)

    assert "no such table" in caplog.text
    assert "Reference: " in caplog.text


def test_a_page_that_fails_leaves_the_others_alive(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        house.key(alice, "Laptop")
        house.database.run_now(lose_a_table)
        user = await house.visit("/app/keys", alice)

        await user.should_see("API keys")
        assert "Laptop" in simulated.shown(user)

    simulated.run(tmp_path, story)
