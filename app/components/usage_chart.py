"""Usage over time as a chart: pure, so that its test can judge every field of it.

`chart` decides (which groups get a series of their own, what a bucket is called, the one sentence), `figure` says it
in plotly's words. Counts are stacked bars, times are lines. A bucket without requests is a gap, not a bar of height 0
on which one could hover. The bucket that has not ended is lighter and its name says "so far".
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from html import escape
from typing import Any, Final

from app import theme, words
from app.usage_shown import TIMED, Measure, Share
from models import histogram
from models.usage_filters import Span, zone_of
from models.usage_series import Histograms, Line

OWN_SERIES: Final = 6
OTHER: Final = "other"
_FONT: Final = '"Inter Variable", system-ui, sans-serif'
_CONFIG: Final = {
    "displayModeBar": False,
    "responsive": True,
    "locale": "en-US",
    "doubleClick": False,
    "showTips": False,
}
_MEASURED: Final[dict[Measure, str]] = {
    "requests": "requests",
    "errors": "errors",
    "tokens": "total_tokens",
    "cost": "cost_nusd",
    "latency": "requests",
    "first-token": "requests",
}
"""The figure of a line that a measure is, and for times the one that says which groups are largest."""


@dataclass(frozen=True, slots=True)
class Series:
    """One group over all buckets of the chart, None where it has nothing. `name` is the group's own, `label` its name
    for people, `colour` indexes the palette. `whole` is the sum, or of times the percentile over all."""

    name: str
    label: str
    values: tuple[int | None, ...]
    colour: int
    whole: int


@dataclass(frozen=True, slots=True)
class Chart:
    """`names` are of the buckets in order. Values are counts, nano-dollars for cost, or ms. `running` is the place of
    the bucket that has not ended, None when the range is all past."""

    measure: Measure
    names: tuple[str, ...]
    ticks: tuple[str, ...]
    series: tuple[Series, ...]
    running: int | None
    summary: str = ""

    @property
    def is_timed(self) -> bool:
        return self.measure in TIMED

    def in_all(self, place: int) -> int:
        return sum(one.values[place] or 0 for one in self.series)


def chart(
    lines: Sequence[Line],
    *,
    measure: Measure,
    span: Span,
    now: int,
    labels: Mapping[str, str] | None = None,
    order: Sequence[str] = (),
    times: Histograms | None = None,
    share: Share = "50",
) -> Chart:
    """All buckets of the span. Groups of `order` keep their colour whatever range and measure are shown; the six
    largest stand alone, the rest is summed as "other". `times` are those of a measure that is one."""
    starts = span.starts()
    places = {start: place for place, start in enumerate(starts)}
    sums = _sums(lines, measure)
    alone, rest = largest(sums)
    labels = labels or {}
    names = _names(starts, span)
    ends = [span.ends_at(start) for start in starts]
    at_work = [place for place, start in enumerate(starts) if start <= now < ends[place]]
    running = at_work[0] if at_work else None
    colours = _colours(alone, order)
    if measure in TIMED:
        drawn = _of_times(times or {}, alone, rest, places, int(share) / 100)
    else:
        drawn = _of_sums(lines, measure, alone, rest, places)
    series = tuple(
        Series(name, labels.get(name, name), values, colours.get(name, OWN_SERIES), whole)
        for name, values, whole in drawn
    )
    told = tuple(f"{name}, so far" if place == running else name for place, name in enumerate(names))
    shown = Chart(measure, told, _tick_names(starts, span), series, running)
    return replace(shown, summary=_summary(shown, span, share))


def largest(sums: Mapping[str, int]) -> tuple[list[str], list[str]]:
    """Those that stand alone, largest first, and the rest."""
    by_size = sorted(sums, key=lambda name: (-sums[name], name))
    return by_size[:OWN_SERIES], by_size[OWN_SERIES:]


def worded(amount: int, measure: Measure) -> str:
    """The exact amount as people read it: `1,234`, `$0.0123` or `412 ms`."""
    if measure in TIMED:
        return words.duration(amount)
    return words.dollars(amount) if measure == "cost" else words.exact(amount)


def figure(shown: Chart, *, is_dark: bool) -> dict[str, Any]:
    """The chart as plotly takes it: `data`, `layout` and `config`, nothing that a template would add."""
    palette = theme.SERIES_DARK if is_dark else theme.SERIES_LIGHT
    ink = theme.INK_DARK if is_dark else theme.INK_LIGHT
    draw = _line if shown.is_timed else _bars
    return {
        "data": [draw(series, shown, palette[series.colour]) for series in shown.series],
        "layout": _layout(shown, ink),
        "config": dict(_CONFIG),
    }


def _sums(lines: Sequence[Line], measure: Measure) -> dict[str, int]:
    sums: dict[str, int] = {}
    for line in lines:
        if amount := int(getattr(line, _MEASURED[measure])):
            sums[line.name] = sums.get(line.name, 0) + amount
    return sums


Drawn = tuple[str, tuple[int | None, ...], int]
"""A group, its values, and what they come to."""


def _of_sums(
    lines: Sequence[Line],
    measure: Measure,
    alone: Sequence[str],
    rest: Sequence[str],
    places: Mapping[int, int],
) -> list[Drawn]:
    groups = [*alone, *([OTHER] if rest else [])]
    values: dict[str, list[int]] = {name: [0] * len(places) for name in groups}
    for line in lines:
        place = places.get(line.at)
        if place is not None and (amount := int(getattr(line, _MEASURED[measure]))):
            values[line.name if line.name in alone else OTHER][place] += amount
    return [(name, tuple(one or None for one in values[name]), sum(values[name])) for name in groups]


def _of_times(
    times: Histograms, alone: Sequence[str], rest: Sequence[str], places: Mapping[int, int], share: float
) -> list[Drawn]:
    groups = [*alone, *([OTHER] if rest else [])]
    counted: dict[str, dict[int, Counter[int]]] = {name: {} for name in groups}
    for (at, name), found in times.items():
        place = places.get(at)
        group = name if name in alone else OTHER
        if place is not None and group in counted:
            counted[group].setdefault(place, Counter()).update(found)
    return [
        (
            name,
            tuple(histogram.percentile(of.get(place, Counter()), share) for place in range(len(places))),
            histogram.percentile(sum(of.values(), Counter()), share) or 0,
        )
        for name, of in counted.items()
    ]


def _bars(series: Series, shown: Chart, colour: str) -> dict[str, Any]:
    filled = [place for place, amount in enumerate(series.values) if amount]
    return {
        "type": "bar",
        "name": escape(series.label),
        "x": [shown.names[place] for place in filled],
        "y": [_drawn(series.values[place] or 0, shown.measure) for place in filled],
        "customdata": [worded(series.values[place] or 0, shown.measure) for place in filled],
        "hovertemplate": "%{customdata}",
        "marker": {
            "color": colour,
            "opacity": [0.5 if place == shown.running else 1 for place in filled],
            "line": {"width": 0},
        },
    }


def _line(series: Series, shown: Chart, colour: str) -> dict[str, Any]:
    """With points where there are few, and where one alone between two gaps would be no line."""
    values, most = series.values, range(len(series.values))
    is_alone = [
        all(values[near] is None for near in (place - 1, place + 1) if near in most) for place in most
    ]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": escape(series.label),
        "x": list(shown.names),
        "y": list(series.values),
        "customdata": ["" if one is None else worded(one, shown.measure) for one in series.values],
        "hovertemplate": "%{customdata}",
        "connectgaps": False,
        "line": {"color": colour, "width": 2},
        "marker": {
            "color": colour,
            "size": [5 if len(most) <= 60 or alone else 0 for alone in is_alone],
            "opacity": [0.5 if place == shown.running else 1 for place in range(len(shown.names))],
        },
    }


def _layout(shown: Chart, ink: Mapping[str, str]) -> dict[str, Any]:
    names = list(shown.names)
    step = -(-len(names) // 5)
    ticks = slice((len(names) - 1) % step, None, step)
    places = range(len(names))
    if shown.is_timed:
        peak = max((value or 0 for one in shown.series for value in one.values), default=0)
    else:
        peak = max((shown.in_all(place) for place in places), default=0)
    heights = _heights(peak, shown.measure)
    return {
        "barmode": "stack",
        "bargap": 0.28 if len(names) <= 60 else 0.1,
        "height": 280,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8, "pad": 4},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "dragmode": "zoom",
        "hovermode": "x unified",
        "hoverlabel": {
            "bgcolor": ink["surface"],
            "bordercolor": ink["line"],
            "font": {"color": ink["text"], "family": _FONT, "size": 13},
        },
        "font": {"color": ink["faint"], "family": _FONT, "size": 12},
        "xaxis": {
            "type": "category",
            "categoryorder": "array",
            "categoryarray": names,
            "range": [-0.5, len(names) - 0.5],
            "tickmode": "array",
            "tickvals": names[ticks],
            "ticktext": list(shown.ticks[ticks]),
            "tickangle": 0,
            "unifiedhovertitle": {"text": "<b>%{x}</b>"},
            "showspikes": False,
            "showgrid": False,
            "zeroline": False,
            "automargin": True,
        },
        "yaxis": {
            "gridcolor": ink["line"],
            "zerolinecolor": ink["line"],
            "range": [0, _drawn(heights[-1], shown.measure)],
            "tickmode": "array",
            "tickvals": [_drawn(height, shown.measure) for height in heights],
            "ticktext": [_height_name(height, shown.measure) for height in heights],
            "fixedrange": True,
            "automargin": True,
        },
    }


def _colours(names: Sequence[str], order: Sequence[str]) -> dict[str, int]:
    """A known group has its place in the order for a colour; others take what is left."""
    taken = {name: order.index(name) for name in names if name in order[:OWN_SERIES]}
    free = (index for index in range(OWN_SERIES) if index not in taken.values())
    return {name: taken[name] if name in taken else next(free) for name in names}


def _names(starts: Sequence[int], span: Span) -> list[str]:
    """`Sun 22 Nov`, `Sun 22 Nov, 14:00`. The hour that comes twice in autumn says its offset."""
    zone = zone_of(span.zone)
    moments = [datetime.fromtimestamp(start, zone) for start in starts]
    days = [f"{moment:%a} {moment.day} {moment:%b}" for moment in moments]
    if span.bucket == "day":
        return days
    names = [f"{day}, {moment:%H:%M}" for day, moment in zip(days, moments, strict=True)]
    seen = Counter(names)
    return [
        name if seen[name] == 1 else f"{name} ({moment:UTC%z})"
        for name, moment in zip(names, moments, strict=True)
    ]


def _tick_names(starts: Sequence[int], span: Span) -> tuple[str, ...]:
    """`22 Nov` or `14:00`: narrow enough for five of them on a phone."""
    zone = zone_of(span.zone)
    is_clock = span.bucket != "day" and span.until - span.since <= 36 * 3600
    moments = [datetime.fromtimestamp(start, zone) for start in starts]
    return tuple(f"{one:%H:%M}" if is_clock else f"{one.day} {one:%b}" for one in moments)


def _drawn(amount: int, measure: Measure) -> float:
    """The height on paper. Money is divided only here; the text beside it comes from the integer."""
    return amount / 1_000_000_000 if measure == "cost" else amount


def _heights(peak: int, measure: Measure) -> list[int]:
    """Round heights for the grid, from 0 to the first one not under the peak; 3 to 6 of them."""
    least = 100_000 if measure == "cost" else 1
    wanted = max(least, -(-peak // 5))
    scale = 10 ** (len(str(wanted)) - 1)
    step = next(factor * scale for factor in (1, 2, 5, 10) if factor * scale >= wanted)
    return [step * place for place in range(max(1, -(-peak // step)) + 1)]


def _height_name(height: int, measure: Measure) -> str:
    if measure in TIMED:
        return words.duration(height).replace(".0 s", " s") if height else "0"
    if measure == "cost":
        return words.dollars(height).rstrip("0").rstrip(".")
    return words.short(height).replace(".0 ", " ")


def _summary(shown: Chart, span: Span, share: Share) -> str:
    zone = "UTC" if span.zone == "UTC" else span.zone.replace("_", " ")
    first, last = shown.names[0], shown.names[-1].removesuffix(", so far")
    stretch = f"from {first.removesuffix(', so far')} to {last} ({zone})"
    if shown.is_timed:
        return _times_summary(shown, stretch, share)
    total = sum(one.whole for one in shown.series)
    if not total:
        return f"{'Nothing spent' if shown.measure == 'cost' else f'No {shown.measure}'} {stretch}."
    leader = max(shown.series, key=lambda one: one.whole)
    busiest = max(range(len(shown.names)), key=shown.in_all)
    name = shown.names[busiest].removesuffix(", so far")
    return (
        f"{_with_noun(total, shown.measure)} {stretch}, led by {leader.label} ({leader.whole * 100 // total}%); "
        f"the busiest {span.bucket} was {name} with {worded(shown.in_all(busiest), shown.measure)}."
    )


def _times_summary(shown: Chart, stretch: str, share: Share) -> str:
    what = "time to the first token" if shown.measure == "first-token" else "time of a request"
    timed = [one for one in shown.series if one.whole]
    if not timed:
        return f"No {what} was measured {stretch}."
    which = "Median" if share == "50" else "95th percentile of the"
    slow, fast = max(timed, key=lambda one: one.whole), min(timed, key=lambda one: one.whole)
    text = f"{which} {what} {stretch}: {worded(fast.whole, shown.measure)} with {fast.label}"
    if slow is not fast:
        text += f", {worded(slow.whole, shown.measure)} with {slow.label}"
    return f"{text}. Exact to 8%."


def _with_noun(amount: int, measure: Measure) -> str:
    if measure == "cost":
        return f"{words.dollars(amount)} spent"
    return words.plural(amount, measure.removesuffix("s"))
