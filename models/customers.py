"""Accounts as staff looks for them and what staff does to them as a whole: with what binds them, what they use,
whether staff has overridden anything; suspending and resuming.

A suspended account keeps everything and may do nothing: its keys are refused from the next request on, its logins end,
and nobody can log in to it until it is resumed.
"""

from dataclasses import dataclass
from typing import Final

from sqlmodel import Session, col, select

from models import accounts, audit, counts, epochs, limits, logins, overrides
from models.accounts import Account, NoSuchAccount
from models.audit import AuditRow
from models.counts import Used
from models.errors import Refused
from models.limits import Override
from models.live import Limits

PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Customer:
    """`used` is of the running hour and month. `has_override`: staff has set a limit, of the account or of one of its
    keys, that is in force."""

    account: Account
    limits: Limits
    used: Used
    has_override: bool


class Already(Refused):
    def __init__(self, state: str) -> None:
        super().__init__(f"This account is {state} already.")


class OwnAccount(Refused):
    def __init__(self) -> None:
        super().__init__("You cannot suspend your own account. Ask another admin.")


def search(session: Session, text: str, *, now: int, before_id: int | None = None) -> list[Customer]:
    """At most `PAGE`, as `accounts.search` finds them; `before_id` continues after the last one seen."""
    found = accounts.search(session, text, limit=PAGE, before_id=before_id)
    ids = [account.id for account in found]
    sheets = overrides.sheets(session, ids, now=now)
    used = counts.of_accounts(session.connection(), ids, now=now)
    overridden = _overridden(session, ids, now)
    return [
        Customer(
            account,
            limits.bound_by(sheets[account.id].steps(None)),
            used[account.id].total,
            has_override=account.id in overridden,
        )
        for account in found
    ]


def suspend(
    session: Session, account_id: int, *, actor: str, reason: str, address: str = "", now: int
) -> Account:
    """For staff, with a reason of 10 characters at least. Raises `NoSuchAccount`, `Already`, `OwnAccount`,
    `BadValue`."""
    account, why = _held(session, account_id, reason, now)
    if account.suspended_at is not None:
        raise Already("suspended")
    if account.email == actor:
        raise OwnAccount
    account.suspended_at = now
    logins.close_all(session, account_id)
    _record(session, "account.suspend", account, ("active", "suspended"), actor, why, address, now)
    return account


def resume(
    session: Session, account_id: int, *, actor: str, reason: str, address: str = "", now: int
) -> Account:
    """For staff. Keys work again, people log in anew. Raises `NoSuchAccount`, `Already`, `BadValue`."""
    account, why = _held(session, account_id, reason, now)
    if account.suspended_at is None:
        raise Already("active")
    account.suspended_at = None
    _record(session, "account.resume", account, ("suspended", "active"), actor, why, address, now)
    return account


def suspension(session: Session, account_id: int) -> AuditRow | None:
    """Who suspended this account last, when and why."""
    query = select(AuditRow).where(AuditRow.account_id == account_id, AuditRow.act == "account.suspend")
    return session.exec(query.order_by(col(AuditRow.id).desc()).limit(1)).first()


def _held(session: Session, account_id: int, reason: str, now: int) -> tuple[Account, str]:
    """The account as nobody else can change it now, and the reason as it is kept."""
    why = limits.good_reason(reason)
    account = session.get(Account, account_id)
    if account is None:
        raise NoSuchAccount
    epochs.bump(session, account_id, now=now)
    session.refresh(account)
    if account.deleted_at is not None:
        raise NoSuchAccount
    return account, why


def _record(
    session: Session,
    act: str,
    account: Account,
    states: tuple[str, str],
    actor: str,
    reason: str,
    address: str,
    now: int,
) -> None:
    session.add(account)
    audit.record(
        session,
        act,
        actor=actor,
        account_id=account.id,
        subject=account.email,
        old=states[0],
        new=states[1],
        reason=reason,
        address=address,
        now=now,
    )


def _overridden(session: Session, account_ids: list[int], now: int) -> set[int]:
    query = select(Override.account_id).where(
        col(Override.account_id).in_(account_ids), col(Override.is_staff), overrides.is_in_force(now)
    )
    return set(session.exec(query).all())
