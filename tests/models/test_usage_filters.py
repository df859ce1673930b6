"""Buckets of time: minutes, hours, and the days of any time zone."""

from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from models.usage_filters import Span, is_zone, zone_of

MIDNIGHT = 1_795_305_600  # 22 November 2026, UTC
CLOCKS_BACK = 1_792_893_600  # 25 October 2026, 02:00 UTC


def test_the_buckets_of_a_span_follow_one_another() -> None:
    for bucket, size, count in (("minute", 60, 61), ("hour", 3600, 2), ("day", 86_400, 1)):
        span = Span(MIDNIGHT + 30, MIDNIGHT + 3601, bucket)  # type: ignore[arg-type]
        starts = span.starts()
        assert len(starts) == count
        assert starts[0] == MIDNIGHT
        assert span.ends_at(starts[0]) == MIDNIGHT + size


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Pacific/Auckland", "Asia/Kolkata"])
def test_days_of_a_zone_begin_at_its_midnight_when_the_clocks_change_too(zone: str) -> None:
    span = Span(CLOCKS_BACK - 5 * 86_400, CLOCKS_BACK + 5 * 86_400, "day", zone)
    starts = span.starts()
    for start in starts:
        moment = datetime.fromtimestamp(start, ZoneInfo(zone))
        assert (moment.hour, moment.minute) == (0, 30 if zone == "Asia/Kolkata" else 0)
    assert [span.ends_at(start) for start in starts[:-1]] == starts[1:]
    if zone == "Europe/Berlin":
        assert sorted({end - start for start, end in pairwise(starts)}) == [
            86_400,
            90_000,
        ]


def test_a_zone_that_does_not_exist_is_utc() -> None:
    assert zone_of("Moon/Tranquility").key == "UTC"
    assert zone_of("../../etc/passwd").key == "UTC"
    assert not is_zone("Moon/Tranquility")
    assert is_zone("Europe/Berlin")
    assert is_zone("UTC")
