"""Who changed what, when, from where and why: written in the transaction of the change itself."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, Column, Integer
from sqlmodel import Field, Session, SQLModel, col, select

PAGE: Final = 50


class AuditRow(SQLModel, table=True):
    """`actor` is an email address, or the command line; `subject` a key's public id or an address."""

    __tablename__ = "audit"

    id: int | None = Field(
        default=None, sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    )
    at: int = Field(sa_type=BigInteger)
    actor: str
    account_id: int | None = Field(default=None, index=True)
    act: str
    subject: str
    old: str
    new: str
    reason: str
    address: str


@dataclass(frozen=True, slots=True)
class Trail:
    """What of the trail is asked for: part of the actor, one account, one act or all of a thing (`limit.`), and a
    stretch of time, `since` and without `until`."""

    actor: str = ""
    account_id: int | None = None
    act: str = ""
    since: int | None = None
    until: int | None = None


def record(
    session: Session,
    act: str,
    *,
    actor: str,
    account_id: int | None,
    now: int,
    subject: str = "",
    old: str = "",
    new: str = "",
    reason: str = "",
    address: str = "",
) -> None:
    """`act` is thing.verb, e.g. `key.revoke`."""
    session.add(
        AuditRow(
            at=now,
            actor=actor,
            account_id=account_id,
            act=act,
            subject=subject,
            old=old,
            new=new,
            reason=reason,
            address=address,
        )
    )


def last(session: Session, *, account_id: int | None = None, limit: int) -> list[AuditRow]:
    """Newest first; of everybody when no account is named, which is for admins."""
    query = select(AuditRow).order_by(col(AuditRow.id).desc()).limit(limit)
    if account_id is not None:
        query = query.where(AuditRow.account_id == account_id)
    return list(session.exec(query).all())


def page(session: Session, trail: Trail, *, before_id: int | None = None) -> list[AuditRow]:
    """For admins: at most `PAGE`, newest first; `before_id` continues after the last row seen."""
    query = select(AuditRow).order_by(col(AuditRow.id).desc()).limit(PAGE)
    if before_id is not None:
        query = query.where(col(AuditRow.id) < before_id)
    if trail.actor:
        query = query.where(col(AuditRow.actor).icontains(trail.actor, autoescape=True))
    if trail.account_id is not None:
        query = query.where(AuditRow.account_id == trail.account_id)
    if trail.act.endswith("."):
        query = query.where(col(AuditRow.act).startswith(trail.act, autoescape=True))
    elif trail.act:
        query = query.where(AuditRow.act == trail.act)
    if trail.since is not None:
        query = query.where(col(AuditRow.at) >= trail.since)
    if trail.until is not None:
        query = query.where(col(AuditRow.at) < trail.until)
    return list(session.exec(query).all())


def acts(session: Session) -> list[str]:
    """Every act that was ever recorded, by name."""
    return sorted(session.exec(select(AuditRow.act).distinct()).all())
