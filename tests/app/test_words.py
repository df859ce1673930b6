"""Numbers and times in words."""

import pytest

from app import words

NOON = 1_796_040_000  # 30 Nov 2026 12:00 UTC


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (9_999, "9,999"),
        (10_000, "10.0 k"),
        (12_345, "12.3 k"),
        (999_949, "999.9 k"),
        (999_950, "1.0 M"),
        (18_400_000, "18.4 M"),
        (2_000_000_000, "2.0 B"),
        (1_234_567_890_123, "1,234.6 B"),
    ],
)
def test_large_counts_are_short_and_small_ones_exact(count: int, text: str) -> None:
    assert words.short(count) == text


def test_a_shortened_count_tells_its_exact_value_to_pointers_and_screen_readers() -> None:
    assert words.counted(12) == "12"
    assert 'title="12,345"' in words.counted(12_345)
    assert '<span class="s-sr">12,345</span>' in words.counted(12_345)


@pytest.mark.parametrize(
    ("cost_nusd", "text"),
    [
        (0, "$0.0000"),
        (49_999, "$0.0000"),
        (50_000, "$0.0001"),
        (12_345_678, "$0.0123"),
        (1_204_500_000_000, "$1,204.5000"),
    ],
)
def test_money_has_four_digits_and_is_rounded_half_up(cost_nusd: int, text: str) -> None:
    assert words.dollars(cost_nusd) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0 ms"), (999, "999 ms"), (3_210, "3.2 s"), (59_999, "59.9 s"), (125_000, "2 min 5 s")],
)
def test_durations_have_the_unit_that_fits(ms: int, text: str) -> None:
    assert words.duration(ms) == text


def test_a_window_says_how_long_it_lasts_and_when_it_ends_in_utc() -> None:
    assert words.until(NOON + 38 * 60, NOON).striptags() == "in 38 min (12:38 UTC)"
    assert words.until(NOON + 12 * 3600, NOON).striptags() == "in 12 h (00:00 UTC)"
    assert words.until(NOON + 31 * 86_400, NOON).striptags() == "in 31 days (31 Dec 12:00 UTC)"
    assert words.until(NOON - 5, NOON).striptags().startswith("in 0 min")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 min ago"),
        (7_200, "2 h ago"),
        (47 * 3600, "47 h ago"),
        (172_800, "2 days ago"),
    ],
)
def test_a_moment_is_told_by_its_age(seconds: int, text: str) -> None:
    assert words.ago(NOON - seconds, NOON).striptags() == text


def test_what_never_was_is_said_so() -> None:
    assert words.ago(None, NOON) == "never"


def test_one_thing_is_singular() -> None:
    assert words.plural(1, "token") == "1 token"
    assert words.plural(1_200, "token") == "1,200 tokens"
