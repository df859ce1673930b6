"""/app/limits: both limits as the gateway enforces them, where each value comes from, what will come of it; lower ones
for keys, more for the account by asking, and alerts before it is too late.
"""

import json
from collections.abc import Sequence
from functools import partial
from typing import Final

from markupsafe import Markup
from nicegui import ui

from app import components, frame, live_view, login
from app.binding import bind_now
from app.components import Column, key_limits, tables, tag
from app.components.key_limits import Values
from app.pages import limits_asks, limits_view
from app.pages.limits_view import KEYS_PER_PAGE, REFUSALS_PER_PAGE, View
from app.services import Services
from models import alerts, limits, windows
from models.database import Refused
from models.limits_overview import KeyLimits, Ladders
from models.live import Limit
from models.logins import Viewer

MOST_REFUSALS: Final = 200
_PUT: Final = """
for (const [id, markup] of Object.entries(%s)) {
  const cell = document.getElementById(id);
  if (cell) cell.innerHTML = markup;
}
"""


async def show(services: Services, viewer: Viewer) -> None:
    """Draws into the current slot; figures follow as soon as they are read."""
    page = _Page(services, viewer)
    page.frame()
    await page.load()


class _Page:
    def __init__(self, services: Services, viewer: Viewer) -> None:
        self._services = services
        self._viewer = viewer
        self._view: View
        self._keys_shown = KEYS_PER_PAGE
        self._refusals_shown = REFUSALS_PER_PAGE

    def frame(self) -> None:
        with frame.title(
            "Limits",
            "A request must pass the limit of its key and the limit of the account. Hours and months are in UTC.",
        ):
            self._ask_button = components.button("Ask for more", kind="plain", on_click=self._ask)
            self._ask_button.visible = False
        self._saved = tag("div", "", "lim-saved", role="status")
        self._content = tag("div", "", "s-stack")
        self._due = windows.hour_end(self._services.now())
        self._clock = tag("span", "", data_due=str(self._due)).on("due", self._hour_over, args=[])
        self._dialog = components.dialog(is_wide=True)
        self._asks = limits_asks.Asks(self._services, self._viewer, on_change=self.load)
        refresh = live_view.Throttled(self._refresh)
        self._services.arrivals.follow(self._viewer.account_id, self._content, refresh)
        self._services.arrivals.follow_changes(self._viewer.account_id, self._content, self._refresh)

    async def load(self) -> None:
        self._view = view = await self._read()
        if self._content.is_deleted:
            return
        self._ask_button.visible = bool(limits_view.may_ask(view.overview.ladders))
        self._content.clear()
        with self._content:
            self._notices = components.html(limits_view.alert_notices(view))
            self._account = components.html(limits_view.account_cards(view), "s-stack")
            self._asks.draw(view)
            with frame.card("Keys", is_flush=bool(view.overview.keys)):
                self._draw_keys()
            self._draw_refusals()
            with frame.card("Alerts"):
                self._draw_alerts(view.whole.levels)

    async def _read(self) -> View:
        return await limits_view.read(
            self._services,
            self._viewer.account_id,
            keys_shown=self._keys_shown,
            refusals_shown=self._refusals_shown,
        )

    async def _refresh(self) -> None:
        """Figures alone, unless more has changed: the buttons in the table stay, and with them the focus of who uses a
        keyboard."""
        view = await self._read()
        if self._content.is_deleted:
            return
        if limits_view.shape(view) != limits_view.shape(self._view):
            await self.load()
            return
        self._view = view
        self._notices.set_content(str(limits_view.alert_notices(view)))
        self._account.set_content(str(limits_view.account_cards(view)))
        if view.whole.refused:
            self._refused.set_content(str(limits_view.refusals(view, is_owner=True)))
        with self._content:
            ui.run_javascript(_PUT % json.dumps(limits_view.cells(view)))

    async def _hour_over(self) -> None:
        """Windows begin anew without any request: the only change of figures that nobody tells of. The browser does,
        and once more a minute later where its clock is ahead of this one."""
        await self._refresh()
        self._due = max(windows.hour_end(self._services.now()), self._due + 60)
        components.set_attributes(self._clock, data_due=str(self._due))

    def _draw_keys(self) -> None:
        view = self._view
        if not view.overview.keys:
            with components.empty_card("keys", "No keys yet", "Each key can have lower limits of its own."):
                components.button("Create key", href="/app/keys")
            return
        rows = [
            (
                *limits_view.key_cells(view, one),
                limits_view.in_row(components.act("change", one.key.public_id, "Change", label=_change(one))),
            )
            for one in view.shown_keys
        ]
        components.table(
            (*limits_view.KEY_COLUMNS, Column("Act", is_title_hidden=True)),
            rows,
            caption="Limits of each key",
            on_act=self._act,
        )
        hidden = len(view.overview.keys) - len(rows)
        if hidden:
            with tag("div", "", "lim-more"):
                tag("span", f"{len(rows)} of {len(view.overview.keys)} keys", "s-quiet")
                components.button(
                    f"Show {min(hidden, KEYS_PER_PAGE)} more", kind="plain", on_click=self._more_keys
                )

    def _draw_refusals(self) -> None:
        refused = self._view.whole.refused
        with frame.card("Last refusals", is_flush=bool(refused)):
            if not refused:
                tag("p", "No request of yours has been refused.", "s-quiet")
                return
            self._refused = components.html(limits_view.refusals(self._view, is_owner=True))
            tables.listen(self._refused, self._act)
            if len(refused) == self._refusals_shown < MOST_REFUSALS:
                with tag("div", "", "lim-more"):
                    components.button("Show older refusals", kind="plain", on_click=self._more_refusals)

    def _draw_alerts(self, levels: Sequence[int]) -> None:
        async def save(values: dict[str, str]) -> None:
            field.accept()
            try:
                await self._save_levels(values.get("levels", ""))
            except Refused as reason:
                field.refuse(str(reason))

        tag(
            "p",
            "This page warns at each of these shares of a limit, once per hour or month. At the highest one, a line "
            "stands above every page. Keys without a value of their own count with the account.",
            "s-quiet",
        )
        with components.form(save, label="Alert levels").classes("lim-levels"):
            field = components.field(
                "Alert levels, in percent",
                name="levels",
                value=", ".join(map(str, levels)),
                help=f"Up to {alerts.MOST_LEVELS}, with commas between. Empty: no alerts.",
                placeholder="no alerts",
            )
            components.button("Save levels", is_submit=True, kind="plain")

    async def _save_levels(self, text: str) -> None:
        """Raises `BadLevels`."""
        viewer = await login.still(self._services, self._viewer)
        parts = [part.strip().removesuffix("%").strip() for part in text.split(",") if part.strip()]
        if not all(part.isascii() and part.isdigit() and len(part) < 4 for part in parts):
            raise alerts.BadLevels
        wanted = [int(part) for part in parts]
        await self._services.database.run(
            alerts.set_levels, viewer.account_id, wanted, actor=viewer.email, now=self._services.now()
        )
        with self._content:
            await self.load()
            components.toast("Alert levels saved")

    async def _act(self, act: str, subject: str) -> None:
        if act == "change":
            await self._open(subject)
        elif act == "ask":
            await self._asks.open(subject)

    async def _ask(self) -> None:
        await self._asks.open()

    async def _more_keys(self) -> None:
        self._keys_shown += KEYS_PER_PAGE
        await self.load()

    async def _more_refusals(self) -> None:
        self._refusals_shown = min(MOST_REFUSALS, self._refusals_shown + 2 * REFUSALS_PER_PAGE)
        await self.load()

    async def _open(self, public_id: str) -> None:
        """The key's both limits, as they are now."""
        self._view = await self._read()
        one = self._view.overview.find(public_id)
        if one is None:
            components.toast("This key was revoked meanwhile.", "bad")
            await self.load()
            return
        with self._dialog.filled(f"Limits of “{one.key.name}”"):
            tag("p", "A new value binds from the next request.", "s-quiet")
            key_limits.draw(
                one.ladders, save=partial(self._save, one), look_again=partial(self._look_again, one)
            )

    async def _look_again(self, one: KeyLimits) -> Ladders:
        self._view = await self._read()
        found = self._view.overview.find(one.key.public_id)
        return one.ladders if found is None else found.ladders

    async def _save(self, one: KeyLimits, wanted: Values, shown: Values) -> None:
        """Raises what `limits.set_key_limits` refuses, for the form to show."""
        viewer = await login.still(self._services, self._viewer)
        changes = await self._services.database.run(
            limits.set_key_limits,
            viewer.account_id,
            one.key.public_id,
            wanted,
            expected=shown,
            actor=viewer.email,
            now=self._services.now(),
        )
        await bind_now(self._services, viewer.account_id)
        with self._content:  # closing the dialog deletes the form in which this handler began
            await self.load()
            self._dialog.close()  # after the page is drawn anew: a click before would meet a button that goes away
        self._tell(one, changes)

    def _tell(self, one: KeyLimits, changes: dict[Limit, limits.Change]) -> None:
        """What was saved stays on the page until something else is."""
        said = "; ".join(limits_view.changed(name, change) for name, change in changes.items())
        text = (
            Markup("<b dir='auto'>{}</b>: {}, set by you, from the next request on.").format(
                one.key.name, said
            )
            if changes
            else Markup("<b dir='auto'>{}</b>: nothing changed.").format(one.key.name)
        )
        self._saved.clear()
        with self._saved:
            components.banner("good", text)


def _change(one: KeyLimits) -> str:
    return f"Change the limits of {one.key.name}"
