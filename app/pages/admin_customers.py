"""/app/admin: staff finds customers by address, id, or a key's last four; and what the server is in trouble with."""

from typing import Final
from urllib.parse import urlencode

from markupsafe import Markup
from nicegui import ui

from app import components, frame, words
from app.components import Column, meter, tag
from app.pages import admin_frame
from app.services import Services
from models import customers, windows
from models.accounts import Account
from models.customers import Customer
from models.live import Limit, Standing
from models.logins import Viewer

SHORTEST_SEARCH: Final = 2
_COLUMNS: Final = (
    Column("Customer", is_name=True),
    Column("State", is_state=True),
    Column("Plan"),
    Column("This hour"),
    Column("This month"),
)


async def show(services: Services, viewer: Viewer) -> None:
    """Draws into the current slot."""
    if not viewer.is_admin:
        admin_frame.missing()
        return
    page = _Search(services, admin_frame.query().get("q", ""))
    await page.frame()
    await page.load()


class _Search:
    def __init__(self, services: Services, text: str) -> None:
        self._services = services
        self._text = text
        self._found: list[Customer] = []
        self._has_more = False

    async def frame(self) -> None:
        frame.title(
            "Customers", "Who has an account here, what binds it, and where staff has set something else."
        )
        await admin_frame.tabs(self._services, "/app/admin")
        with tag("div", "", "s-stack"):
            for notice in self._services.notices.current():
                components.banner("bad", admin_frame.notice_line(notice, self._services.now()))
            components.search_field(
                "Search customers",
                placeholder="Address, account id, or a key's last four",
                value=self._text,
                on_input=self._typed,
            ).classes("a-search")
            self._content = tag("div", "", "s-stack")
            self._told = tag("p", "", "s-sr", role="status")

    async def load(self) -> None:
        asked = self._text
        found = await self._page(None)
        if asked == self._text:  # else more was typed meanwhile, and that answer is the one to show
            self._found, self._has_more = found, len(found) == customers.PAGE
            self._draw()

    async def _typed(self, text: str) -> None:
        """One letter finds too many to be of use; one digit may be an account's id."""
        wanted = text.strip()
        if wanted and len(wanted) < SHORTEST_SEARCH and not wanted.isdigit():
            return
        self._text = wanted
        query = f"?{urlencode({'q': self._text})}" if self._text else ""
        ui.navigate.history.replace(f"/app/admin{query}")
        await self.load()

    async def _more(self) -> None:
        older = await self._page(self._found[-1].account.id)
        self._found += older
        self._has_more = len(older) == customers.PAGE
        self._draw()

    async def _page(self, before_id: int | None) -> list[Customer]:
        return await self._services.database.read(
            customers.search, self._text, now=self._services.now(), before_id=before_id
        )

    def _draw(self) -> None:
        found, now = self._found, self._services.now()
        self._told.text = words.plural(len(found), "customer")
        self._content.clear()
        with self._content:
            if not found:
                with components.empty_card("search", "Nobody found", f"No account matches “{self._text}”."):
                    pass
                return
            with frame.card("", is_flush=True):
                components.table(_COLUMNS, [_row(one, now) for one in found], caption="Customers")
            if self._has_more:
                components.button("Show older accounts", kind="plain", on_click=self._more)


def state(account: Account) -> Markup:
    if account.deleted_at is not None:
        return components.pill("plain", "Deleted")
    if account.suspended_at is not None:
        return components.pill("bad", "Suspended")
    return components.pill("good", "Active")


def marks(plan: str, *, is_admin: bool, has_override: bool = False) -> Markup:
    """The plan, and what sets an account apart."""
    pills = [components.pill("plain", plan.capitalize())]
    if has_override:
        pills.append(components.pill("note", "Override"))
    if is_admin:
        pills.append(components.pill("primary", "Admin"))
    return Markup('<span class="s-line">{}</span>').format(Markup("").join(pills))


def _row(one: Customer, now: int) -> tuple[Markup, ...]:
    account = one.account
    who = Markup(
        '<span class="lim-key"><a class="s-clip" href="/app/admin/c/{0}" title="{1}">{1}</a>'
        '<span class="s-small s-faint">Account {0}</span></span>'
    ).format(account.id, account.email)
    hour = _use("hourly_requests", one.limits.account_requests, one.used.requests, 0, windows.hour_end(now))
    month = _use(
        "monthly_tokens",
        one.limits.account_tokens,
        one.used.tokens,
        one.used.reserved,
        windows.month_end(now),
    )
    return (
        who,
        state(account),
        marks(account.plan, is_admin=account.is_admin, has_override=one.has_override),
        _slim(hour, "Requests", now),
        _slim(month, "Tokens", now),
    )


def _slim(standing: Standing, label: str, now: int) -> Markup:
    return Markup('<span class="lim-cell">{}</span>').format(
        meter.render(standing, label=label, now=now, is_slim=True)
    )


def _use(name: Limit, limit: int | None, settled: int, reserved: int, resets_at: int) -> Standing:
    """What the tables know, which is what any limiter fills its counters with."""
    left = None if limit is None else max(0, limit - settled - reserved)
    return Standing(name, "account", limit, settled, reserved, left, resets_at)
