"""A week of requests in a few bars, as inline SVG: no script, no library, one sentence for those who cannot see it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup

from app import words
from models import windows

BAR_HOURS: Final = 6
DAYS: Final = 7
_WIDTH: Final = 10
_HEIGHT: Final = 56
_GAP: Final = 2
_LEAST: Final = 2


def render(hours: Sequence[int], *, now: int) -> Markup:
    """`hours` are requests per hour, the running one last, a week of them. Seven UTC days are drawn, today so far in a
    lighter colour."""
    last = windows.hour_of(now)
    midnight = last - last % 24
    first = midnight - (DAYS - 1) * 24
    by_hour = dict(zip(range(last - len(hours) + 1, last + 1), hours, strict=True))
    starts = range(first, midnight + 24, BAR_HOURS)
    bars = [sum(by_hour.get(hour, 0) for hour in range(start, start + BAR_HOURS)) for start in starts]
    peak = max(bars)
    drawn = Markup("").join(
        _bar(place, start, count, peak, is_today=start >= midnight)
        for place, (start, count) in enumerate(zip(starts, bars, strict=True))
        if count
    )
    days = Markup("").join(Markup("<span>{}</span>").format(_day(first + day * 24)) for day in range(DAYS))
    return Markup(
        '<div class="k-spark"><svg viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<path class="k-ground" d="M0 {}h{}"/>{}</svg><div class="k-days" aria-hidden="true">{}</div></div>'
    ).format(len(bars) * _WIDTH, _HEIGHT, _summary(bars), _HEIGHT - 0.5, len(bars) * _WIDTH, drawn, days)


def _bar(place: int, start: int, count: int, peak: int, *, is_today: bool) -> Markup:
    height = max(_LEAST, count * (_HEIGHT - 1) // peak)
    begin = datetime.fromtimestamp(start * windows.HOUR, UTC)
    return Markup(
        '<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}, {:02}:00–{:02}:00 UTC: {}</title></rect>'
    ).format(
        "k-today" if is_today else "",
        place * _WIDTH + _GAP // 2,
        _HEIGHT - height,
        _WIDTH - _GAP,
        height,
        _day(start),
        begin.hour,
        begin.hour + BAR_HOURS,
        words.plural(count, "request"),
    )


def _summary(bars: Sequence[int]) -> str:
    total, today = sum(bars), sum(bars[-24 // BAR_HOURS :])
    if not total:
        return "No requests in the last 7 days."
    return f"{words.plural(total, 'request')} in the last 7 days, {words.exact(today)} of them today."


def _day(hour: int) -> str:
    moment = datetime.fromtimestamp(hour * windows.HOUR, UTC)
    return f"{moment.strftime('%a')} {moment.day}"
