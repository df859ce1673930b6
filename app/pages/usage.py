"""/app/usage: what an account has used, over time, by model, key or how requests ended. All of it stands in the
address."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Final, cast

from nicegui import background_tasks, ui
from nicegui.elements.mixins.text_element import TextElement
from nicegui.events import GenericEventArguments

from app import asked, components, facet_values, frame, live_view, login, usage_shown
from app.components import set_attributes, tag, usage_chart, usage_tables
from app.components.chart import Chart
from app.components.facets import Facets
from app.services import Services
from app.usage_shown import (
    BUCKETS,
    GROUPS,
    MEASURES,
    RANGES,
    SHARES,
    WITHIN,
    Measure,
    Range,
    Share,
    Shown,
)
from models import request_log, usage_series
from models.keys import ApiKey
from models.logins import Viewer
from models.request_log import Counts
from models.usage_filters import ENDS, REFUSED, RUNNING, Bucket, Filters, Group, Span, is_zone, zone_of
from models.usage_series import Histograms, Line

PATH: Final = "/app/usage"
_STATUS_ORDER: Final = ("interrupted", "ok", "cut", "error", "client_abort", REFUSED)
"""Which colour of the chart an end has."""
_ZONE: Final = "() => emit(Intl.DateTimeFormat().resolvedOptions().timeZone)"


@dataclass(frozen=True, slots=True)
class Read:
    """What the tables know of what is shown."""

    now: int
    span: Span
    keys: Sequence[ApiKey]
    lines: Sequence[Line]
    times: Histograms
    counts: Counts
    last_hour: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)


async def show(services: Services, viewer: Viewer) -> None:
    """Draws into the current slot; figures follow as soon as they are read."""
    page = _Page(services, viewer, usage_shown.parse(ui.context.client.sub_pages_router.current_path))
    page.frame()
    await page.load()


async def read(services: Services, account_id: int, shown: Shown) -> Read:
    now, database = services.now(), services.database
    span = shown.span(now)
    keys = await database.read(request_log.keys_of, account_id)
    filters = counted_by(shown, keys)
    lines = await database.read(usage_series.read, account_id, span, by=shown.by, filters=filters)
    times: Histograms = {}
    if shown.is_timed:
        timed: usage_series.Timed = "total" if shown.measure == "latency" else "first_token"
        times = await database.read(usage_series.times, account_id, span, timed, by=shown.by, filters=filters)
    query = request_log.Query(filters=shown.picked.filters(keys), since=span.since, until=span.until)
    counts = await database.read(request_log.counts, account_id, query, now=now)
    last = None if lines else await database.read(usage_series.last_hour, account_id, filters=filters)
    labels = dict(asked.STATUSES) if shown.by == "status" else {}
    if shown.by == "key":
        labels = {str(key_id): label for key_id, _, label in facet_values.key_labels(keys)}
    return Read(now, span, keys, lines, times, counts, last, labels)


def counted_by(shown: Shown, keys: Sequence[ApiKey]) -> Filters:
    """Refused requests are counted where they are asked for, or stand beside the others as an end of their own."""
    filters = shown.picked.filters(keys)
    if shown.by == "status" and not filters.statuses and not shown.is_timed:
        return replace(filters, statuses=(*ENDS, REFUSED))
    return filters


class _Page:
    def __init__(self, services: Services, viewer: Viewer, shown: Shown) -> None:
        self._services = services
        self._viewer = viewer
        self._shown = shown
        self._read: Read
        self._drawn: usage_chart.Chart
        self._chart: Chart | None = None
        self._has_frame = False
        self._rows: int | None = usage_tables.ROWS
        self._groups: int | None = usage_tables.GROUPS_SHOWN
        self._summary: TextElement

    def frame(self) -> None:
        with frame.title("Usage", "Settled requests, as the ledger has them."):
            self._range_box = tag("div", "", "s-actions")
        self._dialog = components.dialog()
        self._choices = tag("div", "", "u-bar")
        self._draw_choices()
        self._figures = live_view.Figures(self._services, self._draw)
        self._content = self._figures.content
        refresh = live_view.Throttled(self._figures.refresh, is_costly=True)
        self._services.arrivals.follow(self._viewer.account_id, self._content, refresh)
        ui.context.client.sub_pages_router.on_path_changed(self._moved)

    async def load(self) -> None:
        """All anew, for another range."""
        await self._figures.refresh()

    def _moved(self, path: str) -> None:
        """Back and forward within this page: the browser's address says what to show."""
        if self._content.is_deleted or path.split("?")[0] != PATH:
            return
        self._shown = usage_shown.parse(path)
        with self._content:
            background_tasks.create(self._reload(), name="usage of another address")

    async def _reload(self) -> None:
        with self._content:
            await login.still(self._services, self._viewer)
            self._rows, self._groups = usage_tables.ROWS, usage_tables.GROUPS_SHOWN
            self._draw_choices()
            await self.load()

    async def _put(self, shown: Shown) -> None:
        if shown == self._shown:
            return
        self._shown = shown
        ui.navigate.history.push(shown.address)
        await self._reload()

    def _draw_choices(self) -> None:
        """What can be pressed above the figures, as it stands."""
        shown = self._shown
        self._range_box.clear()
        with self._range_box:
            components.segmented(
                "Range", cast(Mapping[str, str], RANGES), value=shown.range, on_change=self._choose_range
            )
            self._draw_zone()
        self._choices.clear()
        with self._choices:
            components.segmented(
                "Measure",
                cast(Mapping[str, str], MEASURES),
                value=shown.measure,
                on_change=lambda chosen: self._put(replace(self._shown, measure=cast(Measure, chosen))),
            )
            components.segmented(
                "Group by",
                {each: f"By {word.lower()}" for each, word in GROUPS.items()},
                value=shown.by,
                on_change=lambda chosen: self._put(replace(self._shown, by=cast(Group, chosen))),
            )

    def _draw_zone(self) -> None:
        is_utc = self._shown.zone == "UTC"
        with tag("div", "", "s-segments", role="group", aria_label="Time zone"):
            local = tag("button", "Local time", type="button", aria_pressed=str(not is_utc).lower())
            utc = tag("button", "UTC", type="button", aria_pressed=str(is_utc).lower())

        async def choose_local(event: GenericEventArguments) -> None:
            zone = str(event.args)
            if is_zone(zone):
                await self._put(replace(self._shown, zone=zone))

        local.mark("Local time").on("click", choose_local, js_handler=_ZONE)
        utc.mark("UTC").on("click", lambda: self._put(replace(self._shown, zone="UTC")), args=[])

    async def _choose_range(self, chosen: str) -> None:
        if chosen == "custom":
            self._ask_range()
            return
        await self._put(replace(self._shown, range=cast(Range, chosen), since=None, until=None, bucket=None))

    def _ask_range(self) -> None:
        span, zone = self._shown.span(self._services.now()), zone_of(self._shown.zone)

        def told(at: int) -> str:
            return datetime.fromtimestamp(at, zone).strftime("%Y-%m-%dT%H:%M")

        async def submit(values: dict[str, str]) -> None:
            fields["to"].accept()
            ends = []
            for name in ("from", "to"):
                try:
                    moment = datetime.fromisoformat(values.get(name, ""))
                except ValueError:
                    fields[name].refuse("Write a day and a time.")
                    return
                ends.append(int(moment.replace(tzinfo=zone).timestamp()))
            if not usage_shown.is_stretch(*ends):
                fields["to"].refuse("The end comes after the beginning, by 400 days at most.")
                return
            self._dialog.close()
            with self._content:
                await self._put(self._shown.during(*ends))

        place = "UTC" if self._shown.zone == "UTC" else self._shown.zone.replace("_", " ")
        with self._dialog.filled("Custom range"):
            tag("p", f"Times are in {place}. Dragging over the chart does the same.", "s-quiet")
            with components.form(submit, label="Custom range"):
                fields = {
                    name: components.field(
                        word, name=name, type="datetime-local", value=told(at), is_focused=name == "from"
                    )
                    for name, word, at in (("from", "From", span.since), ("to", "To", span.until))
                }
                with tag("div", "", "s-buttons s-end"):
                    components.cancel_button()
                    components.button("Show this range", is_submit=True)
        self._draw_choices()

    async def _draw(self) -> None:
        """Reads, then draws; what can be pressed or is hovered stays where it is."""
        shown = self._shown
        found = await read(self._services, self._viewer.account_id, shown)
        if self._content.is_deleted or shown is not self._shown:
            return
        self._read = found
        self._drawn = self._chart_of()
        if not self._has_frame:
            self._content.clear()
            self._chart = None
            self._draw_cards()
            self._has_frame = True
        self._facets.show(self._offered())
        set_attributes(self._export, href=self._file_address())
        self._draw_bucket()
        self._draw_figure()

    def _draw_cards(self) -> None:
        with tag("section", "", "s-card", aria_label="Usage over time"):
            with tag("div", "", "u-choices"):
                self._facets = Facets(self._offered(), on_choose=self._pick, on_clear=self._unpick)
                self._right = tag("div", "", "s-line")
            self._figure = tag("div", "", "u-figure")
        with tag("section", "", "s-card s-flush", aria_labelledby="u-totals") as self._card:
            with tag("div", "", "s-head"):
                self._totals_title = tag("h2", "By model", id="u-totals")
                self._export = components.button(
                    "Export CSV", kind="plain", size="slim", icon="download", href=PATH
                )
                set_attributes(self._export, download="")
            self._totals = components.html(components.joined([], ""))
            self._more = tag("div", "", "k-more")
            with self._more:
                components.button("Show all of them", kind="plain", size="slim", on_click=self._all_groups)
        tag("p", _kept(self._services), "s-faint s-small")

    def _draw_bucket(self) -> None:
        shown, fitting = self._shown, usage_shown.buckets(self._read.span.until - self._read.span.since)
        self._right.clear()
        with self._right:
            if shown.is_timed:
                components.segmented(
                    "Which time",
                    cast(Mapping[str, str], SHARES),
                    value=shown.share,
                    on_change=lambda chosen: self._put(replace(self._shown, share=cast(Share, chosen))),
                )
            if len(fitting) > 1:
                components.segmented(
                    "Bucket",
                    {each: BUCKETS[each] for each in fitting},
                    value=self._read.span.bucket,
                    on_change=lambda chosen: self._put(replace(self._shown, bucket=cast(Bucket, chosen))),
                )
            is_table = shown.view == "table"
            toggle = components.button(
                "Show as chart" if is_table else "Show as table",
                kind="plain",
                size="slim",
                on_click=lambda: self._put(replace(self._shown, view="chart" if is_table else "table")),
            )
            set_attributes(toggle, data_act="view", data_id="other")

    def _draw_figure(self) -> None:
        shown, drawn = self._shown, self._drawn
        self._card.visible = bool(self._read.lines)
        if not self._read.lines:
            self._chart = None
            self._figure.clear()
            with self._figure:
                self._draw_empty()
            return
        self._totals_title.text = f"By {GROUPS[shown.by].lower()}"
        self._totals.set_content(str(self._table_of_totals()))
        groups = len({line.name for line in self._read.lines})
        self._more.visible = self._groups is not None and groups > self._groups
        if self._chart is not None and shown.view == "chart":
            self._chart.show(partial(usage_chart.figure, drawn), summary=drawn.summary)
            self._summary.text = drawn.summary
            return
        self._figure.clear()
        with self._figure:
            if shown.view == "table":
                self._chart = None
                self._draw_table()
            else:
                self._chart = Chart(
                    partial(usage_chart.figure, drawn),
                    summary=drawn.summary,
                    on_drag=self._zoom,
                    on_pick=self._open_bar,
                )
            self._summary = tag("p", drawn.summary, "u-summary")
            if shown.view == "chart":
                tag("p", "Drag over the chart to zoom in. Click for the requests.", "u-hint")

    def _draw_table(self) -> None:
        components.html(
            usage_tables.buckets(self._drawn, self._shown, href=self._bucket_address, rows=self._rows)
        )
        if self._rows is not None and len(self._drawn.names) > self._rows:
            components.button(
                f"Show all {len(self._drawn.names)}", kind="plain", size="slim", on_click=self._all_rows
            )

    def _all_groups(self) -> None:
        self._groups = None
        self._draw_figure()

    def _all_rows(self) -> None:
        self._rows = None
        self._draw_figure()

    def _draw_empty(self) -> None:
        """Why there is nothing, and where there was something last."""
        shown, last = self._shown, self._read.last_hour
        text = "Requests show up here within a second of their end."
        if shown.picked.is_any:
            text = "No request matches these filters in this range."
        with components.empty_card("usage", f"No requests {WITHIN[shown.range]}", text):
            if last is not None:
                length = self._read.span.until - self._read.span.since
                end = max(last + 3600, last + 3600 if length < 86_400 else last - last % 86_400 + 86_400)
                components.button(
                    "Go to the last requests",
                    on_click=lambda: self._put(self._shown.during(end - length, end)),
                )
            if shown.picked.is_any:
                components.button("Clear filters", kind="plain", on_click=self._unpick)
            elif last is None:
                components.button("Send the first request", href="/docs#quickstart")

    def _table_of_totals(self) -> object:
        def href(name: str) -> str:
            facet = self._shown.by
            value = name if facet != "key" else self._public_ids().get(name, name)
            return self._log_address(self._shown.picked.having(facet, [value]))

        return usage_tables.totals(
            self._read.lines,
            self._drawn,
            self._shown,
            labels=self._read.labels,
            times=self._read.times,
            href=href,
            rows=self._groups,
        )

    async def _zoom(self, first: float, last: float) -> None:
        """From where dragging began to where it ended, in whole buckets."""
        starts, span = self._read.span.starts(), self._read.span
        places = [min(max(0, int(end + 0.5)), len(starts) - 1) for end in (first, last)]
        since, until = starts[places[0]], span.ends_at(starts[places[1]])
        await self._put(self._shown.during(since, until))

    def _open_bar(self, number: int, name: str) -> None:
        """The requests of which a bar or a point is made."""
        if not 0 <= number < len(self._drawn.series) or name not in self._drawn.names:
            return
        place, group = self._drawn.names.index(name), self._drawn.series[number].name
        picked = self._shown.picked
        if group != usage_chart.OTHER:
            value = self._public_ids().get(group, group) if self._shown.by == "key" else group
            picked = picked.having(self._shown.by, [value])
        ui.navigate.to(self._bucket_address(place, picked))

    def _bucket_address(self, place: int, picked: asked.Chosen | None = None) -> str:
        start = self._read.span.starts()[place]
        until = self._read.span.ends_at(start)
        return asked.log_address(picked or self._shown.picked, since=start, until=until)

    def _log_address(self, picked: asked.Chosen) -> str:
        return asked.log_address(picked, since=self._read.span.since, until=self._read.span.until)

    def _file_address(self) -> str:
        """Exactly what is counted here: refused requests only where they are."""
        statuses = counted_by(self._shown, self._read.keys).statuses or ENDS
        params = [("from", asked.iso(self._read.span.since)), ("to", asked.iso(self._read.span.until))]
        picked = self._shown.picked.having("status", statuses)
        return asked.address("/app/requests.csv", [*params, *picked.params])

    async def _pick(self, facet: str, values: list[str]) -> None:
        await self._put(replace(self._shown, picked=self._shown.picked.having(facet, values)))

    async def _unpick(self) -> None:
        await self._put(replace(self._shown, picked=asked.Chosen()))

    def _offered(self) -> list[components.Facet]:
        return facet_values.facets(self._read.counts, self._read.keys, self._shown.picked, without=(RUNNING,))

    def _public_ids(self) -> dict[str, str]:
        return {str(key.id): key.public_id for key in self._read.keys}

    def _chart_of(self) -> usage_chart.Chart:
        shown, found = self._shown, self._read
        orders: dict[Group, Sequence[str]] = {
            "model": tuple(self._services.catalog.models),
            "key": tuple(str(key.id) for key in reversed(found.keys)),
            "status": _STATUS_ORDER,
        }
        return usage_chart.chart(
            found.lines,
            measure=shown.measure,
            span=found.span,
            now=found.now,
            labels=found.labels,
            order=orders[shown.by],
            times=found.times,
            share=shown.share,
        )


def _kept(services: Services) -> str:
    return (
        f"Sums are kept for ever, single requests for {services.keep_requests_days} days: minutes, the log and "
        "exported files reach no further back. Refused requests are counted where the status asks for them."
    )
