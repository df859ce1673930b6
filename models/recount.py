"""The sums counted anew from what they are sums of: hours from the final rows, months from the hours.

What is checked and what is rebuilt come from here. Read as tuples from the driver itself and counted in one pass:
two to three microseconds a row, where SQL would have to sort all rows once for each histogram.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from models import histogram, windows
from models.rollups import Group

Hour = tuple[int, int, int, int, int, bytes, bytes]
"""Of one group: requests, prompt tokens, completion tokens, total tokens, cost in nano-dollars, and the packed
histograms of first-token and total times."""
Month = tuple[int, int, int]
"""Requests, total tokens, cost in nano-dollars."""
MonthOwner = tuple[int, int, int]
"""Account, month, key."""

HOURS_AT_ONCE: Final = 24


@dataclass(frozen=True, slots=True)
class Hours:
    """Whole hours from `first` up to but without `end`."""

    first: int
    end: int


def spans(connection: Connection, *, since: int, at_once: int = HOURS_AT_ONCE) -> list[Hours]:
    """Stretches of so many hours, days where nothing else is said, from the first with rows or sums, but not before
    `since`, to the last."""
    found: set[int] = set()
    for table in ("requests", "usage_hours"):
        edges = connection.exec_driver_sql(f"SELECT min(hour), max(hour) FROM {table}").one()  # noqa: S608
        if edges[0] is not None:
            first = max(since, edges[0]) // at_once
            found |= set(range(first, edges[1] // at_once + 1))
    stretches = ((number * at_once, (number + 1) * at_once) for number in sorted(found))
    return [Hours(max(since, first), end) for first, end in stretches if end > since]


def hours_of_rows(connection: Connection, hours: Hours) -> tuple[dict[Group, Hour], int]:
    """What the sums of these hours must be, and how many final rows they are made of."""
    groups: dict[Group, tuple[list[int], dict[int, int], dict[int, int]]] = {}
    bucket_of = histogram.bucket_of
    count = 0
    for account, hour, key, model, outcome, prompt, completion, total, cost, first, whole in _rows(
        connection, hours
    ):
        count += 1
        group = (account, hour, key, model, outcome)
        found = groups.get(group)
        if found is None:
            found = groups[group] = ([0, 0, 0, 0, 0], {}, {})
        figures, firsts, wholes = found
        figures[0] += 1
        figures[1] += prompt
        figures[2] += completion
        figures[3] += total
        figures[4] += cost
        if first is not None:
            bucket = bucket_of(first)
            firsts[bucket] = firsts.get(bucket, 0) + 1
        if whole is not None:
            bucket = bucket_of(whole)
            wholes[bucket] = wholes.get(bucket, 0) + 1
    pack = histogram.pack
    counted: dict[Group, Hour] = {
        group: (*figures, pack(firsts), pack(wholes))  # type: ignore[misc]  # five figures
        for group, (figures, firsts, wholes) in groups.items()
    }
    return counted, count


def hours_stored(connection: Connection, hours: Hours) -> dict[Group, Hour]:
    """What the sums of these hours are."""
    found = connection.exec_driver_sql(
        "SELECT account_id, hour, key_id, model, outcome, requests, prompt_tokens, "  # noqa: S608
        "completion_tokens, total_tokens, cost_nusd, first_token_times, total_times FROM usage_hours "
        f"WHERE hour >= {hours.first:d} AND hour < {hours.end:d}"
    )
    return {
        (row[0], row[1], row[2], row[3], row[4]): (*row[5:10], bytes(row[10]), bytes(row[11]))
        for row in found
    }


def months_of_hours(connection: Connection) -> dict[MonthOwner, Month]:
    """What the sums of all months must be."""
    months: dict[MonthOwner, list[int]] = {}
    found = connection.exec_driver_sql(
        "SELECT account_id, hour, key_id, sum(requests), sum(total_tokens), sum(cost_nusd) FROM usage_hours "
        "GROUP BY account_id, hour, key_id"
    )
    month_of = {}
    for account, hour, key, requests, total, cost in found:
        day = hour // 24
        if day not in month_of:
            month_of[day] = windows.month_of(hour * windows.HOUR)
        sums = months.setdefault((account, month_of[day], key), [0, 0, 0])
        sums[0] += int(requests)
        sums[1] += int(total)
        sums[2] += int(cost)
    return {owner: (sums[0], sums[1], sums[2]) for owner, sums in months.items()}


def months_stored(connection: Connection) -> dict[MonthOwner, Month]:
    """What the sums of all months are."""
    found = connection.exec_driver_sql(
        "SELECT account_id, month, key_id, requests, total_tokens, cost_nusd FROM usage_months"
    )
    return {(row[0], row[1], row[2]): (row[3], row[4], row[5]) for row in found}


def _rows(connection: Connection, hours: Hours) -> Iterator[tuple[Any, ...]]:
    """By the driver's own cursor, on PostgreSQL one that the server keeps: a busy day does not fit into memory."""
    query = (
        "SELECT account_id, hour, key_id, model, outcome, "  # noqa: S608
        "input_tokens + cache_read_tokens + cache_write_tokens, output_tokens, total_tokens, cost_nusd, "
        "first_token_ms, total_ms FROM requests "
        f"WHERE state = 'final' AND hour >= {hours.first:d} AND hour < {hours.end:d}"
    )
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        cursor = driver.execute(query)
    else:
        cursor = driver.cursor(name="recount")
        cursor.itersize = 10_000
        cursor.execute(query)
    try:
        yield from cursor
    finally:
        cursor.close()
