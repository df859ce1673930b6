"""/app/requests: the log, its panel, its filters, and what comes while it is open."""

from pathlib import Path

import pytest
import simulated
from nicegui.testing import User
from simulated import House

from app import log_shown
from app.arrivals import Arrival
from app.asked import Chosen
from app.log_shown import Shown
from app.login import LoggedOut
from app.pages import requests
from models import logins
from models.keys import ApiKey
from models.request_log import Cursor

NOW = simulated.SUNDAY_NOON


def said(user: User) -> str:
    return " ".join(simulated.shown(user).split())


@pytest.mark.parametrize(
    "shown",
    [
        Shown(),
        Shown("errors", "24h", Chosen(("gpt-5",), ("kQ",), ("error", "cut"))),
        Shown(since=NOW, until=NOW + 61, before=Cursor(5, "req_1"), request="req_2"),
        Shown("slow", after=Cursor(5, "req_1")),
    ],
)
def test_an_address_says_everything_that_is_shown(shown: Shown) -> None:
    assert log_shown.parse(shown.address) == shown


def test_what_an_address_says_wrongly_is_as_usual() -> None:
    address = "/app/requests?view=odd&last=9y&from=x&before=now.req&status=sad&after=99999999999999999.r"
    assert log_shown.parse(address) == Shown()


def test_before_the_first_request_the_page_says_how_to_make_one(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        user = await house.visit("/app/requests", alice)
        assert "No requests yet" in said(user)
        assert "/v1/chat/completions" in said(user)

    simulated.run(tmp_path, story)


def test_the_log_shows_requests_and_refusals_with_their_reason(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        house.used(key, "gpt-5-mini", requests=2)
        house.refused(key)
        user = await house.visit("/app/requests", alice)
        assert "OK gpt-5-mini Laptop 10 5 200 ms 400 ms $0.0020" in said(user)
        assert "Refused gpt-5 Laptop Hourly request limit of this key: 10 of 10 requests" in said(user)
        refused = await house.visit("/app/requests?view=refused", alice)
        assert "gpt-5-mini Laptop" not in said(refused)

    simulated.run(tmp_path, story)


def test_the_panel_of_a_refusal_says_which_limit_where_it_is_set_and_where_to_change_it(
    tmp_path: Path,
) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        line = house.refused(house.key(alice))
        user = await house.visit(f"/app/requests?request={line.request_id}", alice)
        for part in (
            "Layer This key",
            "Value 10",
            "Count at the decision 10",
            "Set by plan Starter",
            "Stands now 1,000/h · plan Starter",
            "Change this limit",
            line.request_id,
        ):
            assert part in said(user), part

    simulated.run(tmp_path, story)


def test_the_panel_of_a_request_says_what_it_took(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        house.used(key, "gpt-5-mini", requests=2)
        user = await house.visit(f"/app/requests?request={key.public_id}-gpt-5-mini-0-1", alice)
        for part in (
            "First token after 200 ms",
            "Total 400 ms",
            "Measured by the provider",
            "Request 2 of the account",
        ):
            assert part in said(user), part

    simulated.run(tmp_path, story)


def test_a_request_of_somebody_else_opens_as_little_as_an_unknown_one(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice, charlie = house.account("alice@example.com"), house.account("charlie@example.com")
        house.used(house.key(charlie, "His"), "gpt-5")
        key = house.key(alice, "Hers")
        house.used(key, "gpt-5")
        told = []
        for request_id in (f"{key.public_id}-gpt-5-0-0", "req_never"):
            user = await house.visit(f"/app/requests?request={request_id}&key={key.public_id}", charlie)
            told.append(said(user).replace(key.public_id, "?"))
            assert "Hers" not in told[-1]
            assert "First token after" not in told[-1]
        assert told[0] == told[1]

    simulated.run(tmp_path, story)


def test_filters_that_match_nothing_lead_back(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        house.used(house.key(alice), "gpt-5")
        user = await house.visit("/app/requests?model=unheard-of", alice)
        assert "No request matches" in said(user)
        await simulated.press(user, "Show all requests")
        assert "gpt-5 Laptop" in said(user)

    simulated.run(tmp_path, story)


def test_P_Z4_an_open_page_whose_login_has_ended_reads_nothing_more(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        house.used(key, "gpt-5")
        for path, button in (("/app/requests", "Errors"), ("/app/usage", "By key")):
            user = await house.visit(path, alice)
            before = simulated.shown(user)
            house.database.run_now(logins.close_all, alice.id)
            house.used(key, f"after {button}")
            with pytest.raises(LoggedOut):
                await simulated.press(user, button)
            assert simulated.shown(user) == before
        user = await house.visit("/app/requests", alice)
        house.database.run_now(logins.close_all, alice.id)
        with pytest.raises(LoggedOut):
            await simulated.press_in_row(user, "open", f"{key.public_id}-gpt-5-0-0")
        assert "First token after" not in said(user)

    simulated.run(tmp_path, story)


def arrival(key: ApiKey, outcome: str = "ok", model: str = "gpt-5", total_ms: int = 9) -> Arrival:
    return Arrival(key.account_id, key.id, model, outcome, 15, total_ms)


def test_what_is_new_is_counted_where_the_view_would_show_it(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        key = house.key(house.account("alice@example.com"))
        cases = [
            (Shown(), arrival(key), True),
            (Shown("errors"), arrival(key), False),
            (Shown("errors"), arrival(key, "cut"), True),
            (Shown("refused"), arrival(key, "refused"), True),
            (Shown("slow"), arrival(key, total_ms=10_000), True),
            (Shown(picked=Chosen(models=("gpt-4",))), arrival(key), False),
            (Shown(picked=Chosen(keys=(key.public_id,), statuses=("ok",))), arrival(key), True),
            (Shown(picked=Chosen(keys=("other",))), arrival(key), False),
            (Shown(before=Cursor(1, "r")), arrival(key), False),
            (Shown(until=NOW), arrival(key), False),
        ]
        for shown, one, is_new in cases:
            assert requests.matches(one, shown, [key]) is is_new, shown

    simulated.run(tmp_path, story)


def test_figures_that_cannot_be_read_leave_the_frame_alive(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        house.database.run_now(simulated.lose_table, "refusals")
        user = await house.visit("/app/requests", alice)
        await user.should_see("This could not be shown.")
        await user.should_see("Slow")
        await user.should_not_see("SELECT")

    simulated.run(tmp_path, story)
    assert "Reference: " in caplog.text
