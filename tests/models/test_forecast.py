"""The day on which a monthly cap will be used up."""

import pytest

from models import forecast, keys, ledger
from models.accounts import Account
from models.database import Database
from models.forecast import Forecast, Pace
from models.ledger import FinalRow, Usage
from models.live import Standing

NOON = 1_795_348_800  # 22 November 2026, 12:00 UTC
DECEMBER = 1_796_083_200
HOUR = 3600
DAY = 24 * HOUR


def standing(limit: int | None, settled: int, reserved: int = 0) -> Standing:
    left = None if limit is None else max(0, limit - settled - reserved)
    return Standing("monthly_tokens", "account", limit, settled, reserved, left, DECEMBER)


@pytest.mark.parametrize(
    ("stands", "pace", "expected"),
    [
        (standing(None, 5), Pace(700, 168, 1), Forecast("unlimited")),
        (standing(100, 90, 10), Pace(700, 168, 1), Forecast("used_up")),
        (standing(0, 0), Pace(0, 0, 0), Forecast("used_up")),
        (standing(1000, 5), Pace(0, 0, 0), Forecast("too_little")),
        (standing(1000, 5), Pace(10_000, 47, 9), Forecast("too_little")),
        (standing(1000, 600), Pace(700, 168, 1), Forecast("runs_out", at=NOON + 4 * DAY)),
        (standing(1000, 500, 100), Pace(700, 168, 1), Forecast("runs_out", at=NOON + 4 * DAY)),
        (standing(2000, 150), Pace(700, 168, 1), Forecast("lasts", percent=50)),
    ],
)
def test_the_last_days_tell_when_it_will_be_used_up(stands: Standing, pace: Pace, expected: Forecast) -> None:
    assert forecast.of_month(stands, pace, now=NOON) == expected


def test_the_pace_is_read_from_whole_hours_since_the_first_use(
    database: Database, alice: Account, charlie: Account
) -> None:
    key = database.run_now(keys.issue, alice.id, "Key", actor="a", now=NOON).key
    assert database.read_now(forecast.pace, alice.id, now=NOON) == Pace(0, 0, 0)
    rows = [
        FinalRow(
            id=f"r{number}",
            account_id=alice.id,
            key_id=key.id,
            model="gpt-5",
            admitted_ms=at * 1000,
            outcome="ok",
            http_status=200,
            error_code=None,
            usage=Usage(input_tokens=tokens),
            is_estimated=False,
            cost_nusd=0,
            first_token_ms=None,
            total_ms=1,
            stop="end",
            hour=at // HOUR,
        )
        for number, (at, tokens) in enumerate(
            [(NOON - 8 * DAY, 9000), (NOON - 3 * DAY, 10), (NOON - HOUR, 20), (NOON - HOUR, 5), (NOON, 7000)]
        )
    ]
    with database.write_batch() as connection:
        ledger.write(connection, [], rows, [])
    assert database.read_now(forecast.pace, alice.id, now=NOON) == Pace(35, 72, 2)
    assert database.read_now(forecast.pace, charlie.id, now=NOON) == Pace(0, 0, 0)
