"""API keys: `sk-starscoo-` + public id (12) + secret (30, 178 random bits) + CRC32 (6), all base62, one word.

The checksum tells a mistyped key without a look-up; the public id may stand in logs, addresses and audit rows, and
stays when the secret is replaced (`models.rotation`). The whole is stored as SHA-256 only, which is enough for this
much randomness; the clear text leaves `issue` once.
The last four characters are kept for people to recognise a key by: they belong to the checksum and tell a thief
at most 24 of the 178 bits.
"""

import hashlib
import secrets
import string
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from sqlalchemy import BigInteger, Index, func, or_
from sqlalchemy import select as select_columns
from sqlmodel import Field, Session, SQLModel, col, select

from models import audit, epochs, limits, windows
from models.accounts import Account, NoSuchAccount
from models.errors import Refused
from models.ledger import RequestRow, UsageMonth
from models.live import Limits

PREFIX: Final = "sk-starscoo-"
LONGEST_NAME: Final = 60
_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_LENGTH: Final = 12
_SECRET_LENGTH: Final = 30
_CHECK_LENGTH: Final = 6
_LENGTH: Final = len(PREFIX) + _ID_LENGTH + _SECRET_LENGTH + _CHECK_LENGTH


KeyState = Literal["active", "paused", "expired", "revoked"]


class ApiKey(SQLModel, table=True):
    """`allowed_models`: one a line, none for all. `rotated_at` is when the present secret replaced another one,
    `used_at` when it was last used since; the other one works until `old_until`."""

    __tablename__ = "api_keys"
    __table_args__ = (Index("api_keys_old_digest", "old_digest", unique=True),)

    id: int = Field(default=None, primary_key=True)
    public_id: str = Field(unique=True)
    account_id: int = Field(foreign_key="accounts.id", index=True)
    name: str
    digest: str = Field(unique=True, repr=False)
    last4: str = Field(index=True)
    created_at: int = Field(sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)
    paused_at: int | None = Field(default=None, sa_type=BigInteger)
    expires_at: int | None = Field(default=None, sa_type=BigInteger)
    allowed_models: str = ""
    rotated_at: int | None = Field(default=None, sa_type=BigInteger)
    used_at: int | None = Field(default=None, sa_type=BigInteger)
    old_digest: str | None = Field(default=None, repr=False)
    old_last4: str | None = None
    old_until: int | None = Field(default=None, sa_type=BigInteger)
    old_used_at: int | None = Field(default=None, sa_type=BigInteger)

    def state(self, now: int) -> KeyState:
        """What keeps it from being used, or `active`."""
        if self.revoked_at is not None:
            return "revoked"
        if _past(self.expires_at, now) is not None:
            return "expired"
        return "active" if self.paused_at is None else "paused"

    @property
    def models(self) -> frozenset[str]:
        """The only ones that it may ask for; empty for all."""
        return frozenset(self.allowed_models.splitlines())


@dataclass(frozen=True, slots=True)
class Issued:
    """`secret` is the key itself, in clear, for its owner's eyes once. `is_rotation`: another one works beside it."""

    key: ApiKey
    secret: str = field(repr=False)
    is_rotation: bool = False


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls the gateway, and what binds him, as read at `epoch` and true until `limits.valid_until` at most:
    then an override, the key or the secret ends.

    `expired_at`: the key has ended by itself; `replaced_at`: this secret has, after a rotation. `models` are the only
    ones allowed, none for all. `is_watched`: uses of this secret are to be noted."""

    account_id: int
    key_id: int
    key_public_id: str
    key_name: str
    limits: Limits
    epoch: int
    is_suspended: bool
    is_paused: bool = False
    expired_at: int | None = None
    replaced_at: int | None = None
    models: frozenset[str] = frozenset()
    secret_digest: str = field(default="", repr=False)
    is_watched: bool = False


@dataclass(frozen=True, slots=True)
class Allowed:
    """What opens an account now, as read at `epoch`: the digests of the secrets of its keys, none of a suspended
    one. `paused` are the internal ids of keys that only rest."""

    digests: frozenset[str]
    paused: frozenset[int]
    is_suspended: bool
    epoch: int


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A key as its owner's list shows it. `requests_hour` counts running requests too, `tokens_month` settled
    ones; `is_used`: there ever was an admitted request; `may_reissue`: the present secret was never used."""

    key: ApiKey
    last_used_at: int | None
    requests_hour: int
    tokens_month: int
    is_used: bool
    may_reissue: bool


class BadName(Refused):
    def __init__(self) -> None:
        super().__init__(f"A key's name has 1 to {LONGEST_NAME} characters, on one line.")


class NoSuchKey(Refused):
    """For an id that never was and for a key of somebody else alike."""

    def __init__(self) -> None:
        super().__init__("There is no such key. Look at the list of your keys.")


class KeyIsRevoked(Refused):
    def __init__(self) -> None:
        super().__init__("This key is revoked, which is for good. Create a new key instead.")


def issue(session: Session, account_id: int, name: str, *, actor: str, now: int) -> Issued:
    """A new key of that account. Raises `BadName`, `NoSuchAccount`."""
    if session.get(Account, account_id) is None:
        raise NoSuchAccount
    epochs.bump(session, account_id, now=now)
    secret = new_secret()
    key = ApiKey(
        public_id=public_id(secret),
        account_id=account_id,
        name=clean_name(name),
        digest=digest(secret),
        last4=secret[-4:],
        created_at=now,
    )
    session.add(key)
    session.flush()
    record(session, "key.create", key, actor=actor, now=now, new=key.name)
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
    """None for a key that is unknown or revoked. One that may not be used for another reason is found and says so."""
    found = session.exec(
        select(ApiKey, Account)
        .join(Account, col(Account.id) == col(ApiKey.account_id))
        .where(
            or_(col(ApiKey.digest) == digest, col(ApiKey.old_digest) == digest),
            col(ApiKey.revoked_at).is_(None),
        )
    ).first()
    if found is None:
        return None
    key, account = found
    is_old = key.digest != digest
    secret_ends = key.old_until if is_old else None
    bound = limits.effective(session, account.id, key.id, now=now)
    ends = [end for end in (bound.valid_until, key.expires_at, secret_ends) if end is not None and end > now]
    return Principal(
        account_id=account.id,
        key_id=key.id,
        key_public_id=key.public_id,
        key_name=key.name,
        limits=replace(bound, valid_until=min(ends, default=None)),
        epoch=epochs.current(session, account.id),
        is_suspended=account.suspended_at is not None,
        is_paused=key.paused_at is not None,
        expired_at=_past(key.expires_at, now),
        replaced_at=_past(secret_ends, now),
        models=key.models,
        secret_digest=digest,
        is_watched=key.rotated_at is not None
        and (is_old or key.used_at is None or _past(key.old_until, now) is None),
    )


def allowed(session: Session, account_id: int, *, now: int) -> Allowed:
    account = session.get(Account, account_id)
    is_suspended = account is None or account.suspended_at is not None
    in_force = select(ApiKey).where(ApiKey.account_id == account_id, col(ApiKey.revoked_at).is_(None))
    found = [] if is_suspended else session.exec(in_force).all()
    open_keys = [key for key in found if key.paused_at is None and _past(key.expires_at, now) is None]
    return Allowed(
        digests=frozenset(key.digest for key in open_keys)
        | {key.old_digest for key in open_keys if key.old_digest and _past(key.old_until, now) is None},
        paused=frozenset(key.id for key in found if key.paused_at is not None),
        is_suspended=is_suspended,
        epoch=epochs.current(session, account_id),
    )


def listing(session: Session, account_id: int, *, now: int) -> list[KeyLine]:
    """All keys of the account, revoked ones last, newest first."""
    return lines(session, account_id, of_account(session, account_id), now=now)


def of_account(session: Session, account_id: int) -> list[ApiKey]:
    """In the order of `listing`, without what is known of their use, which costs look-ups per key."""
    newest_first = (col(ApiKey.revoked_at).is_not(None), col(ApiKey.id).desc())
    return list(
        session.exec(select(ApiKey).where(ApiKey.account_id == account_id).order_by(*newest_first)).all()
    )


def lines(session: Session, account_id: int, chosen: Sequence[ApiKey], *, now: int) -> list[KeyLine]:
    """These keys of the account as its list shows them."""
    tokens = _month_tokens(session, account_id, now)
    return [_line(session, key, tokens.get(key.id, 0), now) for key in chosen]


def get(session: Session, account_id: int, public_id: str) -> ApiKey:
    """Also a revoked one. Raises `NoSuchKey`."""
    key = find(session, public_id)
    if key.account_id != account_id:
        raise NoSuchKey
    return key


def to_change(session: Session, account_id: int, public_id: str, *, now: int) -> ApiKey:
    """The key, for an operation that is about to change it: changes of the account follow one another from here on,
    and bind together. Raises `NoSuchKey`, `KeyIsRevoked`."""
    epochs.bump(session, account_id, now=now)
    key = get(session, account_id, public_id)
    if key.revoked_at is not None:
        raise KeyIsRevoked
    return key


def revoke(session: Session, account_id: int, public_id: str, *, actor: str, now: int) -> None:
    """For good. A key that is revoked already stays as it is. Raises `NoSuchKey`."""
    epochs.bump(session, account_id, now=now)
    key = get(session, account_id, public_id)
    if key.revoked_at is None:
        key.revoked_at = now
        record(session, "key.revoke", key, actor=actor, now=now, old=key.name)


def revoke_by_id(session: Session, public_id: str, *, actor: str, now: int) -> None:
    """As `revoke`, whoever owns the key: for the operator's command line. Raises `NoSuchKey`."""
    revoke(session, find(session, public_id).account_id, public_id, actor=actor, now=now)


def find(session: Session, public_id: str) -> ApiKey:
    """Whoever owns it: for the operator only. Raises `NoSuchKey`."""
    if not public_id.isascii() or not public_id.isalnum():  # PostgreSQL fails on what is no text to it
        raise NoSuchKey
    # Read anew also where it is known already: whoever waited for another change must see it.
    query = select(ApiKey).where(ApiKey.public_id == public_id).execution_options(populate_existing=True)
    key = session.exec(query).first()
    if key is None:
        raise NoSuchKey
    return key


def is_used(session: Session, key: ApiKey) -> bool:
    """Whether it ever had a request admitted: its rows may be gone, its sums stay."""
    return last_used(session, key) is not None or _has_sums(session, key)


def _has_sums(session: Session, key: ApiKey) -> bool:
    of_key = (col(UsageMonth.account_id) == key.account_id, col(UsageMonth.key_id) == key.id)
    return session.exec(select(UsageMonth.month).where(*of_key).limit(1)).first() is not None


def last_used(session: Session, key: ApiKey) -> int | None:
    """When a request of it was last admitted, in Unix seconds, as far as rows are kept."""
    newest = session.exec(select(func.max(RequestRow.admitted_ms)).where(RequestRow.key_id == key.id)).one()
    return None if newest is None else newest // 1000


def record(
    session: Session, act: str, key: ApiKey, *, actor: str, now: int, old: str = "", new: str = ""
) -> None:
    """Keeps a changed key, and writes the audit row of the change."""
    session.add(key)
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


def clean_name(name: str) -> str:
    """Raises `BadName`."""
    clean = name.strip()
    if not 1 <= len(clean) <= LONGEST_NAME or not clean.isprintable():
        raise BadName
    return clean


def new_secret(public_id: str = "") -> str:
    """Random; of the key that has this id, or of a new one."""
    body = PREFIX + (public_id or _random(_ID_LENGTH)) + _random(_SECRET_LENGTH)
    return body + _checksum(body)


def _line(session: Session, key: ApiKey, tokens_month: int, now: int) -> KeyLine:
    used_at = last_used(session, key)
    was_used = used_at is not None or _has_sums(session, key)
    hour_start = windows.hour_of(now) * windows.HOUR
    this_hour = (
        select(func.count())
        .select_from(RequestRow)
        .where(RequestRow.key_id == key.id, col(RequestRow.admitted_ms) >= hour_start * 1000)
    )
    is_used_now = used_at is not None and used_at >= hour_start
    return KeyLine(
        key=key,
        last_used_at=used_at,
        requests_hour=session.exec(this_hour).one() if is_used_now else 0,
        tokens_month=tokens_month,
        is_used=was_used,
        may_reissue=key.revoked_at is None
        and (key.used_at is None if key.rotated_at is not None else not was_used),
    )


def _past(moment: int | None, now: int) -> int | None:
    """The moment, once it is reached."""
    return moment if moment is not None and moment <= now else None


def _month_tokens(session: Session, account_id: int, now: int) -> dict[int, int]:
    sums = select_columns(col(UsageMonth.key_id), col(UsageMonth.total_tokens)).where(
        col(UsageMonth.account_id) == account_id, col(UsageMonth.month) == windows.month_of(now)
    )
    return {key_id: int(tokens) for key_id, tokens in session.connection().execute(sums)}


def _random(length: int) -> str:
    return "".join(secrets.choice(_BASE62) for _ in range(length))


def _checksum(body: str) -> str:
    rest = zlib.crc32(body.encode())
    digits = []
    for _ in range(_CHECK_LENGTH):
        rest, digit = divmod(rest, 62)
        digits.append(_BASE62[digit])
    return "".join(reversed(digits))
