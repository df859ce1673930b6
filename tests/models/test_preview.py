"""What an override would have meant in the last 30 days."""

import pytest

from models import keys, ledger, preview
from models.accounts import Account
from models.database import Database
from models.ledger import FinalRow, Usage
from models.live import Layer, Limit
from models.preview import Hour, Past
from models.refusals import Line

NOON = 1_795_348_800  # 22 November 2026, 12:00 UTC
HERE = NOON // 3600
NOVEMBER = HERE - 12 - 21 * 24


def past(name: Limit, hours: dict[int, Hour], since: int = HERE - 720) -> Past:
    return Past(name, since, hours)


@pytest.mark.parametrize(("value", "refused"), [(None, 0), (0, 45), (10, 25), (20, 5), (25, 0), (99, 0)])
def test_what_lies_above_an_hours_value_is_refused(value: int | None, refused: int) -> None:
    wanted = {HERE - 1: Hour(admitted=10, refused=10), HERE - 2: Hour(admitted=25), HERE - 999: Hour(500)}
    assert past("hourly_requests", wanted).refused_under(value) == refused


def test_after_a_cap_is_used_up_all_of_the_month_is_refused() -> None:
    wanted = {
        NOVEMBER - 1: Hour(admitted=100, tokens=1000),
        NOVEMBER: Hour(admitted=10, tokens=1000),
        HERE - 2: Hour(admitted=10, tokens=1000),
        HERE - 1: Hour(admitted=5, tokens=500),
    }
    month = past("monthly_tokens", wanted)
    assert [month.refused_under(value) for value in (None, 2500, 2000, 1500, 1000)] == [0, 0, 5, 10, 15]
    assert month.refused_under(0) == 125


def test_of_the_month_in_which_the_days_begin_only_the_days_count() -> None:
    wanted = {NOVEMBER - 500: Hour(admitted=10, tokens=1000), NOVEMBER - 1: Hour(admitted=7, tokens=700)}
    month = past("monthly_tokens", wanted, since=NOVEMBER - 100)
    assert month.refused_under(1000) == 7
    assert month.refused_under(500) == 7


def test_what_a_cap_refused_counts_with_the_usual_size() -> None:
    wanted = {HERE - 2: Hour(admitted=10, tokens=1000), HERE - 1: Hour(refused=10)}
    month = past("monthly_tokens", wanted)
    assert [month.refused_under(value) for value in (1000, 1500, 2000)] == [10, 5, 0]


def test_requests_at_once_leave_nothing_to_tell_from() -> None:
    assert past("concurrent_requests", {HERE: Hour(5, refused=3)}).refused_under(9) is None
    assert past("concurrent_requests", {HERE: Hour(5, refused=3)}).refused == 3


def test_the_past_is_read_for_an_account_and_for_a_key(
    database: Database, alice: Account, charlie: Account
) -> None:
    one, two = (database.run_now(keys.issue, alice.id, name, actor="a", now=NOON).key for name in "xy")
    rows = [
        FinalRow(
            id=f"r{number}",
            account_id=alice.id,
            key_id=key_id,
            model="gpt-5",
            admitted_ms=at * 1000,
            outcome="ok",
            http_status=200,
            error_code=None,
            usage=Usage(input_tokens=7),
            is_estimated=False,
            cost_nusd=0,
            first_token_ms=None,
            total_ms=1,
            stop="end",
            hour=at // 3600,
        )
        for number, (at, key_id) in enumerate(
            [(NOON, one.id), (NOON, two.id), (NOON - 31 * 86_400, one.id), (NOON - 70 * 86_400, one.id)]
        )
    ]
    refused = [
        _refusal(alice, one.id, "account", "hourly_requests", skipped=4),
        _refusal(alice, one.id, "key", "hourly_requests"),
        _refusal(alice, two.id, "account", "monthly_tokens"),
        _refusal(alice, two.id, "key", "concurrent_requests"),
    ]
    with database.write_batch() as connection:
        ledger.write(connection, [], rows, refused)

    def read(owner: Account, key_id: int | None, name: Limit) -> Past:
        return database.read_now(preview.past, owner.id, key_id, name, now=NOON)

    assert read(alice, None, "hourly_requests").hours == {HERE: Hour(2, 14, 0), HERE - 1: Hour(0, 0, 5)}
    assert read(alice, one.id, "hourly_requests").hours == {HERE: Hour(1, 7, 0), HERE - 1: Hour(0, 0, 1)}
    month = read(alice, None, "monthly_tokens")
    assert (len(month.hours), month.requests, month.refused) == (3, 3, 1)
    assert read(alice, None, "concurrent_requests").refused == 1
    assert read(charlie, one.id, "hourly_requests").hours == {}
    assert read(charlie, None, "monthly_tokens").hours == {}


def _refusal(owner: Account, key_id: int, layer: Layer, name: Limit, skipped: int = 0) -> Line:
    return Line(
        request_id=f"{layer}-{name}",
        at=NOON - 3600,
        account_id=owner.id,
        key_id=key_id,
        model="gpt-5",
        status=429,
        code="rate_limited",
        limit_name=name,
        layer=layer,
        value=10,
        count=10,
        window_end=NOON,
        skipped=skipped,
    )
