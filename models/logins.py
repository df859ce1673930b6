"""Dashboard logins and password resets.

A login is a row found by the SHA-256 of an opaque token, so it ends on the server: after 30 minutes without
activity, after 12 hours, at logout, with a new password, a new role or a suspension.
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import BigInteger
from sqlmodel import Field, Session, SQLModel, col, delete, select, update

from models import audit, guesses
from models.accounts import Account, NoSuchAccount, find_by_email, set_password
from models.errors import Refused

IDLE_S: Final = 30 * 60
LONGEST_S: Final = 12 * 3600
RESET_S: Final = 3600
_SEEN_EVERY_S: Final = 60
VISITOR: Final = "visitor"
"""Who asked, in the audit, where it may have been anybody."""


class Login(SQLModel, table=True):
    """`device` is the browser's own word for itself, `address` where it was when it logged in."""

    __tablename__ = "logins"

    token_hash: str = Field(primary_key=True)
    id: str = Field(unique=True)
    account_id: int = Field(foreign_key="accounts.id", index=True)
    device: str
    address: str = ""
    created_at: int = Field(sa_type=BigInteger)
    seen_at: int = Field(sa_type=BigInteger)


class Reset(SQLModel, table=True):
    __tablename__ = "resets"

    token_hash: str = Field(primary_key=True)
    account_id: int = Field(foreign_key="accounts.id", index=True)
    created_at: int = Field(sa_type=BigInteger)
    ends_at: int = Field(sa_type=BigInteger)
    used_at: int | None = Field(default=None, sa_type=BigInteger)


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at a page. `login_id` names the login in lists; it opens nothing."""

    login_id: str
    account_id: int
    email: str
    is_admin: bool
    logged_in_at: int
    is_verified: bool = True


class NoSuchLogin(Refused):
    """For an id that never was, for an ended login and for one of somebody else alike."""

    def __init__(self) -> None:
        super().__init__("This login has ended already. Look at the list again.")


class PasswordChanged(Refused):
    def __init__(self) -> None:
        super().__init__("The password has just been changed. Log in with the new one.")


class ResetSpent(Refused):
    def __init__(self) -> None:
        super().__init__("This link has been used or is older than an hour. Ask for a new one.")


def open_login(
    session: Session,
    account_id: int,
    *,
    device: str,
    address: str = "",
    checked_hash: str | None = None,
    now: int,
) -> str:
    """A new token of 256 bits, known to the caller alone. Ended logins of the account are swept.

    `checked_hash` is the stored hash that the password was found to match; raises `PasswordChanged` when the
    account has another one by now."""
    if checked_hash is not None:
        account = session.get(Account, account_id, with_for_update=True)
        if account is None or account.password_hash != checked_hash:
            raise PasswordChanged
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
            address=address[:60],
            created_at=now,
            seen_at=now,
        )
    )
    return token


@dataclass(frozen=True, slots=True)
class Entered:
    """What a browser gets with a new login: the login's token, and the one that it is known by from now on."""

    token: str = field(repr=False)
    device: str = field(repr=False)


def enter(
    session: Session,
    account_id: int,
    *,
    former: str,
    known_as: str,
    device: str,
    address: str,
    checked_hash: str | None = None,
    now: int,
) -> Entered:
    """A new login in place of the one that the browser came with (`former`), which is dead from here on. `known_as`
    is the token that the browser was known by. Raises `PasswordChanged` as `open_login` does."""
    close_login(session, former)
    token = open_login(
        session, account_id, device=device, address=address, checked_hash=checked_hash, now=now
    )
    return Entered(token, guesses.remember_device(session, account_id, known_as, now=now))


def renew(
    session: Session,
    account_id: int,
    password_hash: str,
    *,
    former: str,
    known_as: str,
    device: str,
    address: str,
    now: int,
) -> Entered:
    """A new password, set in the browser that asks: every login ends, and this browser gets a new one in the same
    transaction, so that it is never without. Raises `NoSuchAccount`."""
    set_password(session, account_id, password_hash, address=address, now=now)
    return enter(
        session, account_id, former=former, known_as=known_as, device=device, address=address, now=now
    )


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
    return Viewer(
        login.id,
        account.id,
        account.email,
        account.is_admin,
        login.created_at,
        is_verified=account.verified_at is not None,
    )


def living(session: Session, tokens: Iterable[str], *, now: int) -> set[str]:
    """Those that `resolve` would still find; no activity. For watching over open pages."""
    return {token for token in tokens if resolve(session, token, now=now, is_active=False)}


def listing(session: Session, account_id: int, *, now: int) -> list[Login]:
    """Those that are open, the last seen first."""
    living = (
        Login.account_id == account_id,
        col(Login.created_at) > now - LONGEST_S,
        col(Login.seen_at) > now - IDLE_S,
    )
    query = select(Login).where(*living).order_by(col(Login.seen_at).desc(), col(Login.created_at).desc())
    return list(session.exec(query).all())


def end(session: Session, account_id: int, login_id: str, *, actor: str, address: str, now: int) -> None:
    """Ends one login by the id that lists show. Raises `NoSuchLogin`."""
    mine = (col(Login.account_id) == account_id, col(Login.id) == login_id)
    if session.exec(delete(Login).where(*mine)).rowcount == 0:
        raise NoSuchLogin
    audit.record(session, "login.end", actor=actor, account_id=account_id, address=address, now=now)


def end_others(session: Session, account_id: int, kept_id: str, *, actor: str, address: str, now: int) -> int:
    """Ends all logins of the account but this one. Returns how many there were."""
    others = (col(Login.account_id) == account_id, col(Login.id) != kept_id)
    ended = session.exec(delete(Login).where(*others)).rowcount
    if ended:
        audit.record(
            session, "login.end_others", actor=actor, account_id=account_id, address=address, now=now
        )
    return ended


def close_login(session: Session, token: str) -> None:
    session.exec(delete(Login).where(col(Login.token_hash) == _hashed(token)))


def close_all(session: Session, account_id: int) -> None:
    session.exec(delete(Login).where(col(Login.account_id) == account_id))


def issue_reset(session: Session, account_id: int, *, actor: str, address: str = "", now: int) -> str:
    """A token that sets a new password once, within the hour: for the operator, for an admin who looks after the
    account, and for a mail to its address. Raises `NoSuchAccount`, also for a deleted account."""
    account = session.get(Account, account_id)
    if account is None or account.deleted_at is not None:
        raise NoSuchAccount
    token = secrets.token_urlsafe(32)
    session.add(
        Reset(token_hash=_hashed(token), account_id=account_id, created_at=now, ends_at=now + RESET_S)
    )
    audit.record(
        session,
        "reset.issue",
        actor=actor,
        account_id=account_id,
        subject=account.email,
        address=address,
        now=now,
    )
    return token


def ask_reset(session: Session, email: str, *, address: str, now: int) -> tuple[Account, str] | None:
    """For whoever says that he forgot his password: the account of that address and a token for a mail to it. None
    without such an account, after the same amount of writing: how long the next visitor waits must not tell."""
    account = find_by_email(session, email)
    if account is None or account.suspended_at is not None:
        guesses.leave_no_trace(session, now=now)
        return None
    return account, issue_reset(session, account.id, actor=VISITOR, address=address, now=now)


def end_resets(session: Session, account_id: int, *, now: int) -> None:
    """Links that have not been used yet open nothing any more."""
    session.exec(
        update(Reset)
        .where(col(Reset.account_id) == account_id, col(Reset.used_at).is_(None))
        .values(used_at=now)
    )


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
    end_resets(session, account_id, now=now)
    set_password(session, account_id, password_hash, now=now)
    return account_id


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()
