"""What the owner sets on a key that exists: its name, whether it is paused, when it ends by itself, and which models
it is for.

Every change binds from the next request of this process, and within a second in all others.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Final

from sqlmodel import Session

from models import keys
from models.errors import Refused

MOST_MODELS: Final = 200
LONGEST_MODEL: Final = 200


class BadExpiry(Refused):
    def __init__(self) -> None:
        super().__init__("This day lies in the past. Choose a later one, or pause or revoke the key.")


class BadModels(Refused):
    def __init__(self) -> None:
        super().__init__("Choose at least one model, or allow all of them.")


def rename(session: Session, account_id: int, public_id: str, name: str, *, actor: str, now: int) -> None:
    """Raises `NoSuchKey`, `KeyIsRevoked`, `BadName`."""
    key = keys.to_change(session, account_id, public_id, now=now)
    old, key.name = key.name, keys.clean_name(name)
    if key.name != old:
        keys.record(session, "key.rename", key, actor=actor, now=now, old=old, new=key.name)


def pause(session: Session, account_id: int, public_id: str, *, actor: str, now: int) -> None:
    """Until it is resumed. A key that is paused already stays as it is. Raises `NoSuchKey`, `KeyIsRevoked`."""
    key = keys.to_change(session, account_id, public_id, now=now)
    if key.paused_at is None:
        key.paused_at = now
        keys.record(session, "key.pause", key, actor=actor, now=now)


def resume(session: Session, account_id: int, public_id: str, *, actor: str, now: int) -> None:
    """Undoes `pause`. Raises `NoSuchKey`, `KeyIsRevoked`."""
    key = keys.to_change(session, account_id, public_id, now=now)
    if key.paused_at is not None:
        key.paused_at = None
        keys.record(session, "key.resume", key, actor=actor, now=now)


def set_expiry(
    session: Session, account_id: int, public_id: str, expires_at: int | None, *, actor: str, now: int
) -> None:
    """When the key ends by itself, in Unix seconds; None for never. One that has ended can be given a later end.
    Raises `NoSuchKey`, `KeyIsRevoked`, `BadExpiry`."""
    key = keys.to_change(session, account_id, public_id, now=now)
    if expires_at is not None and expires_at <= now:
        raise BadExpiry
    old, key.expires_at = key.expires_at, expires_at
    if old != expires_at:
        shown_old, shown_new = shown_end(old), shown_end(expires_at)
        keys.record(session, "key.expiry", key, actor=actor, now=now, old=shown_old, new=shown_new)


def set_models(
    session: Session, account_id: int, public_id: str, names: Collection[str] | None, *, actor: str, now: int
) -> None:
    """The only models that this key may ask for; None for all, also those that are added later. Whether there are
    such models is not asked: one that is taken out of the catalog and comes back is allowed again.
    Raises `NoSuchKey`, `KeyIsRevoked`, `BadModels`."""
    key = keys.to_change(session, account_id, public_id, now=now)
    old, key.allowed_models = key.allowed_models, _joined(names)
    if old != key.allowed_models:
        shown_old, shown_new = _shown_models(old), _shown_models(key.allowed_models)
        keys.record(session, "key.models", key, actor=actor, now=now, old=shown_old, new=shown_new)


def shown_end(at: int | None) -> str:
    return "never" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _joined(names: Collection[str] | None) -> str:
    if names is None:
        return ""
    wanted = sorted(set(names))
    are_names = all(0 < len(name) <= LONGEST_MODEL and name.isprintable() for name in wanted)
    if not 1 <= len(wanted) <= MOST_MODELS or not are_names:
        raise BadModels
    return "\n".join(wanted)


def _shown_models(joined: str) -> str:
    return joined.replace("\n", ", ") or "all models"
