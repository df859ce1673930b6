"""/app/keys: the keys of an account: made, shown once, watched, and what can be done to each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup
from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from app import components, frame, key_words, live_view, words
from app.components import Column, Field, ladder, menu, meter, tables, tag
from app.components.tables import Cell
from app.pages.key_acts import KeyActs
from app.services import Services
from models import key_overview, keys
from models.key_overview import KeyPage, ShownKey
from models.keys import NoSuchKey
from models.live import Standing
from models.logins import Viewer

PER_PAGE: Final = 25
SEARCH_FROM: Final = 8
_COLUMNS: Final = (
    Column("Key", is_name=True),
    Column("State"),
    Column("Requests this hour"),
    Column("Tokens this month"),
    Column("Last used"),
    Column("Act", is_title_hidden=True),
)


@dataclass(frozen=True, slots=True)
class View:
    """What is shown, read at once; standings by the key's internal id."""

    now: int
    page: KeyPage
    standings: Mapping[int, tuple[Standing, Standing]]

    def find(self, public_id: str) -> ShownKey | None:
        return next((one for one in self.page.shown if one.key.public_id == public_id), None)


async def read(
    services: Services,
    account_id: int,
    *,
    wanted: str = "",
    with_revoked: bool = False,
    most: int = PER_PAGE,
) -> View:
    now = services.now()
    page = await services.database.read(
        key_overview.read_page, account_id, wanted=wanted, with_revoked=with_revoked, most=most, now=now
    )
    in_force = [one for one in page.shown if one.key.revoked_at is None]
    return View(
        now=now,
        page=page,
        standings={
            one.key.id: await services.live.standing(account_id, one.key.id, one.limits) for one in in_force
        },
    )


async def show(services: Services, viewer: Viewer) -> None:
    """Draws into the current slot; the list follows as soon as it is read."""
    page = _Page(services, viewer)
    page.frame()
    await page.load()


class _Page:
    def __init__(self, services: Services, viewer: Viewer) -> None:
        self._services = services
        self._viewer = viewer
        self._view: View
        self._wanted = ""
        self._most = PER_PAGE
        self._with_revoked = False
        self._table: ui.html | None = None
        self._none: TextElement
        self._below: TextElement
        self._search: Field

    def frame(self) -> None:
        with frame.title("API keys", "A key is shown once, when it is made. Give each program its own."):
            components.button("Create key", icon="plus", on_click=self._ask_name)
        self._content = tag("div", "", "s-stack")
        self._acts = KeyActs(self._services, self._viewer, on_done=self.load)
        follow = live_view.Throttled(self._refresh)
        self._services.arrivals.follow(self._viewer.account_id, self._content, follow)

    async def load(self) -> None:
        """Reads anew. The list is replaced where it stands, so that a click meanwhile still finds its button."""
        await self._read()
        if self._content.is_deleted:
            return
        if self._table is None:
            self._content.clear()
            with self._content:
                self._draw()
        self._draw_list()

    async def _read(self) -> None:
        self._view = await read(
            self._services,
            self._viewer.account_id,
            wanted=self._wanted,
            with_revoked=self._with_revoked,
            most=self._most,
        )

    def _draw(self) -> None:
        self._table = None
        if not self._view.page.total:
            with components.empty_card(
                "keys", "No keys yet", "A key lets a program call the models, within limits that you set."
            ):
                components.button("Create key", icon="plus", on_click=self._ask_name)
            return
        self._search = self._draw_search()
        with tag("section", "", "s-card s-flush k-keys", aria_label="Keys"):
            self._table = components.table(_COLUMNS, [], caption="Your keys", on_act=self._act)
            self._none = tag("p", "", "s-quiet k-none")
            self._below = tag("div", "", "k-more")

    def _draw_search(self) -> Field:
        async def search(wanted: str) -> None:
            self._wanted = wanted.strip()
            self._most = PER_PAGE
            await self.load()

        drawn = components.search_field("Search keys", placeholder="Name or last four", on_input=search)
        drawn.classes("k-search")
        return drawn

    def _draw_list(self) -> None:
        if self._table is None:
            return
        page = self._view.page
        self._search.visible = page.total >= SEARCH_FROM
        rows = [self._row(one) for one in page.shown]
        self._table.set_content(str(tables.render(_COLUMNS, rows, caption="Your keys")))
        self._table.visible = bool(rows)
        self._none.text = "No key matches." if self._wanted else "All keys are revoked."
        self._none.visible = not rows
        left = page.found - len(rows)
        self._below.clear()
        self._below.visible = left > 0 or page.revoked > 0
        with self._below:
            if left > 0:
                word = f"Show {min(left, PER_PAGE)} more"
                components.button(word, kind="plain", size="slim", on_click=self._more)
            if page.revoked:
                word = "Hide revoked keys" if self._with_revoked else f"Show {page.revoked} revoked"
                components.button(word, kind="quiet", size="slim", on_click=self._toggle_revoked)

    def _row(self, one: ShownKey) -> list[Cell]:
        key = one.key
        name = Markup(
            '<span class="k-name"><a href="/app/keys/{}">{}</a><span class="s-mono">{}</span></span>'
        )
        cells = self._cells(one)
        return [
            name.format(key.public_id, components.clipped(key.name), keys.masked(key)),
            *(tables.kept(each, content) for each, content in cells.items()),
            self._row_acts(one),
        ]

    def _cells(self, one: ShownKey) -> dict[str, Cell]:
        """What changes while the page is open, by the id of its place."""
        place = f"key-{one.key.public_id}"
        return {
            f"{place}-state": key_words.state(one.line, self._view.now),
            f"{place}-hour": _hour(one),
            f"{place}-month": self._month(one),
            f"{place}-used": Markup('<span class="k-used">{}</span>').format(
                key_words.last_used(one.line, self._view.now)
            ),
        }

    def _month(self, one: ShownKey) -> Cell:
        standings = self._view.standings.get(one.key.id)
        if standings is None:
            return words.counted(one.line.tokens_month)
        tokens = standings[1]
        whose = "This key" if tokens.layer == "key" else "Account"
        drawn = meter.render(tokens, label=whose, now=self._view.now, is_slim=True)
        if tokens.layer == "key":
            return Markup('<span class="k-month">{}</span>').format(drawn)
        return Markup('<span class="k-month">{}<small>{} by this key</small></span>').format(
            drawn, words.counted(one.line.tokens_month)
        )

    def _row_acts(self, one: ShownKey) -> Markup:
        key = one.key
        if key.revoked_at is not None:
            return Markup("")
        again = Markup("")  # beside the menu, and in it where there is no room beside
        if key_words.is_lost(self._services, one.line, self._view.now):
            again = components.act(
                "reissue", key.public_id, "Lost it? Issue again", label=f"Lost it? Issue {key.name} again"
            )
        rest = "Pause" if key.paused_at is None else "Resume"
        acts = [
            again,
            components.act("rotate", key.public_id, "Rotate", label=f"Rotate {key.name}"),
            components.act("rest", key.public_id, rest, label=f"{rest} {key.name}"),
            components.act("limits", key.public_id, "Limits", label=f"Change the limits of {key.name}"),
            components.act(
                "revoke", key.public_id, "Revoke", label=f"Revoke {key.name}", kind="danger-plain"
            ),
        ]
        opener = menu.render(f"menu-{key.public_id}", acts, label=f"Actions for {key.name}")
        return Markup('<span class="s-row-actions">{}{}</span>').format(again, opener)

    async def _refresh(self) -> None:
        """Figures alone, while the same keys are shown: an open menu stays."""
        if self._acts.is_open:
            return
        if self._content.is_deleted:
            return
        before = self._shape()
        await self._read()
        if self._content.is_deleted or self._table is None:
            return
        if before != self._shape():
            self._draw_list()
            return
        with self._content:
            tables.put(
                {place: cell for one in self._view.page.shown for place, cell in self._cells(one).items()}
            )

    def _shape(self) -> list[tuple[str, str, bool, bool]]:
        """What the rows and their buttons depend on."""
        return [
            (
                one.key.public_id,
                one.key.name,
                one.key.paused_at is None,
                key_words.is_lost(self._services, one.line, self._view.now),
            )
            for one in self._view.page.shown
        ]

    def _ask_name(self) -> None:
        self._acts.ask_name(suggestion="" if self._view.page.total else "My first key")

    async def _more(self) -> None:
        self._most += PER_PAGE
        await self.load()

    async def _toggle_revoked(self) -> None:
        self._with_revoked = not self._with_revoked
        await self.load()

    async def _act(self, act: str, public_id: str) -> None:
        """On the key as it is now, not as the list has shown it."""
        try:
            one = await self._services.database.read(
                key_overview.read_key, self._viewer.account_id, public_id, now=self._services.now()
            )
        except NoSuchKey as reason:
            components.toast(str(reason), "bad")
            return
        if one.key.revoked_at is not None:
            components.toast("This key was revoked meanwhile.", "bad")
            await self.load()
            return
        await self._acts.do(act, one)


def _hour(one: ShownKey) -> Cell:
    """The key's limit, where it comes from, and what of it is used."""
    if one.key.revoked_at is not None:
        return "–"
    steps = one.ladders["hourly_requests"]
    limit = ladder.worded("hourly_requests", steps.value)
    used = f"{words.exact(one.line.requests_hour)} of {limit}" if steps.value is not None else limit
    return Markup('<span class="k-two">{}<small>{}</small></span>').format(used, steps.origin)
