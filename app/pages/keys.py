"""/app/keys: the keys of an account: made, shown once, watched, revoked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup
from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from app import components, frame, login, words
from app.arrivals import Arrival
from app.binding import bind_now
from app.components import Column, Field, ladder, meter, tables, tag
from app.components.key_reveal import KeyReveal
from app.components.tables import Cell
from app.pages.overview import issue
from app.services import Services
from models import keys, limits_overview, rotation
from models.database import Refused
from models.keys import ApiKey, KeyLine
from models.limits_overview import AccountLimits
from models.live import Standing
from models.logins import Viewer

PER_PAGE: Final = 25
SEARCH_FROM: Final = 8
_DAY_S: Final = 86_400
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
    """All keys, read at once; standings by the key's internal id, of keys in force."""

    now: int
    lines: Sequence[KeyLine]
    limits: AccountLimits
    standings: dict[int, tuple[Standing, Standing]]

    def find(self, public_id: str) -> KeyLine | None:
        return next((line for line in self.lines if line.key.public_id == public_id), None)


async def read(services: Services, account_id: int) -> View:
    """Raises `NoSuchAccount`."""
    now = services.now()
    limits = await services.database.read(limits_overview.read, account_id, now=now)
    return View(
        now=now,
        lines=await services.database.read(keys.listing, account_id, now=now),
        limits=limits,
        standings={
            one.key.id: await services.live.standing(account_id, one.key.id, one.limits)
            for one in limits.keys
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
        self._shown = PER_PAGE
        self._shows_revoked = False
        self._table: ui.html | None = None
        self._none: TextElement
        self._below: TextElement
        self._search: Field

    def frame(self) -> None:
        with frame.title("API keys", "A key is shown once, when it is made. Give each program its own."):
            components.button("Create key", icon="plus", on_click=self._ask_name)
        self._content = tag("div", "", "s-stack")
        self._reveal = KeyReveal(self._services, on_close=self.load)
        self._dialog = components.dialog()
        self._services.arrivals.follow(self._viewer.account_id, self._content, self._arrived)

    async def load(self) -> None:
        """Reads anew. The list is replaced where it stands, so that a click meanwhile still finds its button."""
        self._view = await read(self._services, self._viewer.account_id)
        if self._content.is_deleted:
            return
        if self._table is None:
            self._content.clear()
            with self._content:
                self._draw()
        self._draw_list()

    def _draw(self) -> None:
        self._table = None
        if not self._view.lines:
            with components.empty_card(
                "keys", "No keys yet", "A key lets a program call the models, within limits that you set."
            ):
                components.button("Create key", icon="plus", on_click=self._ask_name)
            return
        self._search = self._draw_search()
        with tag("section", "", "s-card s-flush", aria_label="Keys"):
            self._table = components.table(_COLUMNS, [], caption="Your keys", on_act=self._act)
            self._none = tag("p", "", "s-quiet k-none")
            self._below = tag("div", "", "k-more")

    def _draw_search(self) -> Field:
        async def search(wanted: str) -> None:
            self._wanted = wanted.strip().lower()
            self._shown = PER_PAGE
            self._draw_list()

        drawn = components.search_field("Search keys", placeholder="Name or last four", on_input=search)
        drawn.classes("k-search")
        return drawn

    def _draw_list(self) -> None:
        if self._table is None:
            return
        self._search.visible = len(self._view.lines) >= SEARCH_FROM
        found = [line for line in self._view.lines if _matches(line.key, self._wanted)]
        revoked = [line for line in found if line.key.revoked_at is not None]
        lines = found if self._shows_revoked else [line for line in found if line.key.revoked_at is None]
        rows = [self._row(line) for line in lines[: self._shown]]
        self._table.set_content(str(tables.render(_COLUMNS, rows, caption="Your keys")))
        self._table.visible = bool(rows)
        self._none.text = "No key matches." if self._wanted else "All keys are revoked."
        self._none.visible = not rows
        self._below.clear()
        self._below.visible = len(lines) > self._shown or bool(revoked)
        with self._below:
            self._draw_more(len(lines) - self._shown, len(revoked))

    def _draw_more(self, left: int, revoked: int) -> None:
        if left > 0:
            components.button(
                f"Show {min(left, PER_PAGE)} more", kind="plain", size="slim", on_click=self._more
            )
        if revoked:
            word = "Hide revoked keys" if self._shows_revoked else f"Show {revoked} revoked"
            components.button(word, kind="quiet", size="slim", on_click=self._toggle_revoked)

    def _row(self, line: KeyLine) -> list[Cell]:
        key = line.key
        return [
            Markup('<span class="k-name">{}<span class="s-mono">{}</span></span>').format(
                components.clipped(key.name), keys.masked(key)
            ),
            _state(line),
            self._hour(line),
            self._month(line),
            words.ago(line.last_used_at, self._view.now),
            _acts(line),
        ]

    def _hour(self, line: KeyLine) -> Markup | str:
        """The key's limit, where it comes from, and what of it is used."""
        one = self._view.limits.find(line.key.public_id)
        if one is None:
            return "–"
        steps = one.ladders["hourly_requests"]
        used = Markup("{} of {}").format(line.requests_hour, ladder.worded("hourly_requests", steps.value))
        return Markup('<span class="k-two">{}<small>{}</small></span>').format(used, steps.origin)

    def _month(self, line: KeyLine) -> Markup:
        standings = self._view.standings.get(line.key.id)
        if standings is None:
            return words.counted(line.tokens_month)
        drawn = meter.render(standings[1], label=_whose(standings[1]), now=self._view.now, is_slim=True)
        if standings[1].layer == "key":
            return Markup('<span class="k-month">{}</span>').format(drawn)
        return Markup('<span class="k-month">{}<small>{} by this key</small></span>').format(
            drawn, words.counted(line.tokens_month)
        )

    async def _arrived(self, _: list[Arrival]) -> None:
        if not self._reveal.is_open and not self._dialog.is_open:
            await self.load()

    def _more(self) -> None:
        self._shown += PER_PAGE
        self._draw_list()

    def _toggle_revoked(self) -> None:
        self._shows_revoked = not self._shows_revoked
        self._draw_list()

    async def _act(self, act: str, public_id: str) -> None:
        line = self._view.find(public_id)
        if line is None:
            return
        if act == "revoke":
            self._ask_revoke(line)
        elif act == "reissue":
            await self._reissue(line)

    def _ask_name(self) -> None:
        async def create(values: dict[str, str]) -> None:
            field.accept()
            try:
                issued = await issue(self._services, self._viewer, values.get("name", ""))
            except Refused as reason:
                field.refuse(str(reason))
                return
            self._dialog.close()
            self._reveal.show(issued)

        with self._dialog.filled("Create a key"), components.form(create, label="Create a key"):
            field = components.field(
                "Name",
                name="name",
                value="" if self._view.lines else "My first key",
                placeholder="Production, Anna's laptop",
                help="For you to tell keys apart. Limits can be set afterwards.",
                maxlength=str(keys.LONGEST_NAME),
                is_focused=True,
            )
            with tag("div", "", "s-buttons s-end"):
                components.cancel_button()
                components.button("Create key", is_submit=True)

    def _ask_revoke(self, line: KeyLine) -> None:
        """A key in use is only revoked by whoever writes its name."""
        is_in_use = line.last_used_at is not None and self._view.now - line.last_used_at < _DAY_S
        name = line.key.name

        async def revoke(values: dict[str, str]) -> None:
            if field and values.get("name", "").strip() != name:
                field.refuse("This is not the name of the key.")
                return
            await self._revoke(line.key)

        with self._dialog.filled("Revoke this key?"):
            components.html(_breaks(line, self._view.now))
            with components.form(revoke, label="Revoke key"):
                field = (
                    components.field(f"Write “{name}” to confirm", name="name", is_focused=True)
                    if is_in_use
                    else None
                )
                with tag("div", "", "s-buttons s-end"):
                    components.cancel_button("Keep key")
                    components.button("Revoke key", is_submit=True, kind="danger")

    async def _revoke(self, key: ApiKey) -> None:
        viewer = await login.still(self._services, self._viewer)
        await self._services.database.run(
            keys.revoke, viewer.account_id, key.public_id, actor=viewer.email, now=self._services.now()
        )
        await bind_now(self._services, viewer.account_id)
        self._dialog.close()
        await self.load()
        components.toast(f"{key.name} is revoked, from the next request on")

    async def _reissue(self, line: KeyLine) -> None:
        viewer = await login.still(self._services, self._viewer)
        try:
            issued = await self._services.database.run(
                rotation.reissue,
                viewer.account_id,
                line.key.public_id,
                actor=viewer.email,
                now=self._services.now(),
            )
        except Refused as reason:
            components.toast(str(reason), "bad")
            await self.load()
            return
        await bind_now(self._services, viewer.account_id)
        self._reveal.show(issued)


def _matches(key: ApiKey, wanted: str) -> bool:
    return wanted in key.name.lower() or wanted == key.last4.lower()


def _state(line: KeyLine) -> Markup:
    if line.key.revoked_at is not None:
        return components.pill("plain", "Revoked")
    return components.pill("good", "Active") if line.is_used else components.pill("note", "Never used")


def _acts(line: KeyLine) -> Markup:
    key = line.key
    if key.revoked_at is not None:
        return Markup("")
    revoke = components.act(
        "revoke", key.public_id, "Revoke", label=f"Revoke {key.name}", kind="danger-plain"
    )
    if line.is_used:
        return Markup('<span class="s-row-actions">{}</span>').format(revoke)
    again = components.act(
        "reissue", key.public_id, "Lost it? Issue again", label=f"Lost it? Issue {key.name} again"
    )
    return Markup('<span class="s-row-actions">{}{}</span>').format(again, revoke)


def _breaks(line: KeyLine, now: int) -> Markup:
    """What stops working."""
    used = (
        Markup("It was last used {}, with {} this hour.").format(
            words.ago(line.last_used_at, now), words.plural(line.requests_hour, "request")
        )
        if line.is_used
        else Markup("It was never used.")
    )
    return Markup(
        "<p><b>{}</b> <span class='s-mono s-faint'>{}</span></p><p class='s-quiet'>{} Programs that use it are refused "
        "with 401 from their next request on. This cannot be undone.</p>"
    ).format(line.key.name, keys.masked(line.key), used)


def _whose(standing: Standing) -> str:
    return "This key" if standing.layer == "key" else "Whole account"
