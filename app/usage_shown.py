"""What the page of usage shows, as its address says it: range, bucket, measure, group, filters, zone, view."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Final, Literal, get_args

from app import asked
from app.asked import Chosen
from models import windows
from models.usage_filters import Bucket, Group, Span, is_zone, zone_of

Range = Literal["1h", "24h", "7d", "30d", "month", "custom"]
Measure = Literal["requests", "tokens", "cost", "errors", "latency", "first-token"]
Share = Literal["50", "95"]
View = Literal["chart", "table"]

RANGES: Final[dict[Range, str]] = {
    "1h": "1 hour",
    "24h": "24 hours",
    "7d": "7 days",
    "30d": "30 days",
    "month": "This month",
    "custom": "Custom",
}
WITHIN: Final[dict[Range, str]] = {
    "1h": "in the last hour",
    "24h": "in the last 24 hours",
    "7d": "in the last 7 days",
    "30d": "in the last 30 days",
    "month": "this month",
    "custom": "in this range",
}
MEASURES: Final[dict[Measure, str]] = {
    "requests": "Requests",
    "tokens": "Tokens",
    "cost": "Cost",
    "errors": "Errors",
    "latency": "Latency",
    "first-token": "First token",
}
GROUPS: Final[dict[Group, str]] = {"model": "Model", "key": "Key", "status": "Status"}
SHARES: Final[dict[Share, str]] = {"50": "Median", "95": "95th percentile"}
BUCKETS: Final[dict[Bucket, str]] = {"minute": "Minute", "hour": "Hour", "day": "Day"}
TIMED: Final = ("latency", "first-token")
LONGEST_S: Final = 400 * windows.DAY
_LONGEST: Final[dict[Bucket, int]] = {"minute": 6 * windows.HOUR, "hour": 16 * windows.DAY, "day": LONGEST_S}
_SHORTEST: Final[dict[Bucket, int]] = {"minute": 0, "hour": 2 * windows.HOUR, "day": 36 * windows.HOUR}
"""So that a chart has neither a single bar nor more than four hundred."""


@dataclass(frozen=True, slots=True)
class Shown:
    """`since` and `until` are of the range `custom`; `bucket` None is the one that suits the range."""

    range: Range = "30d"
    measure: Measure = "requests"
    share: Share = "50"
    by: Group = "model"
    view: View = "chart"
    picked: Chosen = Chosen()  # noqa: RUF009  # frozen
    zone: str = "UTC"
    bucket: Bucket | None = None
    since: int | None = None
    until: int | None = None

    @property
    def address(self) -> str:
        params: list[tuple[str, str]] = [("range", self.range)]
        if self.range == "custom" and self.since is not None and self.until is not None:
            params += [("from", asked.iso(self.since)), ("to", asked.iso(self.until))]
        params.append(("measure", self.measure))
        if self.measure in TIMED:
            params.append(("share", self.share))
        params += [("by", self.by), ("view", self.view)]
        if self.bucket is not None:
            params.append(("per", self.bucket))
        params += self.picked.params
        if self.zone != "UTC":
            params.append(("zone", self.zone))
        return asked.address("/app/usage", params)

    @property
    def is_timed(self) -> bool:
        return self.measure in TIMED

    def during(self, since: int, until: int) -> "Shown":
        """Another stretch of time, in the bucket that suits it."""
        return replace(self, range="custom", since=since, until=until, bucket=None)

    def span(self, now: int) -> Span:
        since, until = self._bounds(now)
        fitting = buckets(until - since)
        bucket = self.bucket if self.bucket in fitting else _suiting(until - since)
        return Span(since, until, bucket, self.zone)

    def _bounds(self, now: int) -> tuple[int, int]:
        if self.range == "custom" and self.since is not None and self.until is not None:
            return self.since, self.until
        if self.range == "1h":
            end = now - now % 60 + 60
            return end - windows.HOUR, end
        if self.range == "24h":
            end = windows.hour_end(now)
            return end - windows.DAY, end
        today = datetime.fromtimestamp(now, zone_of(self.zone)).date()
        back = {"7d": 6, "30d": 29, "month": today.day - 1}[self.range if self.range != "custom" else "30d"]
        first = datetime.combine(today - timedelta(days=back), time(), zone_of(self.zone))
        end_of_today = datetime.combine(today + timedelta(days=1), time(), zone_of(self.zone))
        return _hour(first), _hour(end_of_today)


def parse(address: str) -> Shown:
    params = asked.params_of(address)
    usual = Shown()
    since, until = asked.moment(params, "from"), asked.moment(params, "to")
    range_: Range = asked.word(params, "range", get_args(Range), usual.range)
    if range_ == "custom" and not is_stretch(since, until):
        range_ = usual.range
    is_custom = range_ == "custom"
    zone = params.get("zone", ("UTC",))[-1]
    found: Bucket | Literal[""] = asked.word(params, "per", get_args(Bucket), "")
    return Shown(
        range=range_,
        measure=asked.word(params, "measure", get_args(Measure), usual.measure),
        share=asked.word(params, "share", get_args(Share), usual.share),
        by=asked.word(params, "by", get_args(Group), usual.by),
        view=asked.word(params, "view", get_args(View), usual.view),
        picked=asked.chosen(params),
        zone=zone if is_zone(zone) else "UTC",
        bucket=found or None,
        since=since if is_custom else None,
        until=until if is_custom else None,
    )


def buckets(length: int) -> list[Bucket]:
    """Those that suit a stretch of so many seconds."""
    return [each for each in get_args(Bucket) if _SHORTEST[each] < length <= _LONGEST[each]]


def is_stretch(since: int | None, until: int | None) -> bool:
    """Whether a range may be so: a minute at least, and no longer than `LONGEST_S`."""
    return since is not None and until is not None and 60 <= until - since <= LONGEST_S


def _suiting(length: int) -> Bucket:
    if length <= 3 * windows.HOUR:
        return "minute"
    return "hour" if length <= 3 * windows.DAY else "day"


def _hour(moment: datetime) -> int:
    """The first whole hour in UTC from there on."""
    at = int(moment.astimezone(UTC).timestamp())
    return -(-at // windows.HOUR) * windows.HOUR
