"""What all pages of staff share: who may change something, the tabs between them, and the page that is not there.

Customers get the same answer as for an address that does not exist. Whatever changes something reads the login
again, with the role it has now, and asks for a login younger than 15 minutes.
"""

from typing import Final
from urllib.parse import parse_qs, urlsplit

from markupsafe import Markup
from nicegui import ui

from app import components, frame, login, words
from app.services import Services
from models import asks
from models.database import Refused
from models.logins import Viewer
from models.notices import Notice

FRESH_LOGIN_S: Final = 15 * 60
TABS: Final = (
    ("/app/admin", "Customers"),
    ("/app/admin/requests", "Requests for more"),
    ("/app/admin/plans", "Plans"),
    ("/app/admin/audit", "Audit"),
    ("/app/admin/health", "Health"),
)


class OldLogin(Refused):
    def __init__(self) -> None:
        super().__init__(
            "Changes by staff need a login younger than 15 minutes. Log out, log in, and try again."
        )


class NotAdmin(Refused):
    def __init__(self) -> None:
        super().__init__("You are no admin any more. Ask another admin.")


async def staff(services: Services, viewer: Viewer) -> Viewer:
    """The viewer as he may change something now. Raises `login.LoggedOut`, `NotAdmin`, `OldLogin`."""
    now_known = await login.still(services, viewer)
    if not now_known.is_admin:
        raise NotAdmin
    if services.now() - now_known.logged_in_at >= FRESH_LOGIN_S:
        raise OldLogin
    return now_known


async def tabs(services: Services, here: str) -> None:
    """The way between the pages of staff; `here` is the tab that the page belongs to."""
    waiting = await services.database.read(asks.count_waiting)
    links = [
        Markup('<li><a href="{}"{}>{}{}</a></li>').format(
            path,
            Markup(' aria-current="page"') if path == here else "",
            word,
            _count(waiting) if path == "/app/admin/requests" and waiting else "",
        )
        for path, word in TABS
    ]
    nav = components.html(Markup("<ul>{}</ul>").format(Markup("").join(links)), "a-tabs", "nav")
    nav.props["aria-label"] = "Admin"


def missing(text: str = "The address may be mistyped, or the page may belong to somebody else.") -> None:
    """The page that is not there."""
    frame.title("There is no such page")
    with components.empty_card("search", "Nothing here", text):
        components.button("Go to the overview", href="/app")


def address_line() -> str:
    """Path and query of the page that is shown."""
    return ui.context.client.sub_pages_router.current_path


def query() -> dict[str, str]:
    """Of the address line; of a name given twice the last."""
    return {name: values[-1] for name, values in parse_qs(urlsplit(address_line()).query).items()}


def address() -> str:
    """Where the visitor's browser is, for the audit."""
    client = ui.context.client.request.client
    return client.host if client else ""


def notice_line(notice: Notice, now: int) -> Markup:
    """What a banner says of a trouble that lasts."""
    return Markup('<b>{}</b> <span dir="auto">{}</span> {}, the last {}.').format(
        notice.subject,
        notice.text,
        words.plural(notice.count, "failed request"),
        words.ago(notice.last, now),
    )


def long(text: str) -> Markup:
    """Free text: broken anywhere, in its own direction; nothing at all when it is empty."""
    return Markup('<span class="a-long" dir="auto">{}</span>').format(text) if text else Markup("")


def when(at: int) -> Markup:
    return Markup('<span class="lim-when">{}</span>').format(words.local(at))


def _count(waiting: int) -> Markup:
    return Markup(' <span class="a-count">{}<span class="s-sr"> waiting</span></span>').format(waiting)
