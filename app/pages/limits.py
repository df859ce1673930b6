"""/app/limits: both limits as the gateway enforces them, where each value comes from, and lower ones for keys.

Figures come from `live.standing` with `limits.effective`, the same as headers and the check itself.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from markupsafe import Markup
from nicegui import ui

from app import components, frame, live_view, login, refusal_words, words
from app.binding import bind_now
from app.components import Column, ladder, limit_form, meter, tables, tag
from app.services import Services
from models import keys, limits, limits_overview, refusals
from models.limits_overview import AccountLimits, KeyLimits
from models.live import Limit, Standing
from models.logins import Viewer
from models.refusals import RefusalRow

SHOWN_REFUSALS: Final = 10
_PUT: Final = """
for (const [id, markup] of Object.entries(%s)) {
  const cell = document.getElementById(id);
  if (cell) cell.innerHTML = markup;
}
"""
Standings = Mapping[Limit, Standing]


@dataclass(frozen=True, slots=True)
class View:
    """What the page shows, read at once. Standings of keys are by public id."""

    now: int
    overview: AccountLimits
    account: Standings
    keys: Mapping[str, Standings]
    refused: Sequence[RefusalRow]


async def read(services: Services, account_id: int) -> View:
    """Raises `NoSuchAccount`."""
    now = services.now()
    overview = await services.database.read(limits_overview.read, account_id, now=now)
    refused = await services.database.read(refusals.last, account_id, SHOWN_REFUSALS)
    of_account = await services.live.standing(account_id, None, overview.limits)
    of_keys = {
        one.key.public_id: await services.live.standing(account_id, one.key.id, one.limits)
        for one in overview.keys
    }
    return View(
        now=now,
        overview=overview,
        account=_by_name(of_account),
        keys={public_id: _by_name(pair) for public_id, pair in of_keys.items()},
        refused=refused,
    )


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

    def frame(self) -> None:
        frame.title(
            "Limits",
            "A request must pass the limit of its key and the limit of the account. Hours and months are in UTC.",
        )
        self._content = tag("div", "", "s-stack")
        self._dialog = components.dialog(is_wide=True)
        refresh = live_view.Throttled(self._refresh)
        self._services.arrivals.follow(self._viewer.account_id, self._content, refresh)

    async def load(self) -> None:
        self._view = await read(self._services, self._viewer.account_id)
        self._content.clear()
        with self._content:
            self._account = components.html(account_cards(self._view))
            with frame.card("Keys", is_flush=True):
                self._draw_keys()
            self._refused = components.html(_refusals(self._view))

    async def _refresh(self) -> None:
        """Figures alone: the buttons in the table stay, and with them the focus of who uses a keyboard."""
        self._view = view = await read(self._services, self._viewer.account_id)
        if self._content.is_deleted:
            return
        self._account.set_content(str(account_cards(view)))
        self._refused.set_content(str(_refusals(view)))
        cells = {
            _cell_id(one, name): str(_cell(view, one, name))
            for one in view.overview.keys
            for name in view.keys[one.key.public_id]
        }
        with self._content:
            ui.run_javascript(_PUT % json.dumps(cells))

    def _draw_keys(self) -> None:
        if not self._view.overview.keys:
            with components.empty_card("keys", "No keys yet", "Each key can have lower limits of its own."):
                components.button("Create key", href="/app/keys")
            return
        rows = [
            (
                *key_cells(self._view, one),
                in_row(components.act("change", one.key.public_id, "Change", label=_change(one))),
            )
            for one in self._view.overview.keys
        ]
        components.table(
            (*KEY_COLUMNS, Column("Act", is_title_hidden=True)),
            rows,
            caption="Limits of each key",
            on_act=self._open,
        )

    async def _open(self, _: str, public_id: str) -> None:
        """The key's both limits, as they are now."""
        self._view = await read(self._services, self._viewer.account_id)
        one = self._view.overview.find(public_id)
        if one is None:
            components.toast("This key was revoked meanwhile.", "bad")
            await self.load()
            return
        with self._dialog.filled(f"Limits of “{one.key.name}”"):
            tag("p", "A new value binds from the next request.", "s-quiet")
            for name, steps in one.ladders.items():
                limit_form.draw(name, steps, save=partial(self._save, one, name))
            with tag("div", "", "s-buttons s-end"):
                components.cancel_button("Close")

    async def _save(self, one: KeyLimits, name: Limit, value: int | None) -> None:
        """Raises what `limits.set_key_limit` refuses, for the form to show."""
        viewer = await login.still(self._services, self._viewer)
        shown = one.ladders[name].rungs[-1]
        change = await self._services.database.run(
            limits.set_key_limit,
            viewer.account_id,
            one.key.public_id,
            name,
            value,
            actor=viewer.email,
            expected=shown.value if shown.is_set else None,
            now=self._services.now(),
        )
        await bind_now(self._services, viewer.account_id)
        with self._content:  # closing the dialog deletes the form in which this handler began
            self._dialog.close()
            await self.load()
            ui.run_javascript(f"document.querySelector('[data-id=\"{one.key.public_id}\"]')?.focus()")
            components.toast(f"{one.key.name}: {changed(name, change)}, from the next request")


KEY_COLUMNS: Final = (
    Column("Key", is_name=True),
    Column(ladder.NAMES["hourly_requests"]),
    Column(ladder.NAMES["monthly_tokens"]),
)


def account_cards(view: View, *, shows_author: bool = False) -> Markup:
    """Both limits of the account, side by side, with their ladders; then how many requests may run at once."""
    cards = [
        components.card(
            "",
            meter.render(standing, label=ladder.NAMES[name], now=view.now)
            + ladder.render(name, view.overview.ladders[name], shows_author=shows_author),
        )
        for name, standing in view.account.items()
    ]
    at_once = view.overview.ladders["concurrent_requests"]
    head = Markup('<div class="s-meter-head"><b>{}</b><span>{}</span></div>').format(
        ladder.NAMES["concurrent_requests"], ladder.worded("concurrent_requests", at_once.value)
    )
    steps = ladder.render("concurrent_requests", at_once, shows_author=shows_author)
    cards.append(components.card("", head + steps))
    return components.joined(cards, "s-grid2")


def key_cells(view: View, one: KeyLimits) -> tuple[Markup, ...]:
    """Name and both limits of a key, as the row of a table."""
    return (
        Markup('<span class="lim-key">{}<span class="s-mono s-small s-faint">{}</span></span>').format(
            components.clipped(one.key.name), keys.masked(one.key)
        ),
        *(
            Markup('<span class="lim-cell" id="{}">{}</span>').format(
                _cell_id(one, name), _cell(view, one, name)
            )
            for name in view.keys[one.key.public_id]
        ),
    )


def _cell(view: View, one: KeyLimits, name: Limit) -> Markup:
    standing = view.keys[one.key.public_id][name]
    whose = "This key" if standing.layer == "key" else "Whole account"
    return meter.render(standing, label=whose, now=view.now, is_slim=True) + Markup(
        '<span class="s-small s-faint">{}</span>'
    ).format(ladder.origin(name, one.ladders[name]))


def _cell_id(one: KeyLimits, name: Limit) -> str:
    return f"limit-{one.key.public_id}-{name}"


def in_row(button: Markup) -> Markup:
    """A row's button, at its end."""
    return Markup('<span class="s-row-actions">{}</span>').format(button)


def changed(name: Limit, change: limits.Change) -> str:
    """`requests per hour 1,000 → 200`."""
    old, new = (ladder.worded(name, value) for value in (change.old, change.new))
    return f"{ladder.NAMES[name].lower()} {old} → {new}"


def _refusals(view: View) -> Markup:
    title = "Last refusals"
    if not view.refused:
        nothing = Markup('<p class="s-quiet">No request of yours has been refused.</p>')
        return components.card(title, nothing)
    rows = [
        (
            Markup('<span class="lim-when">{}</span>').format(words.ago(row.at, view.now)),
            components.clipped(view.overview.names.get(row.key_id, "a former key")),
            components.clipped(row.model),
            _reason(row, view.now),
        )
        for row in view.refused
    ]
    columns = ("When", Column("Key", is_name=True), "Model", "Why")
    table = tables.render(columns, rows, caption="The last refused requests and why")
    return components.card(title, table, is_flush=True)


def _reason(row: RefusalRow, now: int) -> Markup:
    more = f" And {words.exact(row.skipped)} more before it." if row.skipped else ""
    return Markup('<span class="lim-why"><code>{} {}</code> {}{}</span>').format(
        row.status, row.code, refusal_words.reason(row, now=now), more
    )


def _change(one: KeyLimits) -> str:
    return f"Change the limits of {one.key.name}"


def _by_name(pair: tuple[Standing, Standing]) -> dict[Limit, Standing]:
    return {standing.name: standing for standing in pair}
