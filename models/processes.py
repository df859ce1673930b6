"""Who serves from this database, and what is settled for those who died.

Each serving process keeps a row and says every few seconds that it lives; one that has not done so for
`DEAD_AFTER_MS` is dead, and any other settles the requests it left open: as interrupted, at what was last noted
of them. Should it come back after all, its rows' real ends replace that (`ledger.write`). On PostgreSQL the
server's own clock counts, whatever the processes think.
"""

from collections.abc import Collection
from typing import Final

from sqlalchemy import BigInteger, ColumnElement
from sqlmodel import Field, Session, SQLModel, col, select

from models import ledger, rollups
from models.database import server_ms
from models.errors import Refused
from models.ledger import RequestRow

DEAD_AFTER_MS: Final = 30_000
LOST_AFTER_MS: Final = 60_000
"""How long an open row of a living process may be unknown to it."""
SWEPT_AT_ONCE: Final = 500


class Process(SQLModel, table=True):
    """`limiter` is what it counts the limits in."""

    __tablename__ = "processes"

    id: int = Field(default=None, primary_key=True)
    limiter: str
    started_ms: int = Field(sa_type=BigInteger)
    seen_ms: int = Field(sa_type=BigInteger)


class OtherLimiter(Refused):
    def __init__(self, theirs: str, ours: str) -> None:
        super().__init__(
            f"A process that serves from this database counts the limits in {theirs}, this one would in {ours}. "
            "Set STARSCOO_LIMITER to the same for all of them, or stop the others first."
        )


def register(session: Session, limiter: str, *, now_ms: int) -> int:
    """This process's number. Raises `OtherLimiter`."""
    now_ms = server_ms(session, now_ms)
    living = session.exec(select(Process).where(Process.seen_ms > now_ms - DEAD_AFTER_MS)).all()
    for process in living:
        if process.limiter != limiter:
            raise OtherLimiter(process.limiter, limiter)
    process = Process(limiter=limiter, started_ms=now_ms, seen_ms=now_ms)
    session.add(process)
    session.flush()
    return process.id


def renew(session: Session, process_id: int, limiter: str, *, now_ms: int) -> None:
    """It lives; also if it was thought dead meanwhile."""
    now_ms = server_ms(session, now_ms)
    process = session.get(Process, process_id)
    if process is None:
        process = Process(id=process_id, limiter=limiter, started_ms=now_ms, seen_ms=now_ms)
    process.seen_ms = now_ms
    session.add(process)


def leave(session: Session, process_id: int) -> None:
    """It ends, and has left nothing open."""
    process = session.get(Process, process_id)
    if process is not None:
        session.delete(process)


def serving(session: Session) -> list[Process]:
    """All that are known, the dead of the last seconds too, oldest first."""
    return list(session.exec(select(Process).order_by(col(Process.id))).all())


def sweep_dead(session: Session, process_id: int, *, now_ms: int) -> int:
    """Settle what dead processes left open, and forget them. Returns how many requests."""
    now_ms = server_ms(session, now_ms)
    alive = select(Process.id).where(Process.seen_ms > now_ms - DEAD_AFTER_MS)
    left = col(RequestRow.process).not_in(alive) & (col(RequestRow.process) != process_id)
    swept = _interrupt(session, _open(session, left))
    dead = select(Process).where(Process.seen_ms <= now_ms - DEAD_AFTER_MS, Process.id != process_id)
    for process in session.exec(dead.with_for_update(skip_locked=True)).all():
        session.delete(process)
    return swept


def sweep_others(session: Session, process_id: int) -> int:
    """The same for all but this process, which holds serving alone: nobody else can be alive."""
    swept = _interrupt(session, _open(session, col(RequestRow.process) != process_id))
    for process in session.exec(select(Process).where(Process.id != process_id)).all():
        session.delete(process)
    return swept


def sweep_lost(session: Session, process_id: int, running: Collection[str], *, now_ms: int) -> int:
    """Settle what this process has open for a minute and knows nothing of."""
    is_old = col(RequestRow.admitted_ms) <= now_ms - LOST_AFTER_MS
    mine = _open(session, (col(RequestRow.process) == process_id) & is_old)
    return _interrupt(session, {one: account for one, account in mine.items() if one not in running})


def _open(session: Session, which: ColumnElement[bool]) -> dict[str, int]:
    """Open rows and their accounts."""
    is_open = select(RequestRow.id, RequestRow.account_id).where(RequestRow.state == "open", which)
    return dict(session.exec(is_open).all())


def _interrupt(session: Session, open_rows: dict[str, int]) -> int:
    connection = session.connection()
    if open_rows:
        rollups.lock_accounts(connection, open_rows.values())
    ids = list(open_rows)
    return sum(
        ledger.interrupt(connection, ids[start : start + SWEPT_AT_ONCE])
        for start in range(0, len(ids), SWEPT_AT_ONCE)
    )
