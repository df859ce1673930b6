"""Who changed what, when, from where and why: written in the transaction of the change itself."""

from sqlalchemy import BigInteger, Column, Integer
from sqlmodel import Field, Session, SQLModel, col, select


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
