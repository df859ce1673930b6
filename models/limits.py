"""What an account and each of its keys may use: plan, the account's override, the key's override.

Two limits: requests per UTC hour, tokens per UTC month; None means no limit. The account's value is its override
(staff alone sets it), else its plan's. A key's value is its override, else the account's. A key can never be set
above its account, by anybody.

A key's limit may carry two overrides at once: staff's and the owner's own, of which the smaller one binds. So the
owner may lower what staff has set, and take that back, but never get above it before it ends. Staff setting a value
ends the owner's. Overrides end by themselves at `until`; nothing has to run for that.

Beside them the account's value of `concurrent_requests` says how many requests each of its keys may run at once; no
key has a value of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal, cast, get_args

from sqlmodel import Session, col, select

from models import audit, epochs, overrides
from models.accounts import Account, NoSuchAccount
from models.errors import Refused
from models.live import Limit, Limits
from models.overrides import Override as Override
from models.overrides import Plan as Plan

HIGHEST: Final = 10**15
SHORTEST_REASON: Final = 10
LONGEST_REASON: Final = 500
UNITS: Final[Mapping[Limit, str]] = {
    "hourly_requests": "requests per hour",
    "monthly_tokens": "tokens per month",
    "concurrent_requests": "requests at once",
}
KEY_LIMITS: Final[tuple[Limit, ...]] = ("hourly_requests", "monthly_tokens")
"""Those that a key can have a value of its own for."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the ladder. An unset rung carries the value it inherits, and says so in `origin`. `override_id`
    tells one setting from the next, for whoever shows it now and changes it later."""

    layer: Literal["plan", "account", "key"]
    value: int | None
    origin: str
    author: str
    reason: str
    until: int | None
    is_set: bool
    override_id: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Ladder:
    """From the plan down; `value` is the one that binds, `origin` where it comes from."""

    rungs: list[Rung]
    value: int | None
    origin: str


@dataclass(frozen=True, slots=True)
class Change:
    """The value in force on that layer, before and after."""

    old: int | None
    new: int | None


class Unset(Enum):
    UNSET = "unset"


UNSET: Final = Unset.UNSET
"""The caller did not say what he expects."""


class AboveAccount(Refused):
    def __init__(self, value: int, account_value: int, name: Limit) -> None:
        super().__init__(
            f"{value:,} is above this account's {account_value:,} {UNITS[name]}. Raise the account first."
            " Only staff of this server can."
        )


class SetByStaff(Refused):
    def __init__(self, value: int, name: Limit) -> None:
        super().__init__(
            f"Staff has set this key to {value:,} {UNITS[name]}. You can lower it, not raise or remove it."
        )


class BadValue(Refused):
    """The text names what is wrong."""


class Conflict(Refused):
    """What stands there now is not what was shown. Nothing has been changed."""

    def __init__(self, current: int | None, *, unset: str = "not set") -> None:
        shown = unset if current is None else f"{current:,}"
        super().__init__(f"Somebody changed this meanwhile: it is now {shown}. Look again before you save.")


def ensure_plans(
    session: Session, *, starter_requests: int, starter_tokens: int, starter_concurrent: int = 100
) -> None:
    """The two plans that exist, `starter` with these values unless staff has edited it (`plans`). For the start of a
    serving process: one that runs already is not told that a value changed."""
    session.merge(Plan(name="unlimited"))
    starter = session.get(Plan, "starter") or Plan(name="starter")
    if starter.edited_at is None:
        starter.hourly_requests, starter.monthly_tokens = starter_requests, starter_tokens
        starter.concurrent_requests = starter_concurrent
    session.add(starter)


def effective(session: Session, account_id: int, key_id: int | None, *, now: int) -> Limits:
    """What binds that key, or, without a key, the account's values on both layers. Raises `NoSuchAccount`."""
    return bound_by(overrides.in_force(session, account_id, key_id, now))


def bound_by(steps: Mapping[Limit, overrides.Step]) -> Limits:
    """`effective` of what has been read already."""
    requests, tokens = steps["hourly_requests"], steps["monthly_tokens"]
    ends = [override.until for step in steps.values() for override in step.overrides if override.until]
    return Limits(
        key_requests=requests.key_value,
        account_requests=requests.account_value,
        key_tokens=tokens.key_value,
        account_tokens=tokens.account_value,
        valid_until=min(ends, default=None),
        key_concurrent=steps["concurrent_requests"].account_value,
    )


def ladder(session: Session, account_id: int, key_id: int | None, limit_name: Limit, *, now: int) -> Ladder:
    """Without a key the ladder ends at the account. Raises `NoSuchAccount`, `BadValue`."""
    step = overrides.in_force(session, account_id, key_id, now)[known(limit_name)]
    return ladder_of(step, is_of_key=key_id is not None)


def ladder_of(step: overrides.Step, *, is_of_key: bool) -> Ladder:
    """`ladder` of what has been read already."""
    rungs = [
        Rung("plan", step.plan_value, f"plan {step.plan_name.capitalize()}", "", "", None, True),
        _rung("account", step.account, step.account_value, "the plan's value"),
    ]
    if is_of_key:
        rungs.append(_rung("key", step.key, step.key_value, "the account's value"))
    values = [rung.value for rung in rungs[1:] if rung.value is not None]
    value = min(values, default=None)
    origin = next(rung.origin for rung in reversed(rungs) if rung.is_set and rung.value == value)
    return Ladder(rungs, value, origin)


def set_key_limit(
    session: Session,
    account_id: int,
    public_id: str,
    limit_name: Limit,
    value: int | None,
    *,
    actor: str,
    is_staff: bool = False,
    reason: str = "",
    until: int | None = None,
    expected: int | Unset | None = UNSET,
    address: str = "",
    now: int,
) -> Change:
    """Set a key's own number, or with None go back to the account's.

    `expected` is the override that the form showed (None: none). Raises `NoSuchKey`, `AboveAccount`,
    `SetByStaff`, `BadValue`, `Conflict`.
    """
    from models import keys  # which builds on this file

    if known(limit_name) not in KEY_LIMITS:
        raise BadValue(
            "Requests at once are set for the whole account, by its staff; each key counts its own."
        )
    key = keys.get(session, account_id, public_id)
    epochs.bump(session, account_id, now=now)
    step = overrides.in_force(session, account_id, key.id, now)[limit_name]
    current = None if step.key is None else step.key.value
    if not isinstance(expected, Unset) and expected != current:
        raise Conflict(current)
    if value is not None:
        _check_value(value, until, now)
        if step.account_value is not None and value > step.account_value:
            raise AboveAccount(value, step.account_value, limit_name)
    if not is_staff:
        _check_staff(step, value, limit_name)
    reason = one_line(reason)
    new = None
    if value is not None:
        authorship = overrides.Authorship(actor, is_staff, reason, until)
        new = overrides.add(session, account_id, key.id, limit_name, value, authorship, now)
    replaced = [step.own, step.staff] if is_staff else [step.own]
    overrides.end(session, replaced, now, by=new)
    change = Change(
        step.key_value, overrides.in_force(session, account_id, key.id, now)[limit_name].key_value
    )
    record(
        session,
        account_id,
        limit_name,
        change,
        actor=actor,
        reason=reason,
        subject=public_id,
        address=address,
        now=now,
    )
    return change


def set_key_limits(
    session: Session,
    account_id: int,
    public_id: str,
    wanted: Mapping[Limit, int | None],
    *,
    expected: Mapping[Limit, int | None],
    actor: str,
    now: int,
) -> dict[Limit, Change]:
    """For the owner: all of a key's limits at once, or none. `expected` is what the form showed as the key's own
    numbers; a limit that is wanted as it was shown stays untouched. Raises as `set_key_limit`, the refusal with the
    limit's name in `limit_name`."""
    changes: dict[Limit, Change] = {}
    for name, value in wanted.items():
        if value == expected[name]:
            continue
        try:
            changes[name] = set_key_limit(
                session, account_id, public_id, name, value, actor=actor, expected=expected[name], now=now
            )
        except Refused as refusal:
            refusal.limit_name = name
            raise
    return changes


def set_account_limit(
    session: Session,
    account_id: int,
    limit_name: Limit,
    value: int | None,
    *,
    actor: str,
    reason: str,
    until: int | None = None,
    expected_id: int | Unset | None = UNSET,
    address: str = "",
    now: int,
) -> Change:
    """For staff: None lifts the limit. The reason has 10 characters at least. Keys set above the new value stay
    as they are and are bound by the account. `expected_id` is the account's override that was shown (None: none).
    Raises `NoSuchAccount`, `BadValue`, `Conflict`."""
    _check_value(value, until, now)
    return _change_account(
        session,
        account_id,
        limit_name,
        (value, until),
        actor=actor,
        reason=reason,
        expected_id=expected_id,
        address=address,
        now=now,
    )


def remove_account_limit(
    session: Session,
    account_id: int,
    limit_name: Limit,
    *,
    actor: str,
    reason: str,
    expected_id: int | Unset | None = UNSET,
    address: str = "",
    now: int,
) -> Change:
    """For staff: back to the plan's value. Raises as `set_account_limit`."""
    return _change_account(
        session,
        account_id,
        limit_name,
        None,
        actor=actor,
        reason=reason,
        expected_id=expected_id,
        address=address,
        now=now,
    )


def history(session: Session, account_id: int, limit: int) -> list[Override]:
    """Overrides of the account and its keys, ended ones too, newest first."""
    query = select(Override).where(Override.account_id == account_id)
    return list(session.exec(query.order_by(col(Override.id).desc()).limit(limit)).all())


def _rung(layer: Literal["account", "key"], row: Override | None, value: int | None, inherits: str) -> Rung:
    if row is None:
        return Rung(layer, value, inherits, "", "", None, False)
    origin = "set by staff" if row.is_staff else "set on this key"
    return Rung(layer, row.value, origin, row.author, row.reason, row.until, True, row.id)


def _check_value(value: int | None, until: int | None, now: int) -> None:
    if value is not None and not 0 <= value <= HIGHEST:
        raise BadValue("A limit is a whole number, 0 or more. Leave it out for no limit of its own.")
    if until is not None and until <= now:
        raise BadValue("The end of this limit lies in the past. Choose a later one.")


def _check_staff(step: overrides.Step, value: int | None, name: Limit) -> None:
    bound = None if step.staff is None else step.staff.value
    if bound is None:
        return
    removes_nothing_of_his = value is None and step.own is None
    if removes_nothing_of_his or (value is not None and value > bound):
        raise SetByStaff(bound, name)


def _change_account(
    session: Session,
    account_id: int,
    limit_name: Limit,
    override: tuple[int | None, int | None] | None,
    *,
    actor: str,
    reason: str,
    expected_id: int | Unset | None,
    address: str,
    now: int,
) -> Change:
    """`override` is value and end; None takes the account's override away."""
    name, reason = known(limit_name), good_reason(reason)
    if session.get(Account, account_id) is None:
        raise NoSuchAccount
    epochs.bump(session, account_id, now=now)
    step = overrides.in_force(session, account_id, None, now)[name]
    if not isinstance(expected_id, Unset) and expected_id != (step.account.id if step.account else None):
        raise Conflict(step.account_value, unset="without a limit")
    added = None
    if override is not None:
        value, until = override
        authorship = overrides.Authorship(actor, True, reason, until)
        added = overrides.add(session, account_id, None, name, value, authorship, now)
    overrides.end(session, [step.account], now, by=added)
    new = overrides.in_force(session, account_id, None, now)[name].account_value
    record(
        session,
        account_id,
        name,
        Change(step.account_value, new),
        actor=actor,
        reason=reason,
        subject="account",
        address=address,
        now=now,
    )
    return Change(step.account_value, new)


def record(
    session: Session,
    account_id: int,
    name: Limit,
    change: Change,
    *,
    actor: str,
    reason: str,
    subject: str,
    address: str = "",
    now: int,
) -> None:
    """The audit row of a change. `subject` is `account` or the key's public id."""
    audit.record(
        session,
        f"limit.{name}",
        actor=actor,
        account_id=account_id,
        subject=subject,
        old=shown(change.old),
        new=shown(change.new),
        reason=reason,
        address=address,
        now=now,
    )


def shown(value: int | None) -> str:
    return "no limit" if value is None else str(value)


def good_reason(reason: str) -> str:
    """As it is kept. Raises `BadValue` for one that is too short."""
    clean = one_line(reason)
    if len(clean) < SHORTEST_REASON:
        raise BadValue(f"Write the reason in {SHORTEST_REASON} characters or more: the customer reads it.")
    return clean


def one_line(reason: str) -> str:
    """Spaces in a row become one; what cannot be printed, or stored, is left out."""
    words = " ".join(reason.split())
    return "".join(letter for letter in words if letter.isprintable())[:LONGEST_REASON]


def known(limit_name: str) -> Limit:
    """Raises `BadValue`."""
    if limit_name not in get_args(Limit):
        raise BadValue(f"There is no limit called {limit_name!r}.")
    return cast(Limit, limit_name)
