"""Keys as their pages show them, each page on one consistent view: the list, and one key with everything about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from models import keys, limits, windows
from models.audit import AuditRow
from models.keys import ApiKey, KeyLine
from models.ledger import UsageHour
from models.limits import Ladder
from models.live import Limit, Limits

SPARK_HOURS: Final = 7 * 24
SHOWN_CHANGES: Final = 20


@dataclass(frozen=True, slots=True)
class ShownKey:
    """`limits` is what the gateway enforces, `ladders` how it comes about."""

    line: KeyLine
    limits: Limits
    ladders: Mapping[Limit, Ladder]

    @property
    def key(self) -> ApiKey:
        return self.line.key


@dataclass(frozen=True, slots=True)
class KeyPage:
    """`shown` of the `found` keys that match, revoked ones last, each with the ladder of its hour alone. `total` and
    `revoked` count all keys of the account, and those that match and are revoked."""

    shown: Sequence[ShownKey]
    found: int
    revoked: int
    total: int


@dataclass(frozen=True, slots=True)
class OneKey:
    """`hours` are settled requests of the last `SPARK_HOURS` hours, the running one last; `today` those since UTC
    midnight. `changes` are newest first, and there are more with `has_more`."""

    shown: ShownKey
    hours: Sequence[int]
    today: int
    changes: Sequence[AuditRow]
    has_more: bool

    @property
    def key(self) -> ApiKey:
        return self.shown.line.key


def read_page(
    session: Session, account_id: int, *, wanted: str, with_revoked: bool, most: int, now: int
) -> KeyPage:
    """Keys whose name holds `wanted` or whose last four are it, in any case. Only the shown ones are looked into."""
    own = keys.of_account(session, account_id)
    matching = [key for key in own if matches(key, wanted)]
    revoked = sum(key.revoked_at is not None for key in matching)
    found = matching if with_revoked else [key for key in matching if key.revoked_at is None]
    lines = keys.lines(session, account_id, found[:most], now=now)
    return KeyPage(
        [_shown(session, line, now, ["hourly_requests"]) for line in lines], len(found), revoked, len(own)
    )


def read_key(
    session: Session, account_id: int, public_id: str, *, now: int, most: int = SHOWN_CHANGES
) -> OneKey:
    """Also a revoked one, with at most so many changes. Raises `NoSuchKey`."""
    key = keys.get(session, account_id, public_id)
    [line] = keys.lines(session, account_id, [key], now=now)
    hours = _hours(session, key, now)
    changes = _changes(session, key, most + 1)
    return OneKey(
        shown=_shown(session, line, now),
        hours=hours,
        today=sum(hours[-1 - windows.hour_of(now) % 24 :]),
        changes=changes[:most],
        has_more=len(changes) > most,
    )


def matches(key: ApiKey, wanted: str) -> bool:
    """The last four of an old secret count too: it may be all that somebody has at hand."""
    text = wanted.strip().casefold()
    return text in key.name.casefold() or text in (key.last4.casefold(), (key.old_last4 or "").casefold())


def _shown(session: Session, line: KeyLine, now: int, names: Sequence[Limit] = limits.KEY_LIMITS) -> ShownKey:
    key = line.key
    return ShownKey(
        line,
        limits.effective(session, key.account_id, key.id, now=now),
        {name: limits.ladder(session, key.account_id, key.id, name, now=now) for name in names},
    )


def _hours(session: Session, key: ApiKey, now: int) -> list[int]:
    last = windows.hour_of(now)
    sums = (
        select_columns(col(UsageHour.hour), func.sum(UsageHour.requests))
        .where(
            col(UsageHour.account_id) == key.account_id,
            col(UsageHour.hour) > last - SPARK_HOURS,
            col(UsageHour.hour) <= last,
            col(UsageHour.key_id) == key.id,
        )
        .group_by(col(UsageHour.hour))
    )
    found = {hour: int(requests) for hour, requests in session.connection().execute(sums)}
    return [found.get(hour, 0) for hour in range(last - SPARK_HOURS + 1, last + 1)]


def _changes(session: Session, key: ApiKey, most: int) -> list[AuditRow]:
    of_key = select(AuditRow).where(AuditRow.account_id == key.account_id, AuditRow.subject == key.public_id)
    return list(session.exec(of_key.order_by(col(AuditRow.id).desc()).limit(most)).all())
