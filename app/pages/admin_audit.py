"""/app/admin/audit: who changed what, filtered by actor, account, act and time; the filter stands in the address."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Final
from urllib.parse import urlencode

from markupsafe import Markup
from nicegui import ui

from app import components, frame, words
from app.components import Column, tag
from app.pages import admin_frame
from app.services import Services
from models import accounts, audit
from models.audit import AuditRow, Trail
from models.logins import Viewer

_FILTERS: Final = ("actor", "account", "act", "since", "until")
_COLUMNS: Final = ("When", Column("Who", is_name=True), "Account", "What", "Change", "Reason", "From")


async def show(services: Services, viewer: Viewer) -> None:
    """Draws into the current slot."""
    if not viewer.is_admin:
        admin_frame.missing()
        return
    page = _Trail(services, admin_frame.query())
    await page.frame()
    await page.load()


class _Trail:
    def __init__(self, services: Services, query: dict[str, str]) -> None:
        self._services = services
        self._wanted = {name: query.get(name, "") for name in _FILTERS}
        self._lines: list[AuditRow] = []
        self._has_more = False

    async def frame(self) -> None:
        frame.title("Audit trail", "Every change of keys, limits, plans, roles and accounts, newest first.")
        await admin_frame.tabs(self._services, "/app/admin/audit")
        known = await self._services.database.read(audit.acts)
        things = sorted({act.split(".")[0] for act in known})
        acts = {"": "Every act"} | {f"{thing}.": f"All of {thing}" for thing in things}
        acts |= {act: act for act in known}
        with tag("div", "", "s-stack"):
            with components.form(self._filter, label="Filter the trail", on_input=self._filter).classes(
                "a-filter"
            ):
                components.field(
                    "Who", name="actor", value=self._wanted["actor"], placeholder="Part of an address"
                )
                components.field(
                    "Account", name="account", value=self._wanted["account"], placeholder="Address or id"
                )
                components.choice("Act", acts, name="act", value=self._wanted["act"])
                components.field("From day, UTC", name="since", type="date", value=self._wanted["since"])
                components.field("To day, UTC", name="until", type="date", value=self._wanted["until"])
            self._content = tag("div", "", "s-stack")
            self._told = tag("p", "", "s-sr", role="status")

    async def load(self) -> None:
        asked = dict(self._wanted)
        lines = await self._page(None)
        if asked == self._wanted and not self._content.is_deleted:
            self._lines, self._has_more = lines, len(lines) == audit.PAGE
            self._draw()

    async def _filter(self, values: dict[str, str]) -> None:
        self._wanted = {name: values.get(name, "").strip() for name in _FILTERS}
        query = urlencode({name: text for name, text in self._wanted.items() if text})
        ui.navigate.history.replace("/app/admin/audit" + (f"?{query}" if query else ""))
        await self.load()

    async def _page(self, before_id: int | None) -> list[AuditRow]:
        trail = await self._trail()
        if trail is None:
            return []
        return await self._services.database.read(audit.page, trail, before_id=before_id)

    async def _trail(self) -> Trail | None:
        """None for an account that is not there: nothing can be of it."""
        account_id = None
        if wanted := self._wanted["account"]:
            account_id = await self._account(wanted)
            if account_id is None:
                return None
        return Trail(
            actor=self._wanted["actor"],
            account_id=account_id,
            act=self._wanted["act"],
            since=_midnight(self._wanted["since"]),
            until=_midnight(self._wanted["until"], days=1),
        )

    async def _account(self, wanted: str) -> int | None:
        if wanted.isascii() and wanted.isdigit():
            return int(wanted) if len(wanted) < 10 else None
        found = await self._services.database.read(accounts.find_by_email, wanted)
        return None if found is None else found.id

    async def _more(self) -> None:
        older = await self._page(self._lines[-1].id)
        self._lines += older
        self._has_more = len(older) == audit.PAGE
        self._draw()

    def _draw(self) -> None:
        self._told.text = words.plural(len(self._lines), "row")
        self._content.clear()
        with self._content:
            if not self._lines:
                with components.empty_card("search", "Nothing found", "No act matches this filter."):
                    pass
                return
            with frame.card("", is_flush=True):
                draw(self._lines, names_account=True)
            if self._has_more:
                components.button("Show older acts", kind="plain", on_click=self._more)


def draw(lines: Sequence[AuditRow], *, names_account: bool = False) -> None:
    """The table of these rows."""
    columns = [column for column in _COLUMNS if names_account or column != "Account"]
    rows = [_row(line, names_account=names_account) for line in lines]
    components.table(columns, rows, caption="Audit, newest first")


def _row(line: AuditRow, *, names_account: bool) -> list[Markup | str]:
    account = Markup("–")
    if line.account_id is not None:
        account = Markup('<a href="/app/admin/c/{0}">{0}</a>').format(line.account_id)
    cells: list[Markup | str] = [
        admin_frame.when(line.at),
        components.clipped(line.actor),
        account,
        Markup("<span><code>{}</code> {}</span>").format(line.act, components.clipped(line.subject)),
        admin_frame.long(" → ".join(_audited(value) for value in (line.old, line.new) if value)),
        admin_frame.long(line.reason),
        line.address,
    ]
    return cells if names_account else [*cells[:2], *cells[3:]]


def _audited(value: str) -> str:
    """Numbers as everywhere."""
    return words.exact(int(value)) if value.isascii() and value.isdigit() else value


def _midnight(text: str, *, days: int = 0) -> int | None:
    """Of that day in UTC, or so many days later; None for what is no day."""
    try:
        day = date.fromisoformat(text)
        return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) + days * 86_400
    except (ValueError, OverflowError):
        return None
