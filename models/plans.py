"""Plan defaults as staff edits them. An edited plan keeps its values at the next start, whatever the settings say,
until it is told to follow the settings again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func, text
from sqlmodel import Session, col, select

from models import audit, limits, overrides
from models.accounts import Account
from models.errors import Refused
from models.limits import HIGHEST, BadValue
from models.live import Limit
from models.overrides import Override, Plan

FIXED: Final = frozenset({"unlimited"})
"""What these promise by their name cannot be edited."""
OF_SETTINGS: Final = frozenset({"starter"})
"""These take their values from the settings at each start until staff edits them."""

Values = Mapping[Limit, int | None]

_BUMP = text(
    "INSERT INTO epochs (account_id, epoch, changed_ms) SELECT id, 1, :changed_ms FROM accounts "
    "WHERE plan = :plan ORDER BY id "
    "ON CONFLICT (account_id) DO UPDATE SET epoch = epochs.epoch + 1, changed_ms = excluded.changed_ms"
)


class PlanChanged(Refused):
    def __init__(self) -> None:
        super().__init__(
            "Somebody changed this plan meanwhile. Its values now are shown; look again, then save."
        )


class NoSuchPlan(Refused):
    def __init__(self) -> None:
        super().__init__("There is no such plan to edit.")


@dataclass(frozen=True, slots=True)
class PlanLine:
    """`accounts` are on this plan; `inherit` tells how many of them take each value from it."""

    plan: Plan
    accounts: int
    inherit: Mapping[Limit, int]


def values_of(plan: Plan) -> dict[Limit, int | None]:
    return {
        "hourly_requests": plan.hourly_requests,
        "monthly_tokens": plan.monthly_tokens,
        "concurrent_requests": plan.concurrent_requests,
    }


def listing(session: Session, *, now: int) -> list[PlanLine]:
    """By name."""
    counted = session.exec(select(Account.plan, func.count()).group_by(col(Account.plan))).all()
    accounts = {str(plan): int(count) for plan, count in counted}
    own = session.exec(
        select(Account.plan, Override.limit_name, func.count(func.distinct(col(Override.account_id))))
        .join(Account, col(Account.id) == col(Override.account_id))
        .where(col(Override.key_id).is_(None), overrides.is_in_force(now))
        .group_by(col(Account.plan), col(Override.limit_name))
    ).all()
    overridden = {(str(plan), str(name)): int(count) for plan, name, count in own}
    lines = []
    for plan in session.exec(select(Plan).order_by(col(Plan.name))).all():
        total = accounts.get(plan.name, 0)
        inherit = {name: total - overridden.get((plan.name, name), 0) for name in values_of(plan)}
        lines.append(PlanLine(plan, total, inherit))
    return lines


def edit(
    session: Session,
    plan_name: str,
    wanted: Values,
    *,
    expected: Values,
    actor: str,
    address: str,
    now: int,
) -> dict[Limit, limits.Change]:
    """For staff: the plan's values from the next request of all its accounts on. `expected` is what was shown. None
    is no limit. Raises `NoSuchPlan`, `PlanChanged`, `BadValue`."""
    plan = _editable(session, plan_name)
    current = values_of(plan)
    if current != dict(expected):
        raise PlanChanged
    changes = {
        name: limits.Change(current[name], wanted[name]) for name in wanted if wanted[name] != current[name]
    }
    for name, change in changes.items():
        least = 1 if name == "concurrent_requests" else 0
        if change.new is not None and not least <= change.new <= HIGHEST:
            raise BadValue(f"Write a whole number, {least} or more, or leave it empty for no limit.")
        setattr(plan, name, change.new)
        audit.record(
            session,
            f"plan.{name}",
            actor=actor,
            account_id=None,
            subject=plan_name,
            old=limits.shown(change.old),
            new=limits.shown(change.new),
            address=address,
            now=now,
        )
    if changes:
        plan.edited_at, plan.edited_by = now, actor
        session.add(plan)
        session.connection().execute(_BUMP, {"plan": plan_name, "changed_ms": now * 1000})
    return changes


def follow_settings(session: Session, plan_name: str, *, actor: str, address: str, now: int) -> None:
    """For staff: the settings set this plan again when a server next starts. Raises `NoSuchPlan`."""
    plan = _editable(session, plan_name)
    if plan.edited_at is None:
        return
    plan.edited_at = plan.edited_by = None
    session.add(plan)
    audit.record(
        session,
        "plan.follow_settings",
        actor=actor,
        account_id=None,
        subject=plan_name,
        address=address,
        now=now,
    )


def _editable(session: Session, plan_name: str) -> Plan:
    plan = session.exec(select(Plan).where(Plan.name == plan_name).with_for_update()).first()
    if plan is None or plan_name in FIXED:
        raise NoSuchPlan
    return plan
