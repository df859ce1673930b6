"""The sums made of final rows, in the transaction that makes them final: by hour with the times of requests as
histograms, and by month for the caps.

Sums are added by the database itself, histograms are read, added to and written back. So on PostgreSQL whoever
writes them first takes a lock per account (`lock_accounts`), which ends with the transaction; on SQLite there is
one writer anyway.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection

from models import histogram, windows
from models.driver import DriverConnection
from models.ledger_sql import STATEMENTS

ACCOUNT_LOCK: Final = 0x5742_4C47
"""The class of the lock per account, beside the account's id."""

Group = tuple[int, int, int, str, str]
"""Account, hour, key, model, outcome."""


@dataclass(slots=True)
class Delta:
    """What is added to one group; negative where a row is taken out of it."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cost_nusd: int = 0
    first_token_times: dict[int, int] = field(default_factory=dict)
    total_times: dict[int, int] = field(default_factory=dict)

    def count(
        self,
        *,
        prompt_tokens: int,
        completion_tokens: int,
        cost_nusd: int,
        first_token_ms: int | None,
        total_ms: int | None,
        sign: int = 1,
    ) -> None:
        """One more row, or with the sign -1 one less."""
        self.requests += sign
        self.prompt_tokens += sign * prompt_tokens
        self.completion_tokens += sign * completion_tokens
        self.total_tokens += sign * (prompt_tokens + completion_tokens)
        self.cost_nusd += sign * cost_nusd
        for times, ms in ((self.first_token_times, first_token_ms), (self.total_times, total_ms)):
            if ms is not None:
                bucket = histogram.bucket_of(ms)
                times[bucket] = times.get(bucket, 0) + sign


def lock_accounts(connection: Connection | DriverConnection, account_ids: Iterable[int]) -> None:
    """Until the transaction ends, nobody else who asks for it changes what these accounts have used."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            "SELECT pg_advisory_xact_lock(%s, account) FROM unnest(%s::int[]) AS account",
            (ACCOUNT_LOCK, sorted(set(account_ids))),
        )


def add(connection: Connection | DriverConnection, deltas: Mapping[Group, Delta]) -> None:
    """In one order for everybody. The accounts are locked already."""
    statements = STATEMENTS[connection.dialect.name]
    groups = sorted(deltas)
    found = connection.exec_driver_sql(statements.times, statements.pack_groups(groups))
    before = {(row[0], row[1], row[2], row[3], row[4]): (bytes(row[5]), bytes(row[6])) for row in found}
    hours: list[tuple[object, ...]] = []
    months: dict[tuple[int, int, int], list[int]] = {}
    for group in groups:
        delta = deltas[group]
        first, total = before.get(group, (b"", b""))
        figures = (delta.requests, delta.prompt_tokens, delta.completion_tokens)
        times = (
            histogram.added(first, delta.first_token_times),
            histogram.added(total, delta.total_times),
        )
        hours.append((*group, *figures, delta.total_tokens, delta.cost_nusd, *times))
        sums = months.setdefault((group[0], windows.month_of(group[1] * windows.HOUR), group[2]), [0, 0, 0])
        for place, figure in enumerate((delta.requests, delta.total_tokens, delta.cost_nusd)):
            sums[place] += figure
    connection.exec_driver_sql(statements.hours, hours)
    connection.exec_driver_sql(statements.months, [(*owner, *sums) for owner, sums in sorted(months.items())])
    emptied = [group for group in groups if deltas[group].requests < 0]
    if emptied:
        connection.exec_driver_sql(statements.drop_hours, emptied)
