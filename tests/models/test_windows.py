from datetime import UTC, datetime

import pytest

from models import windows


def at(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp())  # type: ignore[misc,arg-type]


def test_an_hour_ends_when_the_next_one_begins() -> None:
    moment = at(2026, 11, 22, 20, 59, 59)
    assert windows.hour_end(moment) == at(2026, 11, 22, 21)
    assert windows.hour_of(moment) + 1 == windows.hour_of(at(2026, 11, 22, 21))


@pytest.mark.parametrize(
    ("moment", "begins", "ends"),
    [
        (at(2026, 11, 1), at(2026, 11, 1), at(2026, 12, 1)),
        (at(2026, 12, 31, 23, 59, 59), at(2026, 12, 1), at(2027, 1, 1)),
        (at(2028, 2, 29, 12), at(2028, 2, 1), at(2028, 3, 1)),
    ],
)
def test_a_month_is_the_utc_calendar_month(moment: int, begins: int, ends: int) -> None:
    assert (windows.month_start(moment), windows.month_end(moment)) == (begins, ends)
    assert windows.month_of(moment) == windows.month_of(begins) == windows.month_of(ends) - 1


def test_a_month_has_one_number_through_all_years() -> None:
    assert windows.month_of(at(2026, 1, 1)) == 2026 * 12
    assert windows.month_of(at(2026, 12, 31)) == 2026 * 12 + 11
