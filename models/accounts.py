"""Accounts: who owns keys, on which plan, and who is staff.

`logins` and `keys` build on this file, so what is needed of them here is imported where it is used.
"""

import re
from typing import Final

from sqlalchemy import BigInteger, or_
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col, select

from models import audit, epochs
from models.errors import Refused

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)*")
_LONGEST_EMAIL: Final = 254


class Account(SQLModel, table=True):
    """`password_hash` None: made by an operator, cannot log in until a password is set by a reset link. `verified_at`:
    when a mail proved the address. `deleted_at`: only what the ledger needs is left of it (`models.deletion`)."""

    __tablename__ = "accounts"

    id: int = Field(default=None, primary_key=True)
    email: str = Field(unique=True)
    password_hash: str | None = Field(default=None, repr=False)
    plan: str = Field(foreign_key="plans.name")
    is_admin: bool = False
    suspended_at: int | None = Field(default=None, sa_type=BigInteger)
    created_at: int = Field(sa_type=BigInteger)
    verified_at: int | None = Field(default=None, sa_type=BigInteger)
    deleted_at: int | None = Field(default=None, sa_type=BigInteger)


class EmailTaken(Refused):
    def __init__(self) -> None:
        super().__init__("An account with this email address exists. Log in, or use another address.")


class BadEmail(Refused):
    def __init__(self) -> None:
        super().__init__("This is not an email address. It should look like name@example.com.")


class NoSuchAccount(Refused):
    def __init__(self) -> None:
        super().__init__("There is no such account. Check the address or id.")


def create(session: Session, email: str, password_hash: str | None, *, plan: str, now: int) -> Account:
    """Raises `BadEmail`, `EmailTaken`. Rules for passwords are the caller's; nobody is born admin."""
    address = normal_email(email)
    if find_by_email(session, address) is not None:
        raise EmailTaken
    account = Account(email=address, password_hash=password_hash, plan=plan, created_at=now)
    session.add(account)
    try:
        session.flush()
    except IntegrityError as twin:  # somebody signed up with it at this very moment
        raise EmailTaken from twin
    epochs.bump(session, account.id, now=now)
    return account


def ensure(session: Session, email: str, *, plan: str, now: int) -> Account:
    """The account of that address, made without a password when there is none. Its plan stays as it is."""
    found = find_by_email(session, normal_email(email))
    return found or create(session, email, None, plan=plan, now=now)


def find_by_email(session: Session, email: str) -> Account | None:
    """None also for what is no address at all."""
    try:
        address = normal_email(email)
    except BadEmail:
        return None
    return session.exec(select(Account).where(Account.email == address)).first()


def get(session: Session, account_id: int) -> Account | None:
    return session.get(Account, account_id)


def set_password(
    session: Session, account_id: int, password_hash: str, *, address: str = "", now: int
) -> None:
    """Ends every login of the account, the caller's own included, its open reset links, and what its browsers were
    known by. Raises `NoSuchAccount`."""
    from models import guesses, logins

    account = existing(session, account_id)
    account.password_hash = password_hash
    session.add(account)
    logins.close_all(session, account_id)
    logins.end_resets(session, account_id, now=now)
    guesses.forget_devices(session, account_id)
    audit.record(
        session, "password.set", actor=account.email, account_id=account_id, address=address, now=now
    )


def rehash_password(session: Session, account_id: int, old_hash: str, new_hash: str) -> None:
    """The same password under today's parameters: nothing ends. Without effect when it has changed meanwhile."""
    account = existing(session, account_id)
    if account.password_hash == old_hash:
        account.password_hash = new_hash
        session.add(account)


def set_email(
    session: Session, account_id: int, email: str, *, is_verified: bool, address: str = "", now: int
) -> str:
    """Returns the former address; open links that were sent there end. Raises `BadEmail`, `EmailTaken`,
    `NoSuchAccount`."""
    from models import logins, verification

    new = normal_email(email)
    account = existing(session, account_id)
    found = find_by_email(session, new)
    if found is not None and found.id != account_id:
        raise EmailTaken
    old, account.email = account.email, new
    account.verified_at = now if is_verified else None
    session.add(account)
    try:
        session.flush()
    except IntegrityError as twin:  # somebody took it at this very moment
        raise EmailTaken from twin
    logins.end_resets(session, account_id, now=now)
    verification.end_all(session, account_id, now=now)
    audit.record(
        session,
        "email.set",
        actor=old,
        account_id=account_id,
        subject=new,
        old=old,
        new=new,
        address=address,
        now=now,
    )
    return old


def set_admin(
    session: Session, email: str, is_admin: bool, *, actor: str, address: str = "", now: int
) -> Account:
    """Ends the account's logins, so that the next one carries the new role. Raises `NoSuchAccount`."""
    from models import logins

    account = find_by_email(session, email)
    if account is None:
        raise NoSuchAccount
    if account.is_admin == is_admin:
        return account
    account.is_admin = is_admin
    session.add(account)
    logins.close_all(session, account.id)
    audit.record(
        session,
        "admin.grant" if is_admin else "admin.revoke",
        actor=actor,
        account_id=account.id,
        subject=account.email,
        old=_role(not is_admin),
        new=_role(is_admin),
        address=address,
        now=now,
    )
    return account


def search(session: Session, text: str, *, limit: int = 50, before_id: int | None = None) -> list[Account]:
    """For admins: by part of the address, account id, a key's last four or its public id; newest first.
    An empty text finds everybody. `before_id` continues after the last account seen."""
    from models.keys import ApiKey

    wanted = "".join(letter for letter in text if letter.isprintable()).strip()
    query = select(Account).order_by(col(Account.id).desc()).limit(limit)
    if before_id is not None:
        query = query.where(Account.id < before_id)
    if wanted:
        owners = select(ApiKey.account_id).where(
            or_(col(ApiKey.last4) == wanted, col(ApiKey.public_id) == wanted)
        )
        ways = [
            col(Account.email).contains(wanted.lower(), autoescape=True),
            col(Account.id).in_(owners),
        ]
        if wanted.isascii() and wanted.isdigit() and len(wanted) < 10:
            ways.append(col(Account.id) == int(wanted))
        query = query.where(or_(*ways))
    return list(session.exec(query).all())


def normal_email(email: str) -> str:
    """Trimmed, in lower case. Raises `BadEmail`: a coarse check, only a mail would prove an address."""
    address = email.strip().lower()
    if len(address) > _LONGEST_EMAIL or not address.isprintable() or not _EMAIL.fullmatch(address):
        raise BadEmail
    return address


def existing(session: Session, account_id: int) -> Account:
    """Its row, locked until the transaction ends. Raises `NoSuchAccount`, also for a deleted one."""
    account = session.get(Account, account_id, with_for_update=True)
    if account is None or account.deleted_at is not None:
        raise NoSuchAccount
    return account


def _role(is_admin: bool) -> str:
    return "admin" if is_admin else "customer"
