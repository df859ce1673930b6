"""How fast models have lately begun to answer, over all accounts."""

from collections import Counter
from typing import Final

from sqlalchemy import select
from sqlmodel import Session, col

from models import histogram, windows
from models.accounts import Account
from models.ledger import UsageHour

HOURS: Final = 24
FEWEST: Final = 20
"""Requests below which nothing is said: too few to tell of a model, and they might tell of a customer."""


def first_token_p50(session: Session, *, now: int) -> dict[str, int]:
    """By model, in ms: of requests settled in the running hour and the 23 before it."""
    hour = windows.hour_of(now)
    # The table is kept by account and hour: account by account it is a few seeks, by hour alone it would be read whole.
    of_anybody = col(UsageHour.account_id).in_(select(col(Account.id)))
    rows = session.connection().execute(
        select(col(UsageHour.model), col(UsageHour.first_token_times)).where(
            of_anybody, col(UsageHour.hour) > hour - HOURS, col(UsageHour.hour) <= hour
        )
    )
    counted: dict[str, Counter[int]] = {}
    for model, packed in rows:
        counted.setdefault(model, Counter()).update(histogram.counts(packed))
    medians = {
        model: histogram.percentile(times, 0.5) for model, times in counted.items() if times.total() >= FEWEST
    }
    return {model: median for model, median in medians.items() if median is not None}
