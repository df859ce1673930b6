"""Rows of old requests and refusals are thrown away; the sums made of requests are kept for ever.

In small batches, each in a transaction of its own, so that no settlement waits long. The hour from which all rows
are kept is written first: whoever compares rows and sums goes by it.
"""

from typing import Final

from sqlalchemy import delete
from sqlmodel import Session, col, select

from models import ledger_state, windows
from models.ledger import RequestRow
from models.refusals import RefusalRow

AT_ONCE: Final = 500


def forget_before(session: Session, moment: int) -> None:
    """From the hour that holds this moment (Unix seconds) on, rows are kept. Call it before the first batch."""
    ledger_state.forget_before(session, windows.hour_of(moment))


def throw_away(session: Session, moment: int) -> int:
    """One batch of what is older. Returns how many rows went; 0 when there is nothing left to do."""
    return _requests(session) or _refusals(session, moment)


def _requests(session: Session) -> int:
    old = (
        select(RequestRow.id)
        .where(RequestRow.hour < ledger_state.rows_from_hour(session), RequestRow.state == "final")
        .order_by(col(RequestRow.hour))
        .limit(AT_ONCE)
    )
    ids = session.exec(old).all()
    if ids:
        session.connection().execute(delete(RequestRow).where(col(RequestRow.id).in_(ids)))
    return len(ids)


def _refusals(session: Session, moment: int) -> int:
    """They are numbered as they came, so the oldest are the first ones."""
    first = session.exec(
        select(RefusalRow.id, RefusalRow.at).order_by(col(RefusalRow.id)).limit(AT_ONCE)
    ).all()
    ids = [number for number, at in first if at < moment]
    if ids:
        session.connection().execute(delete(RefusalRow).where(col(RefusalRow.id).in_(ids)))
    return len(ids)
