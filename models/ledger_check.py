"""Is the ledger right? Rows, sums and reservations held against one another; nothing is changed.

Rows and the sums by hour change in one transaction, so within one consistent view they are equal at every moment,
also while requests are served. Each day is looked at in a view of its own, so that no view lives long. Rows that
are no longer kept leave their sums, which are then held against the months alone.

A reservation is an open row: its process must serve, or have ended less than `LEFT_MS` ago. Without any serving
process there is nobody to settle it; the next one to start will.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, text
from sqlmodel import Session

from models import ledger_state, recount, windows
from models.database import Database, server_ms
from models.ledger_state import LedgerCheck
from models.live.agreement import Agreement
from models.processes import DEAD_AFTER_MS
from models.recount import Hours
from models.rollups import Group

SHOWN: Final = 50
LEFT_MS: Final = 60_000

Owner = TypeVar("Owner", bound=tuple[Any, ...])
Sums = TypeVar("Sums", bound=tuple[Any, ...])

_HOUR_NAMES: Final = (
    "requests",
    "prompt tokens",
    "completion tokens",
    "tokens",
    "nano-dollars",
    "times to the first token",
    "total times",
)
_MONTH_NAMES: Final = ("requests", "tokens", "nano-dollars")


@dataclass(slots=True)
class Report:
    """What was compared, and the differences: all are counted, the first `SHOWN` are told in `lines`. `waiting`
    are open rows that nobody serves; `busy` counts accounts whose counters never stood still."""

    rows: int = 0
    sums: int = 0
    reservations: int = 0
    waiting: int = 0
    counters: int = 0
    busy: int = 0
    differences: int = 0
    lines: list[str] = field(default_factory=list)

    def differ(self, line: str) -> None:
        self.differences += 1
        if len(self.lines) < SHOWN:
            self.lines.append(line)

    def agree(self, counters: Agreement) -> None:
        """What a comparison of the counters found is part of it."""
        self.counters += counters.counters
        self.busy += counters.busy
        for line in counters.lines:
            self.differ(line)

    def entry(self, *, by: str, at: int, took_ms: int) -> LedgerCheck:
        """As it is kept."""
        return LedgerCheck(
            at=at,
            by=by,
            took_ms=took_ms,
            rows=self.rows,
            sums=self.sums,
            reservations=self.reservations,
            counters=self.counters,
            differences=self.differences,
            lines=json.dumps(self.lines),
        )


def check(
    database: Database,
    *,
    now_ms: int,
    on_piece: Callable[[int, int], None] | None = None,
    rest: float = 0,
) -> Report:
    """All of it. `on_piece` is told how many pieces of the work are done, and of how many. A server that checks itself
    must go on serving: it asks for a `rest`, a multiple of the time that the work took, and works by the hour."""
    report = Report()
    pieces = database.read_now(_spans, at_once=1 if rest else recount.HOURS_AT_ONCE)
    for done, hours in enumerate(pieces):
        began = time.perf_counter()
        database.read_now(_check_hours, hours, report)
        if on_piece is not None:
            on_piece(done + 1, len(pieces))
        if rest:
            time.sleep(rest * (time.perf_counter() - began))
    database.read_now(_check_months, report)
    database.read_now(_check_reservations, report, now_ms=now_ms)
    return report


def _spans(session: Session, *, at_once: int) -> list[Hours]:
    return recount.spans(session.connection(), since=ledger_state.rows_from_hour(session), at_once=at_once)


def _check_hours(session: Session, hours: Hours, report: Report) -> None:
    connection = session.connection()
    # Read in the same view: what is thrown away meanwhile must not look like a difference.
    hours = Hours(max(hours.first, ledger_state.rows_from_hour(session)), hours.end)
    if hours.first >= hours.end:
        return
    of_rows, rows = recount.hours_of_rows(connection, hours)
    stored = recount.hours_stored(connection, hours)
    report.rows += rows
    report.sums += len(stored)
    for group, wanted, found in _differing(of_rows, stored):
        for name, one, other in _figures(_HOUR_NAMES, wanted, found):
            report.differ(f"{_place(group)}: {_differ(name, one, other, 'rows', 'sum of the hour')}")
    for request_id, wrong in _wrong_rows(connection, hours):
        report.differ(f"request {request_id}: {wrong}")


def _check_months(session: Session, report: Report) -> None:
    connection = session.connection()
    of_hours, stored = recount.months_of_hours(connection), recount.months_stored(connection)
    report.sums += len(stored)
    for (account, month, key), wanted, found in _differing(of_hours, stored):
        where = f"account {account}, {month // 12}-{month % 12 + 1:02}, key number {key}"
        for name, one, other in _figures(_MONTH_NAMES, wanted, found):
            report.differ(f"{where}: {_differ(name, one, other, 'hours', 'sum of the month')}")


def _check_reservations(session: Session, report: Report, *, now_ms: int) -> None:
    now_ms = server_ms(session, now_ms)
    connection = session.connection()
    alive = {
        row[0]
        for row in connection.execute(
            text("SELECT id FROM processes WHERE seen_ms > :since"),
            {"since": now_ms - DEAD_AFTER_MS - LEFT_MS},
        )
    }
    found = connection.execute(
        text("SELECT id, process, admitted_ms, reserved_tokens FROM requests WHERE state = 'open'")
    )
    for request_id, process, admitted_ms, reserved_tokens in found:
        report.reservations += 1
        if process in alive:
            continue
        if not alive:
            report.waiting += 1
        elif now_ms - admitted_ms > DEAD_AFTER_MS + LEFT_MS:
            report.differ(
                f"request {request_id} still reserves {reserved_tokens:,} tokens, and the process that ran it has "
                "ended: it should have been settled"
            )


def _wrong_rows(connection: Connection, hours: Hours) -> Iterator[tuple[str, str]]:
    """Final rows that contradict themselves, at most as many as are shown."""
    found = connection.execute(
        text(
            "SELECT id FROM requests WHERE hour >= :first AND hour < :end AND state = 'final' AND (outcome IS NULL "
            "OR total_tokens <> input_tokens + cache_read_tokens + cache_write_tokens + output_tokens "
            "OR input_tokens < 0 OR cache_read_tokens < 0 OR cache_write_tokens < 0 OR output_tokens < 0 "
            "OR cost_nusd < 0) LIMIT :most"
        ),
        {"first": hours.first, "end": hours.end, "most": SHOWN},
    )
    for (request_id,) in found:
        yield request_id, "its figures contradict one another"


def _differing(
    wanted: Mapping[Owner, Sums], stored: Mapping[Owner, Sums]
) -> Iterator[tuple[Owner, Sums | None, Sums | None]]:
    for owner, figures in wanted.items():
        found = stored.get(owner)
        if found != figures:
            yield owner, figures, found
    for owner, found in stored.items():
        if owner not in wanted:
            yield owner, None, found


def _figures(
    names: tuple[str, ...], wanted: tuple[Any, ...] | None, found: tuple[Any, ...] | None
) -> Iterator[tuple[str, Any, Any]]:
    """Those that differ; where one side has no sum at all, its requests tell it."""
    if wanted is None or found is None:
        yield names[0], (wanted or (0,))[0], (found or (0,))[0]
        return
    yield from (
        (name, one, other) for name, one, other in zip(names, wanted, found, strict=True) if one != other
    )


def _differ(name: str, wanted: Any, found: Any, here: str, there: str) -> str:
    if isinstance(wanted, bytes):
        return f"the histogram of {name} is not that of the {here}"
    return f"{wanted:,} {name} in the {here}, {found:,} in the {there}"


def _place(group: Group) -> str:
    account, hour, key, model, outcome = group
    when = datetime.fromtimestamp(hour * windows.HOUR, UTC).strftime("%Y-%m-%d %H:00 UTC")
    return f"account {account}, {when}, key number {key}, {model}, {outcome}"
