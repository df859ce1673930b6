"""What components draw, as markup: figures that agree, text that stays text."""

import pytest
from markupsafe import Markup

from app.components import Column, act, clipped, meter, model_bars, pill, render_code, tables
from app.components.code import render_tabs
from models.live import Standing
from models.usage import DayLine

NOW = 1_796_040_000
HOSTILE = "<script>alert('x')</script>{{7*7}}"


def standing(*, limit: int | None, settled: int, reserved: int = 0) -> Standing:
    left = None if limit is None else max(0, limit - settled - reserved)
    return Standing("hourly_requests", "account", limit, settled, reserved, left, NOW + 600)


@pytest.mark.parametrize(
    ("limit", "used", "level"),
    [
        (100, 0, "plain"),
        (100, 79, "plain"),
        (100, 80, "caution"),
        (100, 94, "caution"),
        (100, 95, "bad"),
        (0, 0, "bad"),
        (None, 10**9, "plain"),
    ],
)
def test_a_meter_warns_at_80_and_95_percent(limit: int | None, used: int, level: str) -> None:
    assert meter.level(standing(limit=limit, settled=used)) == level


def test_a_meter_says_what_is_used_held_and_left_and_when_it_starts_anew() -> None:
    drawn = meter.render(
        standing(limit=1000, settled=430, reserved=20), label="Requests", now=NOW, origin="plan Starter"
    )
    text = " ".join(drawn.striptags().split())

    assert "450 of 1,000" in text
    assert "550 left · 20 held by running requests · resets in 10 min (12:10 UTC) · plan Starter" in text
    assert 'role="meter"' in drawn
    assert 'aria-valuenow="450"' in drawn
    assert 'aria-valuetext="450 of 1,000 requests"' in drawn


def test_a_meter_that_is_overdrawn_stays_within_its_bounds() -> None:
    drawn = meter.render(standing(limit=10, settled=25), label="Requests", now=NOW)

    assert 'aria-valuenow="10"' in drawn
    assert "width:100%" in drawn
    assert "25 of 10" in drawn.striptags()


def test_without_a_limit_there_is_no_bar() -> None:
    drawn = meter.render(standing(limit=None, settled=7), label="Requests", now=NOW)

    assert "no limit" in drawn
    assert 'role="meter"' not in drawn


def test_text_stays_text_in_every_part() -> None:
    parts = [
        tables.render([Column(HOSTILE)], [[HOSTILE]], caption=HOSTILE, total=[HOSTILE]),
        act(HOSTILE, HOSTILE, HOSTILE, label=HOSTILE),
        clipped(HOSTILE),
        pill("good", HOSTILE),
        render_code(HOSTILE, "python"),
        render_code(HOSTILE, "unheard of", title=HOSTILE),
        render_tabs({"curl": HOSTILE}, label=HOSTILE),
        meter.render(standing(limit=1, settled=0), label=HOSTILE, now=NOW, origin=HOSTILE),
        model_bars.render([line(HOSTILE, 1)]),
    ]

    assert all(isinstance(part, Markup) and "<script" not in part for part in parts)


def test_a_row_with_too_few_cells_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="shorter"):
        tables.render(["One", "Two"], [["only one"]], caption="Broken")


def test_stacked_rows_carry_the_name_of_each_column() -> None:
    drawn = tables.render(
        [Column("Model", is_name=True), Column("Act", is_title_hidden=True)], [["a", "b"]], caption="t"
    )

    assert 'data-label="Model" class="s-name-cell"' in drawn
    assert 'data-label=""' in drawn
    assert '<span class="s-sr">Act</span>' in drawn


def test_models_past_the_sixth_are_summed_up() -> None:
    lines = [line(f"model-{place}", 10 - place) for place in range(8)] + [line("model-0", 5)]

    assert model_bars.shares(lines)[0] == ("model-0", 15)
    assert model_bars.shares(lines)[-1] == ("other", 7)
    assert len(model_bars.shares(lines)) == 7


def test_coloured_code_is_copied_as_it_was_written() -> None:
    text = 'curl "$URL" \\\n  -d \'{"a": [1, 2]}\'\n'
    drawn = render_code(text, "curl")

    body = drawn[drawn.index("<code>") :]
    assert Markup(body).striptags() == " ".join(text.split())


def line(model: str, requests: int) -> DayLine:
    return DayLine(NOW, model, requests, 0, 0, 0, 0, 0)
