"""/app: how things stand, or, before the first request, the three steps to it."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup
from nicegui import ui

from app import asked, components, frame, live_view, login, refusal_words, theme, words
from app.arrivals import Arrival
from app.binding import bind_now
from app.components import Column, html, ladder, log_table, meter, model_bars, tables, tag
from app.components.key_reveal import KeyReveal
from app.services import Services
from models import keys, limits_overview, refusals, usage
from models.database import Refused
from models.ledger import RequestRow
from models.limits_overview import AccountLimits
from models.live import Standing
from models.logins import Viewer
from models.refusals import RefusalRow
from models.request_log import Entry
from models.usage import DayLine

DAY_S: Final = 86_400
_REQUESTS: Final = 5
_REFUSALS: Final = 3
_STEPS: Final = (
    ("Create a key", "It names who calls, and carries its limits."),
    ("Send a request", "Copy a ready sample in curl, Python or JavaScript."),
    ("See it here", "Tokens, time and cost show up within half a second."),
)
_REQUEST_COLUMNS: Final = (
    Column("When"),
    Column("Status", is_state=True),
    Column("Model", is_name=True),
    Column("Tokens", is_number=True),
    Column("First token", is_number=True),
    Column("Total", is_number=True),
    Column("Cost", is_number=True),
)
_REFUSAL_COLUMNS: Final = (
    Column("When"),
    Column("Status", is_state=True),
    Column("Model", is_name=True),
    Column("Why"),
)


@dataclass(frozen=True, slots=True)
class View:
    """What the page shows, read at once."""

    now: int
    figures: usage.Overview
    limits: AccountLimits
    standings: tuple[Standing, Standing]
    by_model: Sequence[DayLine]
    requests: Sequence[RequestRow]
    refused: Sequence[RefusalRow]


async def read(services: Services, account_id: int) -> View:
    """Raises `NoSuchAccount`."""
    now, database = services.now(), services.database
    limits = await database.read(limits_overview.read, account_id, now=now)
    tomorrow = now - now % DAY_S + DAY_S
    return View(
        now=now,
        figures=await database.read(usage.overview, account_id, now=now),
        limits=limits,
        standings=await services.live.standing(account_id, None, limits.limits),
        by_model=await database.read(usage.by_day, account_id, since=tomorrow - 30 * DAY_S, until=tomorrow),
        requests=await database.read(usage.last_requests, account_id, _REQUESTS),
        refused=await database.read(refusals.last, account_id, _REFUSALS),
    )


async def show(services: Services, viewer: Viewer) -> None:
    """Draws into the current slot and follows the account's requests while it is open."""
    page = _Page(services, viewer)
    page.frame()
    await page.load()


class _Page:
    def __init__(self, services: Services, viewer: Viewer) -> None:
        self._services = services
        self._viewer = viewer
        self._is_waiting = False
        self._pause_s: float = live_view.PAUSE_S
        self._is_starter = False
        self._figures: ui.html | None = None

    def frame(self) -> None:
        frame.title("Overview")
        self._content = tag("div", "", "s-stack")
        self._reveal = KeyReveal(self._services, on_close=self.load)
        self._services.arrivals.follow(self._viewer.account_id, self._content, self._arrived)

    async def load(self) -> None:
        view = await read(self._services, self._viewer.account_id)
        if self._content.is_deleted:
            return
        if not view.figures.has_any:
            self._is_starter = True
            self._content.clear()
            with self._content:
                self._draw_starter(view)
        elif self._figures is None:
            self._is_starter = False
            self._content.clear()
            with self._content:
                self._figures = html(_figures(view))
        else:
            self._figures.set_content(str(_figures(view)))

    async def _arrived(self, _: list[Arrival]) -> None:
        """Figures follow once a second at most, the more seldom the longer they take to read; an open starter card
        waits until its dialog is closed."""
        if self._is_waiting or (self._is_starter and self._reveal.is_open):
            return
        self._is_waiting = True
        try:
            await asyncio.sleep(self._pause_s)
            begun = time.perf_counter()
            await self.load()
            self._pause_s = live_view.pause_after(time.perf_counter() - begun)
        finally:
            self._is_waiting = False

    def _draw_starter(self, view: View) -> None:
        with tag("section", "", "s-card o-starter", aria_label="First steps"):
            with tag("div"):
                tag("h2", "Your first answer is two minutes away")
                tag("p", "Any OpenAI client works: change the base URL, use a key from here.", "s-quiet")
            html(_steps(done=1 if view.limits.keys else 0), "o-steps", "ol")
            if view.limits.keys:
                with tag("div", "", "s-buttons"):
                    components.button("Go to your keys", href="/app/keys")
                    components.button("Read the quickstart", kind="plain", href="/docs#quickstart")
            else:
                self._draw_form()
        html(_meters(view))

    def _draw_form(self) -> None:
        async def create(values: dict[str, str]) -> None:
            if self._reveal.is_open:  # the second half of a double click
                return
            field.accept()
            try:
                issued = await issue(self._services, self._viewer, values.get("name", ""))
            except Refused as reason:
                field.refuse(str(reason))
                return
            self._reveal.show(issued)

        with components.form(create, label="Create your first key").classes("o-form"):
            field = components.field(
                "Name of the key", name="name", value="My first key", maxlength=str(keys.LONGEST_NAME)
            )
            components.button("Create key", is_submit=True, icon="plus")


async def issue(services: Services, viewer: Viewer, name: str) -> keys.Issued:
    """A new key of whoever looks, binding at once. Raises `Refused` and `LoggedOut`."""
    viewer = await login.still(services, viewer)
    issued = await services.database.run(
        keys.issue, viewer.account_id, name, actor=viewer.email, now=services.now()
    )
    await bind_now(services, viewer.account_id)
    return issued


def _steps(*, done: int) -> Markup:
    return Markup("").join(
        Markup('<li class="{}"><span class="o-mark">{}</span><b>{}</b><span>{}</span></li>').format(
            "o-done" if index < done else "",
            Markup('<span class="s-icon">{}</span><span class="s-sr">Done: </span>').format(
                theme.icon("check")
            )
            if index < done
            else index + 1,
            title,
            text,
        )
        for index, (title, text) in enumerate(_STEPS)
    )


def _figures(view: View) -> Markup:
    """All of it as one piece, so that an open page changes at once and nothing jumps."""
    return components.joined(
        [
            components.joined(_four(view), "s-grid4"),
            _meters(view),
            components.joined([_last_requests(view), _by_model(view)], "o-two"),
            _last_refusals(view),
        ],
        "s-stack",
    )


def _last_requests(view: View) -> Markup:
    table = tables.render(
        _REQUEST_COLUMNS, [_request_row(row, view.now) for row in view.requests], caption="The last requests"
    )
    more = _link("/app/requests", "All requests")
    return components.card("Last requests", components.joined([table], "s-compact"), more=more, is_flush=True)


def _by_model(view: View) -> Markup:
    more = _link("/app/usage", "Usage")
    if not view.by_model:
        nothing = _line("No requests in the last 30 days.")
        return components.card("Requests by model, 30 days", nothing, more=more)
    return components.card("Requests by model, 30 days", model_bars.render(view.by_model), more=more)


def _last_refusals(view: View) -> Markup:
    more = _link("/app/requests?view=refused", "All refusals")
    if not view.refused:
        return components.card("Last refusals", _line("Nothing was refused."), more=more)
    rows = [_refusal_row(row, view.now) for row in view.refused]
    table = tables.render(_REFUSAL_COLUMNS, rows, caption="The last refusals")
    return components.card("Last refusals", table, more=more, is_flush=True)


def _four(view: View) -> list[Markup]:
    figures, cap, median = view.figures, view.standings[1].limit, view.figures.median_first_token_ms
    return [
        components.figure("Requests, 24 h", words.counted(figures.requests_24h), note="settled"),
        components.figure(
            "Tokens this month",
            words.counted(figures.tokens_month),
            note=f"of {words.short(cap)}" if cap is not None else "no limit",
        ),
        components.figure(
            "Error rate, 24 h",
            _rate(figures),
            note=f"{words.exact(figures.errors_24h)} of {words.plural(figures.requests_24h, 'request')}",
        ),
        components.figure(
            "Time to first token",
            words.duration(median) if median is not None else "–",
            note="median, 24 h" if median is not None else "no streamed answer in 24 h",
        ),
    ]


def _rate(figures: usage.Overview) -> str:
    if not figures.requests_24h:
        return "–"
    permille = figures.errors_24h * 1000 // figures.requests_24h
    return f"{permille // 10}.{permille % 10}%"


def _meters(view: View) -> Markup:
    return components.joined(
        [
            components.card(
                "",
                meter.render(
                    standing,
                    label=ladder.NAMES[standing.name],
                    now=view.now,
                    origin=view.limits.ladders[standing.name].origin,
                ),
            )
            for standing in view.standings
        ],
        "s-grid2",
    )


def _request_row(row: RequestRow, now: int) -> list[Markup | str]:
    return [
        _opening(row.id, row.admitted_ms // 1000, now),
        log_table.status_pill(Entry(row.admitted_ms, row.id, row=row)),
        components.clipped(row.model),
        words.counted(row.total_tokens),
        words.duration(row.first_token_ms) if row.first_token_ms is not None else "–",
        words.duration(row.total_ms) if row.total_ms is not None else "–",
        words.dollars(row.cost_nusd),
    ]


def _refusal_row(row: RefusalRow, now: int) -> list[Markup | str]:
    return [
        _opening(row.request_id, row.at, now),
        components.pill("caution", str(row.status)),
        components.clipped(row.model or "–"),
        refusal_words.reason(row, now=now),
    ]


def _opening(request_id: str, at: int, now: int) -> Markup:
    """All of the row leads to its panel in the log."""
    return Markup('<a class="l-open" href="{}">{}<span class="s-sr">: open this request</span></a>').format(
        asked.log_address(asked.Chosen(), request=request_id), words.ago(at, now)
    )


def _link(href: str, word: str) -> Markup:
    return Markup('<a href="{}">{}</a>').format(href, word)


def _line(text: str) -> Markup:
    return Markup('<p class="s-quiet">{}</p>').format(text)
