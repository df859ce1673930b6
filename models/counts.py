"""What the tables know of one owner in the running hour and month: the truth behind a counter that is lost.

One account at a time, so that a cold counter costs a look at that account's sums; `counted_of_all` is the same
for everybody at once.
"""

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import case, func, literal, union_all
from sqlalchemy import select as select_columns
from sqlmodel import Session, col

from models import windows
from models.ledger import RequestRow, UsageHour
from models.live import Counted, Layer
from models.live.layers import LEASE_TTL_S


@dataclass(frozen=True, slots=True)
class Running:
    """An admitted request that has not ended, as its open row tells."""

    id: str
    key_id: int
    admitted_at: int
    reserved_tokens: int


@dataclass(frozen=True, slots=True)
class Counts:
    """`requests` of both include the running ones, `tokens` are settled. `running` is of all the account's keys."""

    account: Counted
    key: Counted | None
    running: list[Running]


def counted_of(session: Session, account_id: int, key_id: int | None, *, now: int) -> Counts:
    """Call it on one consistent view (`Database.read`): a request that ends meanwhile would count twice or not at
    all. Open rows older than a lease lives are those of a process that died; they count as requests only."""
    by_key = _settled(session, account_id, now)
    hour = windows.hour_of(now)
    running = _running(session, account_id, since_hour=hour - LEASE_TTL_S // windows.HOUR)
    for one in running:
        if windows.hour_of(one.admitted_at) == hour:
            requests, tokens = by_key.get(one.key_id, (0, 0))
            by_key[one.key_id] = (requests + 1, tokens)
    return Counts(
        account=Counted(
            "account",
            account_id,
            sum(requests for requests, _ in by_key.values()),
            sum(tokens for _, tokens in by_key.values()),
        ),
        key=None if key_id is None else Counted("key", key_id, *by_key.get(key_id, (0, 0))),
        running=[one for one in running if one.admitted_at > now - LEASE_TTL_S],
    )


def _settled(session: Session, account_id: int, now: int) -> dict[int, tuple[int, int]]:
    """By key: requests of this hour, tokens of this month."""
    hour = windows.hour_of(now)
    in_this_hour = case((col(UsageHour.hour) == hour, col(UsageHour.requests)), else_=0)
    query = (
        select_columns(col(UsageHour.key_id), func.sum(in_this_hour), func.sum(UsageHour.total_tokens))
        .where(
            col(UsageHour.account_id) == account_id,
            col(UsageHour.hour) >= windows.hour_of(windows.month_start(now)),
            col(UsageHour.hour) <= hour,
        )
        .group_by(col(UsageHour.key_id))
    )
    rows = session.connection().execute(query)
    return {key_id: (int(requests), int(tokens)) for key_id, requests, tokens in rows}


def _running(session: Session, account_id: int, *, since_hour: int) -> list[Running]:
    query = select_columns(
        col(RequestRow.id),
        col(RequestRow.key_id),
        col(RequestRow.admitted_ms),
        col(RequestRow.reserved_tokens),
    ).where(
        col(RequestRow.state) == "open",
        col(RequestRow.hour) >= since_hour,
        col(RequestRow.account_id) == account_id,
    )
    rows = session.connection().execute(query)
    return [
        Running(request_id, key_id, admitted_ms // 1000, reserved)
        for request_id, key_id, admitted_ms, reserved in rows
    ]


def counted_of_all(session: Session, *, now: int) -> list[Counted]:
    """Every owner who used something in the running month: requests of this hour (running ones too), settled
    tokens of this month."""
    hour = windows.hour_of(now)
    month_begins = windows.hour_of(windows.month_start(now))
    in_this_hour = case((col(UsageHour.hour) == hour, col(UsageHour.requests)), else_=0)
    settled = (
        select_columns(
            col(UsageHour.account_id),
            col(UsageHour.key_id),
            func.sum(in_this_hour),
            func.sum(UsageHour.total_tokens),
        )
        .where(col(UsageHour.hour) >= month_begins, col(UsageHour.hour) <= hour)
        .group_by(col(UsageHour.account_id), col(UsageHour.key_id))
    )
    running = (
        select_columns(col(RequestRow.account_id), col(RequestRow.key_id), func.count(), literal(0))
        .where(col(RequestRow.state) == "open", col(RequestRow.hour) == hour)
        .group_by(col(RequestRow.account_id), col(RequestRow.key_id))
    )
    sums: defaultdict[tuple[Layer, int], list[int]] = defaultdict(lambda: [0, 0])
    for account_id, key_id, requests, tokens in session.connection().execute(union_all(settled, running)):
        for owner in (("account", account_id), ("key", key_id)):
            sums[owner][0] += int(requests)
            sums[owner][1] += int(tokens)
    return [Counted(layer, owner_id, *both) for (layer, owner_id), both in sums.items()]
