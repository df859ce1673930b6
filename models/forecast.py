"""When a monthly cap will be used up, judged by the last days' use; pure but for the one query.

The pace is that of the last seven days, or of the days since the first use where there are fewer. Under two days, or
without any use in them, nothing is foretold: a guess that looks like a date is worse than none.
"""

from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col

from models import windows
from models.ledger import UsageHour
from models.live import Standing

SPAN_DAYS: Final = 7
LEAST_DAYS: Final = 2


@dataclass(frozen=True, slots=True)
class Pace:
    """What the whole hours of the last days tell. `hours` is how many of them count, from the first use in them;
    `busiest_hour` the most requests that one clock hour saw, the running one included."""

    tokens: int
    hours: int
    busiest_hour: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """`kind`: `unlimited`, `used_up` already, `too_little` to go by, `lasts` beyond the month's end with `percent`
    used by then, or `runs_out` at `at` (Unix seconds)."""

    kind: Literal["unlimited", "used_up", "too_little", "lasts", "runs_out"]
    percent: int = 0
    at: int = 0


def pace(session: Session, account_id: int, *, now: int) -> Pace:
    hour = windows.hour_of(now)
    per_hour = (
        select_columns(
            col(UsageHour.hour),
            func.sum(UsageHour.total_tokens),
            func.sum(UsageHour.requests),
        )
        .where(col(UsageHour.account_id) == account_id, col(UsageHour.hour) >= hour - SPAN_DAYS * 24)
        .group_by(col(UsageHour.hour))
    )
    tokens, first, busiest = 0, hour, 0
    for each, used, requests in session.connection().execute(per_hour):
        busiest = max(busiest, int(requests))
        if each < hour:
            tokens, first = tokens + int(used), min(first, each)
    return Pace(tokens, hour - first, busiest)


def of_month(standing: Standing, found: Pace, *, now: int) -> Forecast:
    """For the standing of a monthly cap; what running requests hold counts as used."""
    if standing.limit is None:
        return Forecast("unlimited")
    left = standing.limit - standing.settled - standing.reserved
    if left <= 0:
        return Forecast("used_up")
    if found.hours < LEAST_DAYS * 24 or found.tokens <= 0:
        return Forecast("too_little")
    seconds = left * found.hours * windows.HOUR // found.tokens
    if now + seconds < standing.resets_at:
        return Forecast("runs_out", at=now + seconds)
    more = found.tokens * (standing.resets_at - now) // (found.hours * windows.HOUR)
    percent = (standing.settled + standing.reserved + more) * 100 // standing.limit
    return Forecast("lasts", percent=min(100, percent))
