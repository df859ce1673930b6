"""How numbers, money and times are written on every page, from integers alone.

Times that pass (`in 38 min`, `2 min ago`) tick in the browser (assets/starscoo.js).
"""

from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup

_UNITS: Final = ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k"))


def exact(count: int) -> str:
    """1,234,567"""
    return f"{count:,}"


def short(count: int) -> str:
    """Exact below 10,000, then a digit after the point and a unit: 12.3 k, 18.4 M. Show `exact` on hover."""
    if count < 10_000:
        return exact(count)
    size, letter = next((size, letter) for size, letter in _UNITS if count + size // 20_000 >= size)
    tenths = (count * 10 + size // 2) // size
    return f"{tenths // 10:,}.{tenths % 10} {letter}"


def dollars(cost_nusd: int) -> str:
    """Nano-dollars to four digits of a dollar, half up: $0.0123, $1,204.5000"""
    parts = (cost_nusd + 50_000) // 100_000
    return f"${parts // 10_000:,}.{parts % 10_000:04d}"


def counted(count: int) -> Markup:
    """The short form with the exact value on hover, and for screen readers."""
    if short(count) == exact(count):
        return Markup("{}").format(exact(count))
    return Markup(
        '<span title="{}"><span aria-hidden="true">{}</span><span class="s-sr">{}</span></span>'
    ).format(exact(count), short(count), exact(count))


def plural(count: int, one: str, many: str = "") -> str:
    """3 requests, 1 request."""
    return f"{exact(count)} {one if count == 1 else many or one + 's'}"


def duration(ms: int) -> str:
    """412 ms, 3.2 s, 2 min 5 s"""
    if ms < 1_000:
        return f"{ms} ms"
    if ms < 60_000:
        return f"{ms // 1000}.{ms % 1000 // 100} s"
    return f"{ms // 60_000} min {ms % 60_000 // 1000} s"


def utc(at: int) -> str:
    """`14:00 UTC` within the next day, `1 Dec 00:00 UTC` further away is written by `utc_day`."""
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M UTC")


def utc_day(at: int) -> str:
    """1 Dec 00:00 UTC"""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment.day} {moment.strftime('%b %H:%M')} UTC"


def utc_date(at: int) -> str:
    """1 Dec 2026 00:00 UTC"""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment.day} {moment.strftime('%b %Y %H:%M')} UTC"


def until(at: int, now: int) -> Markup:
    """`in 38 min (14:00 UTC)`; the first part ticks in the browser."""
    when = utc(at) if at - now < 24 * 3600 else utc_day(at)
    return Markup("{} ({})").format(within(at, now), when)


def within(at: int, now: int) -> Markup:
    """`in 38 min`, ticking in the browser, where the moment itself stands elsewhere."""
    return Markup('<span data-until="{}">{}</span>').format(at, _distance(at - now))


def ago(at: int | None, now: int, never: str = "never") -> Markup:
    """`2 min ago`, ticking in the browser; the local time shows on hover."""
    if at is None:
        return Markup("{}").format(never)
    seconds = max(0, now - at)
    if seconds < 60:
        text = "just now"
    elif seconds < 3600:
        text = f"{seconds // 60} min ago"
    elif seconds < 48 * 3600:
        text = f"{seconds // 3600} h ago"
    else:
        text = f"{seconds // 86400} days ago"
    return Markup('<time data-ago="{}" datetime="{}">{}</time>').format(at, iso(at), text)


def local(at: int) -> Markup:
    """Local time with its offset; UTC until the browser has replaced it."""
    return Markup('<time data-local="{}" datetime="{}">{}</time>').format(at, iso(at), utc_day(at))


def clock(at: int) -> Markup:
    """Local day and time to the second, its offset on hover. The browser writes it: a page has many of them."""
    return Markup('<span data-clock="{}"></span>').format(at)


def _distance(seconds: int) -> str:
    minutes = max(0, -(-seconds // 60))
    if minutes < 60:
        return f"in {minutes} min"
    if minutes < 48 * 60:
        return f"in {minutes // 60} h"
    return f"in {minutes // 1440} days"


def iso(at: int) -> str:
    """2026-11-22T14:00:00Z"""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
