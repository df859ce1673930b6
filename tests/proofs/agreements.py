"""Whether the other places that tell what was used say what the rows say: live counters, and the dashboard."""

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Sequence
from time import monotonic

from models import usage, windows
from models.database import Database
from models.ledger import RequestRow
from proofs.books import Books, prompt_of
from proofs.house import Customer, House
from proofs.load import Customers, Seen
from proofs.stage import PATIENCE_S


def of_answers(found: Books, seen: Sequence[Seen], keys: dict[int, int]) -> list[str]:
    """By key: what answers have shown, and the rows of those that showed something."""
    shown: Counter[int] = Counter()
    ids = set[str | None]()
    for one in seen:
        if one.is_complete and one.tokens is not None:
            shown[keys[one.order.customer]] += one.tokens[2]
            ids.add(one.request_id)
    written: Counter[int] = Counter()
    for row in found.rows:
        if row.id in ids:
            written[row.key_id] += row.total_tokens
    return [
        f"key {key} was shown {shown[key]}, its rows say {written[key]}"
        for key in shown.keys() | written.keys()
        if shown[key] != written[key]
    ]


def of_dashboard(database: Database, found: Books, customers: Sequence[Customer]) -> list[str]:
    """The operations behind the pages: per key, per day and model, and the overview's figures."""
    differences: list[str] = []
    for one in customers:
        rows = [row for row in found.rows if row.key_id == one.key_id]
        told = database.read_now(usage.of_key, one.public_id)
        used = (len(rows), sum(map(prompt_of, rows)), sum(row.output_tokens for row in rows))
        if (told.requests, told.prompt_tokens, told.completion_tokens) != used:
            differences.append(f"key {one.key_id}: the page says {told}, the rows {used}")
    for account_id in sorted({one.account_id for one in customers}):
        rows = [row for row in found.rows if row.account_id == account_id]
        hours = [row.hour * windows.HOUR for row in rows]
        since, until = min(hours, default=0), max(hours, default=0) + windows.HOUR
        days = database.read_now(usage.by_day, account_id, since=since, until=until)
        told_days = Counter[str]()
        for day in days:
            told_days.update(
                requests=day.requests,
                prompt=day.prompt_tokens,
                output=day.completion_tokens,
                tokens=day.total_tokens,
                cost=day.cost_nusd,
            )
        wanted = Counter(
            requests=len(rows),
            prompt=sum(map(prompt_of, rows)),
            output=sum(row.output_tokens for row in rows),
            tokens=sum(row.total_tokens for row in rows),
            cost=sum(row.cost_nusd for row in rows),
        )
        if told_days != wanted:
            differences.append(f"account {account_id}: by day {told_days}, the rows {wanted}")
        now = int(time.time())
        told_month = database.read_now(usage.overview, account_id, now=now).tokens_month
        if told_month != (used_tokens := _tokens(found, now, account_id)):
            differences.append(f"account {account_id}: overview {told_month}, the rows {used_tokens}")
    return differences


async def of_counters(
    starscoo: House,
    asking: Customers,
    found: Books,
    *,
    limit: int,
    by_key: Collection[Customer],
    by_account: Collection[Customer],
) -> int:
    """What is left of `limit`, both of requests and tokens, as every process tells it in its headers. What was
    settled last reaches the counters right after its row: that is waited for. Returns how many were compared; raises
    AssertionError for those that do not come to agree."""
    compared = 0
    for url in starscoo.urls:
        for one in (*by_key, *by_account):
            owner = (one.account_id, one.key_id if one in by_key else None)
            deadline = monotonic() + PATIENCE_S
            while True:
                headers = await asking.remaining(one.number, url)
                now = int(time.time())
                told = tuple(int(headers[f"x-ratelimit-remaining-{what}"]) for what in ("requests", "tokens"))
                left = (limit - _requests(found, now, *owner), limit - _tokens(found, now, *owner))
                if told == left:
                    break
                assert monotonic() < deadline, f"{owner}: the counters say {told} is left, the rows {left}"
                await asyncio.sleep(0.05)
            compared += 2
    return compared


def _tokens(found: Books, now: int, account_id: int, key_id: int | None = None) -> int:
    month = windows.month_of(now)
    return sum(
        row.total_tokens
        for row in _rows(found, account_id, key_id)
        if windows.month_of(row.hour * windows.HOUR) == month
    )


def _requests(found: Books, now: int, account_id: int, key_id: int | None) -> int:
    return sum(row.hour == windows.hour_of(now) for row in _rows(found, account_id, key_id))


def _rows(found: Books, account_id: int, key_id: int | None) -> list[RequestRow]:
    return [row for row in found.rows if row.account_id == account_id and key_id in (None, row.key_id)]
