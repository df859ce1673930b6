"""What is set: plans, and the overrides of accounts and keys, as rows and as what is in force of them.

The rules of who may set what are in `limits`. Whoever needs many keys or accounts reads their `Sheet`s: two queries,
however many there are.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import BigInteger, ColumnElement, or_
from sqlmodel import Field, Session, SQLModel, col, select

from models.accounts import Account, NoSuchAccount
from models.live import Limit


class Plan(SQLModel, table=True):
    """`edited_at` and `edited_by`: staff has set these values in the dashboard, so the settings no longer do."""

    __tablename__ = "plans"

    name: str = Field(primary_key=True)
    hourly_requests: int | None = Field(default=None, sa_type=BigInteger)
    monthly_tokens: int | None = Field(default=None, sa_type=BigInteger)
    concurrent_requests: int | None = Field(default=None, sa_type=BigInteger)
    edited_at: int | None = Field(default=None, sa_type=BigInteger)
    edited_by: str | None = None


class Override(SQLModel, table=True):
    """`key_id` None: of the whole account. `value` None: no limit, which only an account can have. `until` is
    planned, `ended_at` is when it was replaced or removed, `replaced_by` the override that did."""

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
    replaced_by: int | None = None


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


class Sheet:
    """The plan of an account and every override in force on it; `rows` come newest first."""

    def __init__(self, plan: Plan, rows: Collection[Override]) -> None:
        self.plan = plan
        self._rows: defaultdict[tuple[int | None, str], list[Override]] = defaultdict(list)
        for row in rows:
            self._rows[row.key_id, row.limit_name].append(row)

    @property
    def key_ids(self) -> set[int]:
        """Keys that have a value of their own."""
        return {key_id for key_id, _ in self._rows if key_id is not None}

    def steps(self, key_id: int | None) -> dict[Limit, Step]:
        """Of one key, or of the account alone. A key of somebody else has nothing of its own here."""
        return {
            "hourly_requests": self._step("hourly_requests", self.plan.hourly_requests, key_id),
            "monthly_tokens": self._step("monthly_tokens", self.plan.monthly_tokens, key_id),
            "concurrent_requests": self._step("concurrent_requests", self.plan.concurrent_requests, key_id),
        }

    def _step(self, name: Limit, plan_value: int | None, key_id: int | None) -> Step:
        of_account = self._rows.get((None, name), ())
        of_key = () if key_id is None else self._rows.get((key_id, name), ())
        return Step(
            self.plan.name,
            plan_value,
            account=next(iter(of_account), None),
            staff=next((row for row in of_key if row.is_staff), None),
            own=next((row for row in of_key if not row.is_staff), None),
        )


def in_force(session: Session, account_id: int, key_id: int | None, now: int) -> dict[Limit, Step]:
    """Raises `NoSuchAccount`."""
    plan = session.exec(
        select(Plan).join(Account, col(Account.plan) == col(Plan.name)).where(Account.id == account_id)
    ).first()
    if plan is None:
        raise NoSuchAccount
    return Sheet(plan, active(session, account_id, key_id, now)).steps(key_id)


def sheet(session: Session, account_id: int, *, now: int) -> Sheet:
    """Raises `NoSuchAccount`."""
    found = sheets(session, [account_id], now=now)
    if account_id not in found:
        raise NoSuchAccount
    return found[account_id]


def sheets(session: Session, account_ids: Collection[int], *, now: int) -> dict[int, Sheet]:
    """Of those of these accounts that exist."""
    plans = session.exec(
        select(Account.id, Plan)
        .join(Plan, col(Account.plan) == col(Plan.name))
        .where(col(Account.id).in_(account_ids))
    ).all()
    rows: defaultdict[int, list[Override]] = defaultdict(list)
    query = select(Override).where(col(Override.account_id).in_(account_ids), is_in_force(now))
    for row in session.exec(query.order_by(col(Override.id).desc())):
        rows[row.account_id].append(row)
    return {account_id: Sheet(plan, rows[account_id]) for account_id, plan in plans}


def active(session: Session, account_id: int, key_id: int | None, now: int) -> list[Override]:
    """Newest first."""
    query = select(Override).where(
        Override.account_id == account_id,
        or_(col(Override.key_id).is_(None), col(Override.key_id) == key_id),
        is_in_force(now),
    )
    return list(session.exec(query.order_by(col(Override.id).desc())).all())


def is_in_force(now: int) -> ColumnElement[bool]:
    return col(Override.ended_at).is_(None) & or_(col(Override.until).is_(None), col(Override.until) > now)


def end(session: Session, rows: Collection[Override | None], now: int, *, by: Override | None = None) -> None:
    """`by` is what takes their place."""
    for row in rows:
        if row is not None:
            row.ended_at = now
            row.replaced_by = None if by is None else by.id
            session.add(row)


def add(
    session: Session,
    account_id: int,
    key_id: int | None,
    name: Limit,
    value: int | None,
    authorship: Authorship,
    now: int,
) -> Override:
    """With its id."""
    row = Override(
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
    session.add(row)
    session.flush()
    return row
