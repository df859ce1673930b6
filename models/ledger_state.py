"""From which hour on the rows of all requests are kept, and how the ledger's last checks ended."""

import json
from collections.abc import Sequence
from typing import Final

from sqlalchemy import BigInteger, Column, Integer, delete
from sqlmodel import Field, Session, SQLModel, col, select

KEPT_CHECKS: Final = 100
_ONE: Final = 1


class LedgerState(SQLModel, table=True):
    """One row. Of hours before `rows_from_hour` the sums alone are left, some or all rows are thrown away."""

    __tablename__ = "ledger_state"

    id: int = Field(primary_key=True)
    rows_from_hour: int


class LedgerCheck(SQLModel, table=True):
    """How one check ended. `by` is who ran it: a process or the command line. `differences` counts all of them,
    `lines` holds the first few in words, as a JSON list."""

    __tablename__ = "ledger_checks"

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    )
    at: int = Field(sa_type=BigInteger)
    by: str
    took_ms: int = Field(sa_type=BigInteger)
    rows: int = Field(sa_type=BigInteger)
    sums: int = Field(sa_type=BigInteger)
    reservations: int = Field(sa_type=BigInteger)
    counters: int = Field(sa_type=BigInteger)
    differences: int = Field(sa_type=BigInteger)
    lines: str

    @property
    def words(self) -> list[str]:
        """The first differences, a line each."""
        found: list[str] = json.loads(self.lines)
        return found


def rows_from_hour(session: Session) -> int:
    """Hours since 1970; 0 while every row was kept."""
    return session.get_one(LedgerState, _ONE).rows_from_hour


def forget_before(session: Session, hour: int) -> None:
    """Said before the first row of an earlier hour is thrown away; it never goes back."""
    state = session.get_one(LedgerState, _ONE)
    state.rows_from_hour = max(state.rows_from_hour, hour)


def record_check(session: Session, check: LedgerCheck) -> None:
    """The newest ones are kept."""
    session.add(check)
    session.flush()
    assert check.id is not None
    session.connection().execute(delete(LedgerCheck).where(col(LedgerCheck.id) <= check.id - KEPT_CHECKS))


def last_checks(session: Session, limit: int) -> Sequence[LedgerCheck]:
    """Newest first."""
    return session.exec(select(LedgerCheck).order_by(col(LedgerCheck.id).desc()).limit(limit)).all()
