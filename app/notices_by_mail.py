"""Mails about limits, to proven addresses alone: staff changed one, or one has reached an alert level. Without a mail
server there are none."""

import logging
from datetime import UTC, datetime
from typing import Final

from app import letters, words
from app.components import ladder
from app.mail import Letter
from app.services import Services
from models import accounts, alerts
from models.accounts import Account
from models.alerts import Alert
from models.limits import Change
from models.live import Limit

log = logging.getLogger("starscoo")

_MOST_PER_ROUND: Final = 200
"""Of alerts: the queue of mails is bounded, and other letters need it, too."""


async def tell_limit_changed(
    services: Services,
    account_id: int,
    name: Limit,
    change: Change,
    *,
    reason: str,
    until: int | None = None,
    key_name: str = "",
) -> None:
    """To be awaited after the change is committed. `key_name` is empty for the account's own limit."""
    if services.mail is None or change.old == change.new:
        return
    account = await services.database.read(accounts.get, account_id)
    if account is None or not _is_reachable(account):
        return
    what = ladder.NAMES[name] + (f" of key {key_name}" if key_name else "")
    letter = letters.limit_changed(
        what=what,
        old=ladder.worded(name, change.old),
        new=ladder.worded(name, change.new),
        reason=reason,
        until="" if until is None else _day(until),
        url=services.public_url or "",
    )
    services.mail.send(letter, account.email)


async def tell_alerts(services: Services) -> None:
    """One round: each level of each limit is told once in its window, whichever process asks first."""
    if services.mail is None:
        return
    now = services.now()
    crossed = await services.database.run(alerts.newly_crossed, now=now)
    if len(crossed) > _MOST_PER_ROUND:
        log.warning("%d limits reached an alert level at once; %d are told", len(crossed), _MOST_PER_ROUND)
    for alert in crossed[:_MOST_PER_ROUND]:
        account = await services.database.read(accounts.get, alert.account_id)
        if account is not None and _is_reachable(account):
            services.mail.send(_alert_letter(alert, services.public_url or ""), account.email)


def _alert_letter(alert: Alert, url: str) -> Letter:
    whose = f"key {alert.key_name}" if alert.key_name else "your account"
    return letters.alert_level(
        what=ladder.NAMES[alert.limit_name],
        percent=alert.used * 100 // alert.limit if alert.limit else 100,
        of=f"the {words.exact(alert.limit)} that {whose} may use",
        resets=words.utc_day(alert.resets_at),
        url=url,
    )


def _is_reachable(account: Account) -> bool:
    return account.verified_at is not None and account.suspended_at is None


def _day(at: int) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment.day} {moment.strftime('%b %Y %H:%M')} UTC"
