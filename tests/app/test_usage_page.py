"""/app/usage: what stands on it, and that its address says what it shows."""

from pathlib import Path

import pytest
import simulated
from simulated import House

from app import usage_shown
from app.asked import Chosen
from app.usage_shown import Shown

DAY_S = 86_400
MIDNIGHT = simulated.SUNDAY_NOON - DAY_S // 2


@pytest.mark.parametrize(
    "shown",
    [
        Shown(),
        Shown("7d", "cost", view="table", by="key"),
        Shown("24h", "latency", "95", "status", bucket="hour", zone="Europe/Berlin"),
        Shown(
            "custom", since=MIDNIGHT, until=MIDNIGHT + 7200, picked=Chosen(("gpt-5", "a&b"), ("kQ",), ("ok",))
        ),
    ],
)
def test_an_address_says_everything_that_is_shown(shown: Shown) -> None:
    assert usage_shown.parse(shown.address) == shown


def test_what_an_address_says_wrongly_is_as_usual() -> None:
    for address in (
        "/app/usage?range=9y&measure=love&view=&x=1&per=year&share=7&zone=Moon&status=sad",
        "/app/usage?range=custom",
        "/app/usage?range=custom&from=2026-11-20T00:00Z&to=2026-11-19T00:00Z",
        "/app/usage?range=custom&from=2020-11-20T00:00Z&to=2026-11-19T00:00Z",
        "/app/usage?range=custom&from=yesterday&to=9999-12-31T23:59Z",
    ):
        assert usage_shown.parse(address) == Shown(), address


def test_ranges_end_with_what_is_running_and_are_cut_in_buckets_that_suit_them() -> None:
    now = simulated.SUNDAY_NOON + 130
    hour = simulated.SUNDAY_NOON
    expected = {
        "1h": (hour + 180 - 3600, hour + 180, "minute"),
        "24h": (hour + 3600 - DAY_S, hour + 3600, "hour"),
        "7d": (MIDNIGHT - 6 * DAY_S, MIDNIGHT + DAY_S, "day"),
        "30d": (MIDNIGHT - 29 * DAY_S, MIDNIGHT + DAY_S, "day"),
        "month": (MIDNIGHT - 21 * DAY_S, MIDNIGHT + DAY_S, "day"),
    }
    for name, bounds in expected.items():
        span = usage_shown.parse(f"/app/usage?range={name}").span(now)
        assert (span.since, span.until, span.bucket) == bounds, name
    berlin = usage_shown.parse("/app/usage?range=7d&zone=Europe/Berlin").span(now)
    assert (berlin.since, berlin.until) == (MIDNIGHT - 6 * DAY_S - 3600, MIDNIGHT + DAY_S - 3600)


def test_no_bucket_makes_more_than_four_hundred_points() -> None:
    for length in (60, 3600, 5 * 3600, 7 * 3600, 2 * DAY_S, 9 * DAY_S, 60 * DAY_S, 400 * DAY_S):
        for bucket in usage_shown.buckets(length):
            span = Shown(bucket=bucket).during(MIDNIGHT, MIDNIGHT + length).span(0)
            assert len(span.starts()) <= 401
            again = usage_shown.parse(f"{Shown().during(MIDNIGHT, MIDNIGHT + length).address}&per={bucket}")
            assert again.span(0).bucket == bucket


def test_the_table_sums_what_the_ledger_holds(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        house.used(key, "gpt-5-mini", requests=3)
        house.used(key, "gpt-5", requests=2, days_ago=2)
        user = await house.visit("/app/usage", alice)
        said = simulated.shown(user)
        assert "gpt-5-mini 3 0 30 15 45 $0.0060" in said
        assert "All 5 0 50 25 75 $0.0100" in said
        assert "5 requests from Sat 24 Oct to Sun 22 Nov (UTC), led by gpt-5-mini (60%)" in said

    simulated.run(tmp_path, story)


def test_the_same_figures_show_as_a_table_by_day(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        house.used(house.key(alice), "gpt-5", requests=2, days_ago=2)
        user = await house.visit("/app/usage?range=7d&view=table", alice)
        said = " ".join(simulated.shown(user).split())
        assert "Fri 20 Nov 2 2" in said
        assert "Sun 22 Nov, so far 0 0" in said

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


def test_an_empty_range_leads_to_the_last_one_with_requests(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        house.used(house.key(alice), "gpt-5", days_ago=20)
        user = await house.visit("/app/usage?range=7d", alice)
        assert "No requests in the last 7 days" in simulated.shown(user)
        user.find("Go to the last requests").click()
        await user.should_see("1 request from Tue 27 Oct to Mon 2 Nov (UTC)")

    simulated.run(tmp_path, story)


def test_keys_and_ends_are_groups_too_and_refusals_an_end_of_their_own(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        laptop, server = house.key(alice, "Laptop"), house.key(alice, "Server")
        house.used(laptop, "gpt-5", requests=3)
        house.used(server, "gpt-5")
        house.refused(server)
        by_key = " ".join(simulated.shown(await house.visit("/app/usage?by=key", alice)).split())
        assert "Laptop 3 0 30 15 45 $0.0060" in by_key
        assert "4 requests" in by_key
        by_status = " ".join(simulated.shown(await house.visit("/app/usage?by=status", alice)).split())
        assert "OK 4 0 40 20 60 $0.0080" in by_status
        assert "Refused 1 0 0 0 0 $0.0000" in by_status

    simulated.run(tmp_path, story)


def test_filters_narrow_what_is_counted_and_say_how_much_there_is(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        key = house.key(alice)
        house.used(key, "gpt-5", requests=3)
        house.used(key, "gpt-5-mini", requests=2)
        user = await house.visit(f"/app/usage?model=gpt-5&key={key.public_id}", alice)
        said = " ".join(simulated.shown(user).split())
        assert "3 requests from" in said
        assert "gpt-5 3 gpt-5-mini 2" in said  # what there is to choose from
        charlie = house.account("charlie@example.com")
        told = []
        for public_id in (key.public_id, "AAAAAAAAAAAA"):
            stranger = await house.visit(f"/app/usage?key={public_id}", charlie)
            told.append(simulated.shown(stranger).replace(public_id, "?"))
        assert told[0] == told[1]
        assert "No requests in the last 30 days" in told[0]

    simulated.run(tmp_path, story)


def test_times_show_the_median_and_the_95th(tmp_path: Path) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        house.used(house.key(alice), "gpt-5", requests=3)
        user = await house.visit("/app/usage?measure=first-token&share=95", alice)
        said = " ".join(simulated.shown(user).split())
        assert "Median 95th percentile" in said
        assert "95th percentile of the time to the first token from Sat 24 Oct" in said

    simulated.run(tmp_path, story)


def test_figures_that_cannot_be_read_are_told_where_they_stand(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        house.database.run_now(simulated.lose_table, "usage_hours")
        user = await house.visit("/app/usage", alice)
        await user.should_see("This could not be shown.")
        await user.should_see("By status")  # the rest of the page lives on
        await user.should_not_see("usage_hours")

    simulated.run(tmp_path, story)
    assert "Reference: " in caplog.text


def test_figures_that_cannot_be_read_anew_stay_with_their_age(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(house: House) -> None:
        alice = house.account("alice@example.com")
        house.used(house.key(alice), "gpt-5", requests=3)
        user = await house.visit("/app/usage", alice)
        await user.should_see("By model")
        house.database.run_now(simulated.lose_table, "usage_hours")
        await simulated.press(user, "By key")
        said = simulated.shown(user)
        assert "These figures are from" in said
        assert "3 requests from" in said

    simulated.run(tmp_path, story)
    assert "no such table" in caplog.text
