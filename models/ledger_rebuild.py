"""The sums made anew from the rows: they are a shortening of the ledger and can be thrown away.

Day by day, each in a transaction of its own: what differs is replaced, what has no rows is taken out, and what is
right stays untouched. Servers may go on; on PostgreSQL their settlements wait for the day in hand, on SQLite every
writer does. Hours whose rows are no longer kept keep their sums. Months are made from the hours at the end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection
from sqlmodel import Session

from models import ledger_state, limiter_state, recount
from models.database import Database
from models.ledger_sql import MONTH_KEY, MONTH_SUMS, STATEMENTS, SUM_KEY, SUMS, TIMES
from models.recount import Hours


@dataclass(slots=True)
class Rebuilt:
    """`rows` read; `hours` and `months` are sums that were replaced, made or taken out."""

    rows: int = 0
    hours: int = 0
    months: int = 0


def rebuild(
    database: Database, *, now_ms: int, on_piece: Callable[[int, int], None] | None = None
) -> Rebuilt:
    """Counters in Redis are filled anew afterwards, if anything was wrong; a server that counts in memory reads the
    tables when it starts."""
    done = Rebuilt()
    pieces = database.read_now(_spans)
    for number, hours in enumerate(pieces, start=1):
        database.run_now(_rebuild_hours, hours, done)
        if on_piece is not None:
            on_piece(number, len(pieces))
    database.run_now(_rebuild_months, done)
    if done.hours or done.months:
        database.run_now(limiter_state.begin_generation, now_ms=now_ms)
    return done


def _spans(session: Session) -> list[Hours]:
    return recount.spans(session.connection(), since=ledger_state.rows_from_hour(session))


def _rebuild_hours(session: Session, hours: Hours, done: Rebuilt) -> None:
    connection = session.connection()
    _lock(connection)
    hours = Hours(max(hours.first, ledger_state.rows_from_hour(session)), hours.end)
    if hours.first >= hours.end:
        return
    wanted, rows = recount.hours_of_rows(connection, hours)
    stored = recount.hours_stored(connection, hours)
    done.rows += rows
    done.hours += _replace(connection, _HOURS, wanted, stored)


def _rebuild_months(session: Session, done: Rebuilt) -> None:
    connection = session.connection()
    _lock(connection)
    wanted, stored = recount.months_of_hours(connection), recount.months_stored(connection)
    done.months += _replace(connection, _MONTHS, wanted, stored)


def _lock(connection: Connection) -> None:
    """On PostgreSQL nobody else adds to the sums until this transaction ends; what the statements after it read
    holds all that was added before. On SQLite there is one writer."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE usage_hours, usage_months IN EXCLUSIVE MODE")


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    key: tuple[str, ...]
    figures: tuple[str, ...]

    def put(self, mark: str) -> str:
        columns = (*self.key, *self.figures)
        marks = ", ".join([mark] * len(columns))
        figures = ", ".join(f"{figure} = excluded.{figure}" for figure in self.figures)
        return (
            f"INSERT INTO {self.name} ({', '.join(columns)}) VALUES ({marks}) "  # noqa: S608
            f"ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {figures}"
        )

    def drop(self, mark: str) -> str:
        is_same = " AND ".join(f"{column} = {mark}" for column in self.key)
        return f"DELETE FROM {self.name} WHERE {is_same}"  # noqa: S608


_HOURS: Final = _Table("usage_hours", SUM_KEY, (*SUMS, *TIMES))
_MONTHS: Final = _Table("usage_months", MONTH_KEY, MONTH_SUMS)


def _replace(connection: Connection, table: _Table, wanted: Any, stored: Any) -> int:
    """Returns how many sums were not as they must be."""
    mark = STATEMENTS[connection.dialect.name].mark
    changed = [(*owner, *figures) for owner, figures in wanted.items() if stored.get(owner) != figures]
    too_many = [owner for owner in stored if owner not in wanted]
    if changed:
        connection.exec_driver_sql(table.put(mark), changed)
    if too_many:
        connection.exec_driver_sql(table.drop(mark), too_many)
    return len(changed) + len(too_many)
