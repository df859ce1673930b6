"""The ledger: one row per admitted request, open before its first byte and final before its last, and the
sums made of them in the same transaction.

A row becomes final once. `write` takes a final again without harm: what is final stays as it is and is not
summed twice. Only what was settled as interrupted, because its process seemed dead, gives way to the real end.
Hours and months are those of the admission.

The rows have no foreign keys: they are written twice per request, and must be kept whatever becomes of the key.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields, replace
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Index, LargeBinary, text
from sqlmodel import Field, SQLModel

from models import refusals, rollups
from models.driver import DriverConnection
from models.ledger_sql import STATEMENTS


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


SLOW_MS: Final = 10_000
"""A request that took so long is slow."""
SLOW_ROWS: Final = f"total_ms >= {SLOW_MS}"
FAILED_ROWS: Final = "outcome IN ('error', 'cut', 'interrupted')"
"""What the two indexes of few rows hold; a query says it in the same words."""


class RequestRow(SQLModel, table=True):
    """`state` is open or final; `outcome` says how it ended: ok, error, cut (the upstream broke), client_abort,
    interrupted (the server died). `stop` is why the model ended; `bound_by` whose bound on output ended it, where
    that was not the client's: `model` (its default) or `monthly_tokens` (what the cap had left).

    `hour` is the hour of admission by the limiter's clock, `process` the serving process (0: before there were
    any). While open, the tokens and the cost are what was last noted, the prompt's estimate at first, and
    `reserved_tokens` is held against the monthly cap: an open row is a reservation."""

    __tablename__ = "requests"
    __table_args__ = (
        Index("requests_account", "account_id", "admitted_ms"),
        Index("requests_key", "key_id", "admitted_ms"),
        Index("requests_hour", "hour"),
        Index(
            "requests_open",
            "account_id",
            sqlite_where=text("state = 'open'"),
            postgresql_where=text("state = 'open'"),
        ),
        Index(
            "requests_failed",
            "account_id",
            "admitted_ms",
            sqlite_where=text(FAILED_ROWS),
            postgresql_where=text(FAILED_ROWS),
        ),
        Index(
            "requests_slow",
            "account_id",
            "admitted_ms",
            sqlite_where=text(SLOW_ROWS),
            postgresql_where=text(SLOW_ROWS),
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
    bound_by: str | None = None
    process: int = 0
    first_token_ms: int | None = Field(default=None, sa_type=BigInteger)
    total_ms: int | None = Field(default=None, sa_type=BigInteger)


class UsageHour(SQLModel, table=True):
    """Sums over final rows. The account and the hour lead, because every chart asks for a stretch of one account.
    `first_token_times` and `total_times` are packed histograms (`models.histogram`)."""

    __tablename__ = "usage_hours"
    __table_args__ = (Index("usage_hours_hour", "hour"),)

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
    first_token_times: bytes = Field(default=b"", sa_type=LargeBinary)
    total_times: bytes = Field(default=b"", sa_type=LargeBinary)


class UsageMonth(SQLModel, table=True):
    """Sums over final rows by calendar month (`windows.month_of`): what the monthly caps are counted by."""

    __tablename__ = "usage_months"

    account_id: int = Field(primary_key=True)
    month: int = Field(primary_key=True)
    key_id: int = Field(primary_key=True)
    requests: int = Field(sa_type=BigInteger)
    total_tokens: int = Field(sa_type=BigInteger)
    cost_nusd: int = Field(sa_type=BigInteger)


@dataclass(frozen=True, slots=True)
class OpenRow:
    """A request that was admitted, in `hour` by the limiter's clock. The prompt's figures are an estimate: what it
    is settled at if its process dies before anything else is noted."""

    id: str
    account_id: int
    key_id: int
    model: str
    admitted_ms: int
    is_stream: bool
    reserved_tokens: int
    hour: int
    process: int = 0
    prompt_tokens: int = 0
    prompt_cost_nusd: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """How far a running request has come: what its row is settled at if its process dies."""

    id: str
    usage: Usage
    cost_nusd: int


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
    hour: int
    bound_by: str | None = None


def write(
    transaction: Connection,
    opens: Sequence[OpenRow],
    finals: Sequence[FinalRow],
    refused: Sequence[refusals.Line],
    *,
    notes: Sequence[Note] = (),
) -> None:
    """All of a batch, within the caller's transaction. An open row that exists already and a final row for a
    request that is final already change nothing; within a batch the first final of a request counts."""
    connection = DriverConnection(transaction)
    statements = STATEMENTS[connection.dialect.name]
    ending: dict[str, FinalRow] = {}
    for final in finals:
        ending.setdefault(final.id, _storable_figures(final))
    if ending:
        rollups.lock_accounts(connection, (row.account_id for row in ending.values()))
    if opens:
        connection.exec_driver_sql(statements.open_rows, [_open_values(row) for row in opens])
    if notes:
        # In the order in which a sweep locks rows: these may be of accounts that are not locked here.
        in_order = sorted(notes, key=attrgetter("id"))
        connection.exec_driver_sql(statements.notes, [_note_values(note) for note in in_order])
    if ending:
        _end(connection, ending)
    if refused:
        connection.exec_driver_sql(statements.refusals, [_refusal_values(line) for line in refused])


def interrupt(connection: Connection, ids: Sequence[str]) -> int:
    """Settle these open rows at what was last noted of them. Their accounts are locked already. Returns how many
    of them were open still."""
    statements = STATEMENTS[connection.dialect.name]
    states = connection.exec_driver_sql(statements.states, (statements.pack(list(ids)),))
    still_open = [request_id for request_id, state, *_ in states if state == "open"]
    if still_open:
        deltas: dict[rollups.Group, rollups.Delta] = {}
        for row in connection.exec_driver_sql(statements.settled, (statements.pack(still_open),)):
            _count_row(deltas, (*row[:5], "interrupted", *row[6:]), 1)
        connection.exec_driver_sql(statements.interrupt, [(request_id,) for request_id in still_open])
        rollups.add(connection, deltas)
    return len(still_open)


def _end(connection: DriverConnection, ending: dict[str, FinalRow]) -> None:
    """The rows that are open, were never opened, or were settled as interrupted, become final; the others are.
    A request counts where its open row stands, so that sums and rows agree whatever its final row says."""
    statements = STATEMENTS[connection.dialect.name]
    found = connection.exec_driver_sql(statements.states, (statements.pack(list(ending)),))
    known: dict[str, tuple[int, int, int, str]] = {}
    replaced: list[str] = []
    ended: set[str] = set()
    for request_id, state, outcome, account_id, hour, key_id, model in found:
        known[request_id] = (account_id, hour, key_id, model)
        if state != "open":
            (replaced.append if outcome == "interrupted" else ended.add)(request_id)
    fresh = [row for row in ending.values() if row.id not in ended]
    if not fresh:
        return
    deltas: dict[rollups.Group, rollups.Delta] = {}
    for row in fresh:
        place = known.get(row.id) or (row.account_id, row.hour, row.key_id, row.model)
        _delta(deltas, (*place, row.outcome)).count(
            prompt_tokens=row.usage.prompt_tokens,
            completion_tokens=row.usage.output_tokens,
            cost_nusd=row.cost_nusd,
            first_token_ms=row.first_token_ms,
            total_ms=row.total_ms,
        )
    if replaced:
        for settled in connection.exec_driver_sql(statements.settled, (statements.pack(replaced),)):
            _count_row(deltas, tuple(settled), -1)
    connection.exec_driver_sql(statements.final_rows, [_final_values(row) for row in fresh])
    rollups.add(connection, deltas)


def _count_row(deltas: dict[rollups.Group, rollups.Delta], row: Sequence[Any], sign: int) -> None:
    """A row as `SETTLED` names its parts."""
    _delta(deltas, (row[1], row[2], row[3], row[4], row[5])).count(
        prompt_tokens=row[6],
        completion_tokens=row[7],
        cost_nusd=row[8],
        first_token_ms=row[9],
        total_ms=row[10],
        sign=sign,
    )


def _delta(deltas: dict[rollups.Group, rollups.Delta], group: rollups.Group) -> rollups.Delta:
    if group not in deltas:
        deltas[group] = rollups.Delta()
    return deltas[group]


_MOST_TOKENS: Final = 10**10
_MOST_NUSD: Final = 10**15
_FIGURES: Final = attrgetter(*(field.name for field in fields(Usage)))


def _open_values(row: OpenRow) -> tuple[object, ...]:
    return (
        row.id,
        row.account_id,
        row.key_id,
        row.model,
        row.admitted_ms,
        row.hour,
        row.is_stream,
        row.reserved_tokens,
        row.process,
        "open",
        *(None,) * 5,
        row.prompt_tokens,
        *(0,) * 4,
        row.prompt_tokens,
        True,
        row.prompt_cost_nusd,
        None,
        None,
    )


def _final_values(row: FinalRow) -> tuple[object, ...]:
    used = row.usage
    return (
        row.id,
        row.account_id,
        row.key_id,
        row.model,
        row.admitted_ms,
        row.hour,
        False,
        0,
        0,
        "final",
        row.outcome,
        row.http_status,
        row.error_code,
        row.stop,
        row.bound_by,
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


def _note_values(note: Note) -> tuple[object, ...]:
    used = believable(note.usage)
    return (
        used.input_tokens,
        used.cache_read_tokens,
        used.cache_write_tokens,
        used.output_tokens,
        used.reasoning_tokens,
        used.total_tokens,
        max(0, min(note.cost_nusd, _MOST_NUSD)),
        note.id,
    )


def _storable_figures(row: FinalRow) -> FinalRow:
    """An upstream that reports more than any request can use is cut short, and its row marked: a figure that no
    column holds would hold up the whole batch, and with it every other request."""
    used = believable(row.usage)
    cost_nusd = max(0, min(row.cost_nusd, _MOST_NUSD))
    if used is row.usage and cost_nusd == row.cost_nusd:
        return row
    return replace(row, usage=used, cost_nusd=cost_nusd, is_estimated=True)


def believable(used: Usage) -> Usage:
    """Every class between nothing and the most that a request can use: an upstream may claim anything, and a
    negative figure would give a customer tokens back."""
    figures = _FIGURES(used)
    if min(figures) >= 0 and max(figures) <= _MOST_TOKENS:
        return used
    return Usage(*(max(0, min(tokens, _MOST_TOKENS)) for tokens in figures))


def _refusal_values(line: refusals.Line) -> tuple[object, ...]:
    return tuple(_storable(value) for value in astuple(line))


def _storable(value: object) -> object:
    """What a client wrote, short, and without what PostgreSQL cannot store: one such text would hold up the
    whole batch."""
    if not isinstance(value, str):
        return value
    return value[:500].replace("\0", "\ufffd").encode(errors="replace").decode()
