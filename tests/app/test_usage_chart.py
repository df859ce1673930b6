"""The chart of usage: what it decides, and that plotly knows every word it uses."""

from collections import Counter

import pytest
from plotly.graph_objects import Figure

from app.components import usage_chart
from app.usage_shown import MEASURES, Measure
from models import histogram
from models.usage_filters import Span
from models.usage_series import Histograms, Line

DAY_S = 86_400

SUNDAY = 1_795_305_600  # 22 November 2026, midnight UTC
NOON = SUNDAY + DAY_S // 2


def line(day: int, model: str, requests: int, *, tokens: int = 0, cost_nusd: int = 0) -> Line:
    return Line(SUNDAY + day * DAY_S, model, requests, 0, 0, tokens, tokens, cost_nusd)


def week(*lines: Line, measure: Measure = "requests", order: tuple[str, ...] = ()) -> usage_chart.Chart:
    span = Span(SUNDAY - 6 * DAY_S, SUNDAY + DAY_S, "day")
    return usage_chart.chart(lines, measure=measure, span=span, now=NOON, order=order)


def took(*milliseconds: int, day: int = 0, model: str = "alpha") -> Histograms:
    return {(SUNDAY + day * DAY_S, model): Counter(map(histogram.bucket_of, milliseconds))}


def test_plotly_accepts_every_field_of_the_figure() -> None:
    lines = [
        line(-day, f"model-{model}", day + model, cost_nusd=10**8) for day in range(7) for model in range(9)
    ]
    times = {place: counted for day in range(7) for place, counted in took(3, 400, day=-day).items()}
    span = Span(SUNDAY - 6 * DAY_S, SUNDAY + DAY_S, "day")
    for measure in MEASURES:
        for is_dark in (False, True):
            shown = usage_chart.chart(lines, measure=measure, span=span, now=NOON, times=times)
            figure = usage_chart.figure(shown, is_dark=is_dark)
            Figure(data=figure["data"], layout=figure["layout"])


def test_six_models_stand_alone_and_the_rest_is_one_series() -> None:
    shown = week(*[line(0, f"model-{size}", size) for size in range(1, 10)])
    assert [one.name for one in shown.series] == [f"model-{size}" for size in range(9, 3, -1)] + ["other"]
    assert shown.series[-1].whole == 1 + 2 + 3
    assert shown.series[-1].colour == 6


def test_a_known_model_keeps_its_colour_whatever_is_shown() -> None:
    order = ("alpha", "beta", "gamma")
    many = week(line(0, "stranger", 90), line(0, "gamma", 5), line(0, "alpha", 50), order=order)
    few = week(line(0, "gamma", 5), order=order)
    assert {one.name: one.colour for one in many.series} == {"stranger": 1, "alpha": 0, "gamma": 2}
    assert few.series[0].colour == 2


def test_a_day_without_requests_is_a_gap_and_still_has_its_place() -> None:
    figure = usage_chart.figure(week(line(-6, "alpha", 3), line(0, "alpha", 4)), is_dark=False)
    assert figure["data"][0]["x"] == ["Mon 16 Nov", "Sun 22 Nov, so far"]
    assert len(figure["layout"]["xaxis"]["categoryarray"]) == 7


def test_the_running_day_is_lighter_and_says_so_far() -> None:
    bars = usage_chart.figure(week(line(-1, "alpha", 3), line(0, "alpha", 4)), is_dark=False)["data"][0]
    assert bars["x"][-1].endswith("so far")
    assert bars["marker"]["opacity"] == [1, 0.5]


def test_a_range_in_the_past_has_no_running_day() -> None:
    span = Span(SUNDAY - 6 * DAY_S, SUNDAY, "day")
    shown = usage_chart.chart([], measure="requests", span=span, now=NOON)
    assert shown.running is None
    assert len(shown.names) == 6


def test_money_on_the_bars_is_told_from_the_integer() -> None:
    figure = usage_chart.figure(
        week(line(0, "alpha", 1, cost_nusd=1_234_560_000), measure="cost"), is_dark=False
    )
    assert figure["data"][0]["customdata"] == ["$1.2346"]
    assert figure["layout"]["yaxis"]["ticktext"] == ["$0", "$0.5", "$1", "$1.5"]


def test_the_height_axis_starts_at_zero_and_reaches_over_the_peak_in_round_steps() -> None:
    lines = [line(0, "alpha", 12_000), line(0, "beta", 345)]
    axis = usage_chart.figure(week(*lines), is_dark=False)["layout"]["yaxis"]
    assert axis["range"] == [0, 15_000]
    assert axis["ticktext"] == ["0", "5,000", "10 k", "15 k"]


def test_a_single_request_makes_no_halves_on_the_axis() -> None:
    axis = usage_chart.figure(week(line(0, "alpha", 1)), is_dark=False)["layout"]["yaxis"]
    assert axis["ticktext"] == ["0", "1"]


def test_one_sentence_says_what_the_chart_shows() -> None:
    shown = week(line(-2, "alpha", 900), line(0, "alpha", 75), line(0, "beta", 275))
    assert shown.summary == (
        "1,250 requests from Mon 16 Nov to Sun 22 Nov (UTC), led by alpha (78%); "
        "the busiest day was Fri 20 Nov with 900."
    )


def test_nothing_to_show_is_said_in_words() -> None:
    shown = week()
    assert shown.series == ()
    assert shown.summary == "No requests from Mon 16 Nov to Sun 22 Nov (UTC)."


def test_a_model_name_is_never_markup_in_the_chart() -> None:
    figure = usage_chart.figure(week(line(0, '<a href="x">m</a>', 1)), is_dark=False)
    assert "<" not in figure["data"][0]["name"]


def test_times_are_lines_with_gaps_where_nothing_was_measured() -> None:
    lines = [line(-2, "alpha", 3), line(0, "alpha", 1)]
    span = Span(SUNDAY - 2 * DAY_S, SUNDAY + DAY_S, "day")
    times = took(100, 200, 3_000, day=-2) | took(50)
    shown = usage_chart.chart(lines, measure="latency", span=span, now=NOON, times=times, share="50")
    drawn = usage_chart.figure(shown, is_dark=False)["data"][0]
    assert drawn["type"] == "scatter"
    assert drawn["connectgaps"] is False
    assert drawn["y"][0] == pytest.approx(200, rel=0.1)
    assert drawn["y"][1] is None
    assert shown.summary.startswith("Median time of a request from Fri 20 Nov to Sun 22 Nov (UTC): ")
    slow = usage_chart.chart(lines, measure="latency", span=span, now=NOON, times=times, share="95")
    assert slow.series[0].values[0] == pytest.approx(3_000, rel=0.1)


def test_the_groups_beyond_the_sixth_are_timed_together() -> None:
    lines = [line(0, f"model-{size}", size) for size in range(1, 10)]
    times: Histograms = {}
    for size in range(1, 10):
        times |= took(size * 100, model=f"model-{size}")
    span = Span(SUNDAY, SUNDAY + DAY_S, "day")
    shown = usage_chart.chart(lines, measure="latency", span=span, now=NOON, times=times, share="95")
    assert shown.series[-1].name == "other"
    assert shown.series[-1].values[0] == pytest.approx(300, rel=0.1)


def test_hours_are_named_in_the_zone_and_the_one_that_comes_twice_says_its_offset() -> None:
    clocks_back = 1_792_886_400  # 25 October 2026, 00:00 UTC
    span = Span(clocks_back, clocks_back + 3 * 3600, "hour", "Europe/Berlin")
    shown = usage_chart.chart([], measure="requests", span=span, now=NOON)
    assert shown.names == (
        "Sun 25 Oct, 02:00 (UTC+0200)",
        "Sun 25 Oct, 02:00 (UTC+0100)",
        "Sun 25 Oct, 03:00",
    )


def test_groups_carry_their_names_for_people() -> None:
    span = Span(SUNDAY, SUNDAY + DAY_S, "day")
    shown = usage_chart.chart(
        [line(0, "7", 3)], measure="requests", span=span, now=NOON, labels={"7": "Website <b>chat</b>"}
    )
    assert shown.series[0].name == "7"
    assert usage_chart.figure(shown, is_dark=True)["data"][0]["name"] == "Website &lt;b&gt;chat&lt;/b&gt;"
