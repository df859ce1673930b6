"""What the tables know of days and models, as a chart: pure, so that its test can judge every field of it.

`chart` decides (which models get a series of their own, what a day is called, the one sentence), `figure`
says it in plotly's words. Days are UTC days. A day without requests is a gap, not a bar of height 0 on
which one could hover. The last day is still running: its bars are lighter and its name says "so far".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from typing import Any, Final, Literal

from app import theme, words
from models.usage import DayLine

Measure = Literal["requests", "tokens", "cost"]

DAY_S: Final = 86_400
OWN_SERIES: Final = 6
OTHER: Final = "other"
_FONT: Final = '"Inter Variable", system-ui, sans-serif'


@dataclass(frozen=True, slots=True)
class Series:
    """One model over all days of the chart, None where it has nothing. `colour` indexes the palette."""

    name: str
    values: tuple[int | None, ...]
    colour: int

    @property
    def total(self) -> int:
        return sum(value or 0 for value in self.values)


@dataclass(frozen=True, slots=True)
class Chart:
    """`days` are Unix seconds of UTC midnights, every day of the range in order. Values are counts, or
    nano-dollars for `cost`. `running` is the day that has not ended, None when the range is all past."""

    measure: Measure
    days: tuple[int, ...]
    series: tuple[Series, ...]
    running: int | None
    summary: str = ""

    @property
    def is_empty(self) -> bool:
        return not self.series


def chart(
    lines: Sequence[DayLine], *, measure: Measure, since: int, until: int, now: int, order: Sequence[str] = ()
) -> Chart:
    """All days from `since` to before `until` (Unix seconds). Models of `order` keep their colour whatever
    range and measure are shown; the six largest stand alone, the rest is summed as "other"."""
    days = tuple(range(since - since % DAY_S, until, DAY_S))
    amounts: dict[str, dict[int, int]] = {}
    for line in lines:
        if amount := value(line, measure):
            of_model = amounts.setdefault(line.model, {})
            of_model[line.day] = of_model.get(line.day, 0) + amount
    by_size = sorted(amounts, key=lambda model: (-sum(amounts[model].values()), model))
    alone, rest = by_size[:OWN_SERIES], by_size[OWN_SERIES:]
    colours = _colours(alone, order)
    series = [
        Series(model, tuple(amounts[model].get(day) for day in days), colours[model]) for model in alone
    ]
    if rest:
        sums = (sum(amounts[model].get(day, 0) for model in rest) for day in days)
        series.append(Series(OTHER, tuple(amount or None for amount in sums), OWN_SERIES))
    today = now - now % DAY_S
    running = today if today in days else None
    shown = Chart(measure, days, tuple(series), running)
    return replace(shown, summary=_summary(shown))


def value(line: DayLine, measure: Measure) -> int:
    """What a line amounts to: a count, or nano-dollars for `cost`."""
    if measure == "requests":
        return line.requests
    return line.total_tokens if measure == "tokens" else line.cost_nusd


def worded(amount: int, measure: Measure) -> str:
    """The exact amount as people read it: `1,234` or `$0.0123`."""
    return words.dollars(amount) if measure == "cost" else words.exact(amount)


def day_name(day: int) -> str:
    """`Sun 22 Nov`."""
    moment = datetime.fromtimestamp(day, UTC)
    return f"{moment:%a} {moment.day} {moment:%b}"


def column_name(day: int, running: int | None) -> str:
    """The day's name, and that it has not ended."""
    return f"{day_name(day)}, so far" if day == running else day_name(day)


def figure(shown: Chart, *, is_dark: bool) -> dict[str, Any]:
    """The chart as plotly takes it: `data`, `layout` and `config`, nothing that a template would add."""
    palette = theme.SERIES_DARK if is_dark else theme.SERIES_LIGHT
    names = [column_name(day, shown.running) for day in shown.days]
    return {
        "data": [_bars(series, names, shown, palette[series.colour]) for series in shown.series],
        "layout": _layout(names, shown, theme.INK_DARK if is_dark else theme.INK_LIGHT),
        "config": {"displayModeBar": False, "responsive": True, "locale": "en-US"},
    }


def _bars(series: Series, names: list[str], shown: Chart, colour: str) -> dict[str, Any]:
    filled = [
        (name, day, amount)
        for name, day, amount in zip(names, shown.days, series.values, strict=True)
        if amount
    ]
    return {
        "type": "bar",
        "name": escape(series.name),
        "x": [name for name, _, _ in filled],
        "y": [_drawn(amount, shown.measure) for _, _, amount in filled],
        "customdata": [worded(amount, shown.measure) for _, _, amount in filled],
        "hovertemplate": "%{customdata}",
        "marker": {
            "color": colour,
            "opacity": [0.5 if day == shown.running else 1 for _, day, _ in filled],
            "line": {"width": 0},
        },
    }


def _layout(names: list[str], shown: Chart, ink: Mapping[str, str]) -> dict[str, Any]:
    step = -(-len(names) // 5)
    ticks = slice((len(names) - 1) % step, None, step)
    heights = _heights(max(_per_day(shown), default=0), shown.measure)
    return {
        "barmode": "stack",
        "bargap": 0.28,
        "height": 280,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8, "pad": 4},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "dragmode": False,
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
            "ticktext": [_tick(day) for day in shown.days[ticks]],
            "tickangle": 0,
            "unifiedhovertitle": {"text": "<b>%{x}</b>"},
            "showspikes": False,
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
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


def _colours(models: Sequence[str], order: Sequence[str]) -> dict[str, int]:
    """A known model has its place in the order for a colour; others take what is left."""
    taken = {model: order.index(model) for model in models if model in order[:OWN_SERIES]}
    free = (index for index in range(OWN_SERIES) if index not in taken.values())
    return {model: taken[model] if model in taken else next(free) for model in models}


def _tick(day: int) -> str:
    """`22 Nov`: narrow enough for five of them on a phone."""
    return day_name(day).partition(" ")[2]


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
    if measure == "cost":
        return words.dollars(height).rstrip("0").rstrip(".")
    return words.short(height).replace(".0 ", " ")


def _per_day(shown: Chart) -> list[int]:
    return [sum(one.values[place] or 0 for one in shown.series) for place in range(len(shown.days))]


def _summary(shown: Chart) -> str:
    span = f"from {day_name(shown.days[0])} to {day_name(shown.days[-1])} (UTC)"
    total = sum(one.total for one in shown.series)
    if not total:
        return f"{'Nothing spent' if shown.measure == 'cost' else f'No {shown.measure}'} {span}."
    first = max(shown.series, key=lambda one: one.total)
    per_day = _per_day(shown)
    busiest = max(range(len(per_day)), key=per_day.__getitem__)
    return (
        f"{_with_noun(total, shown.measure)} {span}, led by {first.name} ({first.total * 100 // total}%); "
        f"the busiest day was {day_name(shown.days[busiest])} with {worded(per_day[busiest], shown.measure)}."
    )


def _with_noun(amount: int, measure: Measure) -> str:
    if measure == "cost":
        return f"{words.dollars(amount)} spent"
    return words.plural(amount, measure.removesuffix("s"))
