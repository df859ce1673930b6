"""Accounts as staff looks for them: with what binds them and whether staff has overridden anything."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import or_
from sqlmodel import Session, col, select

from models import accounts, limits
from models.accounts import Account
from models.limits import Override
from models.live import Limits

PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Customer:
    """`has_override`: staff has set a limit, of the account or of one of its keys, that is in force."""

    account: Account
    limits: Limits
    has_override: bool


def search(session: Session, text: str, *, now: int, before_id: int | None = None) -> list[Customer]:
    """At most `PAGE`, as `accounts.search` finds them; `before_id` continues after the last one seen."""
    found = accounts.search(session, text, limit=PAGE, before_id=before_id)
    overridden = _overridden(session, [account.id for account in found], now)
    return [
        Customer(
            account,
            limits.effective(session, account.id, None, now=now),
            has_override=account.id in overridden,
        )
        for account in found
    ]


def _overridden(session: Session, account_ids: list[int], now: int) -> set[int]:
    query = select(Override.account_id).where(
        col(Override.account_id).in_(account_ids),
        col(Override.is_staff),
        col(Override.ended_at).is_(None),
        or_(col(Override.until).is_(None), col(Override.until) > now),
    )
    return set(session.exec(query).all())
