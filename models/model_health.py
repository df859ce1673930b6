"""How the models have served everybody of late: for staff, and for the page that lists the models."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select as select_columns
from sqlmodel import Session, col

from models import histogram, windows
from models.ledger import UsageHour

HOURS: Final = 24
FAILED: Final = frozenset({"error", "cut", "interrupted"})
"""Outcomes that are no doing of the client."""


@dataclass(slots=True)
class ModelHealth:
    """Of the running hour and the 23 before it, in settled requests; `errors` are part of `requests`."""

    requests: int = 0
    errors: int = 0
    first_token_times: Counter[int] = field(default_factory=Counter)
    total_times: Counter[int] = field(default_factory=Counter)

    def first_token_ms(self, share: float) -> int | None:
        """Within 8 %; None while nothing produced a token."""
        return histogram.percentile(self.first_token_times, share)

    def total_ms(self, share: float) -> int | None:
        return histogram.percentile(self.total_times, share)


def by_model(session: Session, *, now: int) -> dict[str, ModelHealth]:
    """Of those that were asked at all. Failures have times too, but they are not the model's, so the histograms
    leave them out."""
    found: dict[str, ModelHealth] = {}
    newest = windows.hour_of(now)
    query = select_columns(
        col(UsageHour.model),
        col(UsageHour.outcome),
        col(UsageHour.requests),
        col(UsageHour.first_token_times),
        col(UsageHour.total_times),
    ).where(col(UsageHour.hour) > newest - HOURS, col(UsageHour.hour) <= newest)
    for model, outcome, requests, first, total in session.connection().execute(query):
        health = found.setdefault(model, ModelHealth())
        health.requests += requests
        if outcome in FAILED:
            health.errors += requests
        else:
            health.first_token_times.update(histogram.counts(first))
            health.total_times.update(histogram.counts(total))
    return found
