"""The ledger: one row per admitted request, open before its first byte and final before its last, and the
hourly sums made of them in the same transaction.

A row becomes final once. `write` takes a final again without harm: what is final, or was settled as interrupted
after a crash, stays as it is and is not summed twice. Sums are by the hour of admission.

The rows have no foreign keys: they are written twice per request, and must be kept whatever becomes of the key.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, replace
from operator import add
from statistics import median_high
from typing import Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Index,
    case,
    func,
    literal,
    text,
    union_all,
)
from sqlalchemy import select as select_columns
from sqlmodel import Field, Session, SQLModel, col, select

from models import live, refusals, windows
from models.ledger_sql import STATEMENTS, SWEEP_ROWS, SWEEP_SUMS


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request in disjoint classes; `reasoning_tokens` is a named share of `output_tokens`, and
    `cache_write_1h_tokens` of `cache_write_tokens`: it has a price of its own, but no column.

    Vendors differ in what their prompt figure includes; each wire says how it maps. A class that the vendor
    did not report is 0, a request without any report has no `Usage` at all.
    """

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cache_write_1h_tokens: int = 0

    @property
    def prompt_tokens(self) -> int:
        """All input, cached or not: what the client sees as `prompt_tokens`."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def total_tokens(self) -> int:
        """What the monthly cap counts, and what the client sees as `total_tokens`."""
        return self.prompt_tokens + self.output_tokens


class RequestRow(SQLModel, table=True):
    """`state` is open or final; `outcome` says how it ended: ok, error, cut (the upstream broke), client_abort,
    interrupted (the server died). `stop` is why the model ended. What is unknown while open is None or 0."""

    __tablename__ = "requests"
    __table_args__ = (
        Index("requests_account", "account_id", "admitted_ms"),
        Index("requests_key", "key_id", "admitted_ms"),
        Index(
            "requests_open",
            "hour",
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
    )

    id: str = Field(primary_key=True)
    account_id: int
    key_id: int
    model: str
    admitted_ms: int = Field(sa_type=BigInteger)
    hour: int
    state: str
    is_stream: bool
    reserved_tokens: int = Field(sa_type=BigInteger)
    outcome: str | None = None
    http_status: int | None = None
    error_code: str | None = None
    stop: str | None = None
    input_tokens: int = Field(sa_type=BigInteger)
    cache_read_tokens: int = Field(sa_type=BigInteger)
    cache_write_tokens: int = Field(sa_type=BigInteger)
    output_tokens: int = Field(sa_type=BigInteger)
    reasoning_tokens: int = Field(sa_type=BigInteger)
    total_tokens: int = Field(sa_type=BigInteger)
    is_estimated: bool
    cost_nusd: int = Field(sa_type=BigInteger)
    first_token_ms: int | None = Field(default=None, sa_type=BigInteger)
    total_ms: int | None = Field(default=None, sa_type=BigInteger)


class UsageHour(SQLModel, table=True):
    """Sums over final rows. The account and the hour lead, because every chart asks for a stretch of one account."""

    __tablename__ = "usage_hours"

    account_id: int = Field(primary_key=True)
    hour: int = Field(primary_key=True)
    key_id: int = Field(primary_key=True)
    model: str = Field(primary_key=True)
    outcome: str = Field(primary_key=True)
    requests: int = Field(sa_type=BigInteger)
    prompt_tokens: int = Field(sa_type=BigInteger)
    completion_tokens: int = Field(sa_type=BigInteger)
    total_tokens: int = Field(sa_type=BigInteger)
    cost_nusd: int = Field(sa_type=BigInteger)


@dataclass(frozen=True, slots=True)
class OpenRow:
    """A request that was admitted."""

    id: str
    account_id: int
    key_id: int
    model: str
    admitted_ms: int
    is_stream: bool
    reserved_tokens: int


@dataclass(frozen=True, slots=True)
class FinalRow:
    """How a request ended. It stands for itself where its open row never came; `first_token_ms` and `total_ms`
    count from the admission."""

    id: str
    account_id: int
    key_id: int
    model: str
    admitted_ms: int
    outcome: str
    http_status: int
    error_code: str | None
    usage: Usage
    is_estimated: bool
    cost_nusd: int
    first_token_ms: int | None
    total_ms: int
    stop: str | None


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
    `has_any`: the account ever had a request admitted."""

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


def write(
    connection: Connection,
    opens: Sequence[OpenRow],
    finals: Sequence[FinalRow],
    refused: Sequence[refusals.Line],
) -> None:
    """All of a batch, within the caller's transaction. An open row that exists already and a final row for a
    request that is final already change nothing; within a batch the first final of a request counts."""
    statements = STATEMENTS[connection.dialect.name]
    ending: dict[str, FinalRow] = {}
    for final in finals:
        ending.setdefault(final.id, _storable_figures(final))
    if opens:
        connection.exec_driver_sql(statements.open_rows, [_open_values(row) for row in opens])
    if ending:
        found = connection.exec_driver_sql(statements.states, (statements.pack(list(ending)),))
        ended = {request_id for request_id, state in found if state != "open"}
        fresh = [row for row in ending.values() if row.id not in ended]
        if fresh:
            connection.exec_driver_sql(statements.final_rows, [_final_values(row) for row in fresh])
            connection.exec_driver_sql(statements.sums, _sums(fresh))
    if refused:
        connection.exec_driver_sql(statements.refusals, [_refusal_values(line) for line in refused])


def sweep(session: Session, *, now: int) -> int:
    """Settle what a dead process left open until now as interrupted, with no tokens: none were noted. Returns
    how many. Only for a process that holds serving: a living one's requests would be cut off from their end."""
    connection = session.connection()
    until = {"until_ms": now * 1000 + 999}
    connection.execute(SWEEP_SUMS, until)
    return connection.execute(SWEEP_ROWS, until).rowcount


def counted(session: Session, *, now: int) -> list[live.Counted]:
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
    sums: defaultdict[tuple[live.Layer, int], list[int]] = defaultdict(lambda: [0, 0])
    for account_id, key_id, requests, tokens in session.connection().execute(union_all(settled, running)):
        for owner in (("account", account_id), ("key", key_id)):
            sums[owner][0] += int(requests)
            sums[owner][1] += int(tokens)
    return [live.Counted(layer, owner_id, *both) for (layer, owner_id), both in sums.items()]


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
        median_first_token_ms=_median_first_token_ms(session, account_id, now),
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


def _median_first_token_ms(session: Session, account_id: int, now: int) -> int | None:
    """Over the newest thousand requests of the last 24 hours that produced a token."""
    recent = (
        select_columns(col(RequestRow.first_token_ms))
        .where(
            col(RequestRow.account_id) == account_id,
            col(RequestRow.admitted_ms) > (now - windows.DAY) * 1000,
            col(RequestRow.first_token_ms).is_not(None),
        )
        .order_by(col(RequestRow.admitted_ms).desc())
        .limit(1000)
    )
    times = [time for time in session.connection().execute(recent).scalars() if time is not None]
    return median_high(times) if times else None


_HOUR_MS: Final = windows.HOUR * 1000
_MOST_TOKENS: Final = 10**10
_MOST_NUSD: Final = 10**15
_UNKNOWN_YET: Final = ("open", None, None, None, None, 0, 0, 0, 0, 0, 0, False, 0, None, None)


def _open_values(row: OpenRow) -> tuple[object, ...]:
    hour = row.admitted_ms // _HOUR_MS
    owner = (row.id, row.account_id, row.key_id, row.model, row.admitted_ms, hour)
    return (*owner, row.is_stream, row.reserved_tokens, *_UNKNOWN_YET)


def _final_values(row: FinalRow) -> tuple[object, ...]:
    used = row.usage
    return (
        row.id,
        row.account_id,
        row.key_id,
        row.model,
        row.admitted_ms,
        row.admitted_ms // _HOUR_MS,
        False,
        0,
        "final",
        row.outcome,
        row.http_status,
        row.error_code,
        row.stop,
        used.input_tokens,
        used.cache_read_tokens,
        used.cache_write_tokens,
        used.output_tokens,
        used.reasoning_tokens,
        used.total_tokens,
        row.is_estimated,
        row.cost_nusd,
        row.first_token_ms,
        row.total_ms,
    )


def _sums(rows: Iterable[FinalRow]) -> list[tuple[object, ...]]:
    """In one order for everybody, so that two writers on PostgreSQL cannot wait for each other."""
    sums: dict[tuple[int, int, int, str, str], tuple[int, ...]] = {}
    for row in rows:
        key = (row.account_id, row.admitted_ms // _HOUR_MS, row.key_id, row.model, row.outcome)
        used = row.usage
        figures = (1, used.prompt_tokens, used.output_tokens, used.total_tokens, row.cost_nusd)
        before = sums.get(key)
        sums[key] = figures if before is None else tuple(map(add, before, figures))
    return [(*key, *figures) for key, figures in sorted(sums.items())]


def _storable_figures(row: FinalRow) -> FinalRow:
    """An upstream that reports more than any request can use is cut short, and its row marked: a figure that no
    column holds would hold up the whole batch, and with it every other request."""
    used = believable(row.usage)
    cost_nusd = max(0, min(row.cost_nusd, _MOST_NUSD))
    if used == row.usage and cost_nusd == row.cost_nusd:
        return row
    return replace(row, usage=used, cost_nusd=cost_nusd, is_estimated=True)


def believable(used: Usage) -> Usage:
    """Every class between nothing and the most that a request can use: an upstream may claim anything, and a
    negative figure would give a customer tokens back."""
    return Usage(*(max(0, min(tokens, _MOST_TOKENS)) for tokens in astuple(used)))


def _refusal_values(line: refusals.Line) -> tuple[object, ...]:
    return tuple(_storable(value) for value in astuple(line))


def _storable(value: object) -> object:
    """What a client wrote, short, and without what PostgreSQL cannot store: one such text would hold up the
    whole batch."""
    if not isinstance(value, str):
        return value
    return value[:500].replace("\0", "\ufffd").encode(errors="replace").decode()
