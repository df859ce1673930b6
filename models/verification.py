"""Proof of an email address by a link in a mail, where there is a mail server.

An account that signs up then starts on the plan `unverified`, which is small, and moves to `starter` when a link
was used. The same links move an account to another address. Without a mail server there are no links, and
accounts that still wait are lifted at the start.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger
from sqlmodel import Field, Session, SQLModel, col, select, update

from models import accounts, audit, epochs
from models.accounts import Account, EmailTaken
from models.errors import Refused
from models.overrides import Plan

UNVERIFIED: Final = "unverified"
VERIFIED: Final = "starter"
LINK_S: Final = 24 * 3600
AGAIN_S: Final = 60
PER_HOUR: Final = 5


class Verification(SQLModel, table=True):
    """`email` is the address that the link was sent to."""

    __tablename__ = "verifications"

    token_hash: str = Field(primary_key=True)
    account_id: int = Field(foreign_key="accounts.id", index=True)
    email: str
    created_at: int = Field(sa_type=BigInteger)
    ends_at: int = Field(sa_type=BigInteger)
    used_at: int | None = Field(default=None, sa_type=BigInteger)


@dataclass(frozen=True, slots=True)
class Proven:
    """`old_email` differs from `email` when the account moved to another address."""

    account_id: int
    old_email: str
    email: str


class TooSoon(Refused):
    def __init__(self, wait_s: int) -> None:
        minutes = max(1, -(-wait_s // 60))
        super().__init__(f"A mail is on its way already. Ask for another one in {minutes} min.")


class LinkSpent(Refused):
    def __init__(self) -> None:
        super().__init__(
            "This link has been used or is older than a day. Ask for a new one on your account page."
        )


def ensure_plan(session: Session) -> None:
    """The plan of accounts whose address is not proven, made once; staff may change its values afterwards."""
    if session.get(Plan, UNVERIFIED) is None:
        plan = Plan(name=UNVERIFIED, hourly_requests=20, monthly_tokens=100_000)
        plan.concurrent_requests = 5
        session.add(plan)


def lift_all(session: Session, *, now: int) -> None:
    """There is no mail server (any more), so nobody can prove anything: all get the usual plan."""
    for account in session.exec(select(Account).where(Account.plan == UNVERIFIED)).all():
        _lift(session, account, now=now)


def issue(session: Session, account_id: int, email: str, *, now: int) -> str:
    """The token of a link that proves this address, the account's own or the one it moves to; it is for a mail to
    that address alone. Links to other addresses end. Raises `BadEmail`, `EmailTaken`, `TooSoon`, `NoSuchAccount`."""
    address = accounts.normal_email(email)
    account = accounts.existing(session, account_id)
    if address != account.email and accounts.find_by_email(session, address) is not None:
        raise EmailTaken
    _check_pace(session, account_id, address, now)
    session.exec(
        update(Verification)
        .where(
            col(Verification.account_id) == account_id,
            col(Verification.email) != address,
            col(Verification.used_at).is_(None),
        )
        .values(used_at=now)
    )
    token = secrets.token_urlsafe(32)
    session.add(
        Verification(
            token_hash=_hashed(token),
            account_id=account_id,
            email=address,
            created_at=now,
            ends_at=now + LINK_S,
        )
    )
    return token


def confirm(session: Session, token: str, *, address: str = "", now: int) -> Proven:
    """The link was used: the account has that address, proven. Raises `LinkSpent`, also for a link that never was,
    and `EmailTaken`."""
    spent = session.exec(
        update(Verification)
        .where(
            col(Verification.token_hash) == _hashed(token),
            col(Verification.used_at).is_(None),
            col(Verification.ends_at) > now,
        )
        .values(used_at=now)
        .returning(col(Verification.account_id), col(Verification.email))
    ).first()
    if spent is None:
        raise LinkSpent
    account_id, email = int(spent[0]), str(spent[1])
    account = accounts.existing(session, account_id)
    old = account.email
    if old != email:
        accounts.set_email(session, account_id, email, is_verified=True, address=address, now=now)
    else:
        account.verified_at = now
        session.add(account)
        end_all(session, account_id, now=now)
        audit.record(
            session,
            "email.verify",
            actor=email,
            account_id=account_id,
            subject=email,
            address=address,
            now=now,
        )
    _lift(session, account, now=now)
    return Proven(account_id, old, email)


def pending(session: Session, account_id: int, *, now: int) -> str | None:
    """The other address that this account wants to move to, while a link to it is open."""
    query = (
        select(Verification.email)
        .join(Account, col(Account.id) == col(Verification.account_id))
        .where(
            Verification.account_id == account_id,
            col(Verification.used_at).is_(None),
            col(Verification.ends_at) > now,
            col(Verification.email) != col(Account.email),
        )
    )
    return session.exec(query).first()


def end_all(session: Session, account_id: int, *, now: int) -> None:
    session.exec(
        update(Verification)
        .where(col(Verification.account_id) == account_id, col(Verification.used_at).is_(None))
        .values(used_at=now)
    )


def _check_pace(session: Session, account_id: int, email: str, now: int) -> None:
    """Once a minute to one address, which somebody may have mistyped, and five times an hour in all."""
    sent = session.exec(
        select(Verification.email, Verification.created_at)
        .where(Verification.account_id == account_id, col(Verification.created_at) > now - 3600)
        .order_by(col(Verification.created_at))
    ).all()
    newest = max((at for to, at in sent if to == email), default=None)
    if newest is not None and newest > now - AGAIN_S:
        raise TooSoon(newest + AGAIN_S - now)
    if len(sent) >= PER_HOUR:
        raise TooSoon(sent[-PER_HOUR][1] + 3600 - now)


def _lift(session: Session, account: Account, *, now: int) -> None:
    if account.plan == UNVERIFIED:
        epochs.bump(session, account.id, now=now)
        account.plan = VERIFIED
        session.add(account)


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
