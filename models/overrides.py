"""What is set: plans, and the overrides of accounts and keys, as rows and as what is in force of them.

The rules of who may set what are in `limits`, which is the only user.
"""

from dataclasses import dataclass

from sqlalchemy import BigInteger, or_
from sqlmodel import Field, Session, SQLModel, col, select

from models.accounts import Account, NoSuchAccount
from models.live import Limit


class Plan(SQLModel, table=True):
    __tablename__ = "plans"

    name: str = Field(primary_key=True)
    hourly_requests: int | None = Field(default=None, sa_type=BigInteger)
    monthly_tokens: int | None = Field(default=None, sa_type=BigInteger)
    concurrent_requests: int | None = Field(default=None, sa_type=BigInteger)


class Override(SQLModel, table=True):
    """`key_id` None: of the whole account. `value` None: no limit, which only an account can have. `until` is
    planned, `ended_at` is when it was replaced or removed."""

    __tablename__ = "overrides"

    id: int = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="accounts.id", index=True)
    key_id: int | None = Field(default=None, foreign_key="api_keys.id", index=True)
    limit_name: str
    value: int | None = Field(sa_type=BigInteger)
    author: str
    is_staff: bool
    reason: str
    created_at: int = Field(sa_type=BigInteger)
    until: int | None = Field(default=None, sa_type=BigInteger)
    ended_at: int | None = Field(default=None, sa_type=BigInteger)


@dataclass(frozen=True, slots=True)
class Authorship:
    author: str
    is_staff: bool
    reason: str
    until: int | None


@dataclass(frozen=True, slots=True)
class Step:
    """Everything that is set for one limit."""

    plan_name: str
    plan_value: int | None
    account: Override | None
    staff: Override | None
    own: Override | None

    @property
    def overrides(self) -> list[Override]:
        return [row for row in (self.account, self.staff, self.own) if row is not None]

    @property
    def account_value(self) -> int | None:
        return self.plan_value if self.account is None else self.account.value

    @property
    def key(self) -> Override | None:
        if self.staff is None or self.own is None:
            return self.staff or self.own
        return self.own if (self.own.value or 0) <= (self.staff.value or 0) else self.staff

    @property
    def key_value(self) -> int | None:
        return self.account_value if self.key is None else self.key.value


def in_force(session: Session, account_id: int, key_id: int | None, now: int) -> dict[Limit, Step]:
    plan = session.exec(
        select(Plan).join(Account, col(Account.plan) == col(Plan.name)).where(Account.id == account_id)
    ).first()
    if plan is None:
        raise NoSuchAccount
    rows = active(session, account_id, key_id, now)

    def step(name: Limit, plan_value: int | None) -> Step:
        mine = [row for row in rows if row.limit_name == name]
        return Step(
            plan.name,
            plan_value,
            account=next((row for row in mine if row.key_id is None), None),
            staff=next((row for row in mine if row.key_id is not None and row.is_staff), None),
            own=next((row for row in mine if row.key_id is not None and not row.is_staff), None),
        )

    return {
        "hourly_requests": step("hourly_requests", plan.hourly_requests),
        "monthly_tokens": step("monthly_tokens", plan.monthly_tokens),
        "concurrent_requests": step("concurrent_requests", plan.concurrent_requests),
    }


def active(session: Session, account_id: int, key_id: int | None, now: int) -> list[Override]:
    """Newest first."""
    query = select(Override).where(
        Override.account_id == account_id,
        or_(col(Override.key_id).is_(None), col(Override.key_id) == key_id),
        col(Override.ended_at).is_(None),
        or_(col(Override.until).is_(None), col(Override.until) > now),
    )
    return list(session.exec(query.order_by(col(Override.id).desc())).all())


def end(session: Session, rows: list[Override | None], now: int) -> None:
    for row in rows:
        if row is not None:
            row.ended_at = now
            session.add(row)


def add(
    session: Session,
    account_id: int,
    key_id: int | None,
    name: Limit,
    value: int | None,
    authorship: Authorship,
    now: int,
) -> None:
    session.add(
        Override(
            account_id=account_id,
            key_id=key_id,
            limit_name=name,
            value=value,
            author=authorship.author,
            is_staff=authorship.is_staff,
            reason=authorship.reason,
            created_at=now,
            until=authorship.until,
        )
    )
