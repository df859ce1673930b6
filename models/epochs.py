"""A number per account that grows with every change of its keys, limits, plan or state.

The bump is written in the change's own transaction. Whoever remembers a principal remembers the epoch it was
read at; a newer epoch makes the memory stale, which is how a revoked key stops without a look-up per request.

`bump` comes first in a change: it locks the account's row, so on PostgreSQL changes of one account follow one
another and what the change then reads cannot move under it.
"""

from sqlalchemy import BigInteger, text
from sqlmodel import Field, Session, SQLModel, col, select


class Epoch(SQLModel, table=True):
    __tablename__ = "epochs"

    account_id: int = Field(primary_key=True, foreign_key="accounts.id")
    epoch: int = Field(sa_type=BigInteger)
    changed_ms: int = Field(sa_type=BigInteger, index=True)


_BUMP = text(
    "INSERT INTO epochs (account_id, epoch, changed_ms) VALUES (:account_id, 1, :changed_ms) "
    "ON CONFLICT (account_id) DO UPDATE SET epoch = epochs.epoch + 1, changed_ms = excluded.changed_ms "
    "RETURNING epoch"
)


def bump(session: Session, account_id: int, *, now: int) -> int:
    """The account's new epoch. It binds when the transaction commits."""
    found = session.connection().execute(_BUMP, {"account_id": account_id, "changed_ms": now * 1000})
    return int(found.scalar_one())


def current(session: Session, account_id: int) -> int:
    """0 while nothing ever changed."""
    return session.exec(select(Epoch.epoch).where(Epoch.account_id == account_id)).first() or 0


def changed_since(session: Session, ms: int) -> list[tuple[int, int]]:
    """Account and epoch of every change since then. Ask with an overlap of a minute: a change is dated when
    it begins, by the clock of who makes it, in whole seconds, and is seen only once it is committed."""
    rows = session.exec(select(Epoch.account_id, Epoch.epoch).where(col(Epoch.changed_ms) >= ms))
    return list(rows.all())
