"""/app/admin/health: is the ledger right, who serves, and how do the models answer.

Read as a whole when the page is opened or refreshed; a check that staff starts here tells how far it is.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from markupsafe import Markup

from app import components, frame, words
from app.components import Column, tag
from app.health import Health, Look, Server
from app.pages import admin_frame
from app.services import Services
from models import processes
from models.database import Refused
from models.ledger_state import LedgerCheck
from models.logins import Viewer
from models.model_health import ModelHealth

PROGRESS_S: Final = 0.5
_LIMITERS: Final = {
    "memory": "in memory",
    "redis": "in Redis",
    "database": "in the database",
}


async def show(services: Services, viewer: Viewer) -> None:
    """Draws into the current slot. Customers get what an address that does not exist gets."""
    if not viewer.is_admin:
        admin_frame.missing()
        return
    await _Page(services, viewer).show()


class _Page:
    def __init__(self, services: Services, viewer: Viewer) -> None:
        self._services = services
        self._viewer = viewer
        self._health: Health = services.health

    async def show(self) -> None:
        with frame.title("Health", "Whether the ledger is right, who serves, and how the models answer."):
            components.button("Refresh", kind="plain", on_click=self._draw)
        await admin_frame.tabs(self._services, "/app/admin/health")
        self._content = tag("div", "", "s-stack")
        await self._draw()

    async def _draw(self) -> None:
        look = await self._health.look()
        now = self._services.now()
        self._content.clear()
        with self._content:
            for notice in self._services.notices.current():
                components.banner("bad", admin_frame.notice_line(notice, now))
            components.html(_figures(self._health, look, now))
            with frame.card("Ledger", is_flush=bool(look.checks)):
                self._draw_ledger(look, now)
            with frame.card("Models, last 24 hours", is_flush=True):
                _draw_models(self._services, look)
            with frame.card("Processes", is_flush=True):
                _draw_servers(look, now)

    def _draw_ledger(self, look: Look, now: int) -> None:
        with tag("div", "", "h-check"):
            components.html(_ledger_words(self._health))
            self._button = components.button("Check now", kind="plain", on_click=self._check)
        self._told = tag("p", "", "h-told s-quiet", role="status")
        if not look.checks:
            return
        newest = look.checks[0]
        if newest.differences:
            components.html(_differences(newest))
        rows = [_check_cells(check, now) for check in look.checks]
        columns = (
            Column("Checked", is_name=True),
            Column("Result", is_state=True),
            Column("Rows", is_number=True),
            Column("Sums", is_number=True),
            Column("Reservations", is_number=True),
            Column("Counters", is_number=True),
            Column("Took", is_number=True),
            "By",
        )
        components.table(columns, rows, caption="Checks of the ledger, newest first")

    async def _check(self) -> None:
        try:
            viewer = await admin_frame.staff(self._services, self._viewer)
        except Refused as refused:
            components.toast(str(refused), "bad")
            return
        care = self._health.care
        running = asyncio.ensure_future(care.check(by=viewer.email))
        components.set_attributes(self._button, disabled="")
        await _until_done(running, self._tell_progress)
        check = running.result()
        with self._content:  # drawing anew deletes the button in which this handler began
            await self._draw()
            if check.differences:
                components.toast(f"{words.plural(check.differences, 'difference')} found", "bad")
            else:
                components.toast("Everything agrees")

    def _tell_progress(self) -> None:
        progress = self._health.care.progress
        self._told.text = (
            "Comparing the counters"
            if progress is None
            else f"Checked {progress[0]:,} of {progress[1]:,} hours"
        )


async def _until_done(running: "asyncio.Future[LedgerCheck]", tell: Callable[[], None]) -> None:
    while not running.done():
        tell()
        await asyncio.wait({running}, timeout=PROGRESS_S)


def _figures(health: Health, look: Look, now: int) -> Markup:
    errors = sum(model.errors for model in look.models.values())
    requests = sum(model.requests for model in look.models.values())
    share = f"{100 * errors / requests:.2f} %" if requests else "none"
    alive = sum(server.unseen_ms < processes.DEAD_AFTER_MS for server in look.servers)
    limiter = "Database" if look.is_redis_away else health.limiter.capitalize()
    away = "Redis does not answer; the limits are counted in the database until it does"
    return components.joined(
        [
            components.figure(
                "Requests, 24 h",
                words.counted(requests),
                note=f"{words.plural(look.running, 'request')} running",
            ),
            components.figure(
                "Failed, 24 h", share, note=f"{words.plural(errors, 'request')} of all customers"
            ),
            components.figure(
                "Ledger queue", words.counted(look.writer_waits), note="Rows of this process not yet written"
            ),
            components.figure(
                "Limits", limiter, note=away if look.is_redis_away else _counting(health, alive)
            ),
        ],
        "s-grid4",
    )


def _counting(health: Health, alive: int) -> str:
    return f"Counted {_LIMITERS[health.limiter]}, {words.plural(alive, 'process', 'processes')} on {health.store}"


def _ledger_words(health: Health) -> Markup:
    """What a check is, and how long there is something to check."""
    return Markup(
        "<p>Rows, sums, reservations and counters are held against one another once a day. Rows are kept for {}, "
        "sums for ever.</p>"
    ).format(words.plural(health.care.keep_days, "day"))


def _differences(check: LedgerCheck) -> Markup:
    lines = Markup("").join(Markup("<li>{}</li>").format(line) for line in check.words)
    return Markup(
        '<div class="h-differences"><p><b>{}</b> in the last check. <code>starscoo ledger rebuild</code> makes the '
        'sums anew from the rows.</p><ul tabindex="0" aria-label="Differences">{}</ul></div>'
    ).format(words.plural(check.differences, "difference"), lines)


def _check_cells(check: LedgerCheck, now: int) -> tuple[Markup | str, ...]:
    result = (
        components.pill("bad", words.plural(check.differences, "difference"))
        if check.differences
        else components.pill("good", "Agrees")
    )
    return (
        words.ago(check.at, now),
        result,
        words.counted(check.rows),
        words.counted(check.sums),
        words.counted(check.reservations),
        words.counted(check.counters),
        words.duration(check.took_ms),
        components.clipped(check.by),
    )


def _draw_models(services: Services, look: Look) -> None:
    rows = [
        _model_cells(name, services.is_available(name), look.models.get(name, ModelHealth()))
        for name in services.catalog.models
    ]
    columns = (
        Column("Model", is_name=True),
        Column("Upstream", is_state=True),
        Column("Requests", is_number=True),
        Column("Failed", is_number=True),
        Column("First token p50", is_number=True),
        Column("First token p99", is_number=True),
        Column("Total p50", is_number=True),
        Column("Total p99", is_number=True),
    )
    components.table(columns, rows, caption="Models and how they answered all customers in the last 24 hours")


def _model_cells(name: str, is_available: bool, health: ModelHealth) -> tuple[Markup | str, ...]:
    state = (
        components.pill("good", "Credential set") if is_available else components.pill("bad", "No credential")
    )
    share = f" ({100 * health.errors / health.requests:.1f} %)" if health.requests else ""
    return (
        Markup("<code>{}</code>").format(name),
        state,
        words.counted(health.requests),
        f"{words.exact(health.errors)}{share}",
        _time(health.first_token_ms(0.5)),
        _time(health.first_token_ms(0.99)),
        _time(health.total_ms(0.5)),
        _time(health.total_ms(0.99)),
    )


def _time(ms: int | None) -> str:
    return "–" if ms is None else words.duration(ms)


def _draw_servers(look: Look, now: int) -> None:
    rows = [_server_cells(server, now) for server in look.servers]
    columns = (
        Column("Process", is_name=True),
        Column("State", is_state=True),
        "Counts the limits",
        "Started",
        Column("Last heard of", is_number=True),
    )
    components.table(columns, rows, caption="Processes that serve from this database")


def _server_cells(server: Server, now: int) -> tuple[Markup | str, ...]:
    process = server.process
    is_dead = server.unseen_ms >= processes.DEAD_AFTER_MS
    name = f"Number {process.id}" + (", this one" if server.is_this else "")
    return (
        name,
        components.pill("bad", "Gone") if is_dead else components.pill("good", "Serves"),
        _LIMITERS[process.limiter],
        words.ago(process.started_ms // 1000, now),
        f"{max(0, server.unseen_ms) // 1000} s ago",
    )
