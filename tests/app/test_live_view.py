"""How often an open page draws itself anew."""

from app import live_view


def test_what_takes_long_is_drawn_more_seldom_and_still_from_time_to_time() -> None:
    assert live_view.pause_after(0.001) == live_view.PAUSE_S
    assert live_view.pause_after(0.001, least_s=5) == 5
    assert live_view.pause_after(0.1) == 0.1 / live_view.MOST_SHARE
    assert live_view.pause_after(60) == live_view.LONGEST_PAUSE_S
