"""Usage over time, as charts and their tables show it: sums and times of requests per bucket and group.

Everything but minutes comes from the hourly sums, whatever the range, so that a page costs the same with a million
rows behind it. Sums are made by the database; times are histograms, added up here. Refused requests are counted
only where they are asked for by name: they consume nothing, and are no part of the ledger.
"""

from collections import Counter
from dataclasses import astuple, dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, case, func, literal
from sqlalchemy import select as select_columns
from sqlmodel import Session, col

from models import histogram, windows
from models.ledger import RequestRow, UsageHour
from models.refusals import RefusalRow
from models.usage_filters import FAILED, LONGEST_IN_MINUTES_S, MINUTE, REFUSED, Filters, Group, Span

Timed = Literal["total", "first_token"]
Histograms = dict[tuple[int, str], Counter[int]]
"""By the beginning of the bucket and the group's name."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a group did in the bucket that begins at `at`. `name` is a model, a key's internal id, or how the
    requests ended; `errors` are part of `requests`."""

    at: int
    name: str
    requests: int
    errors: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    cost_nusd: int = 0


def read(session: Session, account_id: int, span: Span, *, by: Group, filters: Filters) -> list[Line]:
    """Settled requests in order of time, then name; refused ones too where `filters` name them. Raises ValueError
    for minutes over more than a day."""
    connection = session.connection()
    query = _of_rows if span.bucket == "minute" else _of_hours
    found = [
        Line(span.start_of(int(number)), str(name), *(int(figure or 0) for figure in figures))
        for number, name, *figures in connection.execute(query(account_id, span, by, filters))
    ]
    if REFUSED in filters.statuses:
        found += [
            Line(span.start_of(int(number)), str(name), int(requests))
            for number, name, requests in connection.execute(_of_refusals(account_id, span, by, filters))
        ]
    return _joined(found)


def times(
    session: Session, account_id: int, span: Span, timed: Timed, *, by: Group, filters: Filters
) -> Histograms:
    """How long settled requests took, to their end or to their first token."""
    connection = session.connection()
    found: Histograms = {}
    if span.bucket == "minute":
        column = col(RequestRow.total_ms if timed == "total" else RequestRow.first_token_ms)
        of_rows = _rows(account_id, span, by, filters, column).where(column.is_not(None))
        for number, name, ms in connection.execute(of_rows):
            found.setdefault((span.start_of(number), str(name)), Counter())[histogram.bucket_of(ms)] += 1
        return found
    packed: dict[tuple[int, str], list[bytes]] = {}
    packed_column: Any = UsageHour.total_times if timed == "total" else UsageHour.first_token_times
    for number, name, one in connection.execute(_hours(account_id, span, by, filters, packed_column)):
        packed.setdefault((number, str(name)), []).append(bytes(one))
    starts = {number: span.start_of(number) for number, _ in packed}
    for (number, name), many in packed.items():
        if counted := histogram.merged(many):
            found[starts[number], name] = counted
    return found


def last_hour(session: Session, account_id: int, *, filters: Filters) -> int | None:
    """When the last hour begins that has a settled request; None when there never was one."""
    query = select_columns(func.max(UsageHour.hour)).where(
        col(UsageHour.account_id) == account_id,
        *filters.of_columns(col(UsageHour.model), col(UsageHour.key_id), col(UsageHour.outcome)),
    )
    hour = session.connection().execute(query).scalar()
    return None if hour is None else int(hour) * windows.HOUR


def percentiles(counted: Counter[int]) -> tuple[int | None, int | None]:
    """The median and the 95th, in ms, each within 8 %."""
    return histogram.percentile(counted, 0.5), histogram.percentile(counted, 0.95)


def _of_hours(account_id: int, span: Span, by: Group, filters: Filters) -> Select[Any]:
    figures = (
        UsageHour.requests,
        case((col(UsageHour.outcome).in_(FAILED), col(UsageHour.requests)), else_=literal(0)),
        UsageHour.prompt_tokens,
        UsageHour.completion_tokens,
        UsageHour.total_tokens,
        UsageHour.cost_nusd,
    )
    query = _hours(account_id, span, by, filters, *(func.sum(figure) for figure in figures))
    return _grouped(query)


def _of_rows(account_id: int, span: Span, by: Group, filters: Filters) -> Select[Any]:
    prompt = (
        col(RequestRow.input_tokens) + col(RequestRow.cache_read_tokens) + col(RequestRow.cache_write_tokens)
    )
    query = _rows(
        account_id,
        span,
        by,
        filters,
        func.count(),
        func.sum(case((col(RequestRow.outcome).in_(FAILED), literal(1)), else_=literal(0))),
        func.sum(prompt),
        func.sum(col(RequestRow.output_tokens)),
        func.sum(prompt + col(RequestRow.output_tokens)),
        func.sum(col(RequestRow.cost_nusd)),
    )
    return _grouped(query)


def _of_refusals(account_id: int, span: Span, by: Group, filters: Filters) -> Select[Any]:
    since, until = span.since, span.until
    if span.bucket != "minute":
        since, until = (hour * windows.HOUR for hour in span.hours)
    at = col(RefusalRow.at)
    names: dict[Group, Any] = {
        "model": col(RefusalRow.model),
        "key": col(RefusalRow.key_id),
        "status": literal(REFUSED),
    }
    query = select_columns(
        span.number_of(at // windows.HOUR, at // MINUTE).label("number"),
        names[by].label("name"),
        func.sum(1 + col(RefusalRow.skipped)),
    ).where(
        col(RefusalRow.account_id) == account_id,
        at >= since,
        at < until,
        *filters.of_columns(col(RefusalRow.model), col(RefusalRow.key_id)),
    )
    return _grouped(query)


def _hours(account_id: int, span: Span, by: Group, filters: Filters, *columns: Any) -> Select[Any]:
    hour = col(UsageHour.hour)
    names: dict[Group, Any] = {
        "model": col(UsageHour.model),
        "key": col(UsageHour.key_id),
        "status": col(UsageHour.outcome),
    }
    first, end = span.hours
    return select_columns(
        span.number_of(hour, hour * 60).label("number"), names[by].label("name"), *columns
    ).where(
        col(UsageHour.account_id) == account_id,
        hour >= first,
        hour < end,
        *filters.of_columns(col(UsageHour.model), col(UsageHour.key_id), col(UsageHour.outcome)),
    )


def _rows(account_id: int, span: Span, by: Group, filters: Filters, *columns: Any) -> Select[Any]:
    if span.until - span.since > LONGEST_IN_MINUTES_S:
        raise ValueError("minutes are read from the rows, a day at most")
    names: dict[Group, Any] = {
        "model": col(RequestRow.model),
        "key": col(RequestRow.key_id),
        "status": col(RequestRow.outcome),
    }
    number: ColumnElement[int] = col(RequestRow.admitted_ms) // (MINUTE * 1000)
    return select_columns(number.label("number"), names[by].label("name"), *columns).where(
        col(RequestRow.account_id) == account_id,
        col(RequestRow.state) == "final",
        col(RequestRow.admitted_ms) >= span.since * 1000,
        col(RequestRow.admitted_ms) < span.until * 1000,
        *filters.of_columns(col(RequestRow.model), col(RequestRow.key_id), col(RequestRow.outcome)),
    )


def _grouped(query: Select[Any]) -> Select[Any]:
    number, name = list(query.selected_columns)[:2]
    return query.group_by(number, name)


def _joined(found: list[Line]) -> list[Line]:
    """One line per bucket and name: a model has requests that ended, and others that were refused."""
    lines: dict[tuple[int, str], Line] = {}
    for line in found:
        place = (line.at, line.name)
        lines[place] = _added(lines[place], line) if place in lines else line
    return [lines[place] for place in sorted(lines)]


def _added(one: Line, other: Line) -> Line:
    _, _, *figures = astuple(one)
    _, _, *more = astuple(other)
    return Line(one.at, one.name, *(figure + added for figure, added in zip(figures, more, strict=True)))
