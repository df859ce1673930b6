"""/app/usage: what an account has used, by day and model. Range, measure and view stand in the address."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal, cast, get_args
from urllib.parse import parse_qs, urlencode, urlsplit

from markupsafe import Markup
from nicegui import ui
from nicegui.elements.mixins.text_element import TextElement

from app import components, frame, live_view, words
from app.components import Column, tables, tag, usage_chart
from app.components.chart import Chart
from app.components.usage_chart import DAY_S, Measure
from app.services import Services
from models import usage, windows
from models.logins import Viewer
from models.usage import DayLine

Range = Literal["7d", "30d", "month"]
View = Literal["chart", "table"]
RANGES: Final[dict[str, str]] = {"7d": "7 days", "30d": "30 days", "month": "This month"}
MEASURES: Final[dict[str, str]] = {"requests": "Requests", "tokens": "Tokens", "cost": "Cost"}
_NUMBERS: Final = ("Requests", "Errors", "Input tokens", "Output tokens", "All tokens", "Cost")


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows; the same address gives the same view."""

    range: Range = "30d"
    measure: Measure = "requests"
    view: View = "chart"

    @property
    def address(self) -> str:
        return f"/app/usage?{urlencode({'range': self.range, 'measure': self.measure, 'view': self.view})}"


def parse(address: str) -> Shown:
    """What an address asks for; what it does not say, or says wrongly, is as usual."""
    asked = {name: values[-1] for name, values in parse_qs(urlsplit(address).query).items()}
    usual = Shown()
    return Shown(
        range=cast(Range, asked["range"]) if asked.get("range") in get_args(Range) else usual.range,
        measure=cast(Measure, asked["measure"])
        if asked.get("measure") in get_args(Measure)
        else usual.measure,
        view=cast(View, asked["view"]) if asked.get("view") in get_args(View) else usual.view,
    )


def since(range: Range, now: int) -> int:
    """The first UTC midnight of a range that ends with the running day."""
    if range == "month":
        return windows.month_start(now)
    today = now - now % DAY_S
    return today - (6 if range == "7d" else 29) * DAY_S


async def show(services: Services, viewer: Viewer) -> None:
    """Draws into the current slot; figures follow as soon as they are read."""
    page = _Page(services, viewer, parse(ui.context.client.sub_pages_router.current_path))
    page.frame()
    await page.load()


class _Page:
    def __init__(self, services: Services, viewer: Viewer, shown: Shown) -> None:
        self._services = services
        self._viewer = viewer
        self._shown = shown
        self._now = services.now()
        self._lines: list[DayLine] = []
        self._chart: Chart | None = None
        self._summary: TextElement

    def frame(self) -> None:
        with frame.title("Usage", "Days are days in UTC; the last one is still running."):
            components.segmented("Range", RANGES, value=self._shown.range, on_change=self._choose_range)
        self._content = tag("div", "", "s-stack")
        refresh = live_view.Throttled(self._refresh)
        self._services.arrivals.follow(self._viewer.account_id, self._content, refresh)

    async def load(self) -> None:
        """All anew, for another range."""
        await self._read()
        self._draw()

    async def _refresh(self) -> None:
        """The figures alone: what can be pressed stays, and so does what is hovered."""
        was_empty = not self._lines
        await self._read()
        if self._content.is_deleted:
            return
        if was_empty:
            self._draw()
            return
        self._totals.set_content(str(self._model_card()))
        self._draw_view()

    async def _read(self) -> None:
        self._now = self._services.now()
        self._lines = await self._services.database.read(
            usage.by_day,
            self._viewer.account_id,
            since=since(self._shown.range, self._now),
            until=self._now - self._now % DAY_S + DAY_S,
        )

    async def _choose_range(self, chosen: str) -> None:
        self._put(replace(self._shown, range=cast(Range, chosen)))
        await self.load()

    def _choose_measure(self, chosen: str) -> None:
        self._put(replace(self._shown, measure=cast(Measure, chosen)))
        self._draw_view()

    def _choose_view(self, chosen: str) -> None:
        self._put(replace(self._shown, view=cast(View, chosen)))
        self._draw_view()

    def _put(self, shown: Shown) -> None:
        self._shown = shown
        ui.navigate.history.replace(shown.address)

    def _draw(self) -> None:
        self._content.clear()
        self._chart = None
        with self._content:
            if not self._lines:
                self._draw_empty()
                return
            with tag("section", "", "s-card", aria_label="Usage by day"):
                self._draw_choices()
                self._figure = tag("div", "", "u-figure")
            self._totals = components.html(self._model_card())
        self._draw_view()

    def _draw_choices(self) -> None:
        views = {"chart": "Chart", "table": "Table"}
        with tag("div", "", "u-choices"):
            components.segmented(
                "Measure", MEASURES, value=self._shown.measure, on_change=self._choose_measure
            )
            components.segmented("Show as", views, value=self._shown.view, on_change=self._choose_view)

    def _draw_view(self) -> None:
        shown = self._chart_of(self._shown.measure)
        if self._chart is not None and self._shown.view == "chart":
            self._chart.show(partial(usage_chart.figure, shown), summary=shown.summary)
            self._summary.text = shown.summary
            return
        self._figure.clear()
        with self._figure:
            if self._shown.view == "table":
                self._chart = None
                components.html(_day_table(shown))
            else:
                self._chart = Chart(partial(usage_chart.figure, shown), summary=shown.summary)
            self._summary = tag("p", shown.summary, "u-summary")

    def _model_card(self) -> Markup:
        table = _model_table(self._lines, self._chart_of("requests"))
        return components.card("By model", table, is_flush=True)

    def _draw_empty(self) -> None:
        text = "Requests show up here within a second of their end, by day and by model."
        if self._shown.range != "30d":
            text = "There may be some further back. " + text
        with components.empty_card("usage", f"No requests {_WITHIN[self._shown.range]}", text):
            if self._shown.range == "30d":
                components.button("Send the first request", href="/docs#quickstart")
            else:
                components.button("Show 30 days", on_click=lambda: self._choose_range("30d"))

    def _chart_of(self, measure: Measure) -> usage_chart.Chart:
        return usage_chart.chart(
            self._lines,
            measure=measure,
            since=since(self._shown.range, self._now),
            until=self._now - self._now % DAY_S + DAY_S,
            now=self._now,
            order=tuple(self._services.catalog.models),
        )


_WITHIN: Final[dict[Range, str]] = {
    "7d": "in the last 7 days",
    "30d": "in the last 30 days",
    "month": "this month",
}


def _model_table(lines: Sequence[DayLine], shown: usage_chart.Chart) -> Markup:
    """Sums over the range, largest first, with the colours of the chart."""
    colours = {series.name: series.colour for series in shown.series}
    models = sorted({line.model for line in lines}, key=lambda model: (-_sums(lines, model)[0], model))
    rows = [
        (_named(model, colours.get(model, usage_chart.OWN_SERIES)), *_cells(_sums(lines, model)))
        for model in models
    ]
    columns = (Column("Model", is_name=True), *(Column(name, is_number=True) for name in _NUMBERS))
    total = ("All models", *_cells(_sums(lines, None)))
    return tables.render(columns, rows, caption="Usage by model", total=total)


def _sums(lines: Sequence[DayLine], model: str | None) -> tuple[int, ...]:
    mine = [line for line in lines if model in (None, line.model)]
    return (
        sum(line.requests for line in mine),
        sum(line.errors for line in mine),
        sum(line.prompt_tokens for line in mine),
        sum(line.completion_tokens for line in mine),
        sum(line.total_tokens for line in mine),
        sum(line.cost_nusd for line in mine),
    )


def _cells(sums: tuple[int, ...]) -> tuple[str, ...]:
    *counts, cost_nusd = sums
    return (*(words.exact(count) for count in counts), words.dollars(cost_nusd))


def _named(model: str, colour: int) -> Markup:
    return Markup('<span class="u-named"><i class="u-swatch u-swatch{}"></i>{}</span>').format(
        colour + 1, components.clipped(model)
    )


def _day_table(shown: usage_chart.Chart) -> Markup:
    """The same figures as the bars, newest day first."""
    rows = []
    for place in reversed(range(len(shown.days))):
        amounts = [series.values[place] or 0 for series in shown.series]
        day = usage_chart.column_name(shown.days[place], shown.running)
        rows.append(
            (day, *(usage_chart.worded(amount, shown.measure) for amount in (*amounts, sum(amounts))))
        )
    heads = [*(series.name for series in shown.series), "All"]
    columns = (Column("Day", is_name=True), *(Column(head, is_number=True) for head in heads))
    sums = [series.total for series in shown.series]
    total = ("All days", *(usage_chart.worded(amount, shown.measure) for amount in (*sums, sum(sums))))
    return tables.render(columns, rows, caption=f"{MEASURES[shown.measure]} by day and model", total=total)
