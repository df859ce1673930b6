"""Requests for more: a customer asks for a higher limit of his account, staff grants or declines it.

One waits per account and limit at most. Granting sets the account's override in the same transaction, so what was
granted and what binds cannot differ. Whoever decides takes the account's lock first (`epochs.bump`), so of two who
decide at once the second is told that it is done.
"""

from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import BigInteger, Index, func, text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col, select

from models import audit, epochs, limits, overrides
from models.accounts import Account
from models.errors import Refused
from models.limits import Change
from models.live import Limit

PAGE: Final = 50
_WAITING: Final = text("state = 'asked'")
Which = Literal["waiting", "decided"]


class Ask(SQLModel, table=True):
    """`state` is asked, granted, declined or withdrawn. `held` is the account's value when he asked, `granted` what
    he got, `answer` the reason that staff gave."""

    __tablename__ = "asks"
    __table_args__ = (
        Index(
            "asks_waiting",
            "account_id",
            "limit_name",
            unique=True,
            sqlite_where=_WAITING,
            postgresql_where=_WAITING,
        ),
    )

    id: int = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="accounts.id", index=True)
    limit_name: str
    held: int = Field(sa_type=BigInteger)
    wanted: int = Field(sa_type=BigInteger)
    why: str
    asked_at: int = Field(sa_type=BigInteger)
    state: str
    granted: int | None = Field(default=None, sa_type=BigInteger)
    until: int | None = Field(default=None, sa_type=BigInteger)
    answer: str = ""
    decided_by: str = ""
    decided_at: int | None = Field(default=None, sa_type=BigInteger)


@dataclass(frozen=True, slots=True)
class AskLine:
    """For staff: with who asks, and the account's value now."""

    ask: Ask
    email: str
    current: int | None


class AskRefused(Refused):
    """The text names what is wrong."""


class NoSuchAsk(Refused):
    """For an id that never was, for somebody else's, and for one that is decided already."""

    def __init__(self) -> None:
        super().__init__("This request does not wait any more. Look at the list again.")


def ask(
    session: Session, account_id: int, limit_name: Limit, wanted: int, *, why: str, actor: str, now: int
) -> Ask:
    """For the owner. `why` has 10 characters at least. Raises `AskRefused`, `NoSuchAccount`, `BadValue`."""
    name, reason = limits.known(limit_name), limits.one_line(why)
    if len(reason) < limits.SHORTEST_REASON:
        raise AskRefused(f"Write in {limits.SHORTEST_REASON} characters or more what you need it for.")
    epochs.bump(session, account_id, now=now)
    held = overrides.in_force(session, account_id, None, now)[name].account_value
    if held is None:
        raise AskRefused("This account has no limit here, so there is nothing to ask for.")
    if not held < wanted <= limits.HIGHEST:
        raise AskRefused(f"Ask for more than the {held:,} {limits.UNITS[name]} that you have.")
    if _waiting(session, account_id, name) is not None:
        raise AskRefused(
            "You have asked for this limit already. Withdraw that first, or wait for its answer."
        )
    asked = Ask(
        account_id=account_id,
        limit_name=name,
        held=held,
        wanted=wanted,
        why=reason,
        asked_at=now,
        state="asked",
    )
    session.add(asked)
    try:
        session.flush()
    except IntegrityError as twin:
        raise AskRefused("You have asked for this limit already.") from twin
    _audit(session, "ask.create", asked, actor=actor, old=str(held), new=str(wanted), reason=reason, now=now)
    return asked


def withdraw(session: Session, account_id: int, ask_id: int, *, actor: str, now: int) -> None:
    """For the owner. Raises `NoSuchAsk`."""
    asked = _decidable(session, account_id, ask_id, now)
    _decide(session, asked, "withdrawn", actor=actor, answer="", now=now)
    _audit(session, "ask.withdraw", asked, actor=actor, old=str(asked.wanted), new="", reason="", now=now)


def grant(
    session: Session,
    account_id: int,
    ask_id: int,
    value: int,
    *,
    until: int | None,
    reason: str,
    actor: str,
    address: str,
    now: int,
) -> Change:
    """For staff: what he gets, which need not be what he wants, as an override of the account. Raises `NoSuchAsk`,
    `AskRefused`, `BadValue`."""
    asked = _decidable(session, account_id, ask_id, now)
    name = limits.known(asked.limit_name)
    held = overrides.in_force(session, account_id, None, now)[name].account_value
    if held is None or value <= held:
        shown = "no limit" if held is None else f"{held:,}"
        raise AskRefused(f"The account has {shown} already. Grant more than that, or decline.")
    change = limits.set_account_limit(
        session,
        account_id,
        name,
        value,
        actor=actor,
        reason=reason,
        until=until,
        address=address,
        now=now,
    )
    asked.granted, asked.until = value, until
    _decide(session, asked, "granted", actor=actor, answer=reason, now=now)
    _audit(
        session,
        "ask.grant",
        asked,
        actor=actor,
        old=str(asked.wanted),
        new=str(value),
        reason=asked.answer,
        address=address,
        now=now,
    )
    return change


def decline(
    session: Session, account_id: int, ask_id: int, *, reason: str, actor: str, address: str, now: int
) -> None:
    """For staff. Raises `NoSuchAsk`, `BadValue`."""
    answer = limits.good_reason(reason)
    asked = _decidable(session, account_id, ask_id, now)
    _decide(session, asked, "declined", actor=actor, answer=answer, now=now)
    _audit(
        session,
        "ask.decline",
        asked,
        actor=actor,
        old=str(asked.wanted),
        new="",
        reason=answer,
        address=address,
        now=now,
    )


def of_account(session: Session, account_id: int, limit: int) -> list[Ask]:
    """Newest first."""
    query = select(Ask).where(Ask.account_id == account_id).order_by(col(Ask.id).desc()).limit(limit)
    return list(session.exec(query).all())


def listing(
    session: Session,
    which: Which,
    *,
    now: int,
    before_id: int | None = None,
    after_id: int | None = None,
) -> list[AskLine]:
    """For staff, at most `PAGE`: what waits, longest first, from `after_id` on; what is decided, newest first, from
    `before_id` down."""
    query = select(Ask, Account.email).join(Account, col(Account.id) == col(Ask.account_id)).limit(PAGE)
    if which == "waiting":
        query = query.where(Ask.state == "asked", col(Ask.id) > (after_id or 0)).order_by(col(Ask.id))
    else:
        query = query.where(col(Ask.state).in_(("granted", "declined"))).order_by(col(Ask.id).desc())
        if before_id is not None:
            query = query.where(col(Ask.id) < before_id)
    found = session.exec(query).all()
    sheets = overrides.sheets(session, {one.account_id for one, _ in found}, now=now)
    return [
        AskLine(one, email, sheets[one.account_id].steps(None)[limits.known(one.limit_name)].account_value)
        for one, email in found
    ]


def count_waiting(session: Session) -> int:
    return session.exec(select(func.count()).select_from(Ask).where(Ask.state == "asked")).one()


def find(session: Session, ask_id: int) -> Ask | None:
    """Whosever it is: for staff."""
    return session.get(Ask, ask_id)


def _waiting(session: Session, account_id: int, name: Limit) -> Ask | None:
    query = select(Ask).where(Ask.account_id == account_id, Ask.limit_name == name, Ask.state == "asked")
    return session.exec(query).first()


def _decidable(session: Session, account_id: int, ask_id: int, now: int) -> Ask:
    found = session.exec(select(Ask).where(Ask.id == ask_id, Ask.account_id == account_id)).first()
    if found is None:
        raise NoSuchAsk
    epochs.bump(session, account_id, now=now)
    session.refresh(found)  # whoever held the lock before may have decided
    if found.state != "asked":
        raise NoSuchAsk
    return found


def _decide(session: Session, asked: Ask, state: str, *, actor: str, answer: str, now: int) -> None:
    asked.state, asked.decided_by, asked.decided_at = state, actor, now
    asked.answer = limits.one_line(answer)
    session.add(asked)


def _audit(
    session: Session,
    act: str,
    asked: Ask,
    *,
    actor: str,
    old: str,
    new: str,
    reason: str,
    address: str = "",
    now: int,
) -> None:
    audit.record(
        session,
        act,
        actor=actor,
        account_id=asked.account_id,
        subject=asked.limit_name,
        old=old,
        new=new,
        reason=reason,
        address=address,
        now=now,
    )
