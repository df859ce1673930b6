"""What the tables know of the running hour and month: the truth behind every counter.

Requests of the hour are the settled ones and those that run; tokens of the month are settled, beside them what
the open rows hold. All of it is read in one statement, so that a request that ends meanwhile counts once.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, literal, union_all
from sqlalchemy import select as select_columns
from sqlmodel import Session, col

from models import windows
from models.database import Database
from models.ledger import RequestRow, UsageHour, UsageMonth
from models.live import Counted, Layer


@dataclass(frozen=True, slots=True)
class Running:
    """An admitted request that has not ended, as its open row tells. Its hour is that of its admission."""

    id: str
    key_id: int
    hour: int
    reserved_tokens: int


@dataclass(frozen=True, slots=True)
class Counts:
    """`requests` of both include the running ones, `tokens` are settled. `running` is of all the account's keys."""

    account: Counted
    key: Counted | None
    running: list[Running]


@dataclass(slots=True)
class Used:
    """Of one key: requests of the hour, settled tokens of the month, what its open rows hold of it, and how many
    of them there are."""

    requests: int = 0
    tokens: int = 0
    reserved: int = 0
    running: int = 0


@dataclass(slots=True)
class AccountUsed:
    """By key; `total` is of all keys together."""

    keys: dict[int, Used] = field(default_factory=dict)
    total: Used = field(default_factory=Used)

    def of(self, key_id: int) -> Used:
        return self.keys.setdefault(key_id, Used())


def of_accounts(connection: Connection, account_ids: Collection[int], *, now: int) -> dict[int, AccountUsed]:
    """Of each of these accounts, also of those that have used nothing."""
    found = {account_id: AccountUsed() for account_id in account_ids}
    for row in connection.execute(_used(now, account_ids)):
        account = found[row[0]]
        for used in (account.of(row[1]), account.total):
            used.requests += int(row[2])
            used.tokens += int(row[3])
            used.reserved += int(row[4])
            used.running += int(row[5])
    return found


def counted_of(session: Session, account_id: int, key_id: int | None, *, now: int) -> Counts:
    """Call it on one consistent view (`Database.read`)."""
    account = of_accounts(session.connection(), [account_id], now=now)[account_id]
    total = account.total
    key = None if key_id is None else account.of(key_id)
    return Counts(
        account=Counted("account", account_id, total.requests, total.tokens),
        key=None if key is None or key_id is None else Counted("key", key_id, key.requests, key.tokens),
        running=_running(session, account_id),
    )


def counted_of_all(session: Session, *, now: int) -> list[Counted]:
    """Every owner who used something in the running month."""
    sums: defaultdict[tuple[Layer, int], list[int]] = defaultdict(lambda: [0, 0])
    for row in session.connection().execute(_used(now, None)):
        owners: Iterable[tuple[Layer, int]] = (("account", row[0]), ("key", row[1]))
        for owner in owners:
            sums[owner][0] += int(row[2])
            sums[owner][1] += int(row[3])
    return [Counted(layer, owner_id, *both) for (layer, owner_id), both in sums.items()]


def known_of(
    session: Session, account_id: int, key_id: int | None, ids: Collection[str], *, now: int
) -> tuple[Counts, dict[str, int | None]]:
    """`counted_of` and `states_of` on the same view."""
    return counted_of(session, account_id, key_id, now=now), states_of(session, ids)


def known_in(
    database: Database,
) -> Callable[[int, int | None, Collection[str], int], Awaitable[tuple[Counts, dict[str, int | None]]]]:
    """`known_of` as a store of counters asks for it: account, key or none, requests, and the time."""

    async def known(
        account_id: int, key_id: int | None, ids: Collection[str], now: int
    ) -> tuple[Counts, dict[str, int | None]]:
        return await database.read(known_of, account_id, key_id, ids, now=now)

    return known


def states_of(session: Session, ids: Collection[str]) -> dict[str, int | None]:
    """Of these requests: the tokens of a final one, None for an open one; unknown ones are absent."""
    row = select_columns(col(RequestRow.id), col(RequestRow.state), col(RequestRow.total_tokens)).where(
        col(RequestRow.id).in_(ids)
    )
    found = session.connection().execute(row)
    return {request_id: int(tokens) if state == "final" else None for request_id, state, tokens in found}


def _used(now: int, account_ids: Collection[int] | None) -> Select[Any]:
    """Account, key, requests of the hour, tokens of the month, reserved tokens, running requests; several rows
    of one key are to be added."""
    hour = windows.hour_of(now)
    month_begins = windows.hour_of(windows.month_start(now))

    def of(owner: Any) -> ColumnElement[bool]:
        return literal(True) if account_ids is None else owner.in_(account_ids)

    def line(owner: tuple[Any, Any], requests: Any, tokens: Any, reserved: Any, running: Any) -> Select[Any]:
        names = ("account_id", "key_id", "requests", "tokens", "reserved", "running")
        parts = (*owner, requests, tokens, reserved, running)
        return select_columns(*(part.label(name) for part, name in zip(parts, names, strict=True)))

    nothing = literal(0)
    hours = line(
        (col(UsageHour.account_id), col(UsageHour.key_id)), col(UsageHour.requests), nothing, nothing, nothing
    ).where(col(UsageHour.hour) == hour, of(col(UsageHour.account_id)))
    months = line(
        (col(UsageMonth.account_id), col(UsageMonth.key_id)),
        nothing,
        col(UsageMonth.total_tokens),
        nothing,
        nothing,
    ).where(col(UsageMonth.month) == windows.month_of(now), of(col(UsageMonth.account_id)))
    row_hour = col(RequestRow.hour)
    held = func.sum(col(RequestRow.reserved_tokens)).filter(row_hour >= month_begins)
    running = (
        line(
            (col(RequestRow.account_id), col(RequestRow.key_id)),
            func.count().filter(row_hour == hour),
            nothing,
            func.coalesce(held, 0),
            func.count(),
        )
        .where(col(RequestRow.state) == "open", of(col(RequestRow.account_id)))
        .group_by(col(RequestRow.account_id), col(RequestRow.key_id))
    )
    together = union_all(hours, months, running).subquery()
    columns: Select[Any] = select_columns(*together.c)
    return columns


def _running(session: Session, account_id: int) -> list[Running]:
    query = select_columns(
        col(RequestRow.id), col(RequestRow.key_id), col(RequestRow.hour), col(RequestRow.reserved_tokens)
    ).where(col(RequestRow.state) == "open", col(RequestRow.account_id) == account_id)
    return [Running(*row) for row in session.connection().execute(query)]
