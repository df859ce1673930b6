"""Who serves from this database, and what is settled for those who died.

Each serving process keeps a row and says every few seconds that it lives; one that has not done so for
`DEAD_AFTER_MS` is dead, and any other settles the requests it left open: as interrupted, at what was last noted
of them. Should it come back after all, its rows' real ends replace that (`ledger.write`). On PostgreSQL the
server's own clock counts, whatever the processes think.
"""

from collections.abc import Collection
from typing import Final

from sqlalchemy import BigInteger, ColumnElement, delete, text
from sqlmodel import Field, Session, SQLModel, col, select

from models import ledger, rollups
from models.database import server_ms
from models.errors import Refused
from models.ledger import RequestRow

ALONE: Final = "memory"
"""The limiter that serves alone."""
DEAD_AFTER_MS: Final = 30_000
LOST_AFTER_MS: Final = 60_000
"""How long an open row of a living process may be unknown to it."""
SWEPT_AT_ONCE: Final = 500


class Process(SQLModel, table=True):
    """`limiter` is what it counts the limits in."""

    __tablename__ = "processes"
    # A number is never given again: rows may still stand under it.
    __table_args__ = {"sqlite_autoincrement": True}

    id: int = Field(default=None, primary_key=True)
    limiter: str
    started_ms: int = Field(sa_type=BigInteger)
    seen_ms: int = Field(sa_type=BigInteger)


class OtherLimiter(Refused):
    def __init__(self, theirs: str, ours: str) -> None:
        super().__init__(
            f"A process that serves from this database counts the limits in {theirs}, this one would in {ours}. "
            "Set STARSCOO_LIMITER to the same for all of them, or stop the others first. One that was killed counts "
            f"as serving for {DEAD_AFTER_MS // 1000} s."
        )


def register(session: Session, limiter: str, *, now_ms: int) -> int:
    """This process's number. It holds the serving lock, so nobody else is alive where that lock is for one alone:
    on SQLite, and where the limits are counted in memory. Raises `OtherLimiter`."""
    now_ms = server_ms(session, now_ms)
    if session.get_bind().dialect.name == "postgresql":
        # Two that register at once would not see each other.
        session.connection().execute(text("LOCK TABLE processes IN SHARE ROW EXCLUSIVE MODE"))
        is_other = (col(Process.seen_ms) > now_ms - DEAD_AFTER_MS) & col(Process.limiter).not_in(
            (limiter, ALONE)
        )
        other = session.exec(select(Process).where(is_other)).first()
        if other is not None and limiter != ALONE:
            raise OtherLimiter(other.limiter, limiter)
    process = Process(limiter=limiter, started_ms=now_ms, seen_ms=now_ms)
    session.add(process)
    session.flush()
    return process.id


def renew(session: Session, process_id: int, limiter: str, *, now_ms: int) -> None:
    """It lives; also if it was thought dead meanwhile."""
    values = {"id": process_id, "limiter": limiter, "now": server_ms(session, now_ms)}
    session.connection().execute(
        text(
            "INSERT INTO processes (id, limiter, started_ms, seen_ms) VALUES (:id, :limiter, :now, :now) "
            "ON CONFLICT (id) DO UPDATE SET seen_ms = excluded.seen_ms"
        ),
        values,
    )


def leave(session: Session, process_id: int) -> None:
    """It ends, and has left nothing open."""
    _forget(session, [process_id])


def serving(session: Session) -> list[Process]:
    """All that are known, the dead of the last seconds too, oldest first."""
    return list(session.exec(select(Process).order_by(col(Process.id))).all())


def sweep_dead(session: Session, process_id: int, *, now_ms: int) -> int:
    """Settle what dead processes left open, and forget them. Returns how many requests."""
    now_ms = server_ms(session, now_ms)
    unseen = select(Process.id).where(Process.seen_ms <= now_ms - DEAD_AFTER_MS, Process.id != process_id)
    # Locked, so that one of them that comes back waits until it is forgotten, and two sweepers share the work.
    dead = list(session.exec(unseen.order_by(col(Process.id)).with_for_update(skip_locked=True)).all())
    owner = col(RequestRow.process)
    is_left = owner.in_(dead) | owner.not_in(select(Process.id))
    swept = _interrupt(session, _open(session, is_left & (owner != process_id)))
    _forget(session, dead)
    return swept


def sweep_others(session: Session, process_id: int) -> int:
    """The same for all but this process, which holds serving alone: nobody else can be alive."""
    swept = _interrupt(session, _open(session, col(RequestRow.process) != process_id))
    session.connection().execute(delete(Process).where(col(Process.id) != process_id))
    return swept


def sweep_lost(session: Session, process_id: int, running: Collection[str], *, now_ms: int) -> int:
    """Settle what this process has open for a minute and knows nothing of."""
    is_old = col(RequestRow.admitted_ms) <= now_ms - LOST_AFTER_MS
    mine = _open(session, (col(RequestRow.process) == process_id) & is_old)
    return _interrupt(session, {one: account for one, account in mine.items() if one not in running})


def _forget(session: Session, process_ids: Collection[int]) -> None:
    if process_ids:
        session.connection().execute(delete(Process).where(col(Process.id).in_(process_ids)))


def _open(session: Session, which: ColumnElement[bool]) -> dict[str, int]:
    """Open rows and their accounts."""
    is_open = select(RequestRow.id, RequestRow.account_id).where(RequestRow.state == "open", which)
    return dict(session.exec(is_open).all())


def _interrupt(session: Session, open_rows: dict[str, int]) -> int:
    connection = session.connection()
    if open_rows:
        rollups.lock_accounts(connection, open_rows.values())
    ids = sorted(open_rows)
    return sum(
        ledger.interrupt(connection, ids[start : start + SWEPT_AT_ONCE])
        for start in range(0, len(ids), SWEPT_AT_ONCE)
    )
