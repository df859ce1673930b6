"""The line above every page of an account that has used a limit up to its highest alert level."""

import logging
from typing import Final

from markupsafe import Markup
from sqlalchemy.exc import SQLAlchemyError

from app import components, live_view, words
from app.components import ladder, tag
from app.services import Services
from models import alerts
from models.accounts import NoSuchAccount
from models.alerts import Alert
from models.logins import Viewer

log = logging.getLogger("starscoo")
_PAUSE_S: Final = 5


class AlertLine:
    """Draws its place into the current slot, empty until `load`; follows the account's requests from then on."""

    def __init__(self, services: Services, viewer: Viewer) -> None:
        self._services = services
        self._account_id = viewer.account_id
        self._place = tag("div", "", "s-alert-line", role="status")
        follow = live_view.Throttled(self.load, pause_s=_PAUSE_S)
        services.arrivals.follow(viewer.account_id, self._place, follow)

    async def load(self) -> None:
        now = self._services.now()
        try:
            standing = await self._services.database.read(alerts.standing, self._account_id, now=now)
        except NoSuchAccount:
            return
        except SQLAlchemyError:  # the page below says it; this line must not take it away
            log.exception("Alerts could not be read")
            return
        if self._place.is_deleted:
            return
        highest = [alert for alert in standing if alert.is_highest]
        self._place.clear()
        if highest:
            with self._place:
                components.banner("bad", _line(highest, now))


def sentence(alert: Alert) -> Markup:
    """`Key Nightly report has used 96% of its requests per hour: 48 of 50.`"""
    whose = (
        Markup("Key <b dir='auto'>{}</b> has").format(alert.key_name)
        if alert.key_name
        else "This account has"
    )
    percent = alert.used * 100 // alert.limit if alert.limit else 100
    return Markup("{} used {}% of its {}: {} of {}.").format(
        whose,
        percent,
        ladder.NAMES[alert.limit_name].lower(),
        words.short(alert.used),
        words.short(alert.limit),
    )


def _line(highest: list[Alert], now: int) -> Markup:
    first, others = highest[0], len(highest) - 1
    more = Markup(" {} more.").format(words.plural(others, "limit stands", "limits stand")) if others else ""
    return Markup('{} Resets {}.{} <a href="/app/limits">Limits</a>').format(
        sentence(first), words.until(first.resets_at, now), more
    )
