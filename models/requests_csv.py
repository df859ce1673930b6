"""Requests as lines of a file for spreadsheets, one line a request, piece by piece.

Times are UTC in ISO 8601, figures are whole, money is in dollars to the nano-dollar. A text that a spreadsheet would
take for a formula begins with an apostrophe instead: names of keys and models are what customers and clients wrote.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlmodel import Session

from models import request_log
from models.request_log import Cursor, Entry, Query
from models.usage_filters import REFUSED, RUNNING

COLUMNS: Final = (
    "request_id",
    "time",
    "status",
    "http_status",
    "error_code",
    "end_reason",
    "bound_by",
    "model",
    "key_name",
    "key_id",
    "streamed",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "total_tokens",
    "cost_usd",
    "estimated",
    "first_token_ms",
    "total_ms",
)
PIECE: Final = 2_000
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
Names = Mapping[int, tuple[str, str]]
"""Public id and name of each key by its internal id."""


@dataclass(frozen=True, slots=True)
class Piece:
    """`last` is where the next one goes on; None: this was the last."""

    text: str
    lines: int
    last: Cursor | None


def head() -> str:
    return _written([COLUMNS])


def names(session: Session, account_id: int) -> dict[int, tuple[str, str]]:
    return {key.id: (key.public_id, key.name) for key in request_log.keys_of(session, account_id)}


def piece(
    session: Session, account_id: int, query: Query, *, keys: Names, after: Cursor | None, size: int = PIECE
) -> Piece:
    """The lines that follow a place, the oldest first."""
    entries = request_log.entries_after(session, account_id, query, after=after, size=size)
    text = _written([_line(entry, keys) for entry in entries])
    return Piece(text, len(entries), entries[-1].cursor if len(entries) == size else None)


def safe(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _written(lines: Iterable[Iterable[object]]) -> str:
    file = io.StringIO()
    csv.writer(file).writerows(lines)
    return file.getvalue()


def _line(entry: Entry, keys: Names) -> tuple[object, ...]:
    row, refusal = entry.row, entry.refusal
    if row is None:
        assert refusal is not None
        public_id, name = keys.get(refusal.key_id, ("", ""))
        return (
            entry.id,
            _iso(entry.at_ms),
            REFUSED,
            refusal.status,
            safe(refusal.code),
            "",
            "",
            safe(refusal.model),
            safe(name),
            public_id,
            "",
            *(0,) * 6,
            _dollars(0),
            "",
            "",
            "",
        )
    public_id, name = keys.get(row.key_id, ("", ""))
    return (
        safe(row.id),
        _iso(row.admitted_ms),
        row.outcome or RUNNING,
        _known(row.http_status),
        safe(row.error_code or ""),
        safe(row.stop or ""),
        row.bound_by or "",
        safe(row.model),
        safe(name),
        public_id,
        _yes(row.is_stream),
        row.input_tokens,
        row.cache_read_tokens,
        row.cache_write_tokens,
        row.output_tokens,
        row.reasoning_tokens,
        row.total_tokens,
        _dollars(row.cost_nusd),
        _yes(row.is_estimated),
        _known(row.first_token_ms),
        _known(row.total_ms),
    )


def _iso(at_ms: int) -> str:
    moment = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03}Z"


def _dollars(nusd: int) -> str:
    return f"{nusd // 10**9}.{nusd % 10**9:09}"


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def _known(figure: int | None) -> object:
    return "" if figure is None else figure
