"""The ledger: one row per admitted request, open before its first byte and final before its last, and the
hourly sums made of them in the same transaction.

A row becomes final once. `write` takes a final again without harm: what is final, or was settled as interrupted
after a crash, stays as it is and is not summed twice. Sums are by the hour of admission.

The rows have no foreign keys: they are written twice per request, and must be kept whatever becomes of the key.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, Connection, Index, func, text
from sqlalchemy import select as select_columns
from sqlmodel import Field, Session, SQLModel, col, select

from models import live, refusals, windows
from models.database import Refused


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request in disjoint classes; `reasoning_tokens` is a named share of `output_tokens`.

    Vendors differ in what their prompt figure includes; each wire says how it maps. A class that the vendor
    did not report is 0, a request without any report has no `Usage` at all.
    """

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

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
