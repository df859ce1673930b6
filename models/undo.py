"""Taking back what staff has overridden: the former settings come into force again, as new rows.

An override knows what it replaced (`Override.replaced_by`). Undoing it ends it, and adds copies of those whose time is
not over, with their own authors, reasons and ends; where there is nothing to restore, the value is inherited again.
"""

from sqlmodel import Session, col, select

from models import epochs, limits, overrides
from models.errors import Refused
from models.keys import ApiKey
from models.limits import Change
from models.overrides import Override


class NotInForce(Refused):
    def __init__(self) -> None:
        super().__init__("This override is not in force any more. Look at the list again.")


def undo(
    session: Session,
    account_id: int,
    override_id: int,
    *,
    actor: str,
    address: str = "",
    now: int,
) -> tuple[Override, Change]:
    """For staff: the override that was undone, and what that changed. Raises `NotInForce`, also for what staff has
    not set and for a row of another account."""
    epochs.bump(session, account_id, now=now)
    row = session.get(Override, override_id)
    is_in_force = row is not None and row.ended_at is None and (row.until is None or row.until > now)
    if row is None or row.account_id != account_id or not row.is_staff or not is_in_force:
        raise NotInForce
    name = limits.known(row.limit_name)
    old = overrides.in_force(session, account_id, row.key_id, now)[name]
    overrides.end(session, [row], now)
    for former in _replaced(session, row):
        if former.until is None or former.until > now:
            authorship = overrides.Authorship(former.author, former.is_staff, former.reason, former.until)
            overrides.add(session, account_id, row.key_id, name, former.value, authorship, now)
    new = overrides.in_force(session, account_id, row.key_id, now)[name]
    change = (
        Change(old.account_value, new.account_value)
        if row.key_id is None
        else Change(old.key_value, new.key_value)
    )
    limits.record(
        session,
        account_id,
        name,
        change,
        actor=actor,
        reason=f"Undone: {row.reason}"[: limits.LONGEST_REASON],
        subject=_subject(session, row.key_id),
        address=address,
        now=now,
    )
    return row, change


def _replaced(session: Session, row: Override) -> list[Override]:
    """Oldest first, so that what is added last is newest again."""
    query = select(Override).where(Override.account_id == row.account_id, Override.replaced_by == row.id)
    return list(session.exec(query.order_by(col(Override.id))).all())


def _subject(session: Session, key_id: int | None) -> str:
    key = None if key_id is None else session.get(ApiKey, key_id)
    return "account" if key is None else key.public_id
