"""The slowing of guesses, without keeping the owner out.

Wrong passwords count against the account they were for and against the network address they came from. Whoever
keeps guessing at an account therefore keeps strangers from trying at all, so a browser that has logged in to this
very account before is counted by itself: it is known by a token in a cookie of its own. What other people guess
never makes it wait.
"""

import hashlib
import secrets
from typing import Final

from sqlalchemy import BigInteger, Column, Integer
from sqlmodel import Field, Session, SQLModel, col, delete, select

from models.accounts import Account

WINDOW_S: Final = 15 * 60
WRONG_PER_EMAIL: Final = 10
WRONG_PER_ADDRESS: Final = 50
WRONG_PER_DEVICE: Final = 10
DEVICE_S: Final = 180 * 86_400
_DEVICES_KEPT: Final = 20


class Attempt(SQLModel, table=True):
    """One wrong guess, once for each who is to wait for it. `subject` is hashed, since people type passwords into
    the wrong field."""

    __tablename__ = "attempts"

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    )
    subject: str = Field(index=True)
    at: int = Field(sa_type=BigInteger, index=True)


class Device(SQLModel, table=True):
    """A browser that has logged in to the account. Its token opens nothing."""

    __tablename__ = "devices"

    token_hash: str = Field(primary_key=True)
    account_id: int = Field(foreign_key="accounts.id", index=True)
    seen_at: int = Field(sa_type=BigInteger)


def may_try(
    session: Session,
    *,
    email: str,
    address: str,
    device: str = "",
    per_email: int = WRONG_PER_EMAIL,
    now: int,
) -> int | None:
    """None, or the seconds to wait before a password is looked at: after 10 wrong ones for an account or 50 from a
    network address within 15 minutes, or 10 from a browser that the account knows. Tries that had to wait are not
    counted."""
    if _knows(session, email, device, now):
        return _wait(session, _device_subject(device), WRONG_PER_DEVICE, now) or None
    waits = [
        _wait(session, _email_subject(email), per_email, now),
        _wait(session, _address_subject(address), WRONG_PER_ADDRESS, now),
    ]
    return max(waits) or None


def note_failure(session: Session, *, email: str, address: str, device: str = "", now: int) -> None:
    session.exec(delete(Attempt).where(col(Attempt.at) <= now - WINDOW_S))
    if _knows(session, email, device, now):
        subjects = [_device_subject(device)]
    else:
        subjects = [_email_subject(email), _address_subject(address)]
    for subject in subjects:
        session.add(Attempt(subject=subject, at=now))


def leave_no_trace(session: Session, *, now: int) -> None:
    """Two rows that count against nobody and are swept with the others: writing that takes its usual time."""
    for _ in range(2):
        session.add(Attempt(subject=_hashed(secrets.token_hex()), at=now))


def remember_device(session: Session, account_id: int, token: str, *, now: int) -> str:
    """After a login: the token by which this browser is known to the account from now on. `token` is what it came
    with; one that this account does not know is replaced, for somebody else may have planted it."""
    known = session.get(Device, _hashed(token)) if token else None
    if known is not None and known.account_id == account_id and known.seen_at > now - DEVICE_S:
        known.seen_at = now
        session.add(known)
        return token
    token = secrets.token_urlsafe(32)
    session.add(Device(token_hash=_hashed(token), account_id=account_id, seen_at=now))
    session.flush()
    newest = (
        select(Device.token_hash)
        .where(Device.account_id == account_id)
        .order_by(col(Device.seen_at).desc(), col(Device.token_hash))
        .limit(_DEVICES_KEPT)
    )
    session.exec(
        delete(Device).where(
            col(Device.account_id) == account_id,
            col(Device.token_hash).not_in(newest) & (col(Device.token_hash) != _hashed(token)),
        )
    )
    return token


def forget_devices(session: Session, account_id: int) -> None:
    session.exec(delete(Device).where(col(Device.account_id) == account_id))


def _knows(session: Session, email: str, device: str, now: int) -> bool:
    if not device:
        return False
    found = session.exec(
        select(Device.token_hash)
        .join(Account, col(Account.id) == col(Device.account_id))
        .where(
            Device.token_hash == _hashed(device),
            Account.email == email.strip().lower(),
            col(Device.seen_at) > now - DEVICE_S,
        )
    ).first()
    return found is not None


def _wait(session: Session, subject: str, allowed: int, now: int) -> int:
    """Until the oldest of the last `allowed` guesses leaves the window."""
    oldest = session.exec(
        select(Attempt.at)
        .where(Attempt.subject == subject, col(Attempt.at) > now - WINDOW_S)
        .order_by(col(Attempt.at).desc())
        .offset(allowed - 1)
        .limit(1)
    ).first()
    return 0 if oldest is None else oldest + WINDOW_S - now


def _email_subject(email: str) -> str:
    return _hashed(f"email {email.strip().lower()}")


def _address_subject(address: str) -> str:
    return _hashed(f"address {address}")


def _device_subject(device: str) -> str:
    return _hashed(f"device {device}")


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
