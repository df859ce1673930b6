"""Everything about the limits of one account on one consistent view, for the pages that show or change them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, get_args

from sqlmodel import Session, col, select

from models import accounts, alerts, asks, forecast, limits, overrides, refusal_origins, refusals
from models.accounts import Account, NoSuchAccount
from models.alerts import Alert
from models.asks import Ask
from models.forecast import Pace
from models.keys import ApiKey
from models.limits import Ladder
from models.live import Limit, Limits
from models.overrides import Override, Sheet
from models.refusals import RefusalRow

Ladders = Mapping[Limit, Ladder]
SHOWN_ASKS: Final = 10


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """`limits` is what the gateway enforces, `ladders` how it comes about."""

    key: ApiKey
    limits: Limits
    ladders: Ladders


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """`keys` are those in force, newest first; `names` are of all keys ever, by their internal id."""

    account: Account
    limits: Limits
    ladders: Ladders
    keys: list[KeyLimits]
    names: Mapping[int, str]

    def find(self, public_id: str) -> KeyLimits | None:
        return next((one for one in self.keys if one.key.public_id == public_id), None)


def read(session: Session, account_id: int, *, now: int) -> AccountLimits:
    """Raises `NoSuchAccount`."""
    account = accounts.get(session, account_id)
    if account is None:
        raise NoSuchAccount
    keys = session.exec(
        select(ApiKey).where(ApiKey.account_id == account_id).order_by(col(ApiKey.id).desc())
    ).all()
    sheet = overrides.sheet(session, account_id, now=now)
    return AccountLimits(
        account=account,
        limits=limits.bound_by(sheet.steps(None)),
        ladders=_ladders(sheet, None),
        keys=[
            KeyLimits(key, limits.bound_by(sheet.steps(key.id)), _ladders(sheet, key.id))
            for key in keys
            if key.revoked_at is None
        ],
        names={key.id: key.name for key in keys},
    )


@dataclass(frozen=True, slots=True)
class Whole:
    """Everything that the page of one account's limits shows beside the counters. `setters` tells of each refusal by a
    limit who had set it (`refusal_origins`)."""

    limits: AccountLimits
    pace: Pace
    levels: tuple[int, ...]
    alerts: Sequence[Alert]
    asks: Sequence[Ask]
    refused: Sequence[RefusalRow]
    setters: Mapping[str, Override | None]


def whole(session: Session, account_id: int, *, refusals_limit: int, now: int) -> Whole:
    """Raises `NoSuchAccount`."""
    refused = refusals.last(session, account_id, refusals_limit)
    return Whole(
        limits=read(session, account_id, now=now),
        pace=forecast.pace(session, account_id, now=now),
        levels=alerts.levels(session, account_id),
        alerts=alerts.standing(session, account_id, now=now),
        asks=asks.of_account(session, account_id, SHOWN_ASKS),
        refused=refused,
        setters=refusal_origins.setters(session, account_id, refused),
    )


def _ladders(sheet: Sheet, key_id: int | None) -> dict[Limit, Ladder]:
    steps = sheet.steps(key_id)
    names = get_args(Limit) if key_id is None else limits.KEY_LIMITS
    return {name: limits.ladder_of(steps[name], is_of_key=key_id is not None) for name in names}
