"""Alert levels: how much of a limit is used up, and who is told of it once per window.

Levels are percentages of the hour's requests, running ones included, and of the month's settled tokens: what running
requests hold may come back, and would tell of a limit that is not reached. They are an account's own; 50, 80 and 95
unless it has set others. An account is watched, and those of its keys that have a value of their own; a key without
one is its account's share and would only repeat it.

`standing` is what pages show. `newly_crossed` is for mail and webhooks: it remembers in `alerts_told` what it has
returned, so that each level of each limit is told once per window, also when several processes ask at once.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import BigInteger, delete, text
from sqlmodel import Field, Session, SQLModel, col, select

from models import audit, counts, limits, overrides, windows
from models.counts import AccountUsed
from models.errors import Refused
from models.keys import ApiKey
from models.live import Limit

DEFAULT_LEVELS: Final = (50, 80, 95)
MOST_LEVELS: Final = 5


class AlertLevels(SQLModel, table=True):
    """`levels` as `50,80,95`, ascending; an account without a row has the usual ones."""

    __tablename__ = "alert_levels"

    account_id: int = Field(primary_key=True, foreign_key="accounts.id")
    levels: str


class AlertTold(SQLModel, table=True):
    """`key_id` 0 is the account itself; `period` the hour or month by `windows`."""

    __tablename__ = "alerts_told"

    account_id: int = Field(primary_key=True)
    key_id: int = Field(primary_key=True)
    limit_name: str = Field(primary_key=True)
    period: int = Field(primary_key=True)
    level: int = Field(primary_key=True)
    at: int = Field(sa_type=BigInteger)


@dataclass(frozen=True, slots=True)
class Alert:
    """One limit of an account or of a key (`key_id`, `key_name`) that has reached `level` percent. `is_highest`: the
    last level that the account has set."""

    account_id: int
    key_id: int | None
    key_public_id: str
    key_name: str
    limit_name: Limit
    level: int
    is_highest: bool
    used: int
    limit: int
    resets_at: int


class BadLevels(Refused):
    def __init__(self) -> None:
        super().__init__(f"Write up to {MOST_LEVELS} whole percentages from 1 to 100, such as 50, 80, 95.")


def levels(session: Session, account_id: int) -> tuple[int, ...]:
    """Ascending; none at all when the account wants no alerts."""
    row = session.get(AlertLevels, account_id)
    return DEFAULT_LEVELS if row is None else _parsed(row.levels)


def set_levels(session: Session, account_id: int, wanted: Iterable[int], *, actor: str, now: int) -> None:
    """For the owner. Raises `BadLevels`."""
    chosen = tuple(sorted(set(wanted)))
    if len(chosen) > MOST_LEVELS or any(not 1 <= level <= 100 for level in chosen):
        raise BadLevels
    old = levels(session, account_id)
    if chosen == old:
        return
    session.merge(AlertLevels(account_id=account_id, levels=_written(chosen)))
    audit.record(
        session,
        "alerts.set",
        actor=actor,
        account_id=account_id,
        subject="account",
        old=_written(old) or "none",
        new=_written(chosen) or "none",
        now=now,
    )


def standing(session: Session, account_id: int, *, now: int) -> list[Alert]:
    """Everything of this account that stands at one of its levels now, the account's own first. Raises
    `NoSuchAccount`."""
    sheet = overrides.sheet(session, account_id, now=now)
    return _alerts(session, {account_id: sheet}, now)


def newly_crossed(session: Session, account_ids: Collection[int] | None = None, *, now: int) -> list[Alert]:
    """What has reached a level since it was last asked for, each level once per window; of several that one limit
    has passed at once, the highest alone. None: of everybody who used something in the running month."""
    if account_ids is None:
        account_ids = {
            counted.owner_id
            for counted in counts.counted_of_all(session, now=now)
            if counted.layer == "account"
        }
    sheets = overrides.sheets(session, account_ids, now=now)
    crossed = [alert for alert in _alerts(session, sheets, now) if _tell(session, alert, now)]
    _forget(session, [alert.account_id for alert in crossed], now)
    return crossed


def period_of(name: Limit, now: int) -> int:
    """The window that a limit is counted in, as a number that grows."""
    return windows.month_of(now) if name == "monthly_tokens" else windows.hour_of(now)


def _alerts(session: Session, sheets: dict[int, overrides.Sheet], now: int) -> list[Alert]:
    used = counts.of_accounts(session.connection(), list(sheets), now=now)
    keys = _keys(session, sheets)
    own = {
        row.account_id: _parsed(row.levels)
        for row in session.exec(
            select(AlertLevels).where(col(AlertLevels.account_id).in_(list(sheets)))
        ).all()
    }
    found = []
    for account_id, sheet in sorted(sheets.items()):
        wanted = own.get(account_id, DEFAULT_LEVELS)
        for key in (None, *keys.get(account_id, ())):
            found += _of_owner(account_id, key, sheet, used[account_id], wanted, now)
    return found


def _keys(session: Session, sheets: dict[int, overrides.Sheet]) -> dict[int, list[ApiKey]]:
    """Keys in force that have a value of their own."""
    ids = {key_id for sheet in sheets.values() for key_id in sheet.key_ids}
    query = select(ApiKey).where(col(ApiKey.id).in_(ids), col(ApiKey.revoked_at).is_(None))
    keys: dict[int, list[ApiKey]] = {}
    for key in session.exec(query.order_by(col(ApiKey.id))).all() if ids else ():
        keys.setdefault(key.account_id, []).append(key)
    return keys


def _of_owner(
    account_id: int,
    key: ApiKey | None,
    sheet: overrides.Sheet,
    used: AccountUsed,
    wanted: Sequence[int],
    now: int,
) -> list[Alert]:
    figures = used.total if key is None else used.keys.get(key.id, counts.Used())
    steps = sheet.steps(None if key is None else key.id)
    spent: dict[Limit, tuple[int, int]] = {
        "hourly_requests": (figures.requests, windows.hour_end(now)),
        "monthly_tokens": (figures.tokens, windows.month_end(now)),
    }
    found = []
    for name, (count, resets_at) in spent.items():
        step = steps[name]
        limit = step.account_value if key is None else step.key_value
        if limit is None or (key is not None and step.key is None):
            continue
        reached = [level for level in wanted if count * 100 >= limit * level and count > 0]
        if reached:
            found.append(
                Alert(
                    account_id=account_id,
                    key_id=None if key is None else key.id,
                    key_public_id="" if key is None else key.public_id,
                    key_name="" if key is None else key.name,
                    limit_name=name,
                    level=reached[-1],
                    is_highest=reached[-1] == wanted[-1],
                    used=count,
                    limit=limit,
                    resets_at=resets_at,
                )
            )
    return found


_TELL: Final = text(
    "INSERT INTO alerts_told (account_id, key_id, limit_name, period, level, at) "
    "SELECT :account_id, :key_id, CAST(:limit_name AS VARCHAR), :period, :level, :at "
    "WHERE NOT EXISTS (SELECT 1 FROM alerts_told WHERE account_id = :account_id AND key_id = :key_id "
    "AND limit_name = CAST(:limit_name AS VARCHAR) AND period = :period AND level > :level) "
    "ON CONFLICT DO NOTHING RETURNING level"
)


def _tell(session: Session, alert: Alert, now: int) -> bool:
    """True for whoever tells it first in this window. After a higher level has been told nothing lower is news."""
    place = {
        "account_id": alert.account_id,
        "key_id": alert.key_id or 0,
        "limit_name": alert.limit_name,
        "period": period_of(alert.limit_name, now),
        "level": alert.level,
        "at": now,
    }
    return session.connection().execute(_TELL, place).first() is not None


def _forget(session: Session, account_ids: Collection[int], now: int) -> None:
    """What was told of these in windows that are over."""
    for name in limits.KEY_LIMITS:
        session.connection().execute(
            delete(AlertTold).where(
                col(AlertTold.account_id).in_(account_ids),
                col(AlertTold.limit_name) == name,
                col(AlertTold.period) < period_of(name, now),
            )
        )


def _parsed(written: str) -> tuple[int, ...]:
    return tuple(int(level) for level in written.split(",") if level)


def _written(chosen: Iterable[int]) -> str:
    return ",".join(str(level) for level in chosen)
