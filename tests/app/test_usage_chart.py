"""The chart of usage: what it decides, and that plotly knows every word it uses."""

from plotly.graph_objects import Figure

from app.components import usage_chart
from app.components.usage_chart import DAY_S, Measure
from models.usage import DayLine

SUNDAY = 1_795_305_600  # 22 November 2026, midnight UTC
NOON = SUNDAY + DAY_S // 2


def line(day: int, model: str, requests: int, *, tokens: int = 0, cost_nusd: int = 0) -> DayLine:
    return DayLine(
        day=SUNDAY + day * DAY_S,
        model=model,
        requests=requests,
        errors=0,
        prompt_tokens=0,
        completion_tokens=tokens,
        total_tokens=tokens,
        cost_nusd=cost_nusd,
    )


def week(*lines: DayLine, measure: Measure = "requests", order: tuple[str, ...] = ()) -> usage_chart.Chart:
    since = SUNDAY - 6 * DAY_S
    return usage_chart.chart(lines, measure=measure, since=since, until=NOON, now=NOON, order=order)


def test_plotly_accepts_every_field_of_the_figure() -> None:
    lines = [
        line(-day, f"model-{model}", day + model, cost_nusd=10**8) for day in range(7) for model in range(9)
    ]
    for measure in ("requests", "cost"):
        for is_dark in (False, True):
            figure = usage_chart.figure(week(*lines, measure=measure), is_dark=is_dark)
            Figure(data=figure["data"], layout=figure["layout"])


def test_six_models_stand_alone_and_the_rest_is_one_series() -> None:
    shown = week(*[line(0, f"model-{size}", size) for size in range(1, 10)])
    assert [one.name for one in shown.series] == [f"model-{size}" for size in range(9, 3, -1)] + ["other"]
    assert shown.series[-1].total == 1 + 2 + 3
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
    since = SUNDAY - 6 * DAY_S
    shown = usage_chart.chart([], measure="requests", since=since, until=SUNDAY, now=NOON)
    assert shown.running is None
    assert len(shown.days) == 6


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
    assert shown.is_empty
    assert shown.summary == "No requests from Mon 16 Nov to Sun 22 Nov (UTC)."


def test_a_model_name_is_never_markup_in_the_chart() -> None:
    figure = usage_chart.figure(week(line(0, '<a href="x">m</a>', 1)), is_dark=False)
    assert "<" not in figure["data"][0]["name"]
