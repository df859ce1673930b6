"""/app/admin: staff finds customers, and overrides their limits with a reason.

Customers get the same answer as for an address that does not exist. Whatever changes something reads the login
again, with the role it has now, and asks for a login younger than 15 minutes.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit

from markupsafe import Markup
from nicegui import ui

from app import components, frame, login, words
from app.binding import bind_now
from app.components import Column, ladder, meter, override_form, tag
from app.components.override_form import Asked
from app.pages import limits as limits_page
from app.services import Services
from models import audit, customers, limits
from models.accounts import NoSuchAccount
from models.audit import AuditRow
from models.customers import Customer
from models.database import Refused
from models.limits import Change, Override
from models.limits_overview import AccountLimits, KeyLimits
from models.live import Standing
from models.logins import Viewer
from models.notices import Notice

FRESH_LOGIN_S: Final = 15 * 60
SHOWN_LINES: Final = 50


class OldLogin(Refused):
    def __init__(self) -> None:
        super().__init__(
            "Changes of limits need a login younger than 15 minutes. Log out, log in, and try again."
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


async def show(services: Services, viewer: Viewer) -> None:
    """The search. Draws into the current slot."""
    if not viewer.is_admin:
        draw_nothing()
        return
    page = _Search(services, parse_qs(urlsplit(_address_line()).query))
    page.frame()
    await page.load()


async def show_customer(services: Services, viewer: Viewer) -> None:
    """The customer whose id ends the address. Draws into the current slot."""
    account_id = urlsplit(_address_line()).path.rstrip("/").rpartition("/")[2]
    if not viewer.is_admin or not (account_id.isascii() and account_id.isdigit() and len(account_id) < 10):
        draw_nothing()
        return
    try:
        await _Customer(services, viewer, int(account_id)).load()
    except NoSuchAccount:
        draw_nothing()


ROUTES: Final = {"/admin": show, "/admin/c/{id}": show_customer}
"""For the shell, which adds them for admins alone."""


class _Search:
    def __init__(self, services: Services, query: dict[str, list[str]]) -> None:
        self._services = services
        self._text = query.get("q", [""])[-1]
        self._found: list[Customer] = []

    def frame(self) -> None:
        frame.title(
            "Customers", "Who has an account here, what binds it, and where staff has set something else."
        )
        with tag("div", "", "s-stack"):
            for notice in self._services.notices.current():
                components.banner("bad", notice_line(notice, self._services.now()))
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
            self._found = found
            await self._draw()

    async def _typed(self, text: str) -> None:
        self._text = text.strip()
        query = f"?{urlencode({'q': self._text})}" if self._text else ""
        ui.navigate.history.replace(f"/app/admin{query}")
        await self.load()

    async def _more(self) -> None:
        self._found += await self._page(self._found[-1].account.id)
        await self._draw()

    async def _page(self, before_id: int | None) -> list[Customer]:
        return await self._services.database.read(
            customers.search, self._text, now=self._services.now(), before_id=before_id
        )

    async def _draw(self) -> None:
        found, now = self._found, self._services.now()
        rows = [(*_customer_cells(one), *await self._meters(one, now)) for one in found]
        self._told.text = words.plural(len(found), "customer")
        self._content.clear()
        with self._content:
            if not found:
                with components.empty_card("search", "Nobody found", f"No account matches “{self._text}”."):
                    pass
                return
            columns = (Column("Customer", is_name=True), "Plan", "Hour", "Month")
            with frame.card("", is_flush=True):
                components.table(columns, rows, caption="Customers")
            if len(found) % customers.PAGE == 0:
                components.button("Show older accounts", kind="plain", on_click=self._more)

    async def _meters(self, one: Customer, now: int) -> tuple[Markup, ...]:
        standings = await self._services.live.standing(one.account.id, None, one.limits)
        return tuple(_slim(standing, now) for standing in standings)


class _Customer:
    def __init__(self, services: Services, viewer: Viewer, account_id: int) -> None:
        self._services = services
        self._viewer = viewer
        self._account_id = account_id
        self._content: ui.element | None = None

    async def load(self) -> None:
        """Raises `NoSuchAccount`."""
        database = self._services.database
        view = await limits_page.read(self._services, self._account_id)
        overrides = await database.read(limits.history, self._account_id, SHOWN_LINES)
        lines = await database.read(audit.last, account_id=self._account_id, limit=SHOWN_LINES)
        if self._content is None:
            self._frame(view.overview)
        assert self._content is not None
        self._content.clear()
        with self._content:
            components.html(limits_page.account_cards(view, shows_author=True))
            with frame.card("Keys", is_flush=True):
                self._draw_keys(view)
            with frame.card("Overrides", is_flush=bool(overrides)):
                _draw_overrides(overrides, view)
            with frame.card("Audit", is_flush=bool(lines)):
                _draw_audit(lines)

    def _frame(self, overview: AccountLimits) -> None:
        account = overview.account
        components.html(Markup('<a class="a-back" href="/app/admin">Customers</a>'))
        with frame.title(account.email, f"Account {account.id}, since {words.utc_day(account.created_at)}"):
            components.html(
                _marks(account.plan, is_admin=account.is_admin, suspended_at=account.suspended_at), "a-marks"
            )
            components.button("Override account", kind="plain", on_click=self._open_account)
        self._content = tag("div", "", "s-stack")
        self._dialog = components.dialog(is_wide=True)

    def _draw_keys(self, view: limits_page.View) -> None:
        if not view.overview.keys:
            tag("p", "This account has no key.", "s-quiet a-inset")
            return
        rows = [
            (
                *limits_page.key_cells(view, one),
                limits_page.in_row(
                    components.act(
                        "override",
                        one.key.public_id,
                        "Override",
                        label=f"Override the limits of {one.key.name}",
                    )
                ),
            )
            for one in view.overview.keys
        ]
        columns = (*limits_page.KEY_COLUMNS, Column("Act", is_title_hidden=True))
        components.table(columns, rows, caption="Limits of each key", on_act=self._open_key)

    async def _open_account(self) -> None:
        view = await limits_page.read(self._services, self._account_id)
        with self._dialog.filled(f"Override {view.overview.account.email}"):
            override_form.draw(view.overview.ladders, allows_unlimited=True, save=self._save_account)

    async def _open_key(self, _: str, public_id: str) -> None:
        view = await limits_page.read(self._services, self._account_id)
        one = view.overview.find(public_id)
        if one is None:
            components.toast("This key was revoked meanwhile.", "bad")
            await self.load()
            return
        with self._dialog.filled(f"Override “{one.key.name}”"):
            override_form.draw(one.ladders, allows_unlimited=False, save=partial(self._save_key, one))

    async def _save_account(self, asked: Asked) -> None:
        """Raises what is refused, for the form to show."""
        viewer = await staff(self._services, self._viewer)
        origin = {"actor": viewer.email, "reason": asked.reason, "address": _address()}
        run, now = self._services.database.run, self._services.now()
        if asked.act == "remove":
            change = await run(limits.remove_account_limit, self._account_id, asked.name, **origin, now=now)
        else:
            change = await run(
                limits.set_account_limit,
                self._account_id,
                asked.name,
                asked.value,
                **origin,
                until=asked.until,
                now=now,
            )
        await self._saved(asked, change)

    async def _save_key(self, one: KeyLimits, asked: Asked) -> None:
        """Raises what is refused, for the form to show."""
        viewer = await staff(self._services, self._viewer)
        change = await self._services.database.run(
            limits.set_key_limit,
            self._account_id,
            one.key.public_id,
            asked.name,
            asked.value,
            actor=viewer.email,
            is_staff=True,
            reason=asked.reason,
            until=asked.until,
            now=self._services.now(),
        )
        await self._saved(asked, change)

    async def _saved(self, asked: Asked, change: Change) -> None:
        await bind_now(self._services, self._account_id)
        assert self._content is not None
        with self._content:  # closing the dialog deletes the form in which this handler began
            self._dialog.close()
            await self.load()
            components.toast(f"{limits_page.changed(asked.name, change).capitalize()}, from the next request")


def notice_line(notice: Notice, now: int) -> Markup:
    return Markup('<b>{}</b> <span dir="auto">{}</span> {}, the last {}.').format(
        notice.subject,
        notice.text,
        words.plural(notice.count, "failed request"),
        words.ago(notice.last, now),
    )


def _customer_cells(one: Customer) -> tuple[Markup, Markup]:
    account = one.account
    who = Markup(
        '<span class="lim-key"><a class="s-clip" href="/app/admin/c/{0}" title="{1}">{1}</a>'
        '<span class="s-small s-faint">Account {0}</span></span>'
    ).format(account.id, account.email)
    marks = _marks(
        account.plan,
        is_admin=account.is_admin,
        suspended_at=account.suspended_at,
        has_override=one.has_override,
    )
    return who, marks


def _marks(plan: str, *, is_admin: bool, suspended_at: int | None, has_override: bool = False) -> Markup:
    marks = [components.pill("plain", plan.capitalize())]
    if has_override:
        marks.append(components.pill("note", "Override"))
    if is_admin:
        marks.append(components.pill("primary", "Admin"))
    if suspended_at is not None:
        marks.append(components.pill("bad", "Suspended"))
    return Markup('<span class="s-line">{}</span>').format(Markup("").join(marks))


def _slim(standing: Standing, now: int) -> Markup:
    label = "Requests" if standing.name == "hourly_requests" else "Tokens"
    return meter.render(standing, label=label, now=now, is_slim=True)


def _draw_overrides(overrides: Sequence[Override], view: limits_page.View) -> None:
    if not overrides:
        tag("p", "Nothing was ever overridden here.", "s-quiet")
        return
    rows = [
        (
            _for_whom(row, view.overview),
            _set_value(row),
            components.clipped(row.author),
            _long(row.reason or "none given"),
            Markup('<span class="lim-when">{}</span>').format(words.ago(row.created_at, view.now)),
            _ends(row, view.now),
        )
        for row in overrides
    ]
    columns = (Column("For", is_name=True), "Value", "By", "Reason", "Set", "Ends")
    components.table(columns, rows, caption="Overrides, newest first")


def _for_whom(row: Override, overview: AccountLimits) -> Markup:
    if row.key_id is None:
        return Markup("Account")
    return components.clipped(overview.names.get(row.key_id, "a former key"))


def _set_value(row: Override) -> str:
    return next(
        (ladder.worded(name, row.value) for name in ladder.NAMES if name == row.limit_name), str(row.value)
    )


def _ends(row: Override, now: int) -> Markup:
    if row.ended_at is not None:
        return components.pill("plain", "Ended")
    if row.until is not None and row.until <= now:
        return components.pill("plain", "Over")
    return components.pill("good", words.utc_day(row.until) if row.until else "No end")


def _draw_audit(lines: Sequence[AuditRow]) -> None:
    if not lines:
        tag("p", "Nothing has been changed yet.", "s-quiet")
        return
    rows = [
        (
            Markup('<span class="lim-when">{}</span>').format(words.local(line.at)),
            components.clipped(line.actor),
            Markup("<span><code>{}</code> {}</span>").format(line.act, components.clipped(line.subject)),
            _long(" → ".join(_audited(value) for value in (line.old, line.new) if value)),
            _long(line.reason),
            line.address,
        )
        for line in lines
    ]
    columns = ("When", Column("Who", is_name=True), "What", "Change", "Reason", "From")
    components.table(columns, rows, caption="Audit, newest first")


def _audited(value: str) -> str:
    """Numbers as everywhere."""
    return words.exact(int(value)) if value.isascii() and value.isdigit() else value


def _long(text: str) -> Markup:
    """Free text: broken anywhere, in its own direction; nothing at all when it is empty."""
    return Markup('<span class="a-long" dir="auto">{}</span>').format(text) if text else Markup("")


def draw_nothing() -> None:
    frame.title("There is no such page")
    with components.empty_card("search", "Nothing here", "There is no customer of this number."):
        components.button("Go to the overview", href="/app")


def _address_line() -> str:
    return ui.context.client.sub_pages_router.current_path


def _address() -> str:
    """Where the visitor's browser is, for the audit."""
    client = ui.context.client.request.client
    return client.host if client else ""
