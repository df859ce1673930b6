"""Usage as tables: sums by group beside the chart, and the chart's own figures, bucket by bucket."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from markupsafe import Markup

from app import words
from app.components import tables, usage_chart
from app.components.tables import Cell, Column, clipped
from app.components.usage_chart import Chart
from app.usage_shown import GROUPS, MEASURES, Shown
from models.usage_series import Histograms, Line, percentiles

_NUMBERS: Final = ("Requests", "Errors", "Input tokens", "Output tokens", "All tokens", "Cost")
_TIMES: Final = ("Requests", "Errors", "Median", "95th percentile")
ROWS: Final = 48
GROUPS_SHOWN: Final = 25
"""Of the tables at first; the rest follows on a press."""


def totals(
    lines: Sequence[Line],
    chart: Chart,
    shown: Shown,
    *,
    labels: Mapping[str, str],
    times: Histograms,
    href: Callable[[str], str],
    rows: int | None = GROUPS_SHOWN,
) -> Markup:
    """By group, largest first, with the colours of the chart; each name leads to its requests. `rows` None is all."""
    colours = {series.name: series.colour for series in chart.series}
    sums = _sums(lines)
    counted = _counted(times)
    names = sorted(sums, key=lambda name: (-sums[name][0], name))
    drawn = [
        (
            _named(labels.get(name, name) or "(none)", colours.get(name, usage_chart.OWN_SERIES), href(name)),
            *_cells(sums[name], counted.get(name, Counter()), shown),
        )
        for name in names[:rows]
    ]
    heads = _TIMES if shown.is_timed else _NUMBERS
    columns = (Column(GROUPS[shown.by], is_name=True), *(Column(head, is_number=True) for head in heads))
    whole = [sum(figures) for figures in zip(*sums.values(), strict=True)] or [0] * 6
    total = ("All", *_cells(whole, sum(counted.values(), Counter()), shown))
    return tables.render(columns, drawn, caption=f"Usage by {GROUPS[shown.by].lower()}", total=total)


def buckets(chart: Chart, shown: Shown, *, href: Callable[[int], str], rows: int | None = ROWS) -> Markup:
    """The same figures as the chart, the newest bucket first; `rows` None is all of them."""
    places = list(reversed(range(len(chart.names))))[:rows]
    drawn: list[list[Cell]] = []
    for place in places:
        amounts = [series.values[place] for series in chart.series]
        name = Markup('<a href="{}">{}</a>').format(href(place), chart.names[place])
        drawn.append([name, *(_amount(amount, chart) for amount in amounts)])
        if not chart.is_timed:
            drawn[-1].append(usage_chart.worded(chart.in_all(place), chart.measure))
    heads = [*(series.label for series in chart.series), *([] if chart.is_timed else ["All"])]
    columns = (Column("From", is_name=True), *(Column(head, is_number=True) for head in heads))
    sums = [usage_chart.worded(series.whole, chart.measure) for series in chart.series]
    if not chart.is_timed:
        sums.append(usage_chart.worded(sum(series.whole for series in chart.series), chart.measure))
    caption = f"{MEASURES[chart.measure]} over time, by {GROUPS[shown.by].lower()}"
    return tables.render(columns, drawn, caption=caption, total=("All", *sums))


def _amount(amount: int | None, chart: Chart) -> str:
    if amount is None and chart.is_timed:
        return "–"
    return usage_chart.worded(amount or 0, chart.measure)


def _sums(lines: Sequence[Line]) -> dict[str, list[int]]:
    sums: dict[str, list[int]] = {}
    for line in lines:
        figures = (
            line.requests,
            line.errors,
            line.prompt_tokens,
            line.completion_tokens,
            line.total_tokens,
            line.cost_nusd,
        )
        of_name = sums.setdefault(line.name, [0] * 6)
        for place, figure in enumerate(figures):
            of_name[place] += figure
    return sums


def _counted(times: Histograms) -> dict[str, Counter[int]]:
    counted: dict[str, Counter[int]] = {}
    for (_, name), found in times.items():
        counted.setdefault(name, Counter()).update(found)
    return counted


def _cells(sums: Sequence[int], counted: Counter[int], shown: Shown) -> tuple[Cell, ...]:
    *counts, cost_nusd = sums
    if shown.is_timed:
        timed = ("–" if ms is None else words.duration(ms) for ms in percentiles(counted))
        return (words.exact(counts[0]), words.exact(counts[1]), *timed)
    return (*(words.exact(count) for count in counts), words.dollars(cost_nusd))


def _named(label: str, colour: int, href: str) -> Markup:
    return Markup(
        '<span class="u-named"><i class="u-swatch u-swatch{}"></i><a href="{}">{}</a></span>'
    ).format(colour + 1, href, clipped(label))
