"""The clock's windows: hours and months in UTC, as integers that sort and group in any SQL dialect.

`hour` is whole hours since 1970. `month` is year * 12 + (month - 1). All other figures are Unix seconds.
"""

from datetime import UTC, datetime
from functools import lru_cache

HOUR = 3600
DAY = 24 * HOUR


def hour_of(now: int) -> int:
    return now // HOUR


def hour_end(now: int) -> int:
    return (hour_of(now) + 1) * HOUR


def month_of(now: int) -> int:
    return _month_of_hour(now // HOUR)


def month_start(now: int) -> int:
    return _begins(month_of(now))


def month_end(now: int) -> int:
    """When the next month begins."""
    return _begins(month_of(now) + 1)


@lru_cache(maxsize=4096)
def _month_of_hour(hour: int) -> int:
    """Months begin on the hour, and every request asks for the running one's several times."""
    moment = datetime.fromtimestamp(hour * HOUR, UTC)
    return moment.year * 12 + moment.month - 1


@lru_cache(maxsize=64)
def _begins(month: int) -> int:
    return int(datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC).timestamp())
