"""/app/requests: every request of an account, one by one: those that ran, and those that were refused and why."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

from markupsafe import Markup
from nicegui import background_tasks, ui

from app import address, asked, components, facet_values, frame, live_view, log_shown, login, samples, words
from app.arrivals import Arrival
from app.components import log_table, request_panel, set_attributes, tag
from app.components.dialogs import Dialog
from app.components.facets import Facets
from app.log_shown import LASTS, VIEWS, Last, Shown
from app.services import Services
from models import request_log, windows
from models.keys import ApiKey
from models.ledger import SLOW_MS
from models.logins import Viewer
from models.request_log import Counts, Cursor, Entry, Page, View
from models.usage_filters import FAILED, REFUSED

PATH: Final = "/app/requests"
_EXPLAINED: Final[dict[View, str]] = {
    "all": "",
    "errors": "The provider failed, the answer broke off, or the server ended.",
    "refused": "Refused by this gateway itself. Nothing was consumed.",
    "slow": f"Took {SLOW_MS // 1000} seconds or longer to their end.",
}


@dataclass(frozen=True, slots=True)
class Read:
    """What the tables know of what is shown."""

    now: int
    page: Page
    counts: Counts
    keys: Sequence[ApiKey]


async def show(services: Services, viewer: Viewer) -> None:
    """Draws into the current slot; the log follows as soon as it is read."""
    page = _Page(services, viewer, log_shown.parse(ui.context.client.sub_pages_router.current_path))
    page.frame()
    await page.load()


async def read(services: Services, account_id: int, shown: Shown) -> Read:
    now, database = services.now(), services.database
    keys = await database.read(request_log.keys_of, account_id)
    query = shown.query(shown.picked.filters(keys), now)
    page = await database.read(request_log.page, account_id, query, before=shown.before, after=shown.after)
    kept = now - services.keep_requests_days * windows.DAY  # sums reach further back than what can be listed
    counted = query if query.since is not None else replace(query, since=kept - kept % windows.HOUR)
    counts = await database.read(request_log.counts, account_id, counted, now=now)
    return Read(now, page, counts, keys)


def matches(arrival: Arrival, shown: Shown, keys: Sequence[ApiKey]) -> bool:
    """Whether an entry that has just come would stand at the head of what is shown."""
    if not shown.follows:
        return False
    is_in_view = {
        "all": True,
        "errors": arrival.outcome in FAILED,
        "refused": arrival.outcome == REFUSED,
        "slow": arrival.total_ms >= SLOW_MS,
    }[shown.view]
    filters = shown.picked.filters(keys)
    return (
        is_in_view
        and (not filters.models or arrival.model in filters.models)
        and (not filters.key_ids or arrival.key_id in filters.key_ids)
        and filters.admits(arrival.outcome)
    )


class _Page:
    def __init__(self, services: Services, viewer: Viewer, shown: Shown) -> None:
        self._services = services
        self._viewer = viewer
        self._shown = shown
        self._read: Read | None = None
        self._arrived_since = 0
        self._has_frame = False

    def frame(self) -> None:
        days = self._services.keep_requests_days
        with frame.title("Requests", f"Each one, newest first. They are kept for {days} days."):
            self._fresh = components.button("", kind="plain", icon="up", on_click=self._newest, mark="new")
            self._fresh.visible = False
            self._export = components.button("Export CSV", kind="plain", icon="download", href=PATH)
            set_attributes(self._export, download="")
        self._panel = Dialog(is_side=True, on_close=self._closed)
        self._choices = tag("div", "", "u-bar")
        self._draw_choices()
        self._figures = live_view.Figures(self._services, self._draw)
        self._content = self._figures.content
        self._services.arrivals.follow(self._viewer.account_id, self._content, self._arrived)
        ui.context.client.sub_pages_router.on_path_changed(self._moved)

    async def load(self) -> None:
        await self._figures.refresh()
        if self._shown.request and not self._content.is_deleted:
            await self._open(self._shown.request)

    def _moved(self, path: str) -> None:
        """Back and forward within this page: the browser's address says what to show."""
        if self._content.is_deleted or path.split("?")[0] != PATH:
            return
        self._shown = log_shown.parse(path)
        with self._content:
            background_tasks.create(self._reload(), name="log of another address")

    async def _reload(self) -> None:
        with self._content:
            await login.still(self._services, self._viewer)
            if self._panel.is_open and not self._shown.request:
                self._panel.close()
            self._draw_choices()
            await self.load()

    async def _put(self, shown: Shown) -> None:
        if shown == self._shown:
            return
        self._shown = shown
        ui.navigate.history.push(shown.address)
        await self._reload()

    def _draw_choices(self) -> None:
        shown = self._shown
        self._choices.clear()
        with self._choices:
            components.segmented(
                "View",
                cast(dict[str, str], VIEWS),
                value=shown.view,
                on_change=lambda chosen: self._put(self._shown.anew(view=cast(View, chosen))),
            )
            components.segmented(
                "Time",
                cast(dict[str, str], LASTS),
                value="" if shown.is_cut else shown.last,
                on_change=lambda chosen: self._put(
                    self._shown.anew(last=cast(Last, chosen), since=None, until=None)
                ),
            )

    async def _draw(self) -> None:
        """Reads, then draws; an open list of a filter stays open."""
        shown = self._shown
        found = await read(self._services, self._viewer.account_id, shown)
        if self._content.is_deleted or shown is not self._shown:
            return
        self._read = found
        self._forget_arrivals()
        set_attributes(self._export, href=self._file_address())
        if not found.page.entries and not shown.is_narrowed and shown.follows:
            self._draw_first()
            return
        if not self._has_frame:
            self._content.clear()
            self._draw_frame(found)
        self._facets.show(facet_values.facets(found.counts, found.keys, shown.picked))
        self._draw_list(found)

    def _draw_frame(self, found: Read) -> None:
        self._has_frame = True
        with tag("section", "", "s-card s-flush", aria_label="Requests"):
            with tag("div", "", "l-bar"):
                self._facets = Facets(
                    facet_values.facets(found.counts, found.keys, self._shown.picked),
                    on_choose=self._pick,
                    on_clear=self._unpick,
                )
                self._cut = tag("div", "", "s-line")
            self._about = tag("p", "", "s-quiet l-about")
            self._table = components.table([], [], caption="Requests", on_act=self._act)
            self._none = tag("div")
            self._below = tag("div", "", "l-below")

    def _draw_list(self, found: Read) -> None:
        shown, page = self._shown, found.page
        self._draw_cut()
        self._about.text = _EXPLAINED[shown.view]
        self._about.visible = bool(self._about.text)
        names = {key_id: label for key_id, _, label in facet_values.key_labels(found.keys)}
        table = log_table.render(page.entries, names=names, now=found.now, is_refused=shown.view == "refused")
        self._table.set_content(str(table))
        self._table.visible = bool(page.entries)
        self._none.clear()
        self._none.visible = not page.entries
        if not page.entries:
            with self._none:
                self._draw_none()
        self._below.clear()
        self._below.visible = page.older or page.newer
        with self._below:
            self._draw_below(page)

    def _draw_cut(self) -> None:
        """The stretch of time that was chosen elsewhere, and the way out of it."""
        shown = self._shown
        self._cut.clear()
        if not shown.is_cut:
            return
        ends = [words.local(at) for at in (shown.since, shown.until) if at is not None]
        with self._cut:
            components.html(
                Markup("<span>{}</span>").format(Markup(" – ").join(ends)), "s-small s-quiet", "span"
            )
            components.button(
                "Any time",
                kind="quiet",
                size="slim",
                on_click=lambda: self._put(self._shown.anew(since=None, until=None)),
            )

    def _draw_none(self) -> None:
        with components.empty_card(
            "requests",
            "No request matches",
            "Nothing that is kept fits this view, these filters and this time.",
        ):
            components.button("Show all requests", kind="plain", on_click=lambda: self._put(Shown()))

    def _draw_first(self) -> None:
        """Before the first request: what makes one."""
        self._has_frame = False
        self._content.clear()
        sample = samples.text(
            "quickstart",
            "curl",
            base_url=address.base_url(self._services, ui.context.client.request),
            model=address.sample_model(self._services),
        )
        with self._content, tag("section", "", "s-card l-first", aria_label="First request"):
            tag("h2", "No requests yet")
            tag("p", "This makes the first one. It shows up here within half a second.", "s-quiet")
            components.code_block(sample, "curl")
            with tag("div", "", "s-buttons"):
                components.button("Create key", href="/app/keys")
                components.button("Read the quickstart", kind="plain", href="/docs#quickstart")

    def _draw_below(self, page: Page) -> None:
        tag("p", words.plural(len(page.entries), "entry", "entries") + " on this page", "s-faint s-small")
        first, last = (page.entries[0].cursor, page.entries[-1].cursor) if page.entries else (None, None)
        turns = []
        with tag("div", "", "s-line"):
            if page.newer:
                components.button("Newest", kind="quiet", size="slim", on_click=self._newest)
                turns.append(("Newer", lambda: self._turn(after=first)))
            if page.older:
                turns.append(("Older", lambda: self._turn(before=last)))
            for word, turn in turns:
                button = components.button(word, kind="plain", size="slim", on_click=turn)
                set_attributes(button, data_act="turn", data_id=word)  # keeps the focus

    async def _turn(self, *, before: Cursor | None = None, after: Cursor | None = None) -> None:
        await self._put(replace(self._shown, before=before, after=after, request=""))
        with self._content:  # the button that was pressed is gone
            ui.run_javascript("scrollTo(0, 0)")

    async def _newest(self) -> None:
        if self._shown == self._shown.anew():
            await self._figures.refresh()
        else:
            await self._put(self._shown.anew())

    async def _arrived(self, arrivals: list[Arrival]) -> None:
        """Rows do not move under the pointer: a button tells how many are new. The very first come by themselves."""
        if self._read is None:
            return
        fresh = [one for one in arrivals if matches(one, self._shown, self._read.keys)]
        if not fresh:
            return
        if not self._read.page.entries:
            await self._figures.refresh()
            return
        self._arrived_since += len(fresh)
        label = f"{words.exact(self._arrived_since)} new"
        self._fresh.clear()
        with self._fresh:
            tag("span", label)
        set_attributes(self._fresh, aria_label=f"Show {label}")
        self._fresh.visible = True

    def _forget_arrivals(self) -> None:
        self._arrived_since = 0
        self._fresh.visible = False

    async def _pick(self, facet: str, values: list[str]) -> None:
        await self._put(self._shown.anew(picked=self._shown.picked.having(facet, values)))

    async def _unpick(self) -> None:
        await self._put(self._shown.anew(picked=asked.Chosen()))

    def _file_address(self) -> str:
        return self._shown.anew().address.replace(PATH, f"{PATH}.csv", 1)

    async def _act(self, _: str, request_id: str) -> None:
        self._shown = replace(self._shown, request=request_id)
        ui.navigate.history.push(self._shown.address)
        await self._open(request_id)

    async def _open(self, request_id: str) -> None:
        await login.still(self._services, self._viewer)
        now = self._services.now()
        details = await self._services.database.read(
            request_log.find, self._viewer.account_id, request_id, now=now
        )
        if details is None:
            components.toast("There is no such request, or it is kept no longer.", "bad")
            self._closed()
            return
        model = (details.entry.row or details.entry.refusal).model or "No model"  # type: ignore[union-attr]
        with self._content, self._panel.filled(model):
            components.html(request_panel.render(details, now=now))
            with tag("div", "", "l-turn"):
                self._draw_turns(request_id)
                components.cancel_button("Close")

    def _draw_turns(self, request_id: str) -> None:
        """To the neighbours on this page."""
        entries: Sequence[Entry] = self._read.page.entries if self._read else ()
        places = [place for place, entry in enumerate(entries) if entry.id == request_id]
        if not places:
            return
        for word, icon, place in (("Newer", "left", places[0] - 1), ("Older", "right", places[0] + 1)):
            if 0 <= place < len(entries):
                components.button(
                    word,
                    kind="plain",
                    size="slim",
                    icon=icon,
                    on_click=lambda place=place: self._act("open", entries[place].id),
                    mark=f"panel {word}",
                )

    def _closed(self) -> None:
        if self._shown.request:
            self._shown = replace(self._shown, request="")
            ui.navigate.history.replace(self._shown.address)
