"""What a page or a file asks for of an account's requests: models, keys, ends, and a stretch of time in buckets.

Time is cut at whole hours, because that is what the sums are kept by; minutes are read from the rows. Days are the
days of a time zone, found by shifting each hour by the zone's offset at that hour: in zones that are off by a part
of an hour, an hour counts to the day in which it begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, case, literal

from models import windows

Bucket = Literal["minute", "hour", "day"]
Group = Literal["model", "key", "status"]

MINUTE: Final = 60
SIZES: Final[dict[Bucket, int]] = {"minute": MINUTE, "hour": windows.HOUR, "day": windows.DAY}
LONGEST_IN_MINUTES_S: Final = windows.DAY
"""Minutes are read from the rows, so no longer than this."""
REFUSED: Final = "refused"
RUNNING: Final = "running"
ENDS: Final = ("ok", "error", "cut", "interrupted", "client_abort")
"""How an admitted request may have ended."""
FAILED: Final = ("error", "cut", "interrupted")
"""The ends that are no doing of the client."""
DAY_MINUTES: Final = 1440


@dataclass(frozen=True, slots=True)
class Filters:
    """Empty means every one. `statuses` are ends, `REFUSED` or `RUNNING`."""

    models: tuple[str, ...] = ()
    key_ids: tuple[int, ...] = ()
    statuses: tuple[str, ...] = ()

    @property
    def ends(self) -> tuple[str, ...]:
        return tuple(status for status in self.statuses if status in ENDS)

    def admits(self, status: str) -> bool:
        return not self.statuses or status in self.statuses

    def of_columns(self, model: Any, key_id: Any, outcome: Any = None) -> list[ColumnElement[bool]]:
        """The conditions on a table with these columns; without `outcome` the statuses are the caller's to see to."""
        parts: list[ColumnElement[bool]] = []
        if self.models:
            parts.append(model.in_(self.models))
        if self.key_ids:
            parts.append(key_id.in_(self.key_ids))
        if outcome is not None and self.statuses:
            parts.append(outcome.in_(self.ends))
        return parts


NO_FILTERS: Final = Filters()


@dataclass(frozen=True, slots=True)
class Span:
    """From `since` up to but without `until`, in Unix seconds. `zone` is a name of the time zone database; only days
    ask for it."""

    since: int
    until: int
    bucket: Bucket
    zone: str = "UTC"

    @property
    def hours(self) -> tuple[int, int]:
        """The first hour, and the one after the last."""
        return windows.hour_of(self.since), windows.hour_of(self.until + windows.HOUR - 1)

    def starts(self) -> list[int]:
        """The beginning of each bucket, in order."""
        if self.bucket == "day":
            day, last = self._date(self.since), self._date(max(self.since, self.until - 1))
            days = (last - day).days + 1
            return [_midnight(day + timedelta(days=place), self.zone) for place in range(days)]
        size = SIZES[self.bucket]
        return list(range(self.since - self.since % size, self.until, size))

    def ends_at(self, start: int) -> int:
        """Where the bucket ends that begins at `start`."""
        if self.bucket == "day":
            return _midnight(self._date(start) + timedelta(days=1), self.zone)
        return start + SIZES[self.bucket]

    def number_of(self, hour: Any, minute: Any) -> ColumnElement[int]:
        """In SQL, the bucket's number of a moment that is given in whole hours and in whole minutes."""
        if self.bucket == "day":
            shifted: ColumnElement[int] = (minute + self._offset(hour)) // DAY_MINUTES
            return shifted
        number: ColumnElement[int] = hour if self.bucket == "hour" else minute
        return number

    def start_of(self, number: int) -> int:
        """Where the bucket of that number begins."""
        if self.bucket == "day":
            return _midnight(date(1970, 1, 1) + timedelta(days=number), self.zone)
        return number * SIZES[self.bucket]

    def _date(self, at: int) -> date:
        return datetime.fromtimestamp(at, zone_of(self.zone)).date()

    def _offset(self, hour: Any) -> ColumnElement[int]:
        """Minutes east of UTC: one value, or one per change of the clocks."""
        changes = _offsets(self.zone, *self.hours)
        *earlier, (_, last) = changes
        if not earlier:
            return literal(last)
        ends = [begin for begin, _ in changes[1:]]
        return case(
            *((hour < end, literal(offset)) for end, (_, offset) in zip(ends, earlier, strict=True)),
            else_=literal(last),
        )


def zone_of(name: str) -> ZoneInfo:
    """UTC where there is no zone of that name."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def is_zone(name: str) -> bool:
    return name == "UTC" or zone_of(name).key == name


def _midnight(day: date, zone: str) -> int:
    """Days begin with the first whole hour in UTC that lies in them."""
    moment = datetime.combine(day, time(), zone_of(zone)).astimezone(UTC)
    return -(-int(moment.timestamp()) // windows.HOUR) * windows.HOUR


def _offsets(zone: str, first: int, last: int) -> Sequence[tuple[int, int]]:
    """Hour from which on, and the offset in minutes."""
    place = zone_of(zone)
    found: list[tuple[int, int]] = []
    for hour in range(first, max(last, first + 1)):
        offset = datetime.fromtimestamp(hour * windows.HOUR, place).utcoffset() or timedelta()
        minutes = int(offset.total_seconds()) // 60
        if not found or found[-1][1] != minutes:
            found.append((hour, minutes))
    return found
