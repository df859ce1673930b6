"""A key's second secret: rotation with an overlap, and the secret that is issued again because it was lost.

A key has one secret, and for a while the one before it. Both are the same key, with the same counters and limits.
The old one ends by itself at `old_until`; its digest is kept after that, so that whoever still sends it is told why
he is refused. A key has never more than two: rotating once more ends the older one at once, unless the newer was
never used. That one is taken for lost then, and it is what gives way.

When a secret was last used is noted in memory as requests come (`secret_uses`) and written here in batches, so a
request costs no write; a process that dies loses the last second of it.
"""

from collections.abc import Mapping
from typing import Final

from sqlalchemy import text
from sqlmodel import Session

from models import keys
from models.errors import Refused
from models.key_settings import shown_end
from models.keys import ApiKey, Issued
from models.windows import DAY, HOUR

OVERLAPS: Final = (0, HOUR, DAY, 7 * DAY)
"""How long the old secret may stay, in seconds."""


class BadOverlap(Refused):
    def __init__(self) -> None:
        super().__init__("The old secret can stay for none, 1 hour, 24 hours or 7 days.")


class KeyWasUsed(Refused):
    def __init__(self) -> None:
        super().__init__("This secret has been used, so it cannot be issued again. Rotate the key instead.")


def rotate(
    session: Session, account_id: int, public_id: str, overlap_s: int, *, actor: str, now: int
) -> Issued:
    """A new secret; the one in use stays for `overlap_s`, one of `OVERLAPS`. Raises `NoSuchKey`, `KeyIsRevoked`,
    `BadOverlap`."""
    if overlap_s not in OVERLAPS:
        raise BadOverlap
    key = keys.to_change(session, account_id, public_id, now=now)
    if not (has_old(key, now) and key.used_at is None):
        _retire(session, key)
    key.old_until = now + overlap_s
    issued = _renew(key, now)
    stays = f", …{key.old_last4} until {shown_end(key.old_until)}" if overlap_s else ""
    keys.record(
        session,
        "key.rotate",
        key,
        actor=actor,
        now=now,
        old=f"…{key.old_last4}",
        new=f"…{key.last4}{stays}",
    )
    return issued


def reissue(session: Session, account_id: int, public_id: str, *, actor: str, now: int) -> Issued:
    """A new secret in place of one that was lost before its first use: the lost one is dead at once, everything
    else of the key stays, an old secret of a rotation too. Raises `NoSuchKey`, `KeyIsRevoked`, `KeyWasUsed`."""
    key = keys.to_change(session, account_id, public_id, now=now)
    if is_secret_used(session, key):
        raise KeyWasUsed
    lost = key.last4
    if not has_old(key, now):
        _retire(session, key)
        key.old_until = now
    issued = _renew(key, now)
    keys.record(session, "key.reissue", key, actor=actor, now=now, old=f"…{lost}", new=f"…{key.last4}")
    return issued


def end_old(session: Session, account_id: int, public_id: str, *, actor: str, now: int) -> None:
    """The old secret ends now. Without one nothing changes. Raises `NoSuchKey`, `KeyIsRevoked`."""
    key = keys.to_change(session, account_id, public_id, now=now)
    if has_old(key, now):
        key.old_until = now
        keys.record(session, "key.end_old", key, actor=actor, now=now, old=f"…{key.old_last4}")


def has_old(key: ApiKey, now: int) -> bool:
    """Whether an old secret still works beside the new one."""
    return key.old_until is not None and key.old_until > now


def is_secret_used(session: Session, key: ApiKey) -> bool:
    """Whether the newest secret was ever used."""
    if key.rotated_at is not None:
        return key.used_at is not None
    return keys.is_used(session, key)


def note_uses(session: Session, uses: Mapping[tuple[int, str], int]) -> None:
    """Key and digest -> when it was last sent, in Unix seconds. No change of the account: nothing is bumped."""
    # In the order of keys, so that two processes never wait for each other.
    values = [{"digest": digest, "at": at} for (_, digest), at in sorted(uses.items())]
    if values:
        for statement in (_NOTE_NEW, _NOTE_OLD):
            session.connection().execute(statement, values)


_NOTE_NEW: Final = text(
    "UPDATE api_keys SET used_at = :at WHERE digest = :digest AND (used_at IS NULL OR used_at < :at)"
)
_NOTE_OLD: Final = text(
    "UPDATE api_keys SET old_used_at = :at "
    "WHERE old_digest = :digest AND (old_used_at IS NULL OR old_used_at < :at)"
)


def _retire(session: Session, key: ApiKey) -> None:
    """The present secret becomes the old one."""
    used_at = key.used_at if key.rotated_at is not None else keys.last_used(session, key)
    key.old_digest, key.old_last4, key.old_used_at = key.digest, key.last4, used_at


def _renew(key: ApiKey, now: int) -> Issued:
    secret = keys.new_secret(key.public_id)
    key.digest, key.last4 = keys.digest(secret), secret[-4:]
    key.rotated_at, key.used_at = now, None
    return Issued(key, secret, is_rotation=key.old_until is not None and key.old_until > now)
