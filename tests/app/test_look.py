"""The colours of the style sheet: contrasts that people need, and one home for every colour."""

import re
from collections.abc import Mapping

import pytest

from app import assets, theme

SHEET = (assets.ROOT / "starscoo.css").read_text(encoding="utf-8")
SURFACES = ("bg", "surface", "sunken")
SOFT = {"good", "caution", "bad", "note", "primary"}


def tokens(selector: str) -> Mapping[str, str]:
    block = re.search(rf"^{re.escape(selector)} \{{(.*?)^\}}", SHEET, re.MULTILINE | re.DOTALL)
    assert block, selector
    return dict(re.findall(r"--([a-z0-9-]+): (#[0-9A-Fa-f]{6})", block[1]))


THEMES = {"light": tokens(":root, body"), "dark": tokens("body.body--dark, .s-night")}


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", THEMES)
@pytest.mark.parametrize("text", ["text", "text2", "text3", "primary"])
@pytest.mark.parametrize("surface", SURFACES)
def test_text_can_be_read_on_every_surface(name: str, text: str, surface: str) -> None:
    assert contrast(THEMES[name][text], THEMES[name][surface]) >= 4.5


@pytest.mark.parametrize("name", THEMES)
@pytest.mark.parametrize("kind", sorted(SOFT))
def test_coloured_words_can_be_read_on_their_soft_ground(name: str, kind: str) -> None:
    assert contrast(THEMES[name][kind], THEMES[name][f"{kind}-soft"]) >= 4.5


@pytest.mark.parametrize("name", THEMES)
def test_buttons_and_edges_can_be_told_apart(name: str) -> None:
    look = THEMES[name]
    assert contrast(look["on-primary"], look["primary"]) >= 4.5
    assert contrast(look["surface"], look["bad"]) >= 4.5
    assert all(contrast(look["edge"], look[surface]) >= 3 for surface in SURFACES)
    assert all(contrast(look[f"series{place}"], look["surface"]) >= 3 for place in range(1, 8))


def test_charts_use_the_very_series_of_the_sheet() -> None:
    for look, series in ((THEMES["light"], theme.SERIES_LIGHT), (THEMES["dark"], theme.SERIES_DARK)):
        assert [look[f"series{place}"] for place in range(1, 8)] == list(series)


def test_both_themes_name_the_same_colours() -> None:
    assert set(THEMES["light"]) == set(THEMES["dark"])


def test_no_colour_stands_outside_the_tokens() -> None:
    for name in assets.LOOK:
        path = assets.ROOT / name
        if path.exists():
            sheet = path.read_text(encoding="utf-8")
            for block in re.findall(
                r"^(?::root, body|body\.body--dark, \.s-night) \{.*?^\}", sheet, re.M | re.S
            ):
                sheet = sheet.replace(block, "")
            assert re.findall(r"#[0-9A-Fa-f]{3,8}\b", sheet) == [], name
