"""/app/limits: figures as the gateway enforces them, and the change of a key's own limits."""

import re
from pathlib import Path
from typing import Any

import pytest
import simulated
from markupsafe import Markup
from simulated import House

from app import refusal_words
from app.components import ladder
from app.login import LoggedOut
from app.pages import limits_view
from models import keys, ledger, limits, logins
from models.forecast import Forecast, Pace
from models.limits import Ladder, Rung
from models.live import Claim
from models.refusals import Line, RefusalRow

NOW = simulated.SUNDAY_NOON


async def save(user: simulated.User, *, hourly: str = "", monthly: str = "") -> None:
    await simulated.submit(user, "Limits of this key", hourly_requests=hourly, monthly_tokens=monthly)


def test_every_value_shows_its_origin() -> None:
    plan = Rung("plan", 200, "plan Starter", "", "", None, True)
    unset = Rung("account", 200, "the plan's value", "", "", None, False)
    staff = Rung("account", 5000, "set by staff", "boss@example.com", "Launch week of a shop", NOW, True)
    own = Rung("key", 50, "set on this key", "alice@example.com", "", None, True)

    assert (
        ladder.origin("hourly_requests", Ladder([plan, unset], 200, "plan Starter")) == "200/h · plan Starter"
    )
    assert (
        ladder.origin("hourly_requests", Ladder([plan, staff], 5000, "set by staff"))
        == "5,000/h · set by staff until 22 Nov 12:00 UTC"
    )
    whole = Ladder([plan, staff, own], 50, "set on this key")
    assert ladder.origin("monthly_tokens", whole) == "50/month · set on this key"
    assert "boss@example.com" not in ladder.render("hourly_requests", whole)
    assert "boss@example.com" in ladder.render("hourly_requests", whole, shows_author=True)


def test_a_refusal_tells_limit_layer_value_count_and_end() -> None:
    row = RefusalRow(
        request_id="r",
        at=NOW,
        account_id=1,
        key_id=1,
        model="gpt-5",
        status=429,
        code="rate_limited",
        message="Hourly request limit exceeded.",
        limit_name="hourly_requests",
        layer="key",
        value=10,
        count=10,
        window_end=NOW + 3600,
    )
    assert refusal_words.reason(row, now=NOW) == (
        "Hourly request limit of this key: 10 of 10 requests were used or held; the hour ends 22 Nov 13:00 UTC."
    )
    assert "ended" in refusal_words.reason(row, now=NOW + 3600)


def test_any_other_refusal_tells_the_sentence_that_the_client_got() -> None:
    row = RefusalRow(
        request_id="r",
        at=NOW,
        account_id=1,
        key_id=1,
        model="x",
        status=404,
        code="y",
        message="No such model.",
    )
    assert refusal_words.reason(row, now=NOW) == "No such model."


def test_meters_show_what_the_limiter_counts(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        bound = house.database.read_now(limits.effective, alice.id, key.id, now=house.now())
        claim = Claim(alice.id, key.id, bound, prompt_tokens=100, output_tokens=400)
        await house.live.reserve(claim, request_id="one", epoch=house.live.epoch(alice.id))
        user = await house.visit("/app/limits", alice)
        said = simulated.shown(user)
        assert "1 of 1,000" in said
        assert "Held by running requests 500" in " ".join(said.split())
        assert "No request of yours has been refused." in said

    simulated.run(tmp_path, story)


def test_a_lower_limit_binds_from_the_next_request(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        user = await house.visit("/app/limits", alice)
        await simulated.press_in_row(user, "change", key.public_id)
        before = house.live.epoch(alice.id)
        await save(user, hourly="20")
        bound = house.database.read_now(limits.effective, alice.id, key.id, now=house.now())
        assert bound.key_requests == 20
        assert house.live.epoch(alice.id) > before
        assert "20/h · set on this key" in simulated.shown(user)

    simulated.run(tmp_path, story)


def test_a_value_above_the_account_is_refused_in_words_and_changes_nothing(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        user = await house.visit("/app/limits", alice)
        await simulated.press_in_row(user, "change", key.public_id)
        await save(user, hourly="1,001")
        assert "Raise the account first." in simulated.shown(user)
        bound = house.database.read_now(limits.effective, alice.id, key.id, now=house.now())
        assert bound.key_requests == 1000

    simulated.run(tmp_path, story)


def test_the_accounts_value_comes_back(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        house.database.run_now(
            limits.set_key_limit,
            alice.id,
            key.public_id,
            "hourly_requests",
            7,
            actor=alice.email,
            now=house.now(),
        )
        user = await house.visit("/app/limits", alice)
        await simulated.press_in_row(user, "change", key.public_id)
        await save(user, hourly="")
        steps = house.database.read_now(limits.ladder, alice.id, key.id, "hourly_requests", now=house.now())
        assert not steps.rungs[-1].is_set

    simulated.run(tmp_path, story)


def test_what_somebody_else_saved_meanwhile_is_never_overwritten(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        user = await house.visit("/app/limits", alice)
        await simulated.press_in_row(user, "change", key.public_id)
        house.database.run_now(
            limits.set_key_limit,
            alice.id,
            key.public_id,
            "hourly_requests",
            7,
            actor="colleague@example.com",
            now=house.now(),
        )
        await save(user, hourly="20")
        assert "Somebody changed this meanwhile" in simulated.shown(user)
        bound = house.database.read_now(limits.effective, alice.id, key.id, now=house.now())
        assert bound.key_requests == 7
        assert "7/h" in simulated.shown(user)  # the ladder in the dialog is that of now
        await save(user, hourly="20")
        bound = house.database.read_now(limits.effective, alice.id, key.id, now=house.now())
        assert bound.key_requests == 20

    simulated.run(tmp_path, story)


def test_an_open_page_whose_login_has_ended_changes_nothing(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        user = await house.visit("/app/limits", alice)
        await simulated.press_in_row(user, "change", key.public_id)
        house.database.run_now(logins.close_all, alice.id)
        with pytest.raises(LoggedOut):
            await save(user, hourly="20")
        bound = house.database.read_now(limits.effective, alice.id, key.id, now=house.now())
        assert bound.key_requests == 1000

    simulated.run(tmp_path, story)


def test_a_key_of_somebody_else_cannot_be_changed_from_here(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice, charlie = house.account("alice@example.com"), house.account("charlie@example.com")
        key = house.key(alice)
        user = await house.visit("/app/limits", charlie)
        assert "No keys yet" in simulated.shown(user)
        with pytest.raises(keys.NoSuchKey):
            house.database.run_now(
                limits.set_key_limit,
                charlie.id,
                key.public_id,
                "hourly_requests",
                1,
                actor=charlie.email,
                now=house.now(),
            )

    simulated.run(tmp_path, story)


def test_both_limits_are_saved_at_once_and_old_and_new_are_told(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        user = await house.visit("/app/limits", alice)
        await simulated.press_in_row(user, "change", key.public_id)
        await save(user, hourly="0.5k", monthly="2.5M")
        bound = house.database.read_now(limits.effective, alice.id, key.id, now=house.now())
        assert (bound.key_requests, bound.key_tokens) == (500, 2_500_000)
        said = simulated.shown(user)
        assert "requests per hour 1,000/h → 500/h; tokens per month 5,000,000/month → 2,500,000/month" in said

    simulated.run(tmp_path, story)


def test_one_wrong_number_saves_neither(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        user = await house.visit("/app/limits", alice)
        await simulated.press_in_row(user, "change", key.public_id)
        for monthly in ("lots", "6M"):
            await save(user, hourly="5", monthly=monthly)
            bound = house.database.read_now(limits.effective, alice.id, key.id, now=house.now())
            assert (bound.key_requests, bound.key_tokens) == (1000, 5_000_000)
        assert "6,000,000 is above this account's 5,000,000" in simulated.shown(user)

    simulated.run(tmp_path, story)


def test_keys_come_a_page_at_a_time(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        made = [house.key(alice, f"Key {number:02}") for number in range(27)]
        user = await house.visit("/app/limits", alice)
        said = simulated.shown(user)
        assert "25 of 27 keys" in said
        assert "Key 26" in said
        assert "Key 01" not in said
        await simulated.press(user, "Show 2 more")
        said = simulated.shown(user)
        assert "of 27 keys" not in said
        assert "Key 00" in said
        await simulated.press_in_row(user, "change", made[0].public_id)

    simulated.run(tmp_path, story)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (Forecast("unlimited"), "Nothing to use up: this account has no monthly cap."),
        (Forecast("used_up"), "Used up for this month."),
        (Forecast("too_little"), "Too little use yet for a forecast: it needs two days of requests."),
        (
            Forecast("lasts", percent=62),
            "At the pace of the last 7 days it lasts: some 62% will be used at the month's end.",
        ),
        (
            Forecast("runs_out", at=NOW + 4 * 86_400),
            "Used up about 26 Nov, at the pace of the last 7 days.",
        ),
        (Forecast("runs_out", at=NOW + 7200), "Used up about 14:00 UTC, at the pace of the last 7 days."),
    ],
)
def test_a_forecast_claims_no_more_than_is_known(found: Forecast, said: str) -> None:
    assert Markup(limits_view.outlook(found, Pace(700, 168, 9), NOW)).striptags() == said


def test_the_step_that_binds_is_marked_also_where_a_key_is_set_above_its_account() -> None:
    plan = Rung("plan", 1000, "plan Starter", "", "", None, True)
    staff = Rung("account", 3, "set by staff", "boss", "Abuse was reported", NOW, True)
    own = Rung("key", 600, "set on this key", "alice@example.com", "", None, True)
    whole = Ladder([plan, staff, own], 3, "set by staff")
    assert ladder.origin("hourly_requests", whole) == "3/h · set by staff until 22 Nov 12:00 UTC"
    [marked] = re.findall(r'<li class="lim-sets">.*?</li>', ladder.render("hourly_requests", whole))
    assert "3/h" in marked


def test_a_refusal_names_who_set_the_limit_and_leads_to_changing_it(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        limit: dict[str, Any] = {
            "status": 429,
            "code": "rate_limited",
            "limit_name": "hourly_requests",
            "window_end": NOW,
        }
        lines = [
            Line("one", NOW, alice.id, key.id, "gpt-5", layer="key", value=7, count=7, **limit),
            Line("two", NOW, alice.id, key.id, "gpt-5", layer="account", value=1000, count=1000, **limit),
        ]
        house.database.run_now(
            limits.set_key_limit,
            alice.id,
            key.public_id,
            "hourly_requests",
            7,
            actor=alice.email,
            now=NOW,
        )
        with house.database.write_batch() as connection:
            ledger.write(connection, [], [], lines)
        user = await house.visit("/app/limits", alice)
        said = " ".join(simulated.shown(user).split())
        assert "you, on this key" in said
        assert "plan Starter" in said
        table = simulated.the(
            user, lambda element: "The last refused requests" in str(element.props.get("innerHTML", ""))
        )
        await simulated.act(user, table, "click", ["change", key.public_id])
        assert "Use account's value" in simulated.shown(user)
        await simulated.act(user, table, "click", ["ask", "hourly_requests"])
        assert "Staff of this server decides." in simulated.shown(user)

    simulated.run(tmp_path, story)


def test_figures_begin_anew_with_the_hour(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        bound = house.database.read_now(limits.effective, alice.id, key.id, now=house.now())
        await house.live.reserve(
            Claim(alice.id, key.id, bound, 1, 1), request_id="one", epoch=house.live.epoch(alice.id)
        )
        user = await house.visit("/app/limits", alice)
        assert "1 of 1,000" in simulated.shown(user)
        clock = simulated.the(user, lambda element: "data-due" in element.props)
        assert clock.props["data-due"] == str(NOW + 3600)
        house.clock.advance(3600)
        await simulated.act(user, clock, "due")
        assert "0 of 1,000" in simulated.shown(user)
        assert clock.props["data-due"] == str(NOW + 7200)

    simulated.run(tmp_path, story)
