"""What an override would have meant: requests that the last 30 days would have seen refused under another value.

Told from the hourly sums and the refusals that were kept, so it is an estimate, and the old value is put through the
same arithmetic as the new one:

- requests per hour: of each clock hour, what was admitted and what this limit refused is what was wanted; whatever of
  it lies above the value is refused.
- tokens per month: hour by hour within each calendar month; once the tokens reach the value, the rest of that hour's
  requests and all later ones of the month are refused. What this cap refused then counts with the average size of the
  month's requests.
- requests at once leave no trace in sums: there is no estimate, only what was refused.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col

from models import windows
from models.ledger import UsageHour
from models.live import Limit
from models.refusals import RefusalRow

DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class Hour:
    """What one clock hour saw: `refused` by the limit in question, on the layer in question."""

    admitted: int = 0
    tokens: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Past:
    """Hours that saw anything, from the beginning of the month in which the 30 days begin. `since` is where they do;
    `refused` is what really was, within them."""

    limit_name: Limit
    since: int
    hours: Mapping[int, Hour]

    @property
    def refused(self) -> int:
        return sum(hour.refused for at, hour in self.hours.items() if at >= self.since)

    @property
    def requests(self) -> int:
        return sum(hour.admitted + hour.refused for at, hour in self.hours.items() if at >= self.since)

    def refused_under(self, value: int | None) -> int | None:
        """None where it cannot be told."""
        if self.limit_name == "concurrent_requests":
            return None
        if value is None:
            return 0
        if self.limit_name == "hourly_requests":
            lately = (hour for at, hour in self.hours.items() if at >= self.since)
            return sum(max(0, hour.admitted + hour.refused - value) for hour in lately)
        months: defaultdict[int, list[int]] = defaultdict(list)
        for at in sorted(self.hours):
            months[windows.month_of(at * windows.HOUR)].append(at)
        return sum(self._month(hours, value) for hours in months.values())

    def _month(self, hours: Iterable[int], cap: int) -> int:
        mine = [self.hours[at] for at in hours]
        admitted = sum(hour.admitted for hour in mine)
        size = sum(hour.tokens for hour in mine) // admitted if admitted else 0
        used = refused = 0
        for at, hour in zip(hours, mine, strict=True):
            wanted = hour.admitted + hour.refused
            tokens = hour.tokens + hour.refused * size
            left = max(0, cap - used)
            fits = wanted if tokens <= left else wanted * left // tokens
            used += min(tokens, left)
            if at >= self.since:
                refused += wanted - fits
        return refused


def past(session: Session, account_id: int, key_id: int | None, limit_name: Limit, *, now: int) -> Past:
    """Of the account, or of one of its keys: somebody else's has no past here."""
    since = windows.hour_of(now) - DAYS * 24
    first = since
    if limit_name == "monthly_tokens":
        first = windows.hour_of(windows.month_start(since * windows.HOUR))
    used = (
        select_columns(col(UsageHour.hour), func.sum(UsageHour.requests), func.sum(UsageHour.total_tokens))
        .where(col(UsageHour.account_id) == account_id, col(UsageHour.hour) >= first)
        .group_by(col(UsageHour.hour))
    )
    hour = (col(RefusalRow.at) // windows.HOUR).label("hour")
    refused = (
        select_columns(hour, func.sum(1 + col(RefusalRow.skipped)))
        .where(
            col(RefusalRow.account_id) == account_id,
            col(RefusalRow.at) >= first * windows.HOUR,
            col(RefusalRow.limit_name) == limit_name,
        )
        .group_by(hour)
    )
    if limit_name != "concurrent_requests":  # each key counts its own, whosever value it is
        refused = refused.where(col(RefusalRow.layer) == ("account" if key_id is None else "key"))
    if key_id is not None:
        used = used.where(col(UsageHour.key_id) == key_id)
        refused = refused.where(col(RefusalRow.key_id) == key_id)
    connection = session.connection()
    gone = {int(at): int(count) for at, count in connection.execute(refused)}
    hours = {
        int(at): Hour(int(requests), int(tokens), gone.pop(int(at), 0))
        for at, requests, tokens in connection.execute(used)
    }
    hours |= {at: Hour(refused=count) for at, count in gone.items()}
    return Past(limit_name, since, hours)
