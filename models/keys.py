"""API keys: `sk-starscoo-` + public id (12) + secret (30, 178 random bits) + CRC32 (6), all base62, one word.

The checksum tells a mistyped key without a look-up; the public id may stand in logs, addresses and audit rows. The
whole is stored as SHA-256 only, which is enough for this much randomness; the clear text leaves `issue` once.
The last four characters are kept for people to recognise a key by: they belong to the checksum and tell a thief
at most 24 of the 178 bits.
"""

import hashlib
import secrets
import string
import zlib
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import BigInteger, func
from sqlalchemy import select as select_columns
from sqlmodel import Field, Session, SQLModel, col, select

from models import audit, epochs, limits, windows
from models.accounts import Account, NoSuchAccount
from models.errors import Refused
from models.ledger import RequestRow, UsageHour
from models.live import Limits

PREFIX: Final = "sk-starscoo-"
LONGEST_NAME: Final = 60
_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_LENGTH: Final = 12
_SECRET_LENGTH: Final = 30
_CHECK_LENGTH: Final = 6
_LENGTH: Final = len(PREFIX) + _ID_LENGTH + _SECRET_LENGTH + _CHECK_LENGTH


class ApiKey(SQLModel, table=True):
    __tablename__ = "api_keys"

    id: int = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    account_id: int = Field(foreign_key="accounts.id", index=True)
    name: str
    digest: str = Field(unique=True, repr=False)
    last4: str = Field(index=True)
    created_at: int = Field(sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)


@dataclass(frozen=True, slots=True)
class Issued:
    """`secret` is the key itself, in clear, for its owner's eyes once."""

    key: ApiKey
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls the gateway, and what binds him, as read at `epoch`."""

    account_id: int
    key_id: int
    key_public_id: str
    key_name: str
    limits: Limits
    epoch: int
    is_suspended: bool


@dataclass(frozen=True, slots=True)
class Allowed:
    """The keys of an account that may be used now, by their internal ids, as read at `epoch`: none of a suspended
    one."""

    key_ids: frozenset[int]
    is_suspended: bool
    epoch: int


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A key as its owner's list shows it. `requests_hour` counts running requests too, `tokens_month` settled
    ones; `is_used`: there ever was an admitted request."""

    key: ApiKey
    last_used_at: int | None
    requests_hour: int
    tokens_month: int
    is_used: bool


class BadName(Refused):
    def __init__(self) -> None:
        super().__init__(f"A key's name has 1 to {LONGEST_NAME} characters, on one line.")


class NoSuchKey(Refused):
    """For an id that never was and for a key of somebody else alike."""

    def __init__(self) -> None:
        super().__init__("There is no such key. Look at the list of your keys.")


class KeyWasUsed(Refused):
    def __init__(self) -> None:
        super().__init__("This key has been used, so it cannot be issued again. Create a new key instead.")


def issue(session: Session, account_id: int, name: str, *, actor: str, now: int) -> Issued:
    """A new key of that account. Raises `BadName`, `NoSuchAccount`."""
    if session.get(Account, account_id) is None:
        raise NoSuchAccount
    epochs.bump(session, account_id, now=now)
    secret = _new_secret()
    key = ApiKey(
        public_id=public_id(secret),
        account_id=account_id,
        name=_clean_name(name),
        digest=digest(secret),
        last4=secret[-4:],
        created_at=now,
    )
    session.add(key)
    session.flush()
    _audit(session, "key.create", key, actor=actor, now=now, new=key.name)
    return Issued(key, secret)


def well_formed(secret: str) -> bool:
    """Whether it can be a key of ours at all: prefix, length, alphabet, checksum. Needs no table."""
    if len(secret) != _LENGTH or not secret.startswith(PREFIX) or not secret.isascii():
        return False
    return secret[len(PREFIX) :].isalnum() and _checksum(secret[:-_CHECK_LENGTH]) == secret[-_CHECK_LENGTH:]


def digest(secret: str) -> str:
    """What is stored and looked up: SHA-256 in hex."""
    return hashlib.sha256(secret.encode()).hexdigest()


def public_id(secret: str) -> str:
    return secret[len(PREFIX) :][:_ID_LENGTH]


def masked(key: ApiKey) -> str:
    return f"{PREFIX}…{key.last4}"


def authenticate(session: Session, digest: str, *, now: int) -> Principal | None:
    """None for a key that is unknown or revoked. A suspended account is found and says so."""
    found = session.exec(
        select(ApiKey, Account)
        .join(Account, col(Account.id) == col(ApiKey.account_id))
        .where(ApiKey.digest == digest, col(ApiKey.revoked_at).is_(None))
    ).first()
    if found is None:
        return None
    key, account = found
    return Principal(
        account_id=account.id,
        key_id=key.id,
        key_public_id=key.public_id,
        key_name=key.name,
        limits=limits.effective(session, account.id, key.id, now=now),
        epoch=epochs.current(session, account.id),
        is_suspended=account.suspended_at is not None,
    )


def allowed(session: Session, account_id: int) -> Allowed:
    account = session.get(Account, account_id)
    is_suspended = account is None or account.suspended_at is not None
    in_force = select(ApiKey.id).where(ApiKey.account_id == account_id, col(ApiKey.revoked_at).is_(None))
    key_ids = () if is_suspended else session.exec(in_force).all()
    return Allowed(frozenset(key_ids), is_suspended, epochs.current(session, account_id))


def listing(session: Session, account_id: int, *, now: int) -> list[KeyLine]:
    """All keys of the account, revoked ones last, newest first."""
    newest_first = (col(ApiKey.revoked_at).is_not(None), col(ApiKey.id).desc())
    keys = session.exec(select(ApiKey).where(ApiKey.account_id == account_id).order_by(*newest_first)).all()
    tokens = _month_tokens(session, account_id, now)
    return [_line(session, key, tokens.get(key.id, 0), now) for key in keys]


def get(session: Session, account_id: int, public_id: str) -> ApiKey:
    """Also a revoked one. Raises `NoSuchKey`."""
    key = find(session, public_id)
    if key.account_id != account_id:
        raise NoSuchKey
    return key


def revoke(session: Session, account_id: int, public_id: str, *, actor: str, now: int) -> None:
    """For good. A key that is revoked already stays as it is. Raises `NoSuchKey`."""
    _revoke(session, get(session, account_id, public_id), actor=actor, now=now)


def revoke_by_id(session: Session, public_id: str, *, actor: str, now: int) -> None:
    """As `revoke`, whoever owns the key: for the operator's command line. Raises `NoSuchKey`."""
    _revoke(session, find(session, public_id), actor=actor, now=now)


def find(session: Session, public_id: str) -> ApiKey:
    """Whoever owns it: for the operator only. Raises `NoSuchKey`."""
    if not public_id.isascii() or not public_id.isalnum():  # PostgreSQL fails on what is no text to it
        raise NoSuchKey
    key = session.exec(select(ApiKey).where(ApiKey.public_id == public_id)).first()
    if key is None:
        raise NoSuchKey
    return key


def reissue(session: Session, account_id: int, public_id: str, *, actor: str, now: int) -> Issued:
    """A new secret for a key whose clear text was lost before its first use: the old one is dead at once, name
    and limits go over. Raises `NoSuchKey` (also for a revoked one) and `KeyWasUsed`."""
    old = get(session, account_id, public_id)
    epochs.bump(session, account_id, now=now)
    if old.revoked_at is not None:
        raise NoSuchKey
    if _last_used(session, old.id) is not None:
        raise KeyWasUsed
    _revoke(session, old, actor=actor, now=now)
    issued = issue(session, account_id, old.name, actor=actor, now=now)
    limits.carry_over(session, account_id, old.id, issued.key.id, now=now)
    return issued


def _revoke(session: Session, key: ApiKey, *, actor: str, now: int) -> None:
    epochs.bump(session, key.account_id, now=now)
    if key.revoked_at is None:
        key.revoked_at = now
        session.add(key)
        _audit(session, "key.revoke", key, actor=actor, now=now, old=key.name)


def _audit(
    session: Session, act: str, key: ApiKey, *, actor: str, now: int, old: str = "", new: str = ""
) -> None:
    audit.record(
        session,
        act,
        actor=actor,
        account_id=key.account_id,
        subject=key.public_id,
        old=old,
        new=new,
        now=now,
    )


def _line(session: Session, key: ApiKey, tokens_month: int, now: int) -> KeyLine:
    last_ms = _last_used(session, key.id)
    hour_ms = windows.hour_of(now) * windows.HOUR * 1000
    this_hour = (
        select(func.count())
        .select_from(RequestRow)
        .where(RequestRow.key_id == key.id, col(RequestRow.admitted_ms) >= hour_ms)
    )
    return KeyLine(
        key=key,
        last_used_at=None if last_ms is None else last_ms // 1000,
        requests_hour=session.exec(this_hour).one(),
        tokens_month=tokens_month,
        is_used=last_ms is not None,
    )


def _last_used(session: Session, key_id: int) -> int | None:
    """Unix milliseconds."""
    newest = select(func.max(RequestRow.admitted_ms)).where(RequestRow.key_id == key_id)
    return session.exec(newest).one()


def _month_tokens(session: Session, account_id: int, now: int) -> dict[int, int]:
    sums = (
        select_columns(col(UsageHour.key_id), func.sum(UsageHour.total_tokens))
        .where(
            col(UsageHour.account_id) == account_id,
            col(UsageHour.hour) >= windows.hour_of(windows.month_start(now)),
        )
        .group_by(col(UsageHour.key_id))
    )
    return {key_id: int(tokens) for key_id, tokens in session.connection().execute(sums)}


def _clean_name(name: str) -> str:
    clean = name.strip()
    if not 1 <= len(clean) <= LONGEST_NAME or not clean.isprintable():
        raise BadName
    return clean


def _new_secret() -> str:
    body = PREFIX + "".join(secrets.choice(_BASE62) for _ in range(_ID_LENGTH + _SECRET_LENGTH))
    return body + _checksum(body)


def _checksum(body: str) -> str:
    rest = zlib.crc32(body.encode())
    digits = []
    for _ in range(_CHECK_LENGTH):
        rest, digit = divmod(rest, 62)
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))
