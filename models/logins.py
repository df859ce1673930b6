"""Dashboard logins, password resets, and the slowing of guesses.

A login is a row found by the SHA-256 of an opaque token, so it ends on the server: after 30 minutes without
activity, after 12 hours, at logout, with a new password, a new role or a suspension.
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, Column, Integer
from sqlmodel import Field, Session, SQLModel, col, delete, select, update

from models import audit
from models.accounts import Account, NoSuchAccount, set_password
from models.errors import Refused

IDLE_S: Final = 30 * 60
LONGEST_S: Final = 12 * 3600
RESET_S: Final = 3600
_SEEN_EVERY_S: Final = 60

WINDOW_S: Final = 15 * 60
WRONG_PER_EMAIL: Final = 10
WRONG_PER_ADDRESS: Final = 50


class Login(SQLModel, table=True):
    __tablename__ = "logins"

    token_hash: str = Field(primary_key=True)
    id: str = Field(unique=True)
    account_id: int = Field(foreign_key="accounts.id", index=True)
    device: str
    created_at: int = Field(sa_type=BigInteger)
    seen_at: int = Field(sa_type=BigInteger)


class Reset(SQLModel, table=True):
    __tablename__ = "resets"

    token_hash: str = Field(primary_key=True)
    account_id: int = Field(foreign_key="accounts.id", index=True)
    created_at: int = Field(sa_type=BigInteger)
    ends_at: int = Field(sa_type=BigInteger)
    used_at: int | None = Field(default=None, sa_type=BigInteger)


class Attempt(SQLModel, table=True):
    """One wrong guess, twice: for the account it was for and for where it came from. `subject` is hashed,
    since people type passwords into the wrong field."""

    __tablename__ = "attempts"

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    )
    subject: str = Field(index=True)
    at: int = Field(sa_type=BigInteger, index=True)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at a page. `login_id` names the login in lists; it opens nothing."""

    login_id: str
    account_id: int
    email: str
    is_admin: bool
    logged_in_at: int


class ResetSpent(Refused):
    def __init__(self) -> None:
        super().__init__("This link has been used or is older than an hour. Ask for a new one.")


def open_login(session: Session, account_id: int, *, device: str, now: int) -> str:
    """A new token of 256 bits, known to the caller alone. Ended logins of the account are swept."""
    session.exec(
        delete(Login).where(
            col(Login.account_id) == account_id,
            (col(Login.created_at) <= now - LONGEST_S) | (col(Login.seen_at) <= now - IDLE_S),
        )
    )
    token = secrets.token_urlsafe(32)
    session.add(
        Login(
            token_hash=_hashed(token),
            id=secrets.token_hex(8),
            account_id=account_id,
            device="".join(letter for letter in device if letter.isprintable())[:200],
            created_at=now,
            seen_at=now,
        )
    )
    return token


def resolve(session: Session, token: str, *, now: int, is_active: bool) -> Viewer | None:
    """None for a token that is unknown or ended, and for a suspended account.

    `is_active`: the visitor did something (an open socket is no activity); this moves the idle end, written
    at most once a minute, and needs `database.run`. Without it `database.read` will do.
    """
    found = session.exec(
        select(Login, Account)
        .join(Account, col(Account.id) == col(Login.account_id))
        .where(Login.token_hash == _hashed(token))
    ).first()
    if found is None:
        return None
    login, account = found
    is_over = now - login.seen_at >= IDLE_S or now - login.created_at >= LONGEST_S
    if is_over or account.suspended_at is not None:
        return None
    if is_active and now - login.seen_at >= _SEEN_EVERY_S:
        login.seen_at = now
        session.add(login)
    return Viewer(login.id, account.id, account.email, account.is_admin, login.created_at)


def living(session: Session, tokens: Iterable[str], *, now: int) -> set[str]:
    """Those that `resolve` would still find; no activity. For watching over open pages."""
    return {token for token in tokens if resolve(session, token, now=now, is_active=False)}


def close_login(session: Session, token: str) -> None:
    session.exec(delete(Login).where(col(Login.token_hash) == _hashed(token)))


def close_all(session: Session, account_id: int) -> None:
    session.exec(delete(Login).where(col(Login.account_id) == account_id))


def issue_reset(session: Session, account_id: int, *, actor: str, now: int) -> str:
    """A token that sets a new password once, within the hour. Raises `NoSuchAccount`."""
    account = session.get(Account, account_id)
    if account is None:
        raise NoSuchAccount
    token = secrets.token_urlsafe(32)
    session.add(
        Reset(token_hash=_hashed(token), account_id=account_id, created_at=now, ends_at=now + RESET_S)
    )
    audit.record(session, "reset.issue", actor=actor, account_id=account_id, subject=account.email, now=now)
    return token


def use_reset(session: Session, token: str, password_hash: str, *, now: int) -> int:
    """Sets the password of the link's account and returns that account; its logins and other links end.
    Raises `ResetSpent`, also for a link that never was."""
    spent = session.exec(
        update(Reset)
        .where(
            col(Reset.token_hash) == _hashed(token), col(Reset.used_at).is_(None), col(Reset.ends_at) > now
        )
        .values(used_at=now)
        .returning(col(Reset.account_id))
    ).first()
    if spent is None:
        raise ResetSpent
    account_id = int(spent[0])
    session.exec(
        update(Reset)
        .where(col(Reset.account_id) == account_id, col(Reset.used_at).is_(None))
        .values(used_at=now)
    )
    set_password(session, account_id, password_hash, now=now)
    return account_id


def may_try(session: Session, *, email: str, address: str, now: int) -> int | None:
    """None, or the seconds to wait before a password is looked at: after 10 wrong ones for an account or 50
    from a network address within 15 minutes. Tries that had to wait are not counted."""
    waits = [
        _wait(session, _email_subject(email), WRONG_PER_EMAIL, now),
        _wait(session, _address_subject(address), WRONG_PER_ADDRESS, now),
    ]
    return max(waits) or None


def note_failure(session: Session, *, email: str, address: str, now: int) -> None:
    session.exec(delete(Attempt).where(col(Attempt.at) <= now - WINDOW_S))
    session.add(Attempt(subject=_email_subject(email), at=now))
    session.add(Attempt(subject=_address_subject(address), at=now))


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


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
