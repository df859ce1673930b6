"""What was used, read for pages and commands from the hourly sums; single requests from the ledger's rows."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from models import histogram, windows
from models.ledger import RequestRow, UsageHour


@dataclass(frozen=True, slots=True)
class DayLine:
    """`day` is the UTC midnight in Unix seconds; `errors` are part of `requests`."""

    day: int
    model: str
    requests: int
    errors: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cost_nusd: int


@dataclass(frozen=True, slots=True)
class Overview:
    """24 h are the running hour and the 23 before it; the month is the running one; all of settled requests.
    The median is within 8 %. `has_any`: the account ever had a request admitted."""

    requests_24h: int
    errors_24h: int
    tokens_month: int
    median_first_token_ms: int | None
    has_any: bool


@dataclass(frozen=True, slots=True)
class KeyUsage:
    """Everything a key ever used, in settled requests of any outcome."""

    requests: int
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


def by_day(
    session: Session, account_id: int, *, since: int, until: int, key_id: int | None = None
) -> list[DayLine]:
    """Settled requests per UTC day and model, from `since` up to but without `until`, in whole hours. A key of
    somebody else has none."""
    day = (col(UsageHour.hour) // 24).label("day")
    query = (
        select_columns(
            day,
            col(UsageHour.model),
            func.sum(UsageHour.requests),
            func.sum(_errors()),
            func.sum(UsageHour.prompt_tokens),
            func.sum(UsageHour.completion_tokens),
            func.sum(UsageHour.total_tokens),
            func.sum(UsageHour.cost_nusd),
        )
        .where(
            col(UsageHour.account_id) == account_id,
            col(UsageHour.hour) >= windows.hour_of(since),
            col(UsageHour.hour) < windows.hour_of(until + windows.HOUR - 1),
        )
        .group_by(day, col(UsageHour.model))
        .order_by(day, col(UsageHour.model))
    )
    if key_id is not None:
        query = query.where(col(UsageHour.key_id) == key_id)
    rows = session.connection().execute(query)
    return [DayLine(number * windows.DAY, model, *map(int, sums)) for number, model, *sums in rows]


def overview(session: Session, account_id: int, *, now: int) -> Overview:
    hour = windows.hour_of(now)
    of_account = col(UsageHour.account_id) == account_id
    connection = session.connection()
    requests, errors = connection.execute(
        select_columns(func.sum(UsageHour.requests), func.sum(_errors())).where(
            of_account, col(UsageHour.hour) > hour - 24, col(UsageHour.hour) <= hour
        )
    ).one()
    tokens = connection.execute(
        select_columns(func.sum(UsageHour.total_tokens)).where(
            of_account, col(UsageHour.hour) >= windows.hour_of(windows.month_start(now))
        )
    ).scalar()
    return Overview(
        requests_24h=int(requests or 0),
        errors_24h=int(errors or 0),
        tokens_month=int(tokens or 0),
        median_first_token_ms=_median_first_token_ms(session, account_id, hour),
        has_any=bool(last_requests(session, account_id, 1)),
    )


def last_requests(session: Session, account_id: int, limit: int) -> list[RequestRow]:
    """Newest first, running ones too."""
    query = select(RequestRow).where(RequestRow.account_id == account_id)
    newest_first = (col(RequestRow.admitted_ms).desc(), col(RequestRow.id).desc())
    return list(session.exec(query.order_by(*newest_first).limit(limit)).all())


def of_key(session: Session, public_id: str) -> KeyUsage:
    """For the operator: whoever owns the key. Raises `NoSuchKey`."""
    from models import keys  # which builds on this file

    key = keys.find(session, public_id)
    sums = [
        func.sum(column)
        for column in (
            UsageHour.requests,
            UsageHour.prompt_tokens,
            UsageHour.completion_tokens,
            UsageHour.total_tokens,
        )
    ]
    query = select_columns(*sums).where(
        col(UsageHour.account_id) == key.account_id, col(UsageHour.key_id) == key.id
    )
    return KeyUsage(*(int(figure or 0) for figure in session.connection().execute(query).one()))


def _errors() -> ColumnElement[int]:
    """The requests of an hour that failed by no doing of the client."""
    failed = col(UsageHour.outcome).in_(("error", "cut", "interrupted"))
    return case((failed, col(UsageHour.requests)), else_=0)


def _median_first_token_ms(session: Session, account_id: int, hour: int) -> int | None:
    """Over the running hour and the 23 before it, within 8 %."""
    hours = select_columns(col(UsageHour.first_token_times)).where(
        col(UsageHour.account_id) == account_id, col(UsageHour.hour) > hour - 24, col(UsageHour.hour) <= hour
    )
    packed = session.connection().execute(hours).scalars()
    return histogram.percentile(histogram.merged(map(bytes, packed)), 0.5)
